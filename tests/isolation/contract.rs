//! The contract is the whole sandbox: a component that asks for more is not loaded.

use harness::{FROZEN, Server};
use meter::Meter;
use model::MountClass;
use sandbox::{LoadError, Loaded, Sandbox};
use serde_json::{Value, json};
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

fn load(component: &[u8]) -> Result<Loaded, LoadError> {
    run(async { Sandbox::new().unwrap().load(component, &Meter::default()).await })
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
        let more = match load(guest.component).unwrap() {
            Loaded::Engine(engine) if engine.descriptor.class == MountClass::Auth => &FOR_AUTH_METHODS[..],
            Loaded::Engine(_) => &[],
            Loaded::Policy(_) => {
                assert_eq!(imports, ["innkeeper:engine/types@0.1.0"], "what judges has nothing in reach but words");
                assert_eq!(exports, ["innkeeper:engine/evaluation@0.1.0"], "{}", guest.name);
                continue;
            }
        };
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
        match load(guest.component).unwrap() {
            Loaded::Engine(engine) => assert_eq!(engine.descriptor.name, guest.name),
            Loaded::Policy(policy) => assert_eq!(policy.name, guest.name),
        }
    }
}

#[test]
fn a_component_that_wants_what_nobody_gives_is_refused_by_name() {
    for wanted in ["wasi:http/outgoing-handler@0.2.0", "wasi:keyvalue/store@0.2.0", "innkeeper:host/files@0.1.0", "env"]
    {
        let bytes = wat(&format!(r#"(component (import "{wanted}" (instance)))"#));
        match load(&bytes) {
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
    match load(harness::OVERREACH) {
        Err(LoadError::ForeignImport(name)) => assert_eq!(name, FOR_AUTH_METHODS[0]),
        Err(other) => panic!("refused for another reason: {other}"),
        Ok(_) => panic!("it was loaded"),
    }
}

#[test]
fn an_engine_built_against_the_first_version_of_the_contract_is_served() {
    let server = Server::with_guests(&[FROZEN]);
    assert_eq!(server.call("POST", "sys/mounts/frozen", json!({"type": "frozen"})).status, 204);
    assert_eq!(server.call("POST", "frozen/notes/a", json!({"text": "kept"})).status, 204);
    let read = server.call("GET", "frozen/notes/a", Value::Null);
    assert_eq!(read.json["data"]["body"], json!({"text": "kept"}), "{}", read.text);
    assert!(read.json["data"]["asked"].as_u64().unwrap() > 1_700_000_000);
    let refused = server.call("GET", "frozen/signer/none", Value::Null);
    assert!(refused.status == 400 && refused.error().contains("is not in this namespace"), "{}", refused.text);
}

#[test]
fn the_contract_has_all_that_its_first_version_had() {
    let (now, then) = (words(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit")), words(FIRST));
    for (file, lines) in then {
        let has = now.iter().find(|(name, _)| *name == file).map(|(_, lines)| lines.clone()).unwrap_or_default();
        let mut has = has.into_iter();
        for line in lines {
            // In the same order: the host finds cases of enums by their places.
            assert!(has.any(|other| other == line), "{file} lacks {line:?} of version 0.1, or has it elsewhere");
        }
    }
}

const FIRST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit/frozen/0.1");

/// The lines of each file of a folder, without what is only for readers.
fn words(folder: &str) -> Vec<(String, Vec<String>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "wit"));
    let read = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
        (path.file_name().unwrap().to_string_lossy().into_owned(), lines.map(str::to_owned).collect())
    };
    files.iter().map(read).collect()
}

#[test]
fn garbage_is_no_component() {
    for bytes in [&b""[..], b"\0asm", b"not wasm at all"] {
        assert!(matches!(load(bytes), Err(LoadError::Unreadable(_))));
    }
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}
