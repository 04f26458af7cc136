use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::testing::Stub;

const KNOWN: &str =
    r#"{"data": {"accessor": "acc", "policies": ["root"], "meta": null, "ttl": 0, "renewable": false}}"#;
const GIVEN: &str = r#"{"data": null, "auth": {"client_token": "s.new", "accessor": "acc", "policies": ["default"],
    "token_policies": ["default"], "metadata": {"username": "eve"}, "lease_duration": 3600, "renewable": true}}"#;

fn kept(stub: &Stub) -> Option<String> {
    std::fs::read_to_string(stub.home.path().join(".vault-token")).ok()
}

#[test]
fn a_token_is_asked_for_hidden_proven_and_kept() {
    let stub = Stub::answering(&[(200, KNOWN)]);
    let (exit, screen) = stub.run_with(&["login"], "s.typed", &[]);
    assert_eq!(exit, 0);
    assert!(screen.output().starts_with("Success! You are now authenticated."), "{}", screen.output());
    assert_eq!(stub.seen()[0].header("x-vault-token"), Some("s.typed"));
    assert_eq!(kept(&stub).as_deref(), Some("s.typed"));
    let mode = std::fs::metadata(stub.home.path().join(".vault-token")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // The next command comes with it.
    stub.run_with(&["token", "lookup"], "", &[]);
    assert_eq!(stub.seen()[1].header("x-vault-token"), Some("s.typed"));
    assert_eq!(stub.run_with(&["print", "token"], "", &[]).1.output(), "s.typed\n");
}

#[test]
fn a_token_that_proves_nothing_is_not_kept() {
    let stub = Stub::answering(&[(403, r#"{"errors": ["permission denied"]}"#)]);
    let (exit, screen) = stub.run_with(&["login", "s.wrong"], "", &[]);
    assert_eq!(exit, 2);
    assert!(screen.errors().starts_with("Error authenticating: "), "{}", screen.errors());
    assert!(!screen.errors().contains("s.wrong"));
    assert_eq!(kept(&stub), None);
}

#[test]
fn a_password_is_asked_for_and_the_name_is_part_of_the_path() {
    let stub = Stub::answering(&[(200, GIVEN)]);
    let (exit, screen) = stub.run(&["login", "-method=userpass", "-path=people", "username=eve"], "word");
    assert_eq!(exit, 0);
    let seen = &stub.seen()[0];
    assert_eq!((seen.line.as_str(), &seen.body), ("PUT /v1/auth/people/login/eve", &json!({"password": "word"})));
    assert_eq!(seen.header("x-vault-token"), None, "whoever logs in has no token yet");
    assert!(screen.output().contains("token_meta_username    eve"), "{}", screen.output());
    assert!(screen.errors().contains("VAULT_TOKEN is set"), "{}", screen.errors());
    assert!(!screen.output().contains("word"));
}

#[test]
fn a_token_alone_is_printed_and_not_kept() {
    let stub = Stub::answering(&[(200, GIVEN)]);
    let id = stub.home.write("id", "the-secret-id\n");
    let arguments = ["login", "-token-only", "-method=approle", "role_id=app", &format!("secret_id=@{id}")];
    let (exit, screen) = stub.run_with(&arguments, "", &[]);
    assert_eq!((exit, screen.output().as_str(), kept(&stub)), (0, "s.new", None));
    let seen = &stub.seen()[0];
    assert_eq!(seen.line, "PUT /v1/auth/approle/login");
    assert_eq!(seen.body, json!({"role_id": "app", "secret_id": "the-secret-id"}));
    stub.run_with(&["login", "-no-store", "-method=jwt", "role=a", "jwt=e.y.z"], "", &[]);
    assert_eq!((stub.lines()[1].as_str(), kept(&stub)), ("PUT /v1/auth/jwt/login", None));
}

#[test]
fn what_a_method_needs_is_said_before_anybody_is_asked() {
    let stub = Stub::answering(&[(200, GIVEN)]);
    for (arguments, says) in [
        (&["login", "-method=userpass"][..], "username"),
        (&["login", "-method=approle"], "role_id"),
        (&["login", "-method=cert"], "-client-cert"),
        (&["login", "-method=kubernetes", "role=a"], "serviceaccount/token"),
        (&["login", "-method=userpass", "username=eve"], "terminal"),
        (&["login", "a", "b"], "one token"),
        (&["login", "-no-store", "-no-print", "a"], "cannot be used together"),
        (&["login", "-non-interactive"], "-non-interactive asks nobody"),
    ] {
        let (exit, screen) = stub.run_with(arguments, "", &[]);
        assert_eq!(exit, 1, "{arguments:?}");
        assert!(screen.errors().contains(says), "{}", screen.errors());
    }
    assert!(stub.seen().is_empty());
}

#[test]
fn a_token_that_is_named_comes_from_standard_input_too() {
    let stub = Stub::answering(&[(200, KNOWN)]);
    assert_eq!(stub.run_with(&["login", "token=-"], "s.sent\n", &[]).0, 0);
    assert_eq!(kept(&stub).as_deref(), Some("s.sent"));
}

#[test]
fn a_login_that_is_wrapped_is_unwrapped_where_the_token_is_kept() {
    let wrapped = r#"{"wrap_info": {"token": "s.wrapping", "ttl": 60}, "auth": null}"#;
    let login = ["login", "-wrap-ttl=1m", "-method=jwt", "role=a", "jwt=e.y.z"];
    let stub = Stub::answering(&[(200, wrapped), (200, GIVEN)]);
    let (exit, screen) = stub.run_with(&login, "", &[]);
    assert_eq!((exit, kept(&stub).as_deref()), (0, Some("s.new")), "{}", screen.errors());
    let unwrap = &stub.seen()[1];
    assert_eq!(unwrap.line, "PUT /v1/sys/wrapping/unwrap");
    assert_eq!((unwrap.header("x-vault-token"), unwrap.header("x-vault-wrap-ttl")), (Some("s.wrapping"), None));
    let stub = Stub::answering(&[(200, wrapped)]);
    let (_, screen) = stub.run_with(&[&login[..], &["-token-only"]].concat(), "", &[]);
    assert_eq!((screen.output().as_str(), kept(&stub)), ("s.wrapping", None));
    let (_, screen) = stub.run_with(&[&login[..], &["-no-store"]].concat(), "", &[]);
    assert!(screen.output().contains("wrapping_token        s.wrapping"), "{}", screen.output());
}

#[test]
fn a_token_that_cannot_be_kept_is_shown() {
    let stub = Stub::answering(&[(200, GIVEN)]);
    std::fs::create_dir(stub.home.path().join(".vault-token")).unwrap();
    let login = ["login", "-no-print", "-method=jwt", "role=a", "jwt=e.y.z"];
    let (exit, screen) = stub.run_with(&login, "", &[("VAULT_TOKEN", "s.other")]);
    assert_eq!(exit, 2);
    assert!(screen.errors().contains("the token was not persisted"), "{}", screen.errors());
    assert!(screen.output().contains("s.new"), "{}", screen.output());
}
