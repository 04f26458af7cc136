//! The driver against Azure on this machine (see `keys_testing::azure`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod conformance;
mod credentials;
mod faults;
mod kept;
mod records;

use std::sync::Arc;
use std::time::Duration;

use azurekeyvault::{Driver, NodeIdentity, Settings};
use keys::registry::{AzureKeyVaultLocator, AzureKeyVaultProvider};
use keys::{Curve, Description, Driver as _, Error, Hash, Input, Locator, Provider, Scheme, SignRequest};
use keys_testing::azure::{Azure, CLIENT, TENANT};
use secrecy::SecretString;
use tokio::time::Instant;

const ES256: Scheme = Scheme::Ecdsa(Hash::Sha256);

/// A vault of a test's own, and a node that uses it.
struct Scene {
    azure: Arc<Azure>,
    driver: Driver,
    vault: &'static str,
}

impl Scene {
    fn new(vault: &'static str) -> Self {
        Self::of(Azure::start(), vault, NodeIdentity::Forbidden)
    }

    fn of(azure: Azure, vault: &'static str, node_identity: NodeIdentity) -> Self {
        let driver = Driver::new(settings(&azure, vault, node_identity)).unwrap();
        Self { azure: Arc::new(azure), driver, vault }
    }

    fn host(&self) -> String {
        format!("{}.vault.azure.net", self.vault)
    }

    fn record(&self) -> AzureKeyVaultProvider {
        AzureKeyVaultProvider {
            tenant_id: TENANT.into(),
            client_id: Some(CLIENT.into()),
            client_secret: Some(SecretString::from(self.azure.secret.clone())),
            environment: "AZUREPUBLICCLOUD".into(),
            vault_name: self.vault.into(),
            resource: "vault.azure.net".into(),
        }
    }

    fn provider(&self) -> Provider {
        Provider::AzureKeyVault(self.record())
    }

    async fn make(&self, locator: &Locator) -> Description {
        self.driver.generate(&self.provider(), locator, soon()).await.unwrap()
    }

    async fn sign(&self, locator: &Locator) -> Result<Vec<u8>, Error> {
        self.sign_by(locator, soon()).await
    }

    async fn sign_by(&self, locator: &Locator, deadline: Instant) -> Result<Vec<u8>, Error> {
        let digest = Hash::Sha256.digest(b"m").unwrap();
        let request = SignRequest { scheme: ES256, input: Input::Digest(&digest), public_key: None };
        self.driver.sign(&self.provider(), locator, request, deadline).await
    }
}

fn settings(azure: &Azure, vault: &str, node_identity: NodeIdentity) -> Settings {
    Settings { node_identity, addresses: azure.addresses(&[vault]), ca_file: Some(azure.ca_file()), clouds: Vec::new() }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

/// A key on P-256.
fn p256(name: &str) -> Locator {
    locator(name, "EC", None, Some(Curve::P256))
}

fn locator(name: &str, key_type: &str, key_bits: Option<u32>, curve: Option<Curve>) -> Locator {
    Locator::AzureKeyVault(AzureKeyVaultLocator {
        key_name: name.into(),
        key_version: None,
        key_type: key_type.into(),
        key_bits,
        curve,
    })
}

fn verifies(made: &Description, signature: &[u8]) -> bool {
    keys::verify(&made.public_key, ES256, Input::Message(b"m"), signature).unwrap()
}

/// A text for clients, after looking that it tells nothing that is the node's or the service's alone.
fn public(error: &Error) -> String {
    let text = error.public();
    for word in [
        keys_testing::azure::UNSPEAKABLE,
        ".vault.",
        ".managedhsm.",
        "microsoftonline",
        "https:",
        "127.0.0.1",
        "Bearer",
    ] {
        assert!(!text.contains(word), "{word:?} is in a text for clients: {text}");
    }
    assert!(!error.to_string().contains(keys_testing::azure::UNSPEAKABLE), "a body is in the log: {error}");
    text
}
