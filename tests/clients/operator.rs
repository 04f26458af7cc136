//! The product's own client commands.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use harness::{Folder, Process, ROOT, Server, run_with, walk};
use serde_json::{Value, json};

/// Runs `innkeeper operator snapshot`; whether it did well, and all that it said.
fn snapshot(server: &str, token: &str, arguments: &[&str]) -> (bool, String) {
    let environment = [("VAULT_ADDR", server), ("VAULT_TOKEN", token), ("HOME", "/nowhere")];
    let output = run_with(&[&["operator", "snapshot"], arguments].concat(), &environment);
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn secret(server: &Server) -> Value {
    server.call("GET", "kept/a", Value::Null).json["data"]["is"].clone()
}

fn set(server: &Server, to: &str) {
    assert_eq!(server.call("POST", "kept/a", json!({"is": to})).status, 204);
}

fn with_a_secret() -> Server {
    let server = Server::start();
    assert_eq!(server.call("POST", "sys/mounts/kept", json!({"type": "kv"})).status, 204);
    set(&server, "old");
    server
}

/// What lies in a folder.
fn names(folder: &Folder) -> Vec<String> {
    let entries = std::fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_snapshot_is_saved_verified_and_restored() {
    let server = with_a_secret();
    let folder = Folder::new();
    let file = folder.path().join("saved");
    let (done, said) = snapshot(server.address(), ROOT, &["save", text(&file)]);
    assert!(done && said.contains("saved") && said.contains("records"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names(&folder), ["saved"]);
    let (done, said) = snapshot("http://127.0.0.1:1", "", &["verify", text(&file)]);
    assert!(done && said.contains("whole") && said.contains("format 1") && said.contains("made 20"), "{said}");
    set(&server, "new");
    let (done, said) = snapshot("http://127.0.0.1:1", ROOT, &["restore", text(&file), "-address", server.address()]);
    assert!(done && said.contains("restored"), "{said}");
    assert_eq!(secret(&server), "old");
}

#[test]
fn a_file_that_exists_is_overwritten_only_when_that_is_said() {
    let server = with_a_secret();
    let folder = Folder::new();
    let file: PathBuf = folder.write("saved", "mine").into();
    let (done, said) = snapshot(server.address(), ROOT, &["save", text(&file)]);
    assert!(!done && said.contains("-force"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    // What an earlier try left is no obstacle.
    folder.write("saved.part", "left behind, and longer than nothing");
    let (done, said) = snapshot(server.address(), ROOT, &["save", "-force", text(&file)]);
    assert!(done, "{said}");
    assert!(snapshot("", "", &["verify", text(&file)]).0);
    assert_eq!(names(&folder), ["saved"]);
    // A link is not followed.
    let elsewhere: PathBuf = folder.write("elsewhere", "not yours").into();
    std::os::unix::fs::symlink(&elsewhere, folder.path().join("other.part")).unwrap();
    let (done, said) = snapshot(server.address(), ROOT, &["save", text(&folder.path().join("other"))]);
    assert!(!done, "{said}");
    assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "not yours");
}

#[test]
fn a_damaged_file_is_told_from_a_whole_one_and_never_sent() {
    let server = with_a_secret();
    let folder = Folder::new();
    let file = folder.path().join("saved");
    assert!(snapshot(server.address(), ROOT, &["save", text(&file)]).0);
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    set(&server, "new");
    for command in ["verify", "restore"] {
        let (done, said) = snapshot(server.address(), ROOT, &[command, text(&file)]);
        assert!(!done && said.contains("damaged") && said.contains("at byte"), "{said}");
    }
    std::fs::write(&file, &bytes[..middle]).unwrap();
    let (done, said) = snapshot(server.address(), ROOT, &["verify", text(&file)]);
    assert!(!done && said.contains(&format!("breaks off at byte {middle}")), "{said}");
    assert_eq!(secret(&server), "new");
}

#[test]
fn what_goes_wrong_is_said_with_what_to_do() {
    let server = with_a_secret();
    let folder = Folder::new();
    let file = folder.path().join("saved");
    for (address, token, says) in [
        (server.address(), "wrong", "Code: 403. Errors:\n\n* permission denied\n\nVAULT_TOKEN"),
        (server.address(), "", "set VAULT_TOKEN"),
        ("http://127.0.0.1:1", ROOT, "Is the server running?"),
        ("127.0.0.1:8200", ROOT, "must begin with http://, https:// or unix://"),
    ] {
        let (done, said) = snapshot(address, token, &["save", text(&file)]);
        assert!(!done && said.contains(says), "{said}");
        assert_eq!(names(&folder), Vec::<String>::new());
    }
    let (done, said) = snapshot(server.address(), ROOT, &["save", "/nowhere/saved"]);
    assert!(!done && said.contains("/nowhere/saved"), "{said}");
    let (done, said) = snapshot(server.address(), ROOT, &["save", "-namespace=team-a", text(&file)]);
    assert!(!done && said.contains("Code: 4"), "{said}");
}

#[test]
fn tls_trusts_the_authority_that_is_named_and_nobody_else() {
    let options = ["-dev-tls", "-dev-no-store-token", "-dev-listen-address=127.0.0.1:0", "-dev-root-token-id=mine"];
    let server = Process::launch(&options);
    let authority = server.said_after("VAULT_CACERT='").to_owned();
    let folder = Folder::new();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let (done, said) = snapshot(server.address(), "mine", &["save", text(&first)]);
    assert!(!done && said.contains("VAULT_CACERT"), "{said}");
    let (done, said) = snapshot(server.address(), "mine", &["save", text(&first), "-ca-cert", &authority]);
    assert!(done, "{said}");
    let (done, said) = snapshot(server.address(), "mine", &["save", text(&second), "-tls-skip-verify"]);
    assert!(done, "{said}");
    let (done, said) = snapshot(server.address(), "mine", &["restore", text(&first), "-ca-cert", &authority]);
    assert!(done, "{said}");
}

#[test]
fn the_stock_client_hvac_saves_and_restores() {
    let server = with_a_secret();
    walk("snapshot.py", &[("VAULT_ADDR", server.address()), ("VAULT_TOKEN", ROOT)]);
    assert_eq!(secret(&server), "old");
}
