//! LocalStack: KMS, IAM and STS of AWS in one process. Its keys and signatures are real; credentials are not checked.

use std::process::Command;

use crate::peer::{Peer, get, python};

/// The Python environment that the set-up makes.
const ENVIRONMENT: &str = ".venv-localstack";

/// A LocalStack of this process.
pub struct LocalStack(Peer);

impl LocalStack {
    /// Starts one; it takes some seconds and half a gigabyte, so share it.
    pub fn start() -> Self {
        let program = python(ENVIRONMENT, "python");
        let command = |port: u16, folder: &std::path::Path| {
            let mut command = Command::new(&program);
            command.args(["-m", "localstack.runtime.main"]);
            // The server that it takes by itself listens on all addresses.
            command.env("GATEWAY_SERVER", "hypercorn").env("GATEWAY_LISTEN", format!("127.0.0.1:{port}"));
            command.env("SERVICES", "kms,sts,iam").env("EAGER_SERVICE_LOADING", "1");
            command.env("DISABLE_EVENTS", "1").env("SKIP_SSL_CERT_DOWNLOAD", "1").env("DNS_ADDRESS", "0");
            command.env("FILESYSTEM_ROOT", folder).env_remove("AWS_PROFILE");
            command
        };
        let answers = |port: u16| {
            let health = get(&format!("http://127.0.0.1:{port}/_localstack/health")).unwrap_or_default();
            health.contains(r#""kms": "running""#)
        };
        Self(Peer::start(command, answers))
    }

    /// The endpoint of every service.
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        self.0.log()
    }
}
