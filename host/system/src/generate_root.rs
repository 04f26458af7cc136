//! `sys/generate-root/attempt` and `update`: a new root token by a quorum of operators. No token is asked for.

use access::{ROOT_TOKEN_LEN, Tokens};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use model::{Fault, Operation, Reply};
use seal::generate_root::{self, Cover, Progress, Step};
use seal::{Recipient, Share};
use secrecy::ExposeSecret;
use serde_json::json;
use zeroize::Zeroizing;

use crate::{Call, params, random, unsupported};

pub(crate) async fn attempt(call: Call<'_>) -> Result<Reply, Fault> {
    match call.operation {
        Operation::Read => Ok(told(&generate_root::status(call.transaction).await?, "", "")),
        Operation::Update => start(call).await,
        Operation::Delete => {
            generate_root::cancel(call.transaction)?;
            Ok(Reply::nothing())
        }
        _ => Err(unsupported()),
    }
}

async fn start(call: Call<'_>) -> Result<Reply, Fault> {
    let given = |field| Ok::<_, Fault>(params::text(&call.body, field)?.filter(|text| !text.is_empty()));
    // Before the work that a key makes.
    generate_root::expect_none(call.transaction).await?;
    let (cover, shown) = match (given("otp")?, given("pgp_key")?) {
        (Some(_), Some(_)) => {
            return Err(Fault::invalid("only one of \"otp\" and \"pgp_key\" must be specified"));
        }
        (None, Some(key)) => match Recipient::read("pgp_key", Some(key)).await? {
            Some(recipient) => (Cover::Recipient(recipient), String::new().into()),
            None => return Err(Fault::invalid("pgp_key: is empty")),
        },
        (Some(otp), None) if otp.len() == ROOT_TOKEN_LEN && otp.bytes().all(|byte| byte.is_ascii_graphic()) => {
            (Cover::Pad(otp.to_owned().into()), String::new().into())
        }
        (Some(_), None) => {
            return Err(Fault::invalid(format!("otp: must be {ROOT_TOKEN_LEN} visible ASCII characters")));
        }
        (None, None) => {
            let otp = Zeroizing::new(URL_SAFE_NO_PAD.encode(random::<21>()?));
            (Cover::Pad(otp.clone()), otp)
        }
    };
    let progress = generate_root::start(call.transaction, cover).await?;
    Ok(told(&progress, &shown, ""))
}

pub(crate) async fn update(tokens: &Tokens, call: Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let share = Share::parse(params::text(&call.body, "key")?.unwrap_or_default())?;
    let nonce = params::text(&call.body, "nonce")?.unwrap_or_default();
    match generate_root::update(call.transaction, share, nonce).await {
        Ok(Step::Waiting(progress)) => Ok(told(&progress, "", "")),
        Ok(Step::Proven { progress, cover }) => {
            let token = tokens.create_root(call.transaction, None, call.now).await?;
            let token = token.expose_secret();
            let hidden = match cover {
                Cover::Recipient(recipient) => recipient.encrypt(token.to_owned().into()).await?.base64().to_string(),
                Cover::Pad(otp) => {
                    let bytes: Vec<u8> = token.bytes().zip(otp.bytes()).map(|(token, pad)| token ^ pad).collect();
                    STANDARD_NO_PAD.encode(bytes)
                }
            };
            tracing::warn!(request = call.request, "a root token was made by a quorum of operators");
            Ok(told(&progress, "", &hidden))
        }
        Err(refused @ seal::Error::WrongKey) => {
            // That the shares are forgotten must be kept, although the request fails.
            call.transaction.checkpoint().await?;
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
            "encoded_root_token": token, "pgp_fingerprint": progress.fingerprint, "otp": otp, "otp_length": ROOT_TOKEN_LEN,
        }),
    )
}
