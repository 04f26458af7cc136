//! One provider: its client, and how it is asked.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use aws_config::default_provider::region::DefaultRegionChain;
use aws_config::meta::region::RegionProviderChain;
use aws_sdk_kms::config::http::HttpResponse;
use aws_sdk_kms::config::retry::RetryConfig;
use aws_sdk_kms::config::timeout::TimeoutConfig;
use aws_sdk_kms::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use keys::registry::{AwsKmsLocator, AwsKmsProvider};
use keys::{Error, Hash};
use secrecy::ExposeSecret;
use tokio::time::{Instant, sleep, timeout_at};

use crate::bounded::Bounded;
use crate::failure::{self, Failure};
use crate::gate::Gate;

/// The region where neither the record nor the node says one, as in Vault.
const USUAL_REGION: &str = "us-east-1";
/// Longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How often a request that failed in passing is sent again. Throttled ones are until the deadline.
const AGAIN_MAX: u32 = 3;
/// The first pause before a request is sent again; each later one is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What makes two records share a client.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    /// A digest, so that no second copy of the secret is held.
    keys: Option<(String, Vec<u8>)>,
    region: Option<String>,
    endpoint: Option<String>,
}

impl Identity {
    pub(crate) fn of(provider: &AwsKmsProvider) -> Result<Self, Error> {
        let keys = match (&provider.access_key, &provider.secret_key) {
            (Some(access), Some(secret)) => {
                let secret = Hash::Sha256.digest(secret.expose_secret().as_bytes())?;
                Some((access.expose_secret().to_owned(), secret))
            }
            (None, None) => None,
            _ => return Err(Error::invalid("access_key and secret_key: give both, or none")),
        };
        Ok(Self { keys, region: provider.region.clone(), endpoint: provider.endpoint_url() })
    }
}

/// Whether a request may be sent again when nobody knows whether the first one was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It may.
    Safe,
    /// It may not: it would make another one.
    Unsafe,
}

/// The client of one provider.
pub(crate) struct Client {
    /// Requests start here.
    pub(crate) kms: aws_sdk_kms::Client,
    /// The region that is asked.
    pub(crate) region: String,
    gate: Gate,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("region", &self.region).finish_non_exhaustive()
    }
}

impl Client {
    /// A client with the record's own keys. Of the node it takes the proxies and, if the record says none, the region.
    pub(crate) fn explicit(provider: &AwsKmsProvider, access: &str, secret: &str) -> Self {
        let region = provider.region.clone().or_else(region_of_environment).unwrap_or_else(|| USUAL_REGION.into());
        let credentials = Credentials::new(access, secret, None, None, "managed key");
        let config = Builder::new().behavior_version(BehaviorVersion::latest()).credentials_provider(credentials);
        Self::new(config, provider, region)
    }

    /// A client with the node's own credentials, proxies and endpoints, from its environment, its profile, its web
    /// identity, or the machine that it runs on; the region too, if the record says none.
    pub(crate) async fn ambient(provider: &AwsKmsProvider) -> Self {
        let region = provider.region.clone().map(Region::new);
        let region = RegionProviderChain::first_try(region).or_else(DefaultRegionChain::builder().build());
        let region = region.or_else(USUAL_REGION).region().await;
        let node = aws_config::defaults(BehaviorVersion::latest()).region(region.clone()).load().await;
        let region = region.map_or_else(|| USUAL_REGION.into(), |region| region.to_string());
        Self::new(Builder::from(&node), provider, region)
    }

    fn new(config: Builder, provider: &AwsKmsProvider, region: String) -> Self {
        let mut config = config
            .region(Region::new(region.clone()))
            // Sending again is decided here, because the SDK knows no deadline.
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT_MAX).build())
            .interceptor(Bounded);
        if let Some(endpoint) = provider.endpoint_url() {
            config = config.endpoint_url(endpoint);
        }
        Self { kms: aws_sdk_kms::Client::from_conf(config.build()), region, gate: Gate::new() }
    }

    /// Refuses an ARN of a region that is not the one asked: AWS would say that there is no such key.
    pub(crate) fn check(&self, locator: &AwsKmsLocator) -> Result<(), Error> {
        match locator.kms_key.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(2)) {
            Some(region) if region != self.region => Err(Error::invalid(format!(
                "region: the ARN in kms_key is of the region {region:?}: say the same here"
            ))),
            _ => Ok(()),
        }
    }

    /// Asks, and asks again where that may help, until the deadline.
    pub(crate) async fn ask<T, E, F>(&self, deadline: Instant, again: Again, send: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        if deadline <= Instant::now() {
            return Err(Error::Timeout.into());
        }
        let _turn = self.gate.enter(deadline).await?;
        let (mut pause, mut passing, mut last) = (PAUSE_MIN, 0, None);
        loop {
            let failure = match timeout_at(deadline, send()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => failure::read(error),
                Err(_) => return Err(last.unwrap_or(Failure::Final(Error::Timeout))),
            };
            let wait = match &failure {
                // It was not carried out.
                Failure::Throttled { wait, .. } => pause.max(wait.unwrap_or_default()),
                Failure::Passing(_) if again == Again::Safe && passing < AGAIN_MAX => pause,
                _ => return Err(failure),
            };
            passing += u32::from(matches!(failure, Failure::Passing(_)));
            let wait = jittered(wait);
            if deadline <= Instant::now() + wait {
                return Err(failure);
            }
            sleep(wait).await;
            last = Some(failure);
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

/// The region that the node's environment says.
fn region_of_environment() -> Option<String> {
    ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|it| !it.is_empty()))
}

/// Between one and one and a half times as long, so that those who were refused together do not come back together.
fn jittered(pause: Duration) -> Duration {
    let nanos =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    pause + pause * (nanos / 1000 % 512) / 1024
}
