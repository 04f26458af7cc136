//! The contract is the whole sandbox: a component that asks for more is not loaded.

use sandbox::{LoadError, Sandbox};

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn every_built_in_component_imports_the_contract_and_nothing_else() {
    for guest in bundle::ALL {
        let loaded = run(async { Sandbox::new().unwrap().load(guest.component).await }).unwrap();
        assert_eq!(loaded.descriptor.name, guest.name);
    }
}

#[test]
fn a_component_that_wants_a_wasi_interface_is_refused_by_name() {
    let component = r#"(component (import "wasi:filesystem/types@0.2.0" (instance)))"#;
    let bytes = wat(component);
    let refused = run(async { Sandbox::new().unwrap().load(&bytes).await });
    match refused {
        Err(LoadError::ForeignImport(name)) => assert_eq!(name, "wasi:filesystem/types@0.2.0"),
        Err(other) => panic!("refused for another reason: {other}"),
        Ok(_) => panic!("it was loaded"),
    }
}

#[test]
fn garbage_is_no_component() {
    for bytes in [&b""[..], b"\0asm", b"not wasm at all"] {
        assert!(matches!(run(async { Sandbox::new().unwrap().load(bytes).await }), Err(LoadError::Unreadable(_))));
    }
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}
