//! What clients and the log see of each failure.

use google_cloud_gax::error::rpc::{Code, Status};
use keys::Reason;

use super::*;

fn said(code: Code) -> Error {
    let status = Status::default().set_code(code).set_message("secret\nwords of https://kms.example");
    Failure::of("Method", &CallError::service(status)).into()
}

#[test]
fn each_refusal_of_the_service_is_its_own_error() {
    assert!(matches!(said(Code::Unauthenticated), Error::Login(_)));
    assert!(matches!(said(Code::PermissionDenied), Error::Forbidden(_)));
    assert!(matches!(said(Code::NotFound), Error::Absent));
    assert!(matches!(said(Code::FailedPrecondition), Error::Unusable(_)));
    assert!(matches!(said(Code::DeadlineExceeded), Error::Timeout));
    assert!(matches!(said(Code::InvalidArgument), Error::Internal(_)));
    for code in [Code::ResourceExhausted, Code::Unavailable, Code::Internal] {
        assert!(said(code).retry_after().is_some(), "{code}");
    }
}

#[test]
fn what_the_service_wrote_goes_to_the_log_in_one_line_and_never_to_clients() {
    let codes = [Code::Unauthenticated, Code::PermissionDenied, Code::NotFound, Code::Internal, Code::InvalidArgument];
    for error in codes.map(said) {
        assert!(!error.public().contains("secret") && !error.public().contains("kms.example"), "{}", error.public());
        assert!(!error.to_string().contains('\n'), "{error}");
    }
    assert!(said(Code::Internal).to_string().contains("Method: INTERNAL: secret words"), "{}", said(Code::Internal));
}

#[test]
fn a_page_of_a_proxy_says_nothing_about_keys_and_is_never_repeated() {
    for (code, reason) in [(404, Reason::Unavailable), (500, Reason::Unavailable), (429, Reason::Unavailable)] {
        let page = CallError::http(code, Default::default(), "<html>password</html>".into());
        let error = Error::from(Failure::of("Method", &page));
        assert_eq!(error.reason(), reason, "{code}");
        assert!(!matches!(error, Error::Absent), "{code}");
        assert!(!error.to_string().contains("password") && !format!("{error:?}").contains("password"), "{error:?}");
    }
}

#[test]
fn only_what_may_pass_is_sent_again() {
    let tries = |code| Failure::of("m", &CallError::service(Status::default().set_code(code))).tries_max();
    assert_eq!(tries(Code::ResourceExhausted), u32::MAX);
    assert_eq!(tries(Code::Unavailable), TRIES_MAX);
    for code in [Code::NotFound, Code::PermissionDenied, Code::Unauthenticated, Code::InvalidArgument] {
        assert_eq!(tries(code), 1, "{code}");
    }
}
