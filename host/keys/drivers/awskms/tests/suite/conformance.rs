//! The suite of all drivers, on LocalStack.

use std::sync::Arc;

use keys::registry::AwsKmsKeyType;
use keys::{Curve, Hash, Locator, Provider, Scheme, Sealing};
use keys_testing::conformance::{self, Home, Row, Sort};

use crate::{driver, ecdsa, localstack, provider_at, rsa, symmetric};

struct OnLocalStack;

impl Home for OnLocalStack {
    fn driver(&self) -> Arc<dyn keys::Driver> {
        Arc::new(driver())
    }

    fn provider(&self) -> Provider {
        provider_at(&localstack().url())
    }

    /// LocalStack takes every credential; moto does not (see `identity`).
    fn stranger(&self) -> Option<Provider> {
        None
    }

    fn plaintext_max(&self) -> usize {
        4096
    }

    fn message_max(&self) -> usize {
        4096
    }

    fn locator(&self, sort: Sort, name: &str) -> Option<Locator> {
        let alias = format!("alias/{name}");
        match sort {
            Sort::RsaPkcs1(bits) | Sort::RsaPss(bits) => Some(rsa(&alias, Some(bits))),
            Sort::Ec(curve) => Some(ecdsa(&alias, Some(curve))),
            // AWS has such keys; LocalStack does not (see `faults`).
            Sort::Ed25519 | Sort::Seal(Sealing::AesGcm | Sealing::AesCbc | Sealing::AesCbcPad) => None,
            Sort::Seal(Sealing::Home) => Some(symmetric(&alias, AwsKmsKeyType::Aes, None)),
            Sort::Mac(hash) => Some(symmetric(&alias, AwsKmsKeyType::Hmac, u32::try_from(hash.len() * 8).ok())),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_driver_keeps_the_promises_of_all_drivers() {
    let rows = conformance::all(&OnLocalStack).await;
    for Row { sort, schemes, symmetric } in rows {
        assert_eq!(symmetric.is_empty(), !matches!(sort, Sort::Seal(Sealing::Home) | Sort::Mac(_)), "{sort:?}");
        let expected = match sort {
            Sort::RsaPkcs1(_) | Sort::RsaPss(_) => {
                let hashes = [Hash::Sha256, Hash::Sha384, Hash::Sha512];
                hashes.map(Scheme::Pkcs1v15).into_iter().chain(hashes.map(Scheme::Pss)).collect()
            }
            Sort::Ec(Curve::P256) => vec![Scheme::Ecdsa(Hash::Sha256)],
            Sort::Ec(Curve::P384) => vec![Scheme::Ecdsa(Hash::Sha384)],
            Sort::Ec(Curve::P521) => vec![Scheme::Ecdsa(Hash::Sha512)],
            Sort::Ed25519 | Sort::Seal(_) | Sort::Mac(_) => vec![],
        };
        assert_eq!(schemes, expected, "{sort:?}");
    }
}
