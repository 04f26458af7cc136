//! Policies in Rego, the language of the Open Policy Agent, version 1.
//!
//! A policy is one module of any package; by convention `package innkeeper`. It allows if its rule `allow` is true and its
//! rule `deny` holds nothing or is not there; else it denies with the texts in `deny`, or says that `allow` is not true.
//! Anything else, and any error, is no verdict: also errors of built-in functions, which elsewhere count as undefined.
//!
//! What it can name: `input`; see [`facts`]. There is nothing in `data` but the module itself. [`functions`] has those of
//! time. `examples` beside this folder has some policies.

mod calls;
mod facts;
mod functions;

use innkeeper_guest::policy::{Policy, Question, Verdict};
use regorus::{Engine, Value};

/// Longest policy, in bytes: it is read anew for each question.
const TEXT_MAX: usize = 16 << 10;
/// What Regorus calls the policy in its messages.
const FILE: &str = "policy";
/// What a policy says whose `allow` is false or undefined, and whose `deny` says nothing.
const NO: &str = "allow is not true";

struct Rego;

impl Policy for Rego {
    const NAME: &'static str = "rego";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str =
        "Policies in Rego: allow, which must be true, and deny, a set of texts that say why not.";

    fn check(text: &str) -> Result<(), String> {
        let mut module = Module::read(text, 0)?;
        let parsed = module.engine.get_modules().first().cloned().ok_or("a policy has one module")?;
        calls::check(&parsed, &module.package)?;
        if !module.has("allow")? {
            return Err("the rule allow is missing".to_owned());
        }
        for rule in ["allow", "deny"] {
            if module.has(rule)? {
                let path = module.path(rule).as_str().into();
                module.engine.compile_with_entrypoint(&path).map_err(|error| format!("{rule}: {}", said(error)))?;
            }
        }
        Ok(())
    }

    fn evaluate(text: &str, question: &Question) -> Result<Verdict, String> {
        let mut module = Module::read(text, question.time)?;
        module.engine.set_input(facts::of(question)?);
        let allowed = match module.value("allow")? {
            Value::Bool(allowed) => allowed,
            Value::Undefined => false,
            _ => return Err("allow must come to true or false".to_owned()),
        };
        let reasons = if module.has("deny")? { reasons(&module.value("deny")?)? } else { Vec::new() };
        Ok(match (allowed, reasons.is_empty()) {
            (true, true) => Verdict::Allow,
            (false, true) => Verdict::Deny(NO.to_owned()),
            (_, false) => Verdict::Deny(reasons.join("; ")),
        })
    }
}

innkeeper_guest::export_policy!(Rego);

/// A policy that was read.
struct Module {
    engine: Engine,
    /// The parts of the package's name.
    package: Vec<String>,
}

impl Module {
    fn read(text: &str, now: u64) -> Result<Self, String> {
        if text.len() > TEXT_MAX {
            return Err("a policy in Rego may have 16 KiB".to_owned());
        }
        let mut engine = Engine::new();
        engine.set_strict_builtin_errors(true);
        functions::add(&mut engine, now).map_err(said)?;
        engine.add_policy(FILE.to_owned(), text.to_owned()).map_err(said)?;
        let package = engine.get_policy_package_components().map_err(said)?;
        let package = package.into_iter().next().ok_or("a policy has one package")?.components;
        Ok(Self { engine, package })
    }

    /// Where a rule is, with its package's parts in quotes: they can be any texts.
    fn path(&self, rule: &str) -> String {
        let package = self.package.iter().map(|part| format!("[{}]", serde_json::Value::from(part.as_str())));
        format!("data{}.{rule}", package.collect::<String>())
    }

    fn has(&self, rule: &str) -> Result<bool, String> {
        self.engine.has_declared_rule_rooted_at(FILE, rule).map_err(said)
    }

    fn value(&mut self, rule: &str) -> Result<Value, String> {
        self.engine.eval_rule(self.path(rule)).map_err(said)
    }
}

/// The texts in `deny`.
fn reasons(denied: &Value) -> Result<Vec<String>, String> {
    let wrong = || "deny must be a set of texts: `deny contains \"why\" if { … }`".to_owned();
    match denied {
        Value::Undefined => Ok(Vec::new()),
        Value::Set(texts) => {
            texts.iter().map(|text| text.as_string().map(|text| text.to_string()).map_err(|_| wrong())).collect()
        }
        _ => Err(wrong()),
    }
}

fn said(error: anyhow::Error) -> String {
    error.to_string().trim().to_owned()
}

#[cfg(test)]
mod tests;
