//! moto: AWS with real signatures of requests (SigV4) and real policies. It signs digests wrongly, so it is for what comes
//! before a signature only.

use std::process::Command;

use crate::peer::{Peer, get, python};

/// The Python environment that the set-up makes.
const ENVIRONMENT: &str = ".venv-moto";

/// A moto of this process. To begin with it lets everybody do everything.
pub struct Moto(Peer);

/// Who may ask.
#[derive(Clone, Debug)]
pub struct User {
    /// The id of the key.
    pub access_key: String,
    /// The key.
    pub secret_key: String,
}

impl Moto {
    /// Starts one.
    pub fn start() -> Self {
        let program = python(ENVIRONMENT, "moto_server");
        let command = |port: u16, _: &std::path::Path| {
            let mut command = Command::new(&program);
            command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
            command
        };
        let answers = |port: u16| {
            let page = get(&format!("http://127.0.0.1:{port}/moto-api/data.json"));
            page.is_some_and(|page| page.starts_with('{'))
        };
        Self(Peer::start(command, answers))
    }

    /// The endpoint of every service.
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// Makes a user who may do these actions (`kms:Sign`), and no others. Before [`Self::enforce`] only.
    pub fn user(&self, name: &str, actions: &[&str]) -> User {
        let actions: Vec<String> = actions.iter().map(|action| format!("{action:?}")).collect();
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":[{}],"Resource":"*"}}]}}"#,
            actions.join(",")
        );
        self.iam(&[("Action", "CreateUser"), ("UserName", name)]);
        let put = [("Action", "PutUserPolicy"), ("UserName", name), ("PolicyName", "p"), ("PolicyDocument", &policy)];
        self.iam(&put);
        let made = self.iam(&[("Action", "CreateAccessKey"), ("UserName", name)]);
        let field = |name: &str| {
            let (_, rest) = made.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {made}"));
            rest.split('<').next().unwrap_or_default().to_owned()
        };
        User { access_key: field("AccessKeyId"), secret_key: field("SecretAccessKey") }
    }

    /// From now on requests must be signed rightly by a user whose policies allow them.
    pub fn enforce(&self) {
        let url = format!("{}/moto-api/reset-auth", self.url());
        let answer = ureq::post(url).header("content-type", "text/plain").send("0").expect("moto answers");
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// A call of IAM, by a signature that nobody checks.
    fn iam(&self, fields: &[(&str, &str)]) -> String {
        let scope =
            "AWS4-HMAC-SHA256 Credential=none/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0";
        let fields = fields.iter().copied().chain([("Version", "2010-05-08")]);
        let answer = ureq::post(self.url()).header("authorization", scope).send_form(fields);
        answer.expect("moto answers").body_mut().read_to_string().expect("its answer is text")
    }
}
