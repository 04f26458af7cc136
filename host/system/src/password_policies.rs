//! `sys/policies/password`: how passwords are made for others.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hcl::{Entry, Value};
use model::{Fault, Id, Operation, Reply};
use serde::{Deserialize, Serialize};
use serde_json::json;
use storage::Drawer;
use zeroize::Zeroizing;

use crate::{Call, params, random, unsupported};

/// Length of passwords, in characters.
const LENGTHS: std::ops::RangeInclusive<usize> = 4..=100;
/// Longest text of a policy, in bytes.
const TEXT_MAX: usize = 16 * 1024;
/// How many passwords are made before a policy counts as one that cannot be kept to.
const TRIES: usize = 1000;

#[derive(Serialize, Deserialize)]
struct Record {
    record: u8,
    text: String,
}

/// A policy that was read.
struct Policy {
    length: usize,
    rules: Vec<Rule>,
}

/// Characters that may be in a password, and how many of them must.
struct Rule {
    charset: BTreeSet<char>,
    min_chars: usize,
}

fn drawer(namespace: Id) -> Drawer {
    tenancy::namespace_drawer(namespace, "password-policies")
}

pub(crate) async fn all(call: Call<'_>) -> Result<Reply, Fault> {
    if !matches!(call.operation, Operation::List | Operation::Read) {
        return Err(unsupported());
    }
    let names = call.transaction.names(&drawer(call.namespace.id), "").await?;
    if names.is_empty() {
        return Err(Fault::absent());
    }
    Reply::data(&json!({ "keys": names }))
}

pub(crate) async fn one(call: Call<'_>, path: &str) -> Result<Reply, Fault> {
    if let Some(name) = path.strip_suffix("/generate") {
        return generate(call, name).await;
    }
    let (name, drawer) = (named(path)?, drawer(call.namespace.id));
    match call.operation {
        Operation::Read => {
            let found: Option<Record> = call.transaction.get_json(&drawer, name).await?;
            Reply::data(&json!({ "policy": found.ok_or_else(Fault::absent)?.text }))
        }
        Operation::Create | Operation::Update => {
            let sent = params::text(&call.body, "policy")?.filter(|text| !text.is_empty());
            let sent = sent.ok_or_else(|| Fault::invalid("missing policy"))?;
            let unpacked = STANDARD.decode(sent).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let text = unpacked.unwrap_or_else(|| sent.to_owned());
            Policy::parse(&text).and_then(|policy| policy.password())?;
            call.transaction.put_json(&drawer, name, &Record { record: 1, text })?;
            Ok(Reply::nothing())
        }
        Operation::Delete => {
            call.transaction.delete(&drawer, name)?;
            Ok(Reply::nothing())
        }
        Operation::List | Operation::Patch => Err(unsupported()),
    }
}

async fn generate(call: Call<'_>, name: &str) -> Result<Reply, Fault> {
    if call.operation != Operation::Read {
        return Err(unsupported());
    }
    let found: Option<Record> = call.transaction.get_json(&drawer(call.namespace.id), named(name)?).await?;
    let policy = Policy::parse(&found.ok_or_else(Fault::absent)?.text)?;
    Reply::data(&json!({ "password": policy.password()?.as_str() }))
}

fn named(name: &str) -> Result<&str, Fault> {
    model::name(name).map_err(|e| Fault::invalid(e.to_string()))
}

fn wrong(what: impl std::fmt::Display) -> Fault {
    Fault::invalid(format!("invalid password policy: {what}"))
}

impl Policy {
    fn parse(text: &str) -> Result<Self, Fault> {
        if text.len() > TEXT_MAX {
            return Err(wrong("the text is longer than 16 KiB"));
        }
        let entries = hcl::parse(text).map_err(wrong)?;
        let mut policy = Self { length: 0, rules: Vec::new() };
        for entry in &entries {
            match (entry.name(), entry.keys.len(), &entry.value) {
                ("length", 1, Value::Integer(length)) => policy.length = usize::try_from(*length).unwrap_or(0),
                ("length", ..) => return Err(wrong("length must be a whole number")),
                ("rule", ..) => policy.rules(entry)?,
                (other, ..) => return Err(wrong(format_args!("invalid key {other:?} on line {}", entry.at().line))),
            }
        }
        if !LENGTHS.contains(&policy.length) {
            return Err(wrong("length must be from 4 to 100"));
        }
        if policy.rules.is_empty() {
            return Err(wrong("rule: at least one must say which characters there are"));
        }
        if policy.rules.iter().map(|rule| rule.min_chars).sum::<usize>() > policy.length {
            return Err(wrong("min-chars: all together are more than length"));
        }
        Ok(policy)
    }

    /// `rule "charset" { … }`, or in JSON `"rule": { "charset": { … } }` or a list of such objects.
    fn rules(&mut self, entry: &Entry) -> Result<(), Fault> {
        let wanted = || wrong("rule: must be a block with the label \"charset\"");
        match (entry.keys.as_slice(), &entry.value) {
            ([_, sort], Value::Object(body)) if sort.text == "charset" => self.rule(body),
            ([_], value) => {
                for sort in objects(value).into_iter().flatten() {
                    if sort.name() != "charset" {
                        return Err(wanted());
                    }
                    for body in objects(&sort.value) {
                        self.rule(body)?;
                    }
                }
                Ok(())
            }
            _ => Err(wanted()),
        }
    }

    fn rule(&mut self, body: &[Entry]) -> Result<(), Fault> {
        let mut rule = Rule { charset: BTreeSet::new(), min_chars: 0 };
        for entry in body {
            match (entry.name(), &entry.value) {
                ("charset", Value::Text(chars)) => rule.charset = chars.chars().collect(),
                ("min-chars" | "min_chars", Value::Integer(count)) => {
                    rule.min_chars = usize::try_from(*count).map_err(|_| wrong("min-chars must not be negative"))?;
                }
                ("charset", _) => return Err(wrong("charset must be text")),
                ("min-chars" | "min_chars", _) => return Err(wrong("min-chars must be a whole number")),
                (other, _) => return Err(wrong(format_args!("invalid key {other:?} on line {}", entry.at().line))),
            }
        }
        if rule.charset.is_empty() || rule.charset.iter().any(|c| c.is_control()) {
            return Err(wrong("charset must name at least one character, and none that cannot be printed"));
        }
        self.rules.push(rule);
        Ok(())
    }

    /// A password of characters that are all equally likely, made again until it keeps to every rule.
    fn password(&self) -> Result<Zeroizing<String>, Fault> {
        let all: BTreeSet<char> = self.rules.iter().flat_map(|rule| rule.charset.iter().copied()).collect();
        let all: Vec<char> = all.into_iter().collect();
        for _ in 0..TRIES {
            let mut password = Zeroizing::new(String::with_capacity(self.length * 4));
            for _ in 0..self.length {
                password.push(pick(&all)?);
            }
            let kept = |rule: &Rule| password.chars().filter(|c| rule.charset.contains(c)).count() >= rule.min_chars;
            if self.rules.iter().all(kept) {
                return Ok(password);
            }
        }
        Err(wrong("hardly any password keeps to all rules: ask for fewer min-chars, or for more length"))
    }
}

/// The entries of an object, or of each object of a list.
fn objects(value: &Value) -> Vec<&[Entry]> {
    match value {
        Value::Object(entries) => vec![entries],
        Value::List(values) => values.iter().flat_map(objects).collect(),
        _ => Vec::new(),
    }
}

/// One of these, each as likely as the others: numbers that would favour the first ones are drawn again.
fn pick(all: &[char]) -> Result<char, Fault> {
    let count = u32::try_from(all.len()).map_err(|_| wrong("charset names too many characters"))?;
    let fair = u32::MAX - u32::MAX % count;
    loop {
        let number = u32::from_le_bytes(random::<4>()?);
        if number < fair {
            let at = (number % count) as usize;
            return all.get(at).copied().ok_or_else(|| Fault::internal("a character that is not there"));
        }
    }
}
