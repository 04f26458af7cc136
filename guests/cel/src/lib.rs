//! Policies in CEL, the Common Expression Language.
//!
//! A policy is one expression. It allows if it comes to `true`; it denies if it comes to `false`, or to a text, which says
//! why not. Anything else, and any error, is no verdict.
//!
//! What it can name: `now`, `request`, `principal`, `place`, `key`; see [`facts`]. `examples` beside this folder has some.

mod facts;

use cel::{Context, Program, Value};
use innkeeper_guest::policy::{Policy, Question, Verdict};

/// Longest policy, in bytes: it is read anew for each question.
const TEXT_MAX: usize = 16 << 10;
/// What a policy says that says only no.
const NO: &str = "its expression is false";

struct Cel;

impl Policy for Cel {
    const NAME: &'static str = "cel";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Policies in the Common Expression Language: true allows, false or a text denies.";

    fn check(text: &str) -> Result<(), String> {
        compile(text).map(drop)
    }

    fn evaluate(text: &str, question: &Question) -> Result<Verdict, String> {
        let program = compile(text)?;
        let mut context = Context::default();
        for (name, value) in facts::of(question)? {
            context.add_variable_from_value(name, value);
        }
        match program.execute(&context).map_err(|error| error.to_string())? {
            Value::Bool(true) => Ok(Verdict::Allow),
            Value::Bool(false) => Ok(Verdict::Deny(NO.to_owned())),
            Value::String(reason) => Ok(Verdict::Deny(reason.as_ref().clone())),
            other => Err(format!("the expression comes to {}: it must come to true, false or a text", other.type_of())),
        }
    }
}

innkeeper_guest::export_policy!(Cel);

fn compile(text: &str) -> Result<Program, String> {
    if text.len() > TEXT_MAX {
        return Err("a policy in CEL may have 16 KiB".to_owned());
    }
    Program::compile(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
