use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::testing::Stub;

const FOUND: &str = r#"{"data": {"a": "b"}, "lease_duration": 0, "wrap_info": null, "auth": null, "warnings": null}"#;

#[test]
fn a_read_shows_what_is_there_and_ends_with_2_where_nothing_is() {
    let stub = Stub::answering(&[(200, FOUND), (404, r#"{"errors": []}"#)]);
    let (exit, screen) = stub.run(&["read", "/secret/a/", "x=1 2"], "");
    assert_eq!((exit, screen.output().as_str()), (0, "Key    Value\n---    -----\na      b\n"));
    assert_eq!(stub.lines(), ["GET /v1/secret/a?x=1%202"]);
    let seen = &stub.seen()[0];
    assert_eq!((seen.header("x-vault-token"), seen.header("x-vault-request")), (Some("s.mine"), Some("true")));
    let (exit, screen) = stub.run(&["read", "secret/b"], "");
    assert_eq!((exit, screen.errors().as_str(), screen.output().as_str()), (2, "No value found at secret/b\n", ""));
}

#[test]
fn what_a_server_refuses_is_shown_as_stock_clients_show_it() {
    let stub = Stub::answering(&[(403, r#"{"errors": ["1 error occurred:\n\t* permission denied\u001b[2J\n\n"]}"#)]);
    let (exit, screen) = stub.run(&["read", "-namespace=team-a", "secret/a", "password=hidden-word"], "");
    let said = screen.errors();
    assert_eq!(exit, 2);
    assert!(said.starts_with(
        "Error reading secret/a: Error making API request.\n\nNamespace: team-a\nURL: GET http://127.0.0.1:"
    ));
    assert!(
        said.contains("/v1/secret/a\nCode: 403. Errors:\n\n* 1 error occurred: * permission denied\\u{1b}[2J\n"),
        "{said}"
    );
    assert!(!said.contains("hidden-word") && !said.contains("s.mine") && !said.contains('\x1b'), "{said}");
}

#[test]
fn a_write_sends_its_data_and_says_that_it_is_done() {
    let stub = Stub::answering(&[(204, "")]);
    let (exit, screen) = stub.run(&["write", "secret/a", "b=c", "d=-"], "typed");
    assert_eq!((exit, screen.output().as_str()), (0, "Success! Data written to: secret/a\n"));
    assert_eq!(stub.seen()[0].body, json!({"b": "c", "d": "typed"}));
    assert_eq!(stub.run(&["write", "-format=json", "secret/a", "b=c"], "").1.output(), "", "programs get nothing");
    let (exit, screen) = stub.run(&["write", "secret/a"], "");
    assert_eq!(exit, 1);
    assert!(screen.errors().contains("-force"), "{}", screen.errors());
    assert_eq!(stub.run(&["write", "-f", "secret/a"], "").0, 0);
    assert_eq!(stub.lines().last().unwrap(), "PUT /v1/secret/a");
}

#[test]
fn lists_patches_and_deletes_have_methods_of_their_own() {
    let keys = r#"{"data": {"keys": ["a", "b/"]}}"#;
    let stub = Stub::answering(&[(200, keys), (200, keys), (204, ""), (204, ""), (404, r#"{"errors":[]}"#)]);
    assert_eq!(stub.run(&["list", "secret"], "").1.output(), "Keys\n----\na\nb/\n");
    let listed: Value = serde_json::from_str(&stub.run(&["list", "-format=json", "secret"], "").1.output()).unwrap();
    assert_eq!(listed, json!(["a", "b/"]));
    assert_eq!(stub.run(&["patch", "secret/a", "b=c"], "").0, 0);
    assert_eq!(
        stub.run(&["delete", "secret/a"], "").1.output(),
        "Success! Data deleted (if it existed) at: secret/a\n"
    );
    let (exit, screen) = stub.run(&["list", "empty"], "");
    assert_eq!((exit, screen.errors().as_str()), (2, "No value found at empty/\n"));
    assert_eq!(
        stub.lines(),
        ["LIST /v1/secret", "LIST /v1/secret", "PATCH /v1/secret/a", "DELETE /v1/secret/a", "LIST /v1/empty"]
    );
    assert_eq!(stub.seen()[2].header("content-type"), Some("application/merge-patch+json"));
}

#[test]
fn wrapping_is_asked_for_and_unwrapping_gives_what_was_wrapped() {
    let wrapped = r#"{"wrap_info": {"token": "s.w", "accessor": "x", "ttl": 60, "creation_path": "secret/a"}}"#;
    let stub = Stub::answering(&[(200, wrapped), (200, FOUND)]);
    let said = stub.run(&["read", "-wrap-ttl=1m", "secret/a"], "").1.output();
    assert!(said.contains("wrapping_token                  s.w"), "{said}");
    assert!(said.contains("wrapping_token_ttl              1m"), "{said}");
    assert_eq!(stub.seen()[0].header("x-vault-wrap-ttl"), Some("1m"));
    let (exit, screen) = stub.run_with(&["unwrap", "-field=a", "-"], "s.w\n", &[]);
    assert_eq!((exit, screen.output().as_str()), (0, "b"));
    assert_eq!(stub.seen()[1].header("x-vault-token"), Some("s.w"), "it is the token of whoever has no other");
    stub.run(&["unwrap", "s.w"], "");
    assert_eq!(stub.seen()[2].body, json!({"token": "s.w"}));
}

#[test]
fn bytes_come_as_they_are_when_that_is_asked_for() {
    let stub = Stub::answering(&[(200, "-----BEGIN")]);
    assert_eq!(stub.run(&["read", "-format=raw", "pki/ca/pem"], "").1.output(), "-----BEGIN");
    let (exit, screen) = stub.run(&["read", "pki/ca/pem"], "");
    assert_eq!(exit, 2);
    assert!(screen.errors().contains("-format=raw"), "{}", screen.errors());
}

#[test]
fn a_busy_server_is_asked_again_and_one_that_says_no_is_not() {
    let busy = r#"{"errors": ["busy"]}"#;
    let stub = Stub::answering(&[(503, busy), (429, busy), (200, FOUND), (501, busy)]);
    assert_eq!(stub.run(&["read", "a"], "").0, 0);
    assert_eq!(stub.lines().len(), 3);
    assert_eq!(stub.run(&["read", "a"], "").0, 2);
    assert_eq!(stub.lines().len(), 4);
    let stub = Stub::answering(&[(500, busy)]);
    let never = [("VAULT_TOKEN", "s.mine"), ("VAULT_MAX_RETRIES", "0")];
    assert_eq!(stub.run_with(&["read", "a"], "", &never).0, 2);
    assert_eq!(stub.lines().len(), 1);
}

#[test]
fn a_standby_sends_to_the_node_that_serves() {
    let to = "Location: /v1/elsewhere\r\n".to_owned();
    let answers = VecDeque::from([(307, to, String::new()), (200, String::new(), FOUND.to_owned())]);
    let stub = Stub::serve(answers);
    assert_eq!(stub.run(&["read", "a"], "").0, 0);
    assert_eq!(stub.lines(), ["GET /v1/a", "GET /v1/elsewhere"]);
    assert_eq!(stub.seen()[1].header("x-vault-token"), Some("s.mine"));
}

#[test]
fn a_server_that_is_not_there_is_said_with_what_to_do() {
    let stub = Stub::answering(&[(200, FOUND)]);
    let (exit, screen) = stub.run(&["read", "-address=http://127.0.0.1:1", "a"], "");
    assert_eq!(exit, 2);
    assert!(screen.errors().contains("Is the server running?"), "{}", screen.errors());
    assert_eq!(stub.run(&["status", "-address=http://127.0.0.1:1"], "").0, 1);
}
