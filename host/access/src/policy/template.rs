//! Paths with `{{identity.…}}` in them.

use model::Id;

use super::Subject;
use super::pattern::PATTERN_MAX;

/// A path as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Plain(String),
    Words(String),
}

impl Template {
    /// Reads a path.
    pub(crate) fn read(path: &str) -> Result<Self, &'static str> {
        let unbalanced = "failed to validate policy templating: unbalanced templating characters";
        let mut pieces = path.split("{{");
        let mut parts = Vec::new();
        let first = pieces.next().unwrap_or_default();
        if first.contains("}}") {
            return Err(unbalanced);
        }
        parts.push(Part::Plain(first.to_owned()));
        for piece in pieces {
            let (words, plain) = piece.split_once("}}").ok_or(unbalanced)?;
            if plain.contains("}}") {
                return Err(unbalanced);
            }
            parts.push(Part::Words(words.trim().to_owned()));
            parts.push(Part::Plain(plain.to_owned()));
        }
        Ok(Self(parts))
    }

    /// Whether it says the same of everybody.
    pub(crate) fn is_plain(&self) -> bool {
        self.0.len() == 1
    }

    /// The path for one who asks, without the slash that may stand in front; `None` if a value is not known, or would be
    /// more than a name: a value that holds a wildcard would make the rule say more than its author wrote.
    pub(crate) fn path(&self, subject: &Subject, namespace: Id) -> Option<String> {
        let mut path = String::new();
        for part in &self.0 {
            match part {
                Part::Plain(text) => path.push_str(text),
                Part::Words(words) => {
                    let value = subject.value(words, namespace)?;
                    if value.contains('*') || value.split('/').any(|segment| segment == "+") {
                        return None;
                    }
                    path.push_str(value);
                }
            }
        }
        let whole = path.strip_prefix('/').unwrap_or(&path);
        (whole.len() <= PATTERN_MAX && !whole.contains("+*")).then(|| whole.to_owned())
    }
}
