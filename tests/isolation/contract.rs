//! The contract is the whole sandbox: a component that asks for more is not loaded.

use model::MountClass;
use sandbox::{LoadError, Sandbox};
use wit_component::DecodedWasm;

/// What the contract gives auth methods beside what it gives all.
const FOR_AUTH_METHODS: [&str; 1] = ["innkeeper:engine/passwords@0.1.0"];
/// What the contract gives a guest.
const CONTRACT: [&str; 7] = [
    "innkeeper:engine/clock@0.1.0",
    "innkeeper:engine/http-out@0.1.0",
    "innkeeper:engine/keys@0.1.0",
    "innkeeper:engine/log@0.1.0",
    "innkeeper:engine/random@0.1.0",
    "innkeeper:engine/storage@0.1.0",
    "innkeeper:engine/types@0.1.0",
];

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(future)
}

/// What a component imports and exports, read from its bytes and not from what the host makes of them.
fn imports_and_exports(component: &[u8]) -> (Vec<String>, Vec<String>) {
    let DecodedWasm::Component(resolve, world) = wit_component::decode(component).unwrap() else {
        panic!("not a component");
    };
    let world = &resolve.worlds[world];
    let imports = world.imports.keys().map(|key| resolve.name_world_key(key)).collect();
    (imports, world.exports.keys().map(|key| resolve.name_world_key(key)).collect())
}

#[test]
fn every_built_in_component_imports_the_contract_and_nothing_else() {
    for guest in bundle::ALL {
        let (imports, exports) = imports_and_exports(guest.component);
        let loaded = run(async { Sandbox::new().unwrap().load(guest.component).await }).unwrap();
        let more = if loaded.descriptor.class == MountClass::Auth { &FOR_AUTH_METHODS[..] } else { &[] };
        for import in &imports {
            let known = CONTRACT.iter().chain(more).any(|known| known == import);
            assert!(known, "{} imports {import}", guest.name);
        }
        assert!(imports.contains(&CONTRACT[6].to_owned()), "{} imports {imports:?}", guest.name);
        assert_eq!(exports, ["innkeeper:engine/engine@0.1.0"], "{}", guest.name);
    }
}

#[test]
fn every_built_in_component_loads_from_its_bytes_under_its_name() {
    for guest in bundle::ALL {
        let loaded = run(async { Sandbox::new().unwrap().load(guest.component).await }).unwrap();
        assert_eq!(loaded.descriptor.name, guest.name);
    }
}

#[test]
fn a_component_that_wants_what_nobody_gives_is_refused_by_name() {
    for wanted in ["wasi:http/outgoing-handler@0.2.0", "wasi:keyvalue/store@0.2.0", "innkeeper:host/files@0.1.0", "env"]
    {
        let bytes = wat(&format!(r#"(component (import "{wanted}" (instance)))"#));
        match run(async { Sandbox::new().unwrap().load(&bytes).await }) {
            Err(LoadError::ForeignImport(name)) => assert_eq!(name, wanted),
            Err(other) => panic!("refused for another reason: {other}"),
            Ok(_) => panic!("it was loaded"),
        }
    }
}

#[test]
fn a_secrets_engine_that_wants_what_only_auth_methods_have_is_refused_by_name() {
    let (imports, _) = imports_and_exports(harness::OVERREACH);
    assert!(imports.contains(&FOR_AUTH_METHODS[0].to_owned()), "{imports:?}");
    match run(async { Sandbox::new().unwrap().load(harness::OVERREACH).await }) {
        Err(LoadError::ForeignImport(name)) => assert_eq!(name, FOR_AUTH_METHODS[0]),
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
