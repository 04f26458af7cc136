//! What the cluster is asked.

use innkeeper_guest::http_out::{HttpError, HttpErrorKind, Request};
use innkeeper_guest::prelude::*;
use innkeeper_guest::serde_json::{self, Value};

use crate::account::Account;
use crate::config::Config;

/// What annotations begin with that are copied.
const ANNOTATION: &str = "vault.hashicorp.com/alias-metadata-";
/// Most annotations that are copied: an alias has 64 pairs, some of them taken.
const ANNOTATIONS_MAX: usize = 32;
/// Longest name or value of one, in bytes: the contract's.
const ANNOTATION_MAX: usize = 512;

/// The cluster, asked for one login.
pub(crate) struct Cluster<'a> {
    pub(crate) config: &'a Config,
    /// The token that logs in, which is asked with where the configuration has none.
    pub(crate) token: &'a str,
}

/// 403 for the client, the reason for the log.
fn denied(why: impl Into<String>) -> Fault {
    Fault { detail: Some(why.into()), ..Fault::denied("permission denied") }
}

fn unanswered(error: HttpError) -> Fault {
    match error.kind {
        HttpErrorKind::Timeout | HttpErrorKind::TooMany => error.into(),
        _ => denied(format!("the cluster was not asked: {}", error.message)),
    }
}

impl Cluster<'_> {
    /// Makes sure that the token is good, and this account's (`TokenReview`). The audiences are those that it must be for;
    /// none: those of the cluster itself.
    pub(crate) fn review(&self, account: &Account, audiences: &[String]) -> Result<(), Fault> {
        let mut spec = json!({ "token": self.token });
        if !audiences.is_empty() {
            spec["audiences"] = json!(audiences);
        }
        let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec});
        let url = format!("{}/apis/authentication.k8s.io/v1/tokenreviews", self.config.url);
        let answer = self.ask(http_out::post_json(&url, self.authorities(), &review))?;
        let status = answer.get("status").unwrap_or(&Value::Null);
        let text = |pointer: &str| status.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        if !text("/error").is_empty() {
            return Err(denied("lookup failed: the cluster says that the token is wrong"));
        }
        if status.get("authenticated") != Some(&Value::Bool(true)) {
            return Err(denied("lookup failed: service account jwt not valid"));
        }
        if !account.is(text("/user/username"), text("/user/uid")) {
            return Err(denied("lookup failed: the token is not of the account that it names"));
        }
        // A cluster that knows of audiences names those that fit; what the token says of them was compared already.
        let fitting = status.get("audiences").and_then(Value::as_array).filter(|fitting| !fitting.is_empty());
        let fits = |fitting: &Vec<Value>| audiences.iter().any(|audience| fitting.contains(&json!(audience)));
        if !audiences.is_empty() && fitting.is_some_and(|fitting| !fits(fitting)) {
            return Err(denied("lookup failed: the token is for other audiences"));
        }
        Ok(())
    }

    /// The labels of a namespace. Wants a token for reviews: an account may not read its own namespace.
    pub(crate) fn labels(&self, namespace: &str) -> Result<Map, Fault> {
        if self.config.reviewer.is_empty() {
            return Err(denied("namespace lookup failed: token_reviewer_jwt must be set to use namespace selectors"));
        }
        let url = format!("{}/api/v1/namespaces/{namespace}", self.config.url);
        let answer = self.ask(http_out::get(&url, self.authorities()))?;
        Ok(answer.pointer("/metadata/labels").and_then(Value::as_object).cloned().unwrap_or_default())
    }

    /// What the annotations of an account say for its alias.
    pub(crate) fn annotations(&self, account: &Account) -> Result<Vec<(String, String)>, Fault> {
        let Account { namespace, name, .. } = account;
        let url = format!("{}/api/v1/namespaces/{namespace}/serviceaccounts/{name}", self.config.url);
        let answer = self.ask(http_out::get(&url, self.authorities()))?;
        let all = answer.pointer("/metadata/annotations").and_then(Value::as_object).cloned().unwrap_or_default();
        let own = |(name, value): (String, Value)| {
            let name = name.strip_prefix(ANNOTATION).filter(|name| !name.is_empty())?.to_owned();
            Some((name, value.as_str()?.to_owned()))
        };
        let found: Vec<(String, String)> = all.into_iter().filter_map(own).collect();
        let unfit = |text: &str| text.len() > ANNOTATION_MAX || text.chars().any(char::is_control);
        if found.len() > ANNOTATIONS_MAX || found.iter().any(|(name, value)| unfit(name) || unfit(value)) {
            let why =
                "the account has more than 32 annotations for its alias, or one of over 512 bytes or of several lines";
            return Err(Fault::invalid(why));
        }
        match found.iter().find(|(name, _)| name.starts_with("service_account_")) {
            Some((name, _)) => Err(Fault::invalid(format!("key {name:?} is reserved for internal use"))),
            None => Ok(found),
        }
    }

    fn authorities(&self) -> Option<&str> {
        Some(self.config.ca_pem.as_str()).filter(|pem| !pem.is_empty())
    }

    fn ask(&self, mut request: Request) -> Result<Value, Fault> {
        let bearer = if self.config.reviewer.is_empty() { self.token } else { &self.config.reviewer };
        request.headers.push(("authorization".to_owned(), format!("Bearer {bearer}")));
        request.headers.push(("accept".to_owned(), "application/json".to_owned()));
        let answer = http_out::send(&request).map_err(unanswered)?;
        if !(200..300).contains(&answer.status) {
            return Err(denied(format!("the cluster answers with status {}", answer.status)));
        }
        serde_json::from_slice(&answer.body).map_err(|_| denied("what the cluster answers is not JSON"))
    }
}
