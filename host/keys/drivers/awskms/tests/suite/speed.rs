//! What the driver costs beside AWS's own client.

use std::sync::Arc;
use std::time::Instant as Clock;

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};
use keys::{Curve, Driver as _};

use crate::{aws, deadline, driver, ecdsa, localstack, provider_at, request};

const SIGNATURES: usize = 400;
const SIGNERS: usize = 8;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: run it alone, with --nocapture"]
async fn signatures_through_the_driver_and_through_the_client_alone() {
    let (driver, provider) = (Arc::new(driver()), provider_at(&localstack().url()));
    let (locator, aws) = (ecdsa("alias/speed", Some(Curve::P256)), aws(&localstack().url()));
    driver.generate(&provider, &locator, deadline()).await.unwrap();
    for turn in 0..4 {
        let started = Clock::now();
        let mut signers = tokio::task::JoinSet::new();
        for _ in 0..SIGNERS {
            let (driver, provider, locator, aws) = (driver.clone(), provider.clone(), locator.clone(), aws.clone());
            signers.spawn(async move {
                for _ in 0..SIGNATURES / SIGNERS {
                    if turn % 2 == 0 {
                        driver.sign(&provider, &locator, request(&[7; 32]), deadline()).await.unwrap();
                        continue;
                    }
                    let sign = aws.sign().key_id("alias/speed").message(Blob::new([7; 32]));
                    let sign =
                        sign.message_type(MessageType::Digest).signing_algorithm(SigningAlgorithmSpec::EcdsaSha256);
                    sign.send().await.unwrap();
                }
            });
        }
        signers.join_all().await;
        let what = if turn % 2 == 0 { "driver" } else { "SDK alone" };
        println!("{what}: {:.0}/s", SIGNATURES as f64 / started.elapsed().as_secs_f64());
    }
}
