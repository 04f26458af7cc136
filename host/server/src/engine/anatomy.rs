//! What a component is made of, read without running any of it.

use serde::Serialize;
use wasmparser::{BinaryReaderError, KnownCustom, Parser, Payload, ProducersSectionReader};

/// Bytes of a page of linear memory, where it does not say otherwise.
const PAGE_LOG2: u32 = 16;

/// The parts of a component.
#[derive(Debug, Default, Serialize)]
pub(super) struct Anatomy {
    /// What it asks for.
    pub(super) imports: Vec<String>,
    /// What it offers.
    pub(super) exports: Vec<String>,
    /// Modules inside.
    pub(super) core_modules: usize,
    /// Instances of them that one entry makes.
    pub(super) core_instances: u32,
    /// The linear memories of its modules.
    pub(super) memories: Vec<Memory>,
    /// Who says to have made it: language, tools, SDK.
    pub(super) toolchain: Vec<Tool>,
}

/// A linear memory.
#[derive(Debug, Serialize)]
pub(super) struct Memory {
    /// Bytes from the start.
    pub(super) initial: u64,
    /// Most bytes that it ever grows to by its own word.
    pub(super) maximum: Option<u64>,
}

/// A maker.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Tool {
    /// `language`, `processed-by` or `sdk`.
    pub(super) role: String,
    /// Its name.
    pub(super) name: String,
    /// Its version; may be empty.
    pub(super) version: String,
}

impl Anatomy {
    /// Reads a component.
    pub(super) fn of(component: &[u8]) -> Result<Self, BinaryReaderError> {
        let (mut found, mut depth) = (Self::default(), 0_usize);
        for payload in Parser::new(0).parse_all(component) {
            match payload? {
                Payload::ModuleSection { .. } => {
                    (found.core_modules, depth) = (found.core_modules + 1, depth + 1);
                }
                Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::InstanceSection(instances) => found.core_instances += instances.count(),
                Payload::ComponentImportSection(imports) if depth == 0 => {
                    for import in imports {
                        found.imports.push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(exports) if depth == 0 => {
                    for export in exports {
                        found.exports.push(export?.name.name.to_owned());
                    }
                }
                Payload::MemorySection(memories) => {
                    for memory in memories {
                        let memory = memory?;
                        let page = memory.page_size_log2.unwrap_or(PAGE_LOG2).min(PAGE_LOG2);
                        let bytes = |pages: u64| pages.saturating_mul(1 << page);
                        found
                            .memories
                            .push(Memory { initial: bytes(memory.initial), maximum: memory.maximum.map(bytes) });
                    }
                }
                Payload::CustomSection(section) => {
                    if let KnownCustom::Producers(producers) = section.as_known() {
                        // What it says of its making is a courtesy: nothing depends on it.
                        let _ = found.made_by(producers);
                    }
                }
                _ => {}
            }
        }
        found.toolchain.sort();
        found.toolchain.dedup();
        Ok(found)
    }

    fn made_by(&mut self, producers: ProducersSectionReader<'_>) -> Result<(), BinaryReaderError> {
        for field in producers {
            let field = field?;
            for tool in field.values {
                let tool = tool?;
                let (name, version) = (tool.name.to_owned(), tool.version.to_owned());
                self.toolchain.push(Tool { role: field.name.to_owned(), name, version });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_built_in_engine_shows_what_it_asks_for_and_who_made_it() {
        let found = Anatomy::of(bundle::ECHO.component).unwrap();
        assert!(found.imports.iter().any(|import| import.starts_with("innkeeper:engine/storage@")), "{found:?}");
        assert!(found.exports.iter().any(|export| export.starts_with("innkeeper:engine/engine@")), "{found:?}");
        assert!(found.core_modules >= 1 && found.core_instances >= 1, "{found:?}");
        assert!(found.memories.iter().any(|memory| memory.initial > 0), "{found:?}");
        assert!(found.toolchain.iter().any(|tool| tool.name == "Rust"), "{found:?}");
    }

    #[test]
    fn half_a_component_is_an_error() {
        let bytes = bundle::ECHO.component;
        assert!(Anatomy::of(&bytes[..bytes.len() / 2]).is_err());
    }
}
