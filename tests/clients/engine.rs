//! `innkeeper engine …`, as a stranger who writes an engine uses it: in an empty folder, with nothing but the binary and
//! a Rust toolchain.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use harness::{Folder, ROOT, binary, try_send};
use serde_json::{Value, json};

/// Longest that a development server takes to say something.
const SAID_MAX: Duration = Duration::from_secs(60);

/// What a command did.
struct Ended {
    status: i32,
    output: String,
    errors: String,
}

/// A stranger in a folder.
struct Stranger(Folder);

impl Stranger {
    fn new() -> Self {
        Self(Folder::new())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, below: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.arg("engine").args(arguments).current_dir(self.path(below)).stdin(Stdio::null());
        // One folder for all runs, so that the SDK's dependencies are compiled once; they were fetched for this workspace.
        let target = binary().parent().unwrap().parent().unwrap().join("strangers");
        command.env("CARGO_TARGET_DIR", target).env("CARGO_NET_OFFLINE", "true");
        command
    }

    fn types(&self, below: &str, arguments: &[&str]) -> Ended {
        let output = self.command(below, arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended { status: output.status.code().unwrap(), output: text(output.stdout), errors: text(output.stderr) }
    }

    #[track_caller]
    fn says(&self, below: &str, arguments: &[&str]) -> String {
        let ended = self.types(below, arguments);
        assert_eq!(ended.status, 0, "{arguments:?}: {}{}", ended.output, ended.errors);
        ended.output
    }

    #[track_caller]
    fn fails(&self, arguments: &[&str], says: &str) {
        let ended = self.types("", arguments);
        assert_eq!(ended.status, 1, "{arguments:?}: {}{}", ended.output, ended.errors);
        assert!(ended.errors.contains(says), "{arguments:?}: {}", ended.errors);
    }

    /// A new project, with the versions of dependencies that this workspace has: those are on this machine.
    fn project(&self, name: &str) {
        self.says("", &["new", name]);
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("Cargo.lock");
        fs::copy(lock, self.path(name).join("Cargo.lock")).unwrap();
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(file)).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        fs::write(self.path(file), text.replace(from, to)).unwrap();
    }
}

/// A development server.
struct Dev {
    process: Child,
    lines: Receiver<String>,
    log: PathBuf,
    address: String,
}

impl Dev {
    fn start(stranger: &Stranger, arguments: &[&str]) -> Self {
        let log = stranger.path("dev.log");
        let fixed = ["dev", "-listen-address=127.0.0.1:0", "-root-token-id=test-root"];
        let mut command = stranger.command("", &[&fixed[..], arguments].concat());
        command.stdout(Stdio::piped()).stderr(fs::File::create(&log).unwrap());
        let mut process = command.spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (tell, lines) = channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        let mut dev = Self { process, lines, log, address: String::new() };
        let exported = dev.says("VAULT_ADDR='");
        dev.address = exported.split('\'').nth(1).unwrap().to_owned();
        assert!(dev.says("VAULT_TOKEN='").contains(ROOT));
        dev.says("==> Ready");
        dev
    }

    /// Waits for a line with these words.
    #[track_caller]
    fn says(&self, words: &str) -> String {
        let late = Instant::now() + SAID_MAX;
        loop {
            let line = self.lines.recv_timeout(late.saturating_duration_since(Instant::now()));
            let line = line.unwrap_or_else(|_| panic!("it does not say {words:?}: {}", self.logged()));
            if line.contains(words) {
                return line;
            }
        }
    }

    fn logged(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    #[track_caller]
    fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let answer = try_send(&self.address, method, path, &[("X-Vault-Token", ROOT)], bytes).unwrap();
        (answer.status, answer.json)
    }

    /// Ends it as Ctrl-C does; whether it ended well.
    fn interrupt(mut self) -> bool {
        let sent = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let late = Instant::now() + SAID_MAX;
        while Instant::now() < late {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.success();
            }
            thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_stranger_makes_an_engine_tests_it_and_sees_changes_as_they_are_built() {
    let stranger = Stranger::new();
    stranger.project("greeter");
    let built = stranger.says("greeter", &["build"]);
    assert!(built.starts_with("./greeter.wasm\n") && built.contains("sha256 "), "{built}");
    let file = stranger.path("greeter/greeter.wasm").display().to_string();

    let shown = stranger.says("", &["inspect", &file]);
    for says in ["greeter 0.1.0, a secrets engine", "notes/{name}", "GET POST DELETE", "mount's own drawer", "rustc"] {
        assert!(shown.contains(says), "{says}: {shown}");
    }
    let json: Value = serde_json::from_str(&stranger.says("", &["inspect", &file, "-format=json"])).unwrap();
    assert_eq!((&json["guest"], &json["description"]["name"]), (&json!(true), &json!("greeter")), "{json}");
    assert!(built.contains(json["sha256"].as_str().unwrap()), "{built}");

    let ran = stranger.says("greeter", &["test", "greeter.wasm", "-requests=requests.json"]);
    assert!(ran.contains("POST    greeter/notes/one") && ran.contains(" 0 not answered as expected"), "{ran}");
    let with_a_key = ["test", "greeter.wasm", "-requests=requests-with-a-key.json", "-managed-key=signing"];
    let ran = stranger.says("greeter", &with_a_key);
    assert!(ran.contains(" 0 not answered as expected"), "{ran}");
    stranger.edit("greeter/requests.json", r#""text": "hello" } } }"#, r#""text": "bye" } } }"#);
    let failed = stranger.types("greeter", &["test", "greeter.wasm", "-requests=requests.json"]);
    assert_eq!(failed.status, 1);
    assert!(failed.output.contains(r#"data.text: expected "bye", got "hello""#), "{}", failed.output);

    let dev = Dev::start(&stranger, &[&file, "-mount=hello", "-managed-key=signing"]);
    assert_eq!(dev.call("POST", "hello/notes/one", json!({ "text": "kept" })).0, 204);
    let (status, signed) = dev.call("POST", "hello/sign/one", json!({ "key": "signing" }));
    assert!(status == 200 && signed["data"]["signature"].is_string(), "{signed}");
    assert!(dev.logged().contains("a note was written"), "{}", dev.logged());
    // What cannot be loaded leaves the one that runs.
    let before = fs::read(&file).unwrap();
    fs::write(&file, &before[..before.len() / 2]).unwrap();
    assert!(dev.says("the one before runs on").contains("cannot be loaded"));
    assert_eq!(dev.call("GET", "hello/notes/one", Value::Null).1["data"]["text"], "kept");
    // A change is built and runs, over what was kept.
    let text = r#"json!({ "text": note.text,"#;
    stranger.edit("greeter/src/lib.rs", text, r#"json!({ "text": note.text.to_uppercase(),"#);
    stranger.edit(
        "greeter/src/lib.rs",
        "    storage::delete(&place(request))?;",
        "    assert!(request.id().is_empty(), \"never\");",
    );
    stranger.says("greeter", &["build"]);
    dev.says("has changed: hello/ runs ");
    assert_eq!(dev.call("GET", "hello/notes/one", Value::Null).1["data"]["text"], "KEPT");
    assert_eq!(dev.call("DELETE", "hello/notes/one", Value::Null).0, 500);
    let logged = dev.logged();
    assert!(logged.contains("the engine panicked") && logged.contains("the guest trapped"), "{logged}");
    assert!(dev.interrupt());

    // In a project it builds what is saved.
    let dev = Dev::start(&stranger, &["greeter", "-mount=saved"]);
    assert_eq!(dev.call("POST", "saved/notes/one", json!({ "text": "kept" })).0, 204);
    stranger.edit("greeter/src/lib.rs", ".to_uppercase()", ".to_uppercase(");
    assert!(dev.says("the one before runs on").contains("cargo failed"));
    stranger.edit("greeter/src/lib.rs", ".to_uppercase(", ".repeat(2)");
    dev.says("has changed: saved/ runs ");
    assert_eq!(dev.call("GET", "saved/notes/one", Value::Null).1["data"]["text"], "keptkept");
    assert!(dev.interrupt());
}

#[test]
fn nothing_is_overwritten_and_wrong_names_and_languages_are_refused() {
    let stranger = Stranger::new();
    stranger.says("", &["new", "greeter"]);
    stranger.fails(&["new", "greeter"], "greeter: File exists");
    stranger.fails(&["new", "../greeter"], "name: must be [a-z][a-z0-9-]{0,62}");
    stranger.fails(&["new", "fn"], "no crate can be called so");
    stranger.fails(&["new", "gopher", "-lang=go"], "guests/examples");
    stranger.fails(&["new", "other", "-sdk=greeter"], "sdk: must be the folder of the crate innkeeper-guest");
    assert!(!stranger.path("other").exists() && !stranger.path("gopher").exists());
}

#[test]
fn what_cannot_be_a_guest_is_told_with_the_reason() {
    let stranger = Stranger::new();
    let greedy = wat::parse_str(r#"(component (import "wasi:http/outgoing-handler@0.2.0" (instance)))"#).unwrap();
    fs::write(stranger.path("greedy.wasm"), greedy).unwrap();
    fs::write(stranger.path("module.wasm"), wat::parse_str("(module)").unwrap()).unwrap();
    fs::write(stranger.path("text.wasm"), "text").unwrap();
    stranger.fails(&["inspect", "greedy.wasm"], "wasi:http/outgoing-handler@0.2.0, which is not part of the contract");
    let told = stranger.types("", &["inspect", "greedy.wasm", "-format=json"]);
    let json: Value = serde_json::from_str(&told.output).unwrap();
    assert_eq!((told.status, &json["guest"]), (1, &json!(false)));
    assert!(json["powers"][0]["meaning"].as_str().unwrap().contains("is refused"), "{json}");
    stranger.fails(&["inspect", "module.wasm"], " be a guest");
    stranger.fails(&["inspect", "text.wasm"], "is neither a WebAssembly component nor a module");
    stranger.fails(&["inspect", "nobody.wasm"], "nobody.wasm: No such file");
    fs::write(stranger.path("requests.json"), r#"[{"method": "GET", "path": "a"}]"#).unwrap();
    stranger.fails(&["test", "greedy.wasm", "-requests=requests.json"], "is not part of the contract");
    stranger.fails(&["dev", "greedy.wasm", "-listen-address=127.0.0.1:0"], "is not part of the contract");
}
