//! Policies in CEL, the Common Expression Language.
//!
//! A policy is one expression. It allows if it comes to `true`; it denies if it comes to `false`, or to a text, which says
//! why not. Anything else, and any error, is no verdict.
//!
//! What it can name: `now`, `request`, `principal`, `place`, `key`; see [`facts`]. `examples` beside this folder has some.

mod facts;

use cel::parser::{Expression, PrattParser};
use cel::{Context, Value};
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
        parsed(text).map(drop)
    }

    fn evaluate(text: &str, question: &Question) -> Result<Verdict, String> {
        let expression = parsed(text)?;
        let mut context = Context::default();
        for (name, value) in facts::of(question)? {
            context.add_variable_from_value(name, value);
        }
        match context.resolve(&expression).map_err(|error| error.to_string())? {
            Value::Bool(true) => Ok(Verdict::Allow),
            Value::Bool(false) => Ok(Verdict::Deny(NO.to_owned())),
            Value::String(reason) => Ok(Verdict::Deny(reason.as_ref().clone())),
            other => Err(format!("the expression comes to {}: it must come to true, false or a text", other.type_of())),
        }
    }
}

innkeeper_guest::export_policy!(Cel);

/// Reads a policy, by the second parser of the library: each question meets a fresh instance, and the first one takes a
/// millisecond to make its tables before it reads anything.
fn parsed(text: &str) -> Result<Expression, String> {
    if text.len() > TEXT_MAX {
        return Err("a policy in CEL may have 16 KiB".to_owned());
    }
    PrattParser::default().parse(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
