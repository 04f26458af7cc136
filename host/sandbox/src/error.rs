//! Why a component is refused.

/// Longest explanation, in bytes: much of it is the component's own words.
const TEXT_MAX: usize = 1024;

/// A component that cannot be a guest here.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The component asks for something that is not in the contract.
    #[error("the component imports {0}, which is not part of the contract: a guest has no such power here")]
    ForeignImport(String),
    /// The component does not fit the contract.
    #[error("the component fits none of the worlds of innkeeper:engine@0.1.0: {0}")]
    Misfit(String),
    /// The component trapped, or took too long, while it was to describe itself.
    #[error("the component does not describe itself: {0}")]
    Silent(String),
    /// The component's description of itself is wrong.
    #[error("the component describes itself wrongly: {0}")]
    Descriptor(String),
    /// Compiling the component would take too much.
    #[error("the component is too large to be compiled: {0}")]
    TooLarge(String),
    /// The bytes are no component, or were compiled for other settings.
    #[error("the component cannot be loaded: {0}")]
    Unreadable(String),
}

impl LoadError {
    pub(crate) fn foreign(import: &str) -> Self {
        Self::ForeignImport(told(import))
    }

    pub(crate) fn misfit(why: &str) -> Self {
        Self::Misfit(told(why))
    }

    pub(crate) fn silent(why: &str) -> Self {
        Self::Silent(told(why))
    }

    pub(crate) fn descriptor(why: &str) -> Self {
        Self::Descriptor(told(why))
    }

    pub(crate) fn unreadable(why: String) -> Self {
        Self::Unreadable(told(&why))
    }
}

/// The beginning of a text, on one line, and without what a terminal would obey.
fn told(text: &str) -> String {
    let mut told = String::new();
    for c in text.chars() {
        if told.len() >= TEXT_MAX {
            told.push('…');
            break;
        }
        if c.is_control() { told.extend(c.escape_default()) } else { told.push(c) }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_component_says_is_told_in_one_line_of_bounded_length() {
        assert_eq!(told("a\r\nb\u{1b}[31m"), "a\\r\\nb\\u{1b}[31m");
        assert!(told(&"x".repeat(1 << 20)).len() < TEXT_MAX + 8);
    }
}
