//! The node's own credentials. They are read from the environment of the process, so a test starts this binary again,
//! with another one.

use std::process::Command;

use awskms::{Driver, Settings};
use keys::registry::AwsKmsProvider;
use keys::{Driver as _, Error, Provider};

use crate::identity::realm;
use crate::stub::{Answer, Stub};
use crate::{deadline, ecdsa, localstack, request};

const ENDPOINT: &str = "TEST_ENDPOINT";
const ALLOWED: &str = "TEST_ENDPOINT_ALLOWED";

fn without_keys(endpoint: Option<String>) -> Provider {
    Provider::AwsKms(AwsKmsProvider { access_key: None, secret_key: None, region: None, endpoint })
}

/// Not a test of its own: what [`run`] runs.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the other tests here, with an environment"]
async fn asked_by_a_node() {
    let endpoint = std::env::var(ENDPOINT).ok();
    let allowed = std::env::var(ALLOWED).ok().into_iter().collect();
    let driver = Driver::new(Settings { ambient_endpoints: allowed, ..Settings::default() });
    let provider = without_keys(endpoint);
    let signed = driver.sign(&provider, &ecdsa("alias/nobody", None), request(&[7; 32]), deadline()).await;
    println!("\noutcome={:?}", signed.unwrap_err());
}

/// What a node of this environment gets when it signs with a key that there is not. It has no other environment, no
/// home, and no machine that lends it a role.
fn run(environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "node::asked_by_a_node", "--ignored", "--nocapture"]).env_clear();
    command.env("HOME", "/nonexistent").env("AWS_EC2_METADATA_DISABLED", "true");
    let ran = command.envs(environment.iter().copied()).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    let outcome = said.lines().find_map(|line| line.strip_prefix("outcome=")).map(str::to_owned);
    outcome.unwrap_or_else(|| panic!("{said}{}", String::from_utf8_lossy(&ran.stderr)))
}

#[test]
fn a_node_asks_with_the_keys_of_its_environment() {
    let (url, all) = (realm().url(), &realm().all);
    let place = [(ENDPOINT, url.as_str()), (ALLOWED, url.as_str())];
    let keys = |secret| [("AWS_ACCESS_KEY_ID", all.access_key.as_str()), ("AWS_SECRET_ACCESS_KEY", secret)];
    assert_eq!(run(&[&place[..], &keys(&all.secret_key)].concat()), "Absent");
    let refused = run(&[&place[..], &keys("wrong")].concat());
    assert!(refused.starts_with("Login"), "{refused}");
}

#[test]
fn a_node_asks_with_the_keys_of_its_profile() {
    let (url, all) = (realm().url(), &realm().all);
    let folder = keys_testing::openssl::tempdir();
    let file = folder.0.join("credentials");
    let (access, secret) = (&all.access_key, &all.secret_key);
    std::fs::write(&file, format!("[inn]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n")).unwrap();
    let profile = [("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap()), ("AWS_PROFILE", "inn")];
    assert_eq!(run(&[&[(ENDPOINT, url.as_str()), (ALLOWED, url.as_str())][..], &profile].concat()), "Absent");
}

/// LocalStack gives credentials for every token and checks none; that it was asked is seen in its log.
#[test]
fn a_node_asks_with_its_web_identity() {
    let url = localstack().url();
    let folder = keys_testing::openssl::tempdir();
    let file = folder.0.join("token");
    std::fs::write(&file, "eyJhbGciOiJub25lIn0.e30.").unwrap();
    let identity = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap()),
        ("AWS_ROLE_ARN", "arn:aws:iam::000000000000:role/inn"),
        ("AWS_ENDPOINT_URL_STS", &url),
        ("AWS_REGION", "eu-central-1"),
    ];
    assert_eq!(run(&[&[(ENDPOINT, url.as_str()), (ALLOWED, url.as_str())][..], &identity].concat()), "Absent");
    assert!(localstack().log().contains("AssumeRoleWithWebIdentity"));
}

#[test]
fn the_endpoint_of_the_nodes_own_environment_is_its_operators_choice() {
    let (url, all) = (realm().url(), &realm().all);
    let keys = [("AWS_ACCESS_KEY_ID", all.access_key.as_str()), ("AWS_SECRET_ACCESS_KEY", all.secret_key.as_str())];
    assert_eq!(run(&[&keys[..], &[("AWS_ENDPOINT_URL_KMS", url.as_str())]].concat()), "Absent");
}

#[test]
fn a_node_without_credentials_says_so_and_asks_nobody() {
    let stub = Stub::always(Answer::json(serde_json::json!({})));
    let outcome = run(&[(ENDPOINT, &stub.url()), (ALLOWED, &stub.url())]);
    assert!(outcome.starts_with("Login") && outcome.contains("no credentials of its own"), "{outcome}");
    assert_eq!(stub.asked().len(), 0);
}

#[test]
fn an_endpoint_that_a_record_names_never_sees_the_nodes_credentials_unless_its_operator_allows_it() {
    let stub = Stub::always(Answer::json(serde_json::json!({})));
    let keys = [("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    for allowed in ["", "http://127.0.0.1", "http://127.0.0.1:1"] {
        let outcome = run(&[&[(ENDPOINT, stub.url().as_str()), (ALLOWED, allowed)][..], &keys].concat());
        assert!(outcome.starts_with("Invalid") && outcome.contains("endpoint: "), "{outcome}");
        assert_eq!(stub.asked().len(), 0);
    }
}

#[tokio::test]
async fn a_node_that_lends_no_credentials_wants_keys_in_the_record() {
    let driver = Driver::new(Settings { ambient: false, ..Settings::default() });
    let refused = driver.health(&without_keys(None), deadline()).await.unwrap_err();
    assert!(matches!(&refused, Error::Invalid(text) if text.starts_with("access_key and secret_key")), "{refused}");
}
