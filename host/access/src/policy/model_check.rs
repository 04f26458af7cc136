//! The decision against a plain reading of its rules: no trees, no maps, every pattern tried on every path.
//!
//! `INNKEEPER_POLICY_CASES` says how many decisions are compared.

use std::time::Duration;

use model::{Id, NamespacePath, Operation};
use serde_json::{Map, Value, json};

use super::{Acl, Policy, Question, Source, Subject};

const CASES: u64 = 100_000;
/// Decisions with one set of policies.
const QUESTIONS: u64 = 20;

const SEGMENTS: &[&str] = &["a", "b", "ab", "+", "+", "", "a+", "+a"];
const ASKED: &[&str] = &["a", "b", "ab", "abb", "", "a+", "+a", "+"];
const NAMESPACES: &[&str] = &["", "", "", "a/", "a/b/"];
const WORDS: &[&str] = &["create", "read", "update", "delete", "list", "patch", "sudo"];
const OPERATIONS: &[Operation] =
    &[Operation::Read, Operation::List, Operation::Create, Operation::Update, Operation::Patch, Operation::Delete];
const NAMES: &[&str] = &["k", "L", "policies", "*"];

/// Always the same numbers (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.roll(all.len())]
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    fn path(&mut self, segments: &[&str]) -> String {
        // Short ones more often, so that patterns meet.
        let most = 1 + self.roll(3);
        let count = 1 + self.roll(most);
        let all: Vec<_> = (0..count).map(|_| self.of(segments)).collect();
        all.join("/")
    }
}

/// One `path` of one policy.
#[derive(Clone, Debug, Default)]
struct Said {
    path: String,
    words: Vec<&'static str>,
    allowed: Vec<(&'static str, Vec<Value>)>,
    denied: Vec<(&'static str, Vec<Value>)>,
    required: Vec<&'static str>,
    min: u64,
    max: u64,
}

fn values(dice: &mut Dice) -> Vec<Value> {
    let all = [json!("x"), json!("x*"), json!("*y"), json!("Y"), json!(1), json!(true), json!(["x", "y"])];
    (0..dice.roll(3)).map(|_| all[dice.roll(all.len())].clone()).collect()
}

fn parameters(dice: &mut Dice, rare: usize) -> Vec<(&'static str, Vec<Value>)> {
    if !dice.one_in(rare) {
        return Vec::new();
    }
    let mut found: Vec<(&'static str, Vec<Value>)> = Vec::new();
    for _ in 0..=dice.roll(2) {
        let name = dice.of(NAMES);
        if found.iter().all(|(known, _)| *known != name) {
            found.push((name, values(dice)));
        }
    }
    found
}

fn said(dice: &mut Dice) -> Said {
    let mut path = dice.path(SEGMENTS);
    if dice.one_in(3) && !path.ends_with('+') {
        path.push('*');
    }
    let mut words: Vec<_> = (0..=dice.roll(5)).map(|_| dice.of(WORDS)).collect();
    if dice.one_in(12) {
        words.push("deny");
    }
    let (min, max) = (if dice.one_in(6) { 1 + dice.roll(3) as u64 } else { 0 }, 1 + dice.roll(3) as u64);
    let max = if dice.one_in(6) && max >= min { max } else { 0 };
    let required = if dice.one_in(8) { vec![dice.of(&["k", "L"])] } else { Vec::new() };
    Said { path, words, allowed: parameters(dice, 2), denied: parameters(dice, 4), required, min, max }
}

fn written(all: &[Said]) -> String {
    let object = |named: &[(&str, Vec<Value>)]| {
        let lines: Vec<_> = named.iter().map(|(name, values)| format!("{name:?} = {}", json!(values))).collect();
        lines.join("\n")
    };
    let one = |said: &Said| {
        let mut text = format!("path {:?} {{ capabilities = {}\n", said.path, json!(said.words));
        if !said.allowed.is_empty() {
            text += &format!("allowed_parameters = {{ {} }}\n", object(&said.allowed));
        }
        if !said.denied.is_empty() {
            text += &format!("denied_parameters {{ {} }}\n", object(&said.denied));
        }
        text + &format!(
            "required_parameters = {} min_wrapping_ttl = {} max_wrapping_ttl = \"{}s\" }}\n",
            json!(said.required),
            said.min,
            said.max
        )
    };
    all.iter().map(one).collect()
}

// From here on: the plain reading.

fn has_plus(pattern: &str) -> bool {
    pattern == "+" || pattern.starts_with("+/") || pattern.contains("/+")
}

fn fits(pattern: &str, path: &str) -> bool {
    let (text, glob) = pattern.strip_suffix('*').map_or((pattern, false), |text| (text, true));
    if !has_plus(pattern) {
        return glob && path.starts_with(text);
    }
    let (wanted, found): (Vec<_>, Vec<_>) = (text.split('/').collect(), path.split('/').collect());
    if found.len() < wanted.len() || !glob && found.len() > wanted.len() {
        return false;
    }
    wanted.iter().zip(&found).enumerate().all(|(at, (segment, found))| {
        *segment == "+" || segment == found || glob && at + 1 == wanted.len() && found.starts_with(segment)
    })
}

/// Better patterns give greater values.
fn rank(pattern: &str) -> (usize, bool, i32, usize, String) {
    let (text, glob) = pattern.strip_suffix('*').map_or((pattern, false), |text| (text, true));
    let pluses = text.split('/').filter(|segment| *segment == "+").count();
    let first = if has_plus(pattern) { pattern.find('+').unwrap() } else { text.len() };
    (first, !glob, -(pluses as i32), text.len(), text.to_owned())
}

fn pattern_for<'a>(patterns: &'a [String], question: &Question<'_>) -> Option<&'a String> {
    let exact = |path: &str| patterns.iter().find(|p| !has_plus(p) && !p.ends_with('*') && *p == path);
    let other = |path: &str| {
        let inexact = patterns.iter().filter(|p| has_plus(p) || p.ends_with('*'));
        inexact.filter(|p| fits(p, path)).max_by_key(|p| rank(p))
    };
    if question.operation != Operation::List {
        return exact(question.path).or_else(|| other(question.path));
    }
    let bare = question.path.strip_suffix('/').unwrap_or(question.path);
    let slashed = format!("{bare}/");
    exact(&slashed).or_else(|| exact(bare)).or_else(|| other(bare)).or_else(|| other(&slashed))
}

/// All that several policies say of one parameter; `None` if none of them names it.
fn together<'a>(name: &str, lists: impl Iterator<Item = &'a Vec<(&'static str, Vec<Value>)>>) -> Option<Vec<Value>> {
    let mut named = lists.flatten().filter(|(known, _)| known.to_lowercase() == name).map(|(_, values)| values);
    let mut all = named.next()?.clone();
    for values in named {
        all = if all.is_empty() || values.is_empty() { Vec::new() } else { [all, values.clone()].concat() };
    }
    Some(all)
}

fn value_fits(named: &Value, sent: &Value) -> bool {
    let (Some(pattern), Some(text)) = (named.as_str(), sent.as_str()) else { return named == sent };
    match pattern {
        "x*" => text.starts_with('x'),
        "*y" => text.ends_with('y'),
        _ => pattern == text,
    }
}

/// What a value is compared as: itself, then its parts.
fn parts(name: &str, sent: &Value) -> (Value, Option<Vec<Value>>) {
    let lower = |value: &Value| match value {
        Value::String(text) if name == "policies" => json!(text.trim().to_lowercase()),
        value => value.clone(),
    };
    match sent {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(lower).collect();
            (json!(items), Some(items))
        }
        Value::String(text) if text.contains(',') => {
            let items = text.split(',').map(|part| lower(&json!(part.trim()))).collect();
            (lower(sent), Some(items))
        }
        other => (lower(other), None),
    }
}

fn plainly(all: &[(String, Said)], question: &Question<'_>) -> bool {
    let patterns: Vec<String> = all.iter().map(|(pattern, _)| pattern.clone()).collect();
    let Some(pattern) = pattern_for(&patterns, question) else { return false };
    let said: Vec<&Said> = all.iter().filter(|(other, _)| other == pattern).map(|(_, said)| said).collect();
    let has = |word: &str| said.iter().any(|said| said.words.contains(&word));
    if has("deny") || !has(question.operation.name()) || question.sudo && !has("sudo") {
        return false;
    }
    let least = |of: fn(&Said) -> u64| said.iter().map(|said| of(said)).filter(|ttl| *ttl > 0).min();
    let (min, max) = (least(|said| said.min), least(|said| said.max));
    let ttl = question.wrap_ttl.map(|ttl| ttl.as_secs());
    if max.is_some_and(|max| ttl.is_none_or(|ttl| ttl > max))
        || min.is_some_and(|min| ttl.is_none_or(|ttl| ttl < min))
        || min.zip(max).is_some_and(|(min, max)| max < min)
    {
        return false;
    }
    if matches!(question.operation, Operation::List | Operation::Delete) {
        return true;
    }
    let none = Map::new();
    let sent = question.parameters.unwrap_or(&none);
    if said.iter().flat_map(|said| &said.required).any(|name| !sent.contains_key(&name.to_lowercase())) {
        return false;
    }
    if sent.is_empty() {
        return true;
    }
    let denied = |name: &str| together(name, said.iter().map(|said| &said.denied));
    let allowed = |name: &str| together(name, said.iter().map(|said| &said.allowed));
    let any_allowed = said.iter().any(|said| !said.allowed.is_empty());
    denied("*").is_none()
        && sent.iter().all(|(name, value)| {
            let name = name.to_lowercase();
            let (whole, parts) = parts(&name, value);
            let among = |values: &[Value], value: &Value| values.iter().any(|named| value_fits(named, value));
            let is_denied = denied(&name).is_some_and(|values| {
                values.is_empty()
                    || among(&values, &whole)
                    || parts.as_ref().is_some_and(|parts| parts.iter().any(|part| among(&values, part)))
            });
            let is_allowed = match allowed(&name) {
                None => !any_allowed || allowed("*").is_some(),
                Some(values) => {
                    values.is_empty()
                        || values.contains(&whole)
                        || match &parts {
                            None => among(&values, &whole),
                            Some(parts) => parts.iter().all(|part| among(&values, part)),
                        }
                }
            };
            !is_denied && is_allowed
        })
}

fn asked(dice: &mut Dice) -> Map<String, Value> {
    let all = [
        json!("x"),
        json!("xy"),
        json!("y"),
        json!("z"),
        json!("X"),
        json!("x,y"),
        json!("x, z"),
        json!(1),
        json!(true),
        json!(null),
        json!(["x", "y"]),
        json!(["x", "z"]),
        json!(["X"]),
        json!([]),
    ];
    let name = |dice: &mut Dice| dice.of(&["k", "K", "l", "policies", "other"]).to_owned();
    (0..dice.roll(4)).map(|_| (name(dice), all[dice.roll(all.len())].clone())).collect()
}

#[test]
fn the_decision_is_that_of_a_plain_reading_of_the_rules() {
    let cases = std::env::var("INNKEEPER_POLICY_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(CASES);
    let (mut dice, mut allowed, mut done) = (Dice(20_261), 0_u64, 0_u64);
    while done < cases {
        let mut all = Vec::new();
        let mut policies = Vec::new();
        for _ in 0..=dice.roll(3) {
            let namespace = dice.of(NAMESPACES);
            let rules: Vec<Said> = (0..=dice.roll(6)).map(|_| said(&mut dice)).collect();
            let text = written(&rules);
            let policy = Policy::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            policies.push((policy, NamespacePath::parse(namespace).unwrap()));
            let below = |said: &Said| said.path.strip_prefix('/').unwrap_or(&said.path).to_owned();
            all.extend(rules.into_iter().map(|said| (format!("{namespace}{}", below(&said)), said)));
        }
        let sources = policies.iter().map(|(policy, path)| Source { policy, name: "p", namespace: Id::nil(), path });
        let acl = Acl::new(sources, &Subject::default(), 0);
        for _ in 0..QUESTIONS {
            let path = format!("{}{}", dice.of(NAMESPACES), dice.path(ASKED));
            let parameters = asked(&mut dice);
            let question = Question {
                operation: dice.of(OPERATIONS),
                path: &path,
                parameters: if dice.one_in(3) { None } else { Some(&parameters) },
                wrap_ttl: if dice.one_in(3) { Some(Duration::from_secs(dice.roll(5) as u64)) } else { None },
                sudo: dice.one_in(5),
            };
            let (found, wanted) = (acl.decide(&question).allowed, plainly(&all, &question));
            assert_eq!(found, wanted, "{question:?}\n{all:#?}");
            allowed += u64::from(wanted);
            done += 1;
        }
    }
    // Policies that hardly ever permit anything, or always, would compare nothing.
    assert!(allowed * 20 > done && allowed * 2 < done, "{allowed} of {done} were allowed");
}
