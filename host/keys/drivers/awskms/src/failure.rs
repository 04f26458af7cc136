//! What went wrong at AWS, what may cure it, and what clients are told.

use std::error::Error as StdError;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_kms::config::http::HttpResponse;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use keys::Error;

/// Longest text of AWS in the log, in bytes.
const DETAIL_MAX: usize = 400;
/// Most causes of an error in the log.
const CAUSES_MAX: usize = 8;
/// How much of an answer is searched for its code, in bytes.
const CODE_SOUGHT: usize = 4096;
/// When trying again may help, if AWS does not say.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Longest wait that AWS may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// A call that failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is no such key or alias.
    Absent,
    /// There is such an alias.
    Taken,
    /// The key is in a state that does not let it be used; which one, AWS says when it is asked.
    State,
    /// Too many requests: this one was not carried out.
    Throttled {
        /// For the log.
        detail: String,
        /// When to come back, if it was said.
        wait: Option<Duration>,
    },
    /// Something that may pass. The request may have been carried out all the same.
    Passing(String),
    /// The answer.
    Final(Error),
}

impl Failure {
    /// The error for the caller.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Absent => Error::Absent,
            Self::Taken => Error::Internal("AWS KMS has an alias of this name, and not".into()),
            Self::State => Error::Unusable("in a state that does not let it be used".into()),
            Self::Throttled { detail, wait } => Error::Unavailable { detail, retry_after: wait.unwrap_or(RETRY_AFTER) },
            Self::Passing(detail) => Error::unavailable(detail),
            Self::Final(error) => error,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

/// What a failure of the SDK means.
pub(crate) fn read<E>(error: SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    if let Some(failure) = of_credentials(&error) {
        return failure;
    }
    match &error {
        SdkError::ServiceError(answer) => {
            let code = answer.err().code().map(str::to_owned).or_else(|| code_of_xml(answer.raw()));
            let said = answer.err().message().unwrap_or_default();
            service(answer.raw().status().as_u16(), code.as_deref(), said, wait_of(answer.raw()))
        }
        SdkError::ResponseError(answer) => {
            // Never its text, which may repeat the answer.
            let status = answer.raw().status().as_u16();
            Failure::Passing(format!("AWS KMS: an answer that cannot be read, with status {status}"))
        }
        SdkError::TimeoutError(_) => Failure::Passing("AWS KMS: no connection in time".into()),
        SdkError::DispatchFailure(failure) if !failure.is_user() => Failure::Passing(chain(&error)),
        _ => Failure::Final(Error::Internal(chain(&error))),
    }
}

/// Whether the node's own credentials could not be had, which no request was sent with.
fn of_credentials(error: &(dyn StdError + 'static)) -> Option<Failure> {
    Some(match causes(error).find_map(|cause| cause.downcast_ref::<CredentialsError>())? {
        CredentialsError::CredentialsNotLoaded(_) => {
            Failure::Final(Error::Login("the node has no credentials of its own".into()))
        }
        CredentialsError::InvalidConfiguration(_) => {
            Failure::Final(Error::Login("the node's own credentials are not configured rightly".into()))
        }
        CredentialsError::ProviderTimedOut(_) => {
            Failure::Passing("the source of the node's credentials did not answer in time".into())
        }
        refused => Failure::Final(Error::Login(chain(refused))),
    })
}

/// What an error of the service means, by its code, else by its status.
fn service(status: u16, code: Option<&str>, said: &str, wait: Option<Duration>) -> Failure {
    let code = code.map(|code| code.rsplit('#').next().unwrap_or(code)).unwrap_or_default();
    let detail = bounded(&format!("AWS KMS: {status} {code}: {said}"));
    let throttled = |detail| Failure::Throttled { detail, wait };
    match code.strip_suffix("Exception").unwrap_or(code) {
        "NotFound" => Failure::Absent,
        "AlreadyExists" => Failure::Taken,
        "Disabled" => Failure::Final(Error::Unusable("disabled".into())),
        "KMSInvalidState" => Failure::State,
        // What AWS says of a signature that is wrong repeats the request: only the code is kept.
        "UnrecognizedClient"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "InvalidSignature"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "ExpiredToken"
        | "InvalidToken"
        | "RequestExpired"
        | "AuthFailure" => Failure::Final(Error::Login(format!("AWS KMS: {code}"))),
        "AccessDenied" | "OptInRequired" | "NotAuthorized" | "UnauthorizedOperation" => {
            Failure::Final(Error::Forbidden(detail))
        }
        "Throttling" | "Throttled" | "RequestThrottled" | "TooManyRequests" | "RequestLimitExceeded" | "SlowDown" => {
            throttled(detail)
        }
        "LimitExceeded" => {
            Failure::Final(Error::Unsupported("the account's quota of keys or aliases in AWS KMS is used up".into()))
        }
        "InvalidKeyUsage" => Failure::Final(Error::Unsupported(
            "the key's usage or its algorithms in AWS KMS do not include this".into(),
        )),
        "UnsupportedOperation" => Failure::Final(Error::Unsupported(
            "AWS KMS cannot do this with a key of this type; use an RSA or ECC key".into(),
        )),
        "InvalidCiphertext" | "IncorrectKey" => {
            Failure::Final(Error::invalid("the ciphertext cannot be decrypted with this key"))
        }
        "InvalidArn" | "InvalidAliasName" => {
            Failure::Final(Error::invalid("kms_key: is not an alias, a key id or an ARN that AWS KMS takes"))
        }
        "KMSInternal" | "DependencyTimeout" | "KeyUnavailable" | "InternalFailure" | "InternalError"
        | "ServiceUnavailable" => Failure::Passing(detail),
        "Validation" => Failure::Final(Error::Internal(detail)),
        _ => match status {
            ..300 => Failure::Passing("AWS KMS: an answer that cannot be read".into()),
            429 | 503 => throttled(detail),
            401 => Failure::Final(Error::Login(format!("AWS KMS: status 401 {code}"))),
            403 => Failure::Final(Error::Forbidden(detail)),
            500.. => Failure::Passing(detail),
            _ => Failure::Final(Error::Internal(detail)),
        },
    }
}

/// The code of an answer in XML: gateways in front of KMS answer as AWS's older services do.
fn code_of_xml(raw: &HttpResponse) -> Option<String> {
    let body = raw.body().bytes()?;
    let text = String::from_utf8_lossy(&body[..body.len().min(CODE_SOUGHT)]);
    let (code, _) = text.split_once("<Code>")?.1.split_once("</Code>")?;
    code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.').then(|| code.to_owned())
}

/// How long the service wants to be left alone.
fn wait_of(raw: &HttpResponse) -> Option<Duration> {
    let header = |name| raw.headers().get(name).and_then(|value| value.trim().parse::<u64>().ok());
    let wait = header("x-amz-retry-after").map(Duration::from_millis);
    let wait = wait.or_else(|| header("retry-after").map(Duration::from_secs))?;
    Some(wait.min(RETRY_AFTER_MAX))
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next.take()?;
        next = error.source();
        Some(error)
    })
}

/// The error and its causes.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let causes: Vec<String> = causes(error).take(CAUSES_MAX).map(ToString::to_string).collect();
    bounded(&format!("AWS KMS: {}", causes.join(": ")))
}

/// A text of others as it may stand in the log.
fn bounded(text: &str) -> String {
    let clean = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    clean
        .scan(0, |len, letter: char| {
            *len += letter.len_utf8();
            (*len <= DETAIL_MAX).then_some(letter)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: &str) -> Error {
        service(400, Some(code), "who asked", None).into_error()
    }

    #[test]
    fn each_code_of_aws_is_an_error_of_its_own() {
        assert!(matches!(error("NotFoundException"), Error::Absent));
        assert!(matches!(error("com.amazonaws.kms#NotFoundException"), Error::Absent));
        assert!(matches!(error("DisabledException"), Error::Unusable(state) if state == "disabled"));
        for code in ["UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException"] {
            assert!(matches!(error(code), Error::Login(_)), "{code}");
        }
        assert!(matches!(error("AccessDeniedException"), Error::Forbidden(_)));
        assert!(matches!(error("InvalidKeyUsageException"), Error::Unsupported(_)));
        assert!(error("ThrottlingException").retry_after().is_some());
        assert!(error("KMSInternalException").retry_after().is_some());
        assert!(matches!(error("ValidationException"), Error::Internal(_)));
    }

    #[test]
    fn a_code_that_is_not_known_is_judged_by_the_status() {
        let by_status = |status| service(status, None, "", None).into_error();
        assert!(matches!(by_status(429), Error::Unavailable { .. }));
        assert!(matches!(by_status(500), Error::Unavailable { .. }));
        assert!(matches!(by_status(401), Error::Login(_)));
        assert!(matches!(by_status(403), Error::Forbidden(_)));
        assert!(matches!(by_status(404), Error::Internal(_)));
    }

    #[test]
    fn what_others_say_is_cut_and_has_no_line_breaks() {
        assert_eq!(bounded("a\r\nb"), "a  b");
        assert_eq!(bounded(&"ä".repeat(1000)).len(), DETAIL_MAX);
    }
}
