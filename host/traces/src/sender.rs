//! Sends batches to the receiver.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use reqwest::{Certificate, Client};
use tokio::runtime::Handle;

use crate::settings::{Settings, Unusable};

/// Longest time that a batch may take to be sent and answered.
pub const SEND_MAX: Duration = Duration::from_secs(10);
/// Longest time until a connection is there.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Longest answer, in bytes: it says at most how many spans were refused, and why.
const ANSWER_MAX: usize = 64 << 10;

/// Asks the receiver and nobody else: no proxy, no redirect. Whoever calls it is a thread that runs nothing else, so the
/// work is done on the server's own runtime.
#[derive(Debug)]
pub(crate) struct Sender {
    client: Client,
    runtime: Handle,
}

impl Sender {
    pub(crate) fn new(settings: &Settings, runtime: Handle) -> Result<Self, Unusable> {
        let builder = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_MAX)
            .timeout(SEND_MAX)
            .default_headers(settings.header_map()?);
        let builder = match &settings.ca_pem {
            None => builder,
            Some(pem) => {
                let found = Certificate::from_pem_bundle(pem.as_bytes()).unwrap_or_default();
                if found.is_empty() {
                    return Err(Unusable::new("tls_ca_file", "must hold certificates in PEM"));
                }
                builder.tls_certs_only(found)
            }
        };
        let client = builder.build();
        let client =
            client.map_err(|error| Unusable::new("endpoint", format!("no client: {}", error.without_url())))?;
        Ok(Self { client, runtime })
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        self.runtime.spawn(exchange(client, request)).await?
    }
}

async fn exchange(client: Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let mut answer = client.execute(request.try_into()?).await.map_err(reqwest::Error::without_url)?;
    let mut response = Response::builder().status(answer.status());
    if let Some(headers) = response.headers_mut() {
        *headers = std::mem::take(answer.headers_mut());
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        if body.len() + chunk.len() > ANSWER_MAX {
            return Err("the receiver's answer has more than 64 KiB".into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(response.body(Bytes::from(body))?)
}
