//! The sources of tokens: Entra ID's client credentials, and the identity of a machine.

use std::collections::HashMap;

use serde_json::json;

use super::listen::{Answer, Request};
use super::{CLIENT, NEAR_SIGHTED, OTHER_TENANT, STRANGER, State, TENANT, UNSPEAKABLE, now, random};

/// How long a token lives, in seconds.
const TOKEN_LIFE: u64 = 3600;

/// What a token stands for.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) audience: String,
    pub(crate) tenant: String,
    pub(crate) client: String,
    pub(crate) expires: u64,
}

/// `POST /{tenant}/oauth2/v2.0/token`.
pub(crate) fn token(state: &State, request: &Request) -> Answer {
    let tenant = request.path.split('/').nth(1).unwrap_or_default().to_owned();
    if request.method != "POST" || !request.path.ends_with("/oauth2/v2.0/token") {
        return Answer::json(404, &json!({ "error": "not_found" }));
    }
    if ![TENANT, OTHER_TENANT].contains(&tenant.as_str()) {
        return refusal(400, "invalid_request", 90002, "Tenant not found");
    }
    let form = form(&String::from_utf8_lossy(&request.body));
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if field("grant_type") != "client_credentials" {
        return refusal(400, "unsupported_grant_type", 70003, "Not this grant");
    }
    let client = field("client_id").to_owned();
    if ![CLIENT, STRANGER, NEAR_SIGHTED].contains(&client.as_str()) {
        return refusal(400, "unauthorized_client", 700016, "Application not found in the directory");
    }
    let asserted = field("client_assertion_type") == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        && field("client_assertion") == state.assertion;
    if !asserted && field("client_secret") != state.secret {
        return refusal(401, "invalid_client", 7000215, "Invalid client secret provided");
    }
    let Some(audience) = field("scope").strip_suffix("/.default") else {
        return refusal(400, "invalid_scope", 70011, "The provided scope is not valid");
    };
    let token = issue(state, audience, &tenant, &client);
    Answer::json(
        200,
        &json!({ "token_type": "Bearer", "expires_in": TOKEN_LIFE, "ext_expires_in": TOKEN_LIFE,
        "access_token": token }),
    )
}

/// `GET /metadata/identity/oauth2/token`: a virtual machine's own identity is [`CLIENT`].
pub(crate) fn machine(state: &State, request: &Request) -> Answer {
    let query = form(&request.query);
    let field = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    if request.path != "/metadata/identity/oauth2/token" || request.header("metadata") != Some("true") {
        return Answer::json(400, &json!({ "error": "invalid_request" }));
    }
    let client = match field("client_id") {
        "" => CLIENT,
        known if known == NEAR_SIGHTED => NEAR_SIGHTED,
        _ => {
            return Answer::json(
                400,
                &json!({ "error": "invalid_request", "error_description": "Identity not found" }),
            );
        }
    };
    let token = issue(state, field("resource"), TENANT, client);
    let expires = (now() + TOKEN_LIFE).to_string();
    Answer::json(
        200,
        &json!({ "access_token": token, "expires_on": expires, "resource": field("resource"),
        "token_type": "Bearer", "client_id": client }),
    )
}

fn issue(state: &State, audience: &str, tenant: &str, client: &str) -> String {
    let token = random();
    let meaning =
        Token { audience: audience.into(), tenant: tenant.into(), client: client.into(), expires: now() + TOKEN_LIFE };
    state.lock().tokens.insert(token.clone(), meaning);
    token
}

fn refusal(status: u16, error: &str, number: u32, text: &str) -> Answer {
    let text = format!("AADSTS{number}: {text}. {UNSPEAKABLE}");
    Answer::json(status, &json!({ "error": error, "error_description": text, "error_codes": [number] }))
}

/// The fields of a form or a query.
pub(crate) fn form(text: &str) -> HashMap<String, String> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (plain(name), plain(value))).collect()
}

fn plain(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&byte, more)) = rest.split_first() {
        let code = (byte == b'%').then(|| more.get(..2)).flatten().and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest = &more[2..];
            }
            None => {
                bytes.push(if byte == b'+' { b' ' } else { byte });
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
