//! The client commands, run as people run them, against whole servers.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use harness::{Folder, Node, PIN, Process, ROOT, Server, Token, binary};
use serde_json::{Value, json};

/// What a command did.
struct Ended {
    status: i32,
    output: String,
    errors: String,
}

/// Somebody at a shell, with a home of their own.
struct Person {
    home: Folder,
    environment: Vec<(&'static str, String)>,
}

impl Person {
    /// They have the root token.
    fn new(address: &str) -> Self {
        let environment = vec![("VAULT_ADDR", address.to_owned()), ("VAULT_TOKEN", ROOT.to_owned())];
        Self { home: Folder::new(), environment }
    }

    /// They have no token.
    fn stranger(address: &str) -> Self {
        Self { home: Folder::new(), environment: vec![("VAULT_ADDR", address.to_owned())] }
    }

    fn command(&self, program: &std::path::Path) -> Command {
        let mut command = Command::new(program);
        for name in ["VAULT_TOKEN", "VAULT_NAMESPACE", "VAULT_FORMAT", "INNKEEPER_ADDR", "INNKEEPER_TOKEN"] {
            command.env_remove(name);
        }
        command.env("HOME", self.home.path()).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn types(&self, arguments: &[&str], input: &str) -> Ended {
        let mut process = self.command(&binary()).args(arguments).spawn().unwrap();
        process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = process.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended { status: output.status.code().unwrap(), output: text(output.stdout), errors: text(output.stderr) }
    }

    /// Runs what goes well; what it printed.
    #[track_caller]
    fn says(&self, arguments: &[&str]) -> String {
        let ended = self.types(arguments, "");
        assert_eq!(ended.status, 0, "{arguments:?}: {}{}", ended.output, ended.errors);
        ended.output
    }

    /// The same as JSON.
    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.says(arguments)).unwrap()
    }

    /// Runs what goes wrong; how, and what it said.
    #[track_caller]
    fn fails(&self, arguments: &[&str], status: i32, says: &str) {
        let ended = self.types(arguments, "");
        assert_eq!(ended.status, status, "{arguments:?}: {}{}", ended.output, ended.errors);
        assert!(ended.errors.contains(says), "{arguments:?}: {}", ended.errors);
    }

    fn file(&self, name: &str) -> String {
        self.home.path().join(name).display().to_string()
    }

    /// Runs a command at a terminal, and answers its question; all that the terminal shows.
    fn at_a_terminal(&self, arguments: &[&str], answer: &str) -> String {
        let line: Vec<String> = arguments.iter().map(|word| format!("'{word}'")).collect();
        self.at_a_question(&format!("'{}' {}", binary().display(), line.join(" ")), &format!("{answer}\n"))
    }

    /// Runs a line of a shell at a terminal, and types this at its question; all that the terminal shows.
    fn at_a_question(&self, line: &str, typed: &str) -> String {
        let mut process =
            self.command("script".as_ref()).args(["-qec", line, "/dev/null"]).spawn().expect("there is a script");
        let (mut to, mut from) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let (mut shown, mut piece) = (Vec::new(), [0; 1]);
        while !shown.ends_with(b"hidden): ") {
            assert_eq!(from.read(&mut piece).unwrap(), 1, "{}", String::from_utf8_lossy(&shown));
            shown.push(piece[0]);
        }
        // People read before they type, and the terminal hides what is typed a moment after it asks.
        std::thread::sleep(Duration::from_secs(1));
        to.write_all(typed.as_bytes()).unwrap();
        let _ = from.read_to_end(&mut shown);
        assert!(process.wait().unwrap().success(), "{}", String::from_utf8_lossy(&shown));
        String::from_utf8_lossy(&shown).into_owned()
    }
}

#[test]
fn a_store_is_founded_unsealed_used_and_sealed() {
    let node = Node::start("storage \"inmem\" {\n}\n", &[]);
    let mut eve = Person::stranger(node.address());
    assert_eq!(eve.types(&["operator", "init", "-status"], "").status, 2);
    let made = eve.json(&["operator", "init", "-key-shares=3", "-key-threshold=2", "-format=json"]);
    let keys: Vec<&str> = made["unseal_keys_b64"].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
    assert_eq!(keys.len(), 3);
    assert_eq!(eve.types(&["operator", "init", "-status"], "").status, 0);
    eve.fails(&["operator", "init"], 2, "Vault is already initialized");
    assert_eq!(eve.types(&["status"], "").status, 2);
    eve.fails(&["operator", "unseal", "nonsense"], 2, "Error unsealing: Error making API request.");
    // One share from standard input, one that is asked for and not shown.
    let said = eve.types(&["operator", "unseal", "-"], &format!("{}\n", keys[0]));
    assert!(said.output.contains("Unseal Progress") && said.output.contains("1/2"), "{}", said.output);
    let shown = eve.at_a_terminal(&["operator", "unseal"], keys[1]);
    assert!(shown.contains("Unseal Key (will be hidden): "), "{shown}");
    assert!(!shown.contains(keys[1]) && shown.contains("Sealed"), "{shown}");
    let open = eve.types(&["status"], "");
    assert_eq!((open.status, open.output.contains("Cluster ID")), (0, true), "{}", open.output);
    // A root token that is typed is kept.
    let root = made["root_token"].as_str().unwrap();
    let shown = eve.at_a_terminal(&["login"], root);
    assert!(shown.contains("Success! You are now authenticated."), "{shown}");
    let mode = std::fs::metadata(eve.home.path().join(".vault-token")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(eve.says(&["print", "token"]).trim(), root);
    assert!(eve.says(&["token", "lookup"]).contains("root"));
    // What operators do with keys.
    assert!(eve.says(&["operator", "key-status"]).contains("Key Term"));
    assert!(eve.says(&["operator", "rotate"]).contains("Success! Rotated key"));
    let begun = eve.json(&["operator", "rekey", "-init", "-key-shares=1", "-key-threshold=1", "-format=json"]);
    let nonce = format!("-nonce={}", begun["nonce"].as_str().unwrap());
    assert!(eve.says(&["operator", "rekey", "-status"]).contains("Rekey Progress    0/2"));
    eve.says(&["operator", "rekey", &nonce, keys[2]]);
    let done = eve.json(&["operator", "rekey", &nonce, "-format=json", keys[0]]);
    let key = done["keys_base64"][0].as_str().unwrap().to_owned();
    let begun = eve.json(&["operator", "generate-root", "-init", "-format=json"]);
    let nonce = format!("-nonce={}", begun["nonce"].as_str().unwrap());
    let made = eve.json(&["operator", "generate-root", &nonce, "-format=json", &key]);
    let otp = format!("-otp={}", begun["otp"].as_str().unwrap());
    let decode = format!("-decode={}", made["encoded_token"].as_str().unwrap());
    let token = eve.says(&["operator", "generate-root", &decode, &otp]);
    eve.environment.push(("VAULT_TOKEN", token.trim().to_owned()));
    assert_eq!(eve.says(&["operator", "seal"]), "Success! The server is sealed.\n");
    assert_eq!(eve.types(&["status"], "").status, 2);
    eve.says(&["operator", "unseal", &key]);
    assert_eq!(eve.types(&["status"], "").status, 0);
}

#[test]
fn secrets_are_kept_in_both_versions_of_kv() {
    let server = Server::start();
    let eve = Person::new(server.address());
    assert_eq!(
        eve.says(&["secrets", "enable", "-path=secret", "-version=2", "kv"]),
        "Success! Enabled the kv secrets engine at: secret/\n"
    );
    eve.says(&["secrets", "enable", "-path=old", "kv"]);
    assert!(eve.says(&["secrets", "list"]).lines().any(|line| line.starts_with("secret/ ")));
    let put = eve.types(&["kv", "put", "secret/app", "user=eve", "password=-"], "word\nof two lines");
    assert!(put.output.contains("= Secret Path =\nsecret/data/app\n"), "{}{}", put.output, put.errors);
    assert_eq!(eve.says(&["kv", "get", "-field=password", "secret/app"]), "word\nof two lines");
    let shown = eve.says(&["kv", "get", "-mount=secret", "app"]);
    assert!(shown.contains("======= Metadata =======\n") && shown.contains("user        eve"), "{shown}");
    eve.fails(&["kv", "put", "-cas=0", "secret/app", "a=b"], 2, "Error writing data to secret/data/app");
    eve.says(&["kv", "patch", "secret/app", "user=bob"]);
    assert_eq!(eve.json(&["kv", "get", "-format=json", "secret/app"])["data"]["metadata"]["version"], 2);
    eve.says(&["kv", "rollback", "-version=1", "secret/app"]);
    assert_eq!(eve.says(&["kv", "get", "-field=user", "secret/app"]), "eve");
    eve.says(&["kv", "delete", "-versions=3", "secret/app"]);
    assert!(eve.says(&["kv", "get", "secret/app"]).contains("deletion_time"));
    eve.fails(&["kv", "get", "-field=user", "secret/app"], 2, "No data found at secret/data/app");
    eve.fails(&["kv", "patch", "secret/app", "user=bob"], 2, "No value found at secret/data/app");
    eve.fails(&["write", "secret/app", "user=bob"], 2, "Error writing data to secret/app: ");
    eve.says(&["kv", "undelete", "-versions=3", "secret/app"]);
    eve.says(&["kv", "destroy", "-versions=1", "secret/app"]);
    eve.says(&["kv", "metadata", "put", "-max-versions=5", "-custom-metadata=owner=eve", "secret/app"]);
    let known = eve.says(&["kv", "metadata", "get", "secret/app"]);
    assert!(known.contains("map[owner:eve]") && known.contains(" Version 3 "), "{known}");
    eve.says(&["kv", "metadata", "patch", "-custom-metadata=room=1", "secret/app"]);
    assert_eq!(eve.says(&["kv", "list", "secret"]), "Keys\n----\napp\n");
    eve.says(&["kv", "metadata", "delete", "secret/app"]);
    eve.fails(&["kv", "get", "secret/app"], 2, "No value found at secret/data/app");
    // Version 1, and the API as it is.
    assert_eq!(eve.says(&["kv", "put", "old/app", "a=b"]), "Success! Data written to: old/app\n");
    assert_eq!(eve.says(&["kv", "get", "old/app"]), "== Data ==\nKey    Value\n---    -----\na      b\n");
    assert_eq!(eve.says(&["read", "-field=a", "old/app"]), "b");
    assert_eq!(eve.says(&["write", "old/x", "c=d", "c=e"]), "Success! Data written to: old/x\n");
    assert_eq!(eve.json(&["read", "-format=json", "old/x"])["data"], json!({"c": ["d", "e"]}));
    assert!(eve.says(&["read", "-format=yaml", "old/x"]).contains("- d"));
    assert_eq!(eve.json(&["list", "-format=json", "old"]), json!(["app", "x"]));
    assert_eq!(eve.says(&["delete", "old/x"]), "Success! Data deleted (if it existed) at: old/x\n");
    eve.fails(&["read", "old/x"], 2, "No value found at old/x");
    eve.fails(&["list", "nowhere"], 2, "Error listing nowhere: Error making API request.");
    eve.fails(&["write", "old/x"], 1, "-force");
    assert!(eve.says(&["secrets", "move", "old", "older"]).contains("Finished moving secrets engine old/ to older/"));
    eve.says(&["secrets", "tune", "-description=of old", "older"]);
    assert!(eve.says(&["secrets", "list", "-detailed"]).contains("of old"));
    eve.says(&["secrets", "disable", "older"]);
    eve.fails(&["kv", "get", "older/app"], 2, "403");
    assert!(!eve.says(&["path-help", "secret/data/app"]).is_empty());
    assert!(eve.says(&["token", "capabilities", "secret/app"]).contains("root"));
    assert!(eve.says(&["auth", "list"]).contains("token/"));
}

#[test]
fn namespaces_are_worked_in() {
    let server = Server::start();
    let eve = Person::new(server.address());
    eve.says(&["namespace", "create", "-custom-metadata=owner=eve", "team-a"]);
    eve.says(&["namespace", "create", "-namespace=team-a", "child"]);
    assert_eq!(eve.says(&["namespace", "list"]), "Keys\n----\nteam-a/\n");
    assert_eq!(eve.says(&["namespace", "list", "-ns=team-a"]), "Keys\n----\nchild/\n");
    assert!(eve.says(&["namespace", "lookup", "team-a"]).contains("map[owner:eve]"));
    eve.says(&["namespace", "patch", "-custom-metadata=owner=bob", "team-a"]);
    assert!(eve.says(&["namespace", "lookup", "team-a"]).contains("map[owner:bob]"));
    eve.says(&["secrets", "enable", "-namespace=team-a", "kv"]);
    eve.says(&["kv", "put", "-namespace=team-a", "kv/app", "a=b"]);
    assert_eq!(eve.says(&["read", "-field=a", "team-a/kv/app"]), "b");
    eve.fails(&["read", "-namespace=team-a", "nowhere/at/all"], 2, "Namespace: team-a\n");
    eve.says(&["namespace", "delete", "-namespace=team-a", "child"]);
    eve.fails(&["namespace", "lookup", "-namespace=team-a", "child"], 2, "No value found");
}

#[test]
fn a_chain_is_made_from_a_managed_key_and_certificates_go_to_files() {
    let token = Token::new("cli");
    let server = Server::start_with(&token.stanza(), &token.environment());
    let eve = Person::new(server.address());
    let pin = eve.home.write("pin", PIN);
    let create = [
        "managed-keys",
        "create",
        "pkcs11",
        "root-key",
        "library=hsm",
        "token_label=cli",
        &format!("pin=@{pin}"),
        "key_label=root-key",
        "mechanism=0x1041",
        "curve=P256",
        "allow_generate_key=true",
        "any_mount=true",
    ];
    eve.says(&create);
    assert_eq!(eve.says(&["managed-keys", "list", "pkcs11"]), "Keys\n----\nroot-key\n");
    assert_eq!(eve.says(&["managed-keys", "read", "-field=key_label", "pkcs11", "root-key"]), "root-key");
    eve.says(&["secrets", "enable", "-max-lease-ttl=87600h", "-allowed-managed-keys=root-key", "pki"]);
    eve.says(&["secrets", "enable", "-path=int", "pki"]);
    let (root, request, int) = (eve.file("root.crt"), eve.file("int.csr"), eve.file("int.crt"));
    let generate = ["pki", "root", "generate", "kms", "managed_key_name=root-key", "common_name=Root", "ttl=8760h"];
    eve.says(&[&generate[..], &[&format!("-cert={root}")]].concat());
    let generate = ["pki", "intermediate", "generate", "internal", "-mount=int", "common_name=Int", "key_type=ec"];
    eve.says(&[&generate[..], &[&format!("-csr-out={request}")]].concat());
    eve.says(&["pki", "intermediate", "sign", &format!("-csr={request}"), "ttl=4380h", &format!("-cert={int}")]);
    eve.says(&["pki", "intermediate", "set-signed", "-mount=int", &int, &root]);
    eve.says(&["write", "int/roles/web", "allowed_domains=example.com", "allow_subdomains=true", "key_type=ec"]);
    let (leaf, chain, key) = (eve.file("leaf.crt"), eve.file("chain.crt"), eve.file("leaf.key"));
    let (leaf_to, chain_to, key_to) = (format!("-cert={leaf}"), format!("-chain={chain}"), format!("-key={key}"));
    let issue = ["pki", "issue", "-mount=int", &leaf_to, &chain_to, &key_to, "web", "common_name=www.example.com"];
    let said = eve.says(&issue);
    assert!(said.contains("serial_number") && !said.contains("PRIVATE KEY"), "{said}");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let verified = harness::openssl(&["verify", "-CAfile", &root, "-untrusted", &chain, &leaf], "");
    assert!(verified.contains("OK"), "{verified}");
    eve.fails(&issue, 1, "-force");
    // A request of somebody else's.
    let made = ["req", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=a.example.com"];
    let csr = eve.home.write("other.csr", &harness::openssl(&made, ""));
    eve.says(&["write", "int/roles/any", "allowed_domains=example.com", "allow_subdomains=true", "key_type=any"]);
    let signed = eve.json(&["pki", "sign", "-mount=int", &format!("-csr={csr}"), "any", "-format=json"]);
    let serial = signed["data"]["serial_number"].as_str().unwrap();
    eve.says(&["pki", "revoke", "-mount=int", serial]);
    let list = eve.file("list.pem");
    eve.says(&["pki", "crl", "-mount=int", "-rotate", &format!("-out={list}")]);
    let list = harness::openssl(&["crl", "-in", &list, "-noout", "-text"], "");
    assert!(list.to_lowercase().contains(&serial.replace(':', "")), "{list}");
    assert!(eve.says(&["read", "-format=raw", "int/ca/pem"]).starts_with("-----BEGIN CERTIFICATE-----"));
    eve.says(&["managed-keys", "test", "pkcs11", "root-key"]);
    eve.fails(&["managed-keys", "delete", "pkcs11", "root-key"], 2, "Error deleting the key root-key");
    eve.says(&["secrets", "disable", "pki"]);
    eve.says(&["managed-keys", "delete", "pkcs11", "root-key"]);
    eve.fails(&["managed-keys", "read", "pkcs11", "root-key"], 2, "No value found");
}

#[test]
fn who_may_not_is_told_so_and_secrets_are_never_repeated() {
    let server = Server::start();
    let eve = Person::stranger(server.address());
    eve.fails(&["read", "secret/app"], 2, "Code: 403. Errors:\n\n* permission denied\n\nThere is no token");
    let ended = eve.types(&["login", "-"], "s.a-wrong-token\n");
    assert_eq!(ended.status, 2);
    assert!(!ended.errors.contains("a-wrong-token"), "{}", ended.errors);
    eve.fails(&["read", "-address=http://127.0.0.1:1", "a"], 2, "Is the server running?");
    eve.fails(&["status", "-address=http://127.0.0.1:1"], 1, "Error checking seal status");
    eve.fails(&["raed"], 1, "read");
    let help = eve.says(&["-help"]);
    assert!(help.contains("Everyday commands:") && help.contains("innkeeper server -dev"), "{help}");
    assert!(eve.says(&["kv", "put", "-help"]).contains("Examples:"));
    assert!(eve.says(&["completion", "bash"]).contains("managed-keys"));
    assert!(eve.says(&["version"]).starts_with("Innkeeper v"));
}

#[test]
fn a_server_is_trusted_by_its_authority_and_by_the_name_that_is_said() {
    let options = ["-dev-tls", "-dev-no-store-token", "-dev-listen-address=127.0.0.1:0", "-dev-root-token-id=mine"];
    let server = Process::launch(&options);
    let authority = server.said_after("VAULT_CACERT='").to_owned();
    let mut eve = Person::stranger(server.address());
    eve.fails(&["status"], 1, "VAULT_CACERT");
    eve.says(&["status", "-tls-skip-verify"]);
    // A folder of certificates may hold other files too.
    eve.home.write("notes", "none of them");
    std::fs::copy(&authority, eve.home.path().join("authority.pem")).unwrap();
    let folder = eve.home.path().display().to_string();
    eve.says(&["status", "-ca-path", &folder]);
    eve.environment.push(("VAULT_CACERT", "/nowhere/at-all".into()));
    eve.environment.push(("INNKEEPER_CACERT", authority));
    eve.says(&["status"]);
    eve.says(&["status", "-tls-server-name=localhost"]);
    eve.fails(
        &["status", "-tls-server-name=elsewhere.example"],
        1,
        "Say which name the server has with -tls-server-name",
    );
}

#[test]
fn a_terminal_shows_again_what_is_typed_when_a_question_is_interrupted() {
    let eve = Person::stranger("http://127.0.0.1:1");
    let before = eve.at_a_question("printf 'hidden): '; read -r answer; stty -a", "\n");
    assert!(before.contains(" echo "), "{before}");
    let line = format!("'{}' login; stty -a", binary().display());
    let after = eve.at_a_question(&line, "\u{3}");
    assert!(after.contains(" echo ") && !after.contains("-echo "), "{after}");
}

#[test]
fn a_server_at_a_file_is_asked_there() {
    let folder = Folder::new();
    let file = folder.path().join("socket").display().to_string();
    let server = Process::configured(&format!("listener \"unix\" {{\n address = \"{file}\"\n}}"), &[]);
    let eve = Person::stranger(server.address());
    assert_eq!(server.address(), format!("unix://{file}"));
    assert_eq!(eve.types(&["operator", "init", "-status"], "").status, 2);
    eve.fails(&["operator", "init", "-status", "-address=unix:///nowhere/at/all"], 1, "Is the server running?");
}

#[test]
fn whoever_asks_over_the_wrong_protocol_is_told_which_is_right() {
    let options = ["-dev", "-dev-no-store-token", "-dev-listen-address=127.0.0.1:0"];
    let server = Process::launch(&options);
    let eve = Person::stranger(&server.address().replace("http://", "https://"));
    eve.fails(&["status"], 1, "the server speaks HTTP where HTTPS was asked");
    let server = Process::launch(&["-dev-tls", options[1], options[2]]);
    let eve = Person::stranger(&server.address().replace("https://", "http://"));
    eve.fails(&["status"], 1, "if it speaks HTTPS, say https://");
}

#[test]
fn a_server_takes_its_settings_from_the_environment_and_refuses_those_that_are_none() {
    let variables = [("VAULT_DEV_ROOT_TOKEN_ID", "theirs"), ("INNKEEPER_DEV_ROOT_TOKEN_ID", "ours")];
    let listen = ("VAULT_DEV_LISTEN_ADDRESS", "127.0.0.1:0");
    let variables = variables.into_iter().chain([listen]).map(|(name, value)| (name.to_owned(), value.to_owned()));
    let server = Process::launch_with(&["-dev=true", "-dev-no-store-token"], &variables.collect::<Vec<_>>());
    assert_eq!(server.said_after("Root Token: "), "ours");
    let mut eve = Person::stranger(server.address());
    eve.fails(&["server", "-dev", "-log-level=nope"], 1, "nope");
    eve.fails(&["server", "-dev", "-log-format=xml"], 1, "xml");
    eve.environment.push(("VAULT_LOG_LEVEL", "nope".into()));
    eve.fails(&["server", "-dev"], 1, "VAULT_LOG_LEVEL must be one of trace, debug, info, warn, error");
}

#[test]
fn a_program_whose_output_nobody_reads_does_not_panic() {
    let eve = Person::stranger("http://127.0.0.1:1");
    for arguments in [&["version"][..], &["print", "token"]] {
        let mut command = eve.command(&binary());
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ended = command.args(arguments).env("VAULT_TOKEN", "s.mine").stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.code().is_some_and(|status| status < 2) && !said.contains("panicked"), "{said}");
    }
}

#[test]
fn a_share_too_many_is_not_repeated_and_a_letter_asks_for_the_version() {
    let eve = Person::stranger("http://127.0.0.1:1");
    let ended = eve.types(&["operator", "unseal", "one-share", "another-share"], "");
    assert_eq!(ended.status, 1);
    assert!(ended.errors.contains("Too many arguments") && !ended.errors.contains("another-share"), "{}", ended.errors);
    assert!(eve.says(&["-v"]).starts_with("innkeeper "));
}
