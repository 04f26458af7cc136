//! A registry that runs.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;

use oci_client::Reference;
use oci_client::client::{Client, ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use serde_json::json;
use tempfile::TempDir;

use crate::Artifact;

/// Who a registry with an account lets in.
pub const ACCOUNT: (&str, &str) = ("innkeeper", "a password of the registry");

/// Runs the program until standard input ends, as it does when whoever holds it is gone.
const RUN: &str = r#"docker-registry serve "$1" 2>&1 & pid=$!; cat >/dev/null; kill $pid; wait $pid 2>/dev/null"#;

/// A registry, until this is dropped or the process ends.
pub struct DockerRegistry {
    child: Child,
    port: u16,
    account: bool,
    folder: TempDir,
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

impl DockerRegistry {
    /// Starts one that lets everybody in.
    pub fn start() -> Self {
        Self::start_with(false, None)
    }

    /// Starts one that lets in [`ACCOUNT`] alone, where that is wanted, with TLS by a certificate and its key, both PEM.
    pub fn start_with(account: bool, tls: Option<(&str, &str)>) -> Self {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mut config = json!({
            "version": "0.1", "storage": { "filesystem": { "rootdirectory": at("store") } },
            "http": { "addr": "127.0.0.1:0", "secret": "of tests" }, "log": { "level": "info" },
        });
        if account {
            let line = format!("{}:{}\n", ACCOUNT.0, bcrypt::hash(ACCOUNT.1, 4).unwrap());
            std::fs::write(at("htpasswd"), line).unwrap();
            config["auth"] = json!({ "htpasswd": { "realm": "tests", "path": at("htpasswd") } });
        }
        if let Some((certificate, key)) = tls {
            std::fs::write(at("certificate.pem"), certificate).unwrap();
            std::fs::write(at("key.pem"), key).unwrap();
            config["http"]["tls"] = json!({ "certificate": at("certificate.pem"), "key": at("key.pem") });
        }
        // JSON is YAML.
        std::fs::write(at("config.yml"), config.to_string()).unwrap();
        let mut command = Command::new("sh");
        command
            .args(["-c", RUN, "sh"])
            .arg(at("config.yml"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("there is a shell");
        let port = port(&mut child);
        Self { child, port, account, folder }
    }

    /// Its name, as references and the server's configuration have it.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Pushes an artifact under `NAME:TAG`; the reference to it. Only to a registry without TLS.
    pub fn push(&self, name_and_tag: &str, artifact: &Artifact) -> String {
        let image = format!("{}/{name_and_tag}", self.host());
        let reference = Reference::try_from(image.as_str()).unwrap();
        let (layers, config, manifest) = artifact.parts();
        let auth = self.auth();
        apart(async move {
            client().push(&reference, &layers, config, &auth, Some(manifest)).await.unwrap();
        });
        image
    }

    /// Pushes a manifest as it is; the reference to it.
    pub fn push_manifest(&self, name_and_tag: &str, media_type: &'static str, manifest: String) -> String {
        let image = format!("{}/{name_and_tag}", self.host());
        let reference = Reference::try_from(image.as_str()).unwrap();
        let auth = self.auth();
        apart(async move {
            let client = client();
            client.store_auth_if_needed(reference.resolve_registry(), &auth).await;
            client.push_manifest_raw(&reference, manifest, media_type.parse().unwrap()).await.unwrap();
        });
        image
    }

    /// Writes other bytes over a blob, as a thief of the registry's disk would.
    pub fn tamper(&self, sha256: &str, bytes: &[u8]) {
        let blobs = self.folder.path().join("store/docker/registry/v2/blobs/sha256");
        std::fs::write(blobs.join(&sha256[..2]).join(sha256).join("data"), bytes).unwrap();
    }

    fn auth(&self) -> RegistryAuth {
        if self.account { RegistryAuth::Basic(ACCOUNT.0.into(), ACCOUNT.1.into()) } else { RegistryAuth::Anonymous }
    }
}

fn client() -> Client {
    Client::new(ClientConfig { protocol: ClientProtocol::Http, use_monolithic_push: true, ..ClientConfig::default() })
}

/// Waits on a thread of its own: the test may have a runtime already.
fn apart(work: impl Future<Output = ()> + Send + 'static) {
    let run = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
    thread::spawn(run).join().unwrap();
}

/// The port that the registry says it listens on. What it says later is read too, and let go.
fn port(child: &mut Child) -> u16 {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = Vec::new();
    for line in lines.by_ref().map_while(Result::ok) {
        let port = line.split("listening on 127.0.0.1:").nth(1);
        let digits = port.map(|port| port.chars().take_while(char::is_ascii_digit).collect::<String>());
        if let Some(port) = digits.and_then(|digits| digits.parse().ok()) {
            thread::spawn(move || lines.for_each(drop));
            return port;
        }
        said.push(line);
    }
    panic!("docker-registry does not start: run `make setup`\n{}", said.join("\n"));
}
