//! `sys/generate-root/attempt` and `update`: a new root token by a quorum of operators. No token is asked for.

use access::{ROOT_TOKEN_LEN, Tokens};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use model::{Fault, Operation, Reply};
use seal::Share;
use seal::generate_root::{self, Progress, Step};
use secrecy::ExposeSecret;
use serde_json::json;
use zeroize::Zeroizing;

use crate::{Call, params, random, unsupported};

pub(crate) async fn attempt(call: Call<'_>) -> Result<Reply, Fault> {
    match call.operation {
        Operation::Read => Ok(told(&generate_root::status(call.transaction).await?, "", "")),
        Operation::Update => {
            if params::text(&call.body, "pgp_key")?.is_some_and(|key| !key.is_empty()) {
                return Err(Fault::invalid("pgp_key: this build does not encrypt tokens with PGP; use otp"));
            }
            let given = params::text(&call.body, "otp")?.filter(|otp| !otp.is_empty());
            let otp = match given {
                Some(otp) => Zeroizing::new(otp.to_owned()),
                None => Zeroizing::new(URL_SAFE_NO_PAD.encode(random::<21>()?)),
            };
            if otp.len() != ROOT_TOKEN_LEN || !otp.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(Fault::invalid(format!("otp: must be {ROOT_TOKEN_LEN} visible ASCII characters")));
            }
            let progress = generate_root::start(call.transaction, otp.clone()).await?;
            Ok(told(&progress, if given.is_some() { "" } else { &otp }, ""))
        }
        Operation::Delete => {
            generate_root::cancel(call.transaction)?;
            Ok(Reply::nothing())
        }
        _ => Err(unsupported()),
    }
}

pub(crate) async fn update(tokens: &Tokens, call: Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let share = Share::parse(params::text(&call.body, "key")?.unwrap_or_default())?;
    let nonce = params::text(&call.body, "nonce")?.unwrap_or_default();
    match generate_root::update(call.transaction, share, nonce).await {
        Ok(Step::Waiting(progress)) => Ok(told(&progress, "", "")),
        Ok(Step::Proven { progress, otp }) => {
            let token = tokens.create_root(call.transaction, None, call.now).await?;
            let hidden: Vec<u8> =
                token.expose_secret().bytes().zip(otp.bytes()).map(|(token, pad)| token ^ pad).collect();
            tracing::warn!(request = call.request, "a root token was made by a quorum of operators");
            Ok(told(&progress, "", &STANDARD_NO_PAD.encode(hidden)))
        }
        Err(refused @ seal::Error::WrongKey) => {
            // That the shares are forgotten must be kept, although the request fails.
            call.transaction.checkpoint().await.map_err(crate::stored)?;
            Err(Fault::invalid(format!("{refused}: the shares that came so far are forgotten")))
        }
        Err(other) => Err(other.into()),
    }
}

fn told(progress: &Progress, otp: &str, token: &str) -> Reply {
    Reply::bare(
        200,
        json!({
            "nonce": progress.nonce, "started": !progress.nonce.is_empty(), "progress": progress.progress,
            "required": progress.required, "complete": !token.is_empty(), "encoded_token": token,
            "encoded_root_token": token, "pgp_fingerprint": "", "otp": otp, "otp_length": ROOT_TOKEN_LEN,
        }),
    )
}
