//! What is seen of a component before it is compiled: whether compiling it is bounded, in time and in memory.
//!
//! The compiler takes memory and time by the size of each function and by all of them; the engine's own limits on what is
//! well-formed are far above what a server can spend on a stranger.

use wasmparser::{Encoding, Parser, Payload};

use crate::error::LoadError;
use crate::limits::{CODE_MAX, FUNCTION_MAX, FUNCTIONS_MAX, MODULES_MAX, NESTING_MAX, PARTS_MAX};

#[derive(Default)]
struct Shape {
    depth: usize,
    /// Components and core modules.
    parts: usize,
    modules: usize,
    functions: usize,
    code: usize,
}

/// Refuses a component that would take too much to compile.
pub(crate) fn check(bytes: &[u8]) -> Result<(), LoadError> {
    let mut shape = Shape::default();
    for payload in Parser::new(0).parse_all(bytes) {
        shape.add(&payload.map_err(|error| LoadError::unreadable(error.to_string()))?)?;
    }
    Ok(())
}

impl Shape {
    fn add(&mut self, payload: &Payload<'_>) -> Result<(), LoadError> {
        match payload {
            Payload::Version { encoding, .. } => {
                if self.depth == 0 && *encoding == Encoding::Module {
                    return Err(LoadError::unreadable("it is a core module, not a component".to_owned()));
                }
                self.depth += 1;
                self.parts += 1;
                self.modules += usize::from(*encoding == Encoding::Module);
                refuse_over(self.depth, NESTING_MAX, "levels of components within components")?;
                refuse_over(self.parts, PARTS_MAX, "components and modules within it")?;
                refuse_over(self.modules, MODULES_MAX, "core modules")
            }
            Payload::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(())
            }
            Payload::CodeSectionEntry(body) => {
                let size = body.as_bytes().len();
                self.functions += 1;
                self.code += size;
                refuse_over(size, FUNCTION_MAX, "bytes of one function")?;
                refuse_over(self.functions, FUNCTIONS_MAX, "functions")?;
                refuse_over(self.code, CODE_MAX, "bytes of code")
            }
            _ => Ok(()),
        }
    }
}

fn refuse_over(number: usize, most: usize, of: &str) -> Result<(), LoadError> {
    if number <= most { Ok(()) } else { Err(LoadError::TooLarge(format!("at most {most} {of}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_guests_are_far_below_every_bound() {
        for guest in bundle::ALL {
            assert!(check(guest.component).is_ok(), "{}", guest.name);
        }
    }

    #[test]
    fn a_core_module_and_what_is_cut_off_are_no_components() {
        let whole = bundle::ALL[0].component;
        for bytes in [&b"\0asm\x01\0\0\0"[..], &whole[..whole.len() / 2], &whole[..whole.len() - 1], b"\0asm", b""] {
            assert!(matches!(check(bytes), Err(LoadError::Unreadable(_))), "{} bytes", bytes.len());
        }
    }
}
