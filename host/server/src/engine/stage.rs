//! A house in memory with one component in it, asked as its door asks.

use std::path::PathBuf;
use std::sync::Arc;

use http_body_util::{BodyExt, Limited};
use hyper::Request;
use hyper::header::CONTENT_TYPE;
use meter::Meter;
use model::{MountClass, MountPath};
use sandbox::Loaded;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use storage::memory::Memory;
use tempfile::TempDir;

use super::Error;
use super::component::{self, Component};
use super::setting::Setting;
use super::softhsm::SoftHsm;
use crate::compose::{House, compose};
use crate::config::Config;
use crate::http;

/// Largest answer, in bytes.
const ANSWER_MAX: usize = 64 << 20;

/// The house, open, and its root token.
pub(super) struct Stage {
    pub(super) house: Arc<House>,
    token: SecretString,
    /// Its plugin directory: components may be larger than what a request carries.
    folder: TempDir,
}

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    /// `null` where it is not JSON.
    pub(super) json: Value,
    pub(super) text: String,
}

/// Where the component is mounted.
pub(super) struct Mounted {
    /// `secret` or `auth`.
    sort: &'static str,
    name: String,
    /// Ends in `/`; that of an auth method begins with `auth/`.
    pub(super) path: String,
}

impl Stage {
    /// Founds and opens a house, with this root token or a random one.
    pub(super) async fn open(config: Config, root: Option<SecretString>) -> Result<Self, Error> {
        let folder = tempfile::Builder::new().prefix("innkeeper-engine-").tempdir();
        let folder = folder.map_err(|error| Error::Wrong(format!("no temporary folder can be made: {error}")))?;
        let config = Config { plugin_directory: Some(folder.path().to_owned()), ..config };
        let house = Arc::new(compose(&config, Arc::new(Memory::new()), &[]).await?);
        let founded = house.gateway.develop(root).await?;
        Ok(Self { house, token: founded.root_token, folder })
    }

    /// The root token.
    pub(super) fn token(&self) -> &str {
        self.token.expose_secret()
    }

    /// A request with the root token. The path is below `/v1/`, as in a URL.
    pub(super) async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, Error> {
        let sort = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let request = Request::builder()
            .method(method)
            .uri(format!("/v1/{path}"))
            .header(CONTENT_TYPE, sort)
            .header("x-vault-token", self.token())
            .body(body.map(|body| body.to_string().into_bytes()).unwrap_or_default())
            .map_err(|error| Error::Wrong(format!("path: {path:?}: {error}")))?;
        let (head, body) = http::ask(&self.house.gateway, request).await.into_parts();
        let unreadable = |error| Error::Wrong(format!("{path}: the answer cannot be read: {error}"));
        let bytes = Limited::new(body, ANSWER_MAX).collect().await.map_err(unreadable)?.to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status: head.status.as_u16(), json, text })
    }

    /// The same for what must go well.
    pub(super) async fn fine(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Error> {
        let answer = self.ask(method, path, body).await?;
        if answer.status < 300 {
            return Ok(answer.json);
        }
        let errors: Vec<&str> =
            answer.json["errors"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        Err(Error::Wrong(format!("{path}: {}", errors.join("; "))))
    }

    /// Registers a component, makes the keys of the setting, and mounts it with them. The path is its name unless said.
    pub(super) async fn mount(
        &self,
        component: &Component,
        path: Option<&str>,
        (setting, token): (&Setting, Option<&SoftHsm>),
    ) -> Result<Mounted, Error> {
        let loaded = self.house.sandbox.load(&component.bytes, &Meter::default()).await;
        let Loaded::Engine(guest) = loaded.map_err(|error| Error::Wrong(error.to_string()))? else {
            return Err(Error::Wrong("the component is a language of policies, and no engine to mount".to_owned()));
        };
        let said = &guest.descriptor;
        let (sort, table, above) = match said.class {
            MountClass::Secret => ("secret", "mounts", ""),
            MountClass::Auth => ("auth", "auth", "auth/"),
        };
        let path = path.unwrap_or(&said.name);
        let parsed = MountPath::parse(path).map_err(|error| Error::Wrong(format!("mount: {error}")))?;
        let mounted = Mounted { sort, name: said.name.clone(), path: format!("{above}{parsed}") };
        self.register(&mounted, component).await?;
        setting.register_keys(self, token).await?;
        let body = json!({ "type": mounted.name, "config": { "allowed_managed_keys": setting.managed_keys } });
        self.fine("POST", &format!("sys/{table}/{}", parsed.as_str().trim_end_matches('/')), Some(&body)).await?;
        Ok(mounted)
    }

    /// Registers a component under the name of the one that is mounted.
    async fn register(&self, mounted: &Mounted, component: &Component) -> Result<(), Error> {
        let Mounted { sort, name, .. } = mounted;
        let sha256 = component::sha256(&component.bytes);
        let (command, path) = self.place(&sha256);
        std::fs::write(&path, &component.bytes).map_err(Error::file(&path))?;
        let body = json!({ "sha256": sha256, "command": command });
        self.fine("POST", &format!("sys/plugins/catalog/{sort}/{name}"), Some(&body)).await.map(drop)
    }

    /// Puts a component in the place of the one with this digest that is mounted; where that fails the mount runs on as it
    /// was. The digest of the new one.
    pub(super) async fn replace(
        &self,
        mounted: &Mounted,
        before: &str,
        component: &Component,
    ) -> Result<String, Error> {
        let sha256 = component::sha256(&component.bytes);
        let body = json!({ "mounts": [mounted.path] });
        let replaced = match self.register(mounted, component).await {
            Ok(()) => self.fine("POST", "sys/plugins/reload/backend", Some(&body)).await.map(|_| sha256.clone()),
            Err(error) => Err(error),
        };
        // Of many changes no more is kept than what runs.
        let left = if replaced.is_ok() { before } else { &sha256 };
        let _ = std::fs::remove_file(self.place(left).1);
        replaced
    }

    /// The name of a component's file in the plugin directory, and where that is.
    fn place(&self, sha256: &str) -> (String, PathBuf) {
        let name = format!("{sha256}.wasm");
        let path = self.folder.path().join(&name);
        (name, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_mounted_answers_and_is_replaced_only_by_what_can_be_loaded() {
        super::super::block_on(async {
            let stage = Stage::open(Config::default(), None).await.unwrap();
            let echo = Component { bytes: bundle::ECHO.component.to_vec(), from_module: false };
            let mounted = stage.mount(&echo, Some("birds"), (&Setting::default(), None)).await.unwrap();
            assert_eq!(mounted.path, "birds/");
            let body = json!({ "text": "hello" });
            let said = stage.ask("POST", "birds/say", Some(&body)).await.unwrap();
            assert_eq!((said.status, &said.json["data"]["text"]), (200, &json!("hello")), "{}", said.text);
            let broken = Component { bytes: echo.bytes[..1000].to_vec(), from_module: false };
            assert!(stage.replace(&mounted, &component::sha256(&echo.bytes), &broken).await.is_err());
            assert_eq!(stage.ask("POST", "birds/say", Some(&body)).await.unwrap().status, 200);
            stage.house.close().await;
            Ok(())
        })
        .unwrap();
    }
}
