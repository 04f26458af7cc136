//! `http-out`: questions to hosts that the operator allows.

use std::time::Duration;

use meter::Bound;
use outgoing::{Failure, Question, Reason};
use traces::Asks;

use crate::bindings::innkeeper::engine::http_out::{Host, HttpError, HttpErrorKind, Method, Request, Response};
use crate::grant::terms;
use crate::limits::HTTP_CALLS_MAX;
use crate::state::State;

impl Host for State {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, HttpError>> {
        let Some(grant) = &self.grant else {
            return Ok(refused(HttpErrorKind::NotGranted, "a guest that describes itself may ask nobody"));
        };
        let (outgoing, terms) = (grant.outgoing.clone(), terms(&grant.mount));
        if self.http_calls >= HTTP_CALLS_MAX {
            self.met(Bound::Questions);
            return Ok(refused(HttpErrorKind::TooMany, "at most 8 questions to other servers for one request"));
        }
        self.http_calls += 1;
        let mut span = self.span.span("http-out", Asks::Another);
        let question = question(request, span.headers());
        let asked = outgoing.send(question, &terms, self.call_deadline()).await;
        match &asked {
            Ok(answer) => span.number("http.response.status_code", answer.status.into()),
            Err(failure) => span.failed(why(failure.reason)),
        }
        drop(span);
        if let (Err(failure), Some(refusals)) = (&asked, self.grant.as_ref().and_then(|grant| grant.refusals.as_ref()))
            && failure.reason == Reason::NotAllowed
            && let Err(error) = refusals.refused("http_out", &failure.text).await
        {
            tracing::error!(%error, "a refused power was not recorded");
            return Ok(refused(HttpErrorKind::Internal, "internal error"));
        }
        let answer = asked.map(|answer| Response { status: answer.status, headers: answer.headers, body: answer.body });
        Ok(answer.map_err(told))
    }
}

fn question(request: Request, told: Vec<(&'static str, String)>) -> Question {
    let timeout = match request.timeout {
        0 => outgoing::TIME_MAX,
        millis => Duration::from_millis(millis.into()),
    };
    Question {
        method: match request.method {
            Method::Get => outgoing::Method::Get,
            Method::Post => outgoing::Method::Post,
        },
        url: request.url,
        headers: request.headers,
        told,
        body: request.body,
        ca_pem: request.ca_pem,
        timeout,
    }
}

/// Why a question failed, for traces: without the host, which may be a name of somebody's.
fn why(reason: Reason) -> &'static str {
    match reason {
        Reason::Invalid => "invalid",
        Reason::NotAllowed => "not allowed",
        Reason::Unreachable => "unreachable",
        Reason::Untrusted => "untrusted",
        Reason::Timeout => "late",
        Reason::TooLarge => "too large",
        Reason::TooMany => "too many",
        Reason::Internal => "failed",
    }
}

fn refused<T>(kind: HttpErrorKind, message: &str) -> Result<T, HttpError> {
    Err(HttpError { kind, message: message.to_owned() })
}

fn told(failure: Failure) -> HttpError {
    let kind = match failure.reason {
        Reason::Invalid => HttpErrorKind::Invalid,
        Reason::NotAllowed => HttpErrorKind::NotAllowed,
        Reason::Unreachable => HttpErrorKind::Unreachable,
        Reason::Untrusted => HttpErrorKind::Untrusted,
        Reason::Timeout => HttpErrorKind::Timeout,
        Reason::TooLarge => HttpErrorKind::TooLarge,
        Reason::TooMany => HttpErrorKind::TooMany,
        Reason::Internal => {
            tracing::error!(error = failure.text, "a question to another server failed");
            return HttpError { kind: HttpErrorKind::Internal, message: "internal error".to_owned() };
        }
    };
    HttpError { kind, message: failure.text }
}
