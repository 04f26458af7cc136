//! What a failed call means. Only a status, codes of letters and digits and our own words are kept of an answer: bodies
//! quote names, addresses and more.

use std::error::Error as StdError;
use std::time::Duration;

use azure_core::error::ErrorKind;
use azure_core::http::headers::{HeaderName, RETRY_AFTER};
use azure_core::http::{RawResponse, StatusCode};
use keys::Error;
use serde_json::Value;

use crate::wire::Trouble;

/// Longest wait that a service is believed, and the wait where it names none.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);
const RETRY_AFTER_USUAL: Duration = Duration::from_secs(1);
/// Longest code of an error that is kept, in characters.
const CODE_MAX: usize = 64;

/// What was asked, for the words of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Look,
    Make,
    Sign,
    Decrypt,
}

/// Why a call failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is no such key or version.
    Absent,
    /// The authority refuses the credentials, or the vault the token.
    Login { code: String, by_authority: bool },
    /// The vault knows who asks and does not let it.
    Denied(String),
    /// The key is there and its state forbids its use.
    Unusable(&'static str),
    /// The key's `key_ops` forbid it.
    Operation,
    /// The vault does not take the arguments.
    Refused(String),
    /// Too many calls.
    Throttled(Duration),
    /// An error of the service itself.
    Down(String),
    /// No connection: nothing was asked.
    Unreached(String),
    /// The connection broke before the answer.
    Broken(String),
    /// The vault asks for another service's token.
    Audience,
    /// An answer that is none.
    Garbage(String),
}

impl Failure {
    pub(crate) fn read(error: &azure_core::Error) -> Self {
        let mut login = false;
        let mut next: Option<&(dyn StdError + 'static)> = Some(error);
        while let Some(cause) = next {
            if let Some(trouble) = cause.downcast_ref::<Trouble>() {
                return Self::of_trouble(trouble);
            }
            if let Some(error) = cause.downcast_ref::<azure_core::Error>() {
                login |= matches!(error.kind(), ErrorKind::Credential);
                if let ErrorKind::HttpResponse { status, raw_response, error_code } = error.kind() {
                    let answer = raw_response.as_deref();
                    return match login {
                        true => Self::of_authority(*status, error_code.as_deref(), answer),
                        false => Self::of_vault(*status, answer),
                    };
                }
            }
            next = cause.source();
        }
        match login {
            true => Self::Garbage("the authority's answer is not understood".into()),
            false => Self::Garbage("the vault's answer is not understood".into()),
        }
    }

    fn of_trouble(trouble: &Trouble) -> Self {
        match trouble {
            Trouble::Connect(_) | Trouble::Certificate(_) => Self::Unreached(trouble.to_string()),
            Trouble::Broken(_) => Self::Broken(trouble.to_string()),
            Trouble::Audience => Self::Audience,
            Trouble::Long | Trouble::Elsewhere => Self::Garbage(trouble.to_string()),
        }
    }

    fn of_authority(status: StatusCode, numbers: Option<&str>, answer: Option<&RawResponse>) -> Self {
        let body = answer.and_then(|answer| serde_json::from_slice::<Value>(answer.body()).ok());
        let word = body.as_ref().and_then(|body| body.get("error")).and_then(Value::as_str).map(code);
        let status = u16::from(status);
        match (status, word.as_deref()) {
            (429, _) => Self::Throttled(retry_after(answer)),
            (_, Some("temporarily_unavailable")) | (404 | 408 | 410 | 500.., _) => {
                Self::Down(format!("the authority answers {status}"))
            }
            (400 | 401 | 403, _) => {
                let numbers = numbers.map(code).filter(|numbers| !numbers.is_empty());
                let word = word.unwrap_or_else(|| status.to_string());
                let code = numbers.map_or(word.clone(), |numbers| format!("{word} AADSTS{numbers}"));
                Self::Login { code, by_authority: true }
            }
            _ => Self::Garbage(format!("the authority answers {status}")),
        }
    }

    fn of_vault(status: StatusCode, answer: Option<&RawResponse>) -> Self {
        let body = answer.and_then(|answer| serde_json::from_slice::<Value>(answer.body()).ok());
        let error = body.as_ref().and_then(|body| body.get("error"));
        let text = |value: Option<&Value>, field: &str| {
            value.and_then(|value| value.get(field)).and_then(Value::as_str).map(code).unwrap_or_default()
        };
        let outer = text(error, "code");
        // The service writes it in two ways.
        let inner = error.and_then(|error| error.get("innererror").or_else(|| error.get("innerError")));
        let inner = text(inner, "code");
        let status = u16::from(status);
        match status {
            401 => Self::Login { code: outer, by_authority: false },
            403 if inner == "KeyOperationForbidden" => Self::Operation,
            403 => match state(&inner) {
                Some(state) => Self::Unusable(state),
                None => Self::Denied([outer, inner].join(" ").trim().to_owned()),
            },
            404 if !outer.is_empty() => Self::Absent,
            409 => Self::Unusable("deleted and not yet purged"),
            400 | 405 | 413 | 415 | 422 if !outer.is_empty() => Self::Refused(outer),
            429 => Self::Throttled(retry_after(answer)),
            408 | 500.. => Self::Down(format!("the vault answers {status}")),
            _ => Self::Garbage(format!("the vault answers {status}")),
        }
    }

    /// The error that callers get.
    pub(crate) fn into_error(self, asked: Asked) -> Error {
        match self {
            Self::Absent => Error::Absent,
            Self::Login { code, by_authority: true } => Error::Login(format!("the authority says {code}")),
            Self::Login { code, .. } => Error::Login(format!("the vault refuses the token: {code}")),
            Self::Denied(code) => Error::Forbidden(format!("the vault says {code}")),
            Self::Unusable(state) => Error::Unusable(state.into()),
            Self::Operation => Error::Unsupported(match asked {
                Asked::Sign => "the key's key_ops do not allow it to sign".into(),
                Asked::Decrypt => "the key's key_ops do not allow it to decrypt".into(),
                Asked::Look | Asked::Make => "the key's key_ops do not allow it".into(),
            }),
            Self::Refused(code) => refused(asked, &code),
            Self::Throttled(retry_after) => Error::Unavailable { detail: "too many calls".into(), retry_after },
            Self::Down(detail) | Self::Unreached(detail) | Self::Broken(detail) => Error::unavailable(detail),
            Self::Audience => Error::invalid(
                "resource: the vault asks for a token of another service; use managedhsm.azure.net for a Managed HSM, \
                 vault.azure.net else",
            ),
            Self::Garbage(what) => Error::Internal(what),
        }
    }
}

fn refused(asked: Asked, code: &str) -> Error {
    match asked {
        Asked::Sign => Error::Unsupported("this key cannot sign so: the vault refuses its type or algorithm".into()),
        Asked::Decrypt => Error::invalid("the ciphertext cannot be decrypted with this key"),
        Asked::Make => Error::invalid("key_type, key_bits or curve: the vault does not make such a key"),
        Asked::Look => Error::Internal(format!("the vault refuses to be asked: {code}")),
    }
}

/// The state that a code of the vault speaks of, as clients may see it.
fn state(code: &str) -> Option<&'static str> {
    let states = [("Disabled", "disabled"), ("Expired", "expired"), ("NotYetValid", "not valid yet")];
    states.into_iter().find(|(word, _)| code.contains(word)).map(|(_, state)| state)
}

/// What may be kept of a code: it comes from outside.
fn code(text: &str) -> String {
    let plain = |sign: &char| sign.is_ascii_alphanumeric() || "_,.-".contains(*sign);
    text.chars().filter(plain).take(CODE_MAX).collect()
}

fn retry_after(answer: Option<&RawResponse>) -> Duration {
    let header = |name: &HeaderName| {
        answer.and_then(|answer| answer.headers().get_optional_str(name)).and_then(|value| value.trim().parse().ok())
    };
    let milliseconds = [HeaderName::from_static("x-ms-retry-after-ms"), HeaderName::from_static("retry-after-ms")];
    let named = milliseconds.iter().find_map(header).map(Duration::from_millis);
    let named = named.or_else(|| header(&RETRY_AFTER).map(Duration::from_secs));
    named.unwrap_or(RETRY_AFTER_USUAL).min(RETRY_AFTER_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_from_outside_is_cut_to_plain_letters() {
        assert_eq!(code("Key\n<b>Not\"Found"), "KeybNotFound");
        assert_eq!(code(&"x".repeat(100)).len(), CODE_MAX);
    }

    #[test]
    fn a_state_is_read_from_the_code_of_the_vault() {
        assert_eq!(state("KeyDisabled"), Some("disabled"));
        assert_eq!(state("KeyExpired"), Some("expired"));
        assert_eq!(state("ForbiddenByRbac"), None);
    }
}
