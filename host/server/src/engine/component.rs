//! Reads components, and makes them of the modules that compilers write.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use aws_lc_rs::digest;
use plugins::COMPONENT_MAX;
use wasmparser::Parser;
use wit_component::ComponentEncoder;

use super::Error;

/// A component, read from a file.
pub(super) struct Component {
    /// The component itself.
    pub(super) bytes: Vec<u8>,
    /// Whether it was made of a module just now.
    pub(super) from_module: bool,
}

/// Reads a file that is a component, or a module that one can be made of.
pub(super) fn read(path: &Path) -> Result<Component, Error> {
    let mut bytes = Vec::new();
    let failed = Error::file(path);
    File::open(path).map_err(&failed)?.take(COMPONENT_MAX as u64 + 1).read_to_end(&mut bytes).map_err(&failed)?;
    if bytes.len() > COMPONENT_MAX {
        return Err(Error::Wrong(format!("{}: a component has at most 64 MiB", path.display())));
    }
    if Parser::is_component(&bytes) {
        return Ok(Component { bytes, from_module: false });
    }
    if Parser::is_core_wasm(&bytes) {
        let made = encode(&bytes).map_err(|why| Error::Wrong(format!("{}: {why}", path.display())))?;
        return Ok(Component { bytes: made, from_module: true });
    }
    let wanted = "is neither a WebAssembly component nor a module: `innkeeper engine build` makes one";
    Err(Error::Wrong(format!("{}: {wanted}", path.display())))
}

/// Makes a component of a module that was built with bindings of the contract.
pub(super) fn encode(module: &[u8]) -> Result<Vec<u8>, String> {
    let mut encoder = ComponentEncoder::default();
    let encoded = encoder.validate(true).module(module).and_then(|encoder| encoder.encode());
    encoded.map_err(|error| format!("no component that could be a guest can be made of the module: {error:#}"))
}

/// What operators register a component by.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_bytes(bytes: &[u8]) -> Result<Component, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        read(file.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_no_component_is_refused_with_what_would_be_right() {
        for (bytes, says) in [
            (&b""[..], "is neither"),
            (b"\x7fELF", "`innkeeper engine build` makes one"),
            (b"\0asm\x01\0\0\0\xff", "can be made of the module"),
        ] {
            let said = read_bytes(bytes).err().unwrap();
            assert!(said.contains(says), "{said}");
        }
    }

    #[test]
    fn a_built_in_engine_is_read_as_it_is() {
        let component = read_bytes(bundle::ECHO.component).unwrap();
        assert!(!component.from_module);
        assert_eq!(component.bytes, bundle::ECHO.component);
    }
}
