//! The suite of all drivers, over a vault and over a Managed HSM.

use std::sync::Arc;

use keys::{Curve, KeyType, Locator, Provider};
use keys_testing::conformance::{self, Home, Sort};

use super::*;

struct OverVault {
    azure: Azure,
    hsm: bool,
}

impl OverVault {
    fn record(&self, secret: &str) -> Provider {
        Provider::AzureKeyVault(AzureKeyVaultProvider {
            tenant_id: TENANT.into(),
            client_id: Some(CLIENT.into()),
            client_secret: Some(SecretString::from(secret.to_owned())),
            environment: "AZUREPUBLICCLOUD".into(),
            vault_name: "conformance".into(),
            resource: if self.hsm { "managedhsm.azure.net" } else { "vault.azure.net" }.into(),
        })
    }
}

impl Home for OverVault {
    fn driver(&self) -> Arc<dyn keys::Driver> {
        Arc::new(Driver::new(settings(&self.azure, "conformance", NodeIdentity::Forbidden)).unwrap())
    }

    fn provider(&self) -> Provider {
        self.record(&self.azure.secret)
    }

    fn stranger(&self) -> Option<Provider> {
        Some(self.record("another-secret"))
    }

    fn locator(&self, sort: Sort, name: &str) -> Option<Locator> {
        let (plain, bits, curve) = match sort.key_type() {
            KeyType::Rsa { bits } => ("RSA", Some(bits), None),
            KeyType::Ec(curve) => ("EC", None, Some(curve)),
            KeyType::Ed25519 | KeyType::Aes { .. } | KeyType::Hmac { .. } => return None,
        };
        let key_type = if self.hsm { format!("{plain}-HSM") } else { plain.to_owned() };
        Some(locator(name, &key_type, bits, curve))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_vault_keep_every_promise_of_a_driver() {
    let rows = conformance::all(&OverVault { azure: Azure::start(), hsm: false }).await;
    let signs = |sort| rows.iter().find(|row| row.sort == sort).unwrap().schemes.len();
    let expected = [
        (Sort::RsaPkcs1(2048), 6),
        (Sort::RsaPkcs1(3072), 6),
        (Sort::RsaPss(2048), 6),
        (Sort::Ec(Curve::P256), 1),
        (Sort::Ec(Curve::P384), 1),
        (Sort::Ec(Curve::P521), 1),
        (Sort::Ed25519, 0),
    ];
    for (sort, schemes) in expected {
        assert_eq!(signs(sort), schemes, "{sort:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_managed_hsm_keep_every_promise_of_a_driver() {
    conformance::all(&OverVault { azure: Azure::start(), hsm: true }).await;
}

#[tokio::test]
async fn a_managed_hsm_is_not_asked_for_a_key_in_software() {
    let home = OverVault { azure: Azure::start(), hsm: true };
    let refused = home.driver().generate(&home.provider(), &p256("soft"), soon()).await.unwrap_err();
    assert!(public(&refused).contains("key_type"), "{}", public(&refused));
    assert!(!home.azure.asked("conformance").iter().any(|asked| asked.ends_with("/create")));
}
