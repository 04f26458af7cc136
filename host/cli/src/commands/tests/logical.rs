use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::testing::{Stub, parse};

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
fn a_busy_server_is_asked_again_only_where_that_is_wanted_and_one_that_says_no_is_not() {
    let busy = r#"{"errors": ["busy"]}"#;
    let stub = Stub::answering(&[(503, busy), (429, busy), (200, FOUND), (501, busy)]);
    let twice = [("VAULT_TOKEN", "s.mine"), ("VAULT_MAX_RETRIES", "2")];
    assert_eq!(stub.run_with(&["read", "a"], "", &twice).0, 0);
    assert_eq!(stub.lines().len(), 3);
    assert_eq!(stub.run_with(&["read", "a"], "", &twice).0, 2);
    assert_eq!(stub.lines().len(), 4);
    let stub = Stub::answering(&[(500, busy)]);
    assert_eq!(stub.run(&["write", "a", "b=c"], "").0, 2);
    assert_eq!(stub.lines().len(), 1, "what may have been done is not done again");
}

#[test]
fn a_standby_sends_to_the_node_that_serves() {
    let to = "Location: /v1/elsewhere\r\n".to_owned();
    let answers = VecDeque::from([(307, to, String::new()), (200, String::new(), FOUND.to_owned())]);
    let stub = Stub::serve(answers);
    assert_eq!(stub.run(&["read", "a"], "").0, 0);
    assert_eq!(stub.lines(), ["GET /v1/a", "GET /v1/elsewhere"]);
    assert_eq!(stub.seen()[1].header("x-vault-token"), Some("s.mine"));
    let to = "Location: /v1/elsewhere\r\n".to_owned();
    let stub = Stub::serve(VecDeque::from([(307, to, String::new())]));
    assert_eq!(stub.run(&["read", "-disable-redirects", "a"], "").0, 2);
    assert_eq!(stub.lines(), ["GET /v1/a"], "nothing else is asked where that is not wanted");
}

#[test]
fn authorities_may_come_from_the_environment_itself() {
    let stub = Stub::answering(&[(200, FOUND)]);
    let variables = [("VAULT_CACERT_BYTES", "none"), ("VAULT_CACERT", "/nowhere/at-all")];
    let (exit, screen) = stub.run_with(&["read", "-address=https://127.0.0.1:1", "a"], "", &variables);
    assert_eq!((exit, screen.errors().as_str()), (1, "VAULT_CACERT_BYTES holds no certificate in PEM\n"));
    let (_, screen) = stub.run_with(&["read", "-address=https://127.0.0.1:1", "-ca-cert=/no", "a"], "", &variables);
    assert!(screen.errors().starts_with("/no: "), "{}", screen.errors());
}

#[test]
fn a_server_at_a_file_is_asked_there() {
    let stub = Stub::at_file(&[(200, FOUND), (403, r#"{"errors": ["permission denied"]}"#)]);
    assert_eq!(stub.run(&["read", "-field=a", "secret/a"], "").1.output(), "b");
    let (exit, screen) = stub.run(&["read", "secret/a"], "");
    assert_eq!(exit, 2, "{}", screen.errors());
    assert_eq!(stub.lines(), ["GET /v1/secret/a", "GET /v1/secret/a"]);
    let (_, screen) = stub.run(&["read", "-address=unix:///nowhere/at/all", "a"], "");
    assert!(screen.errors().contains("unix:///nowhere/at/all: ") && screen.errors().contains("Is the server running?"));
}

#[test]
fn a_server_that_is_not_there_is_said_with_what_to_do() {
    let stub = Stub::answering(&[(200, FOUND)]);
    let (exit, screen) = stub.run(&["read", "-address=http://127.0.0.1:1", "a"], "");
    assert_eq!(exit, 2);
    assert!(screen.errors().contains("Is the server running?"), "{}", screen.errors());
    assert_eq!(stub.run(&["status", "-address=http://127.0.0.1:1"], "").0, 1);
}

#[test]
fn a_write_or_a_delete_that_finds_nothing_fails_though_the_answer_warns_or_holds_something() {
    for answer in [r#"{"errors": [], "warnings": ["Invalid path"]}"#, r#"{"data": {"a": "b"}}"#, r#"{"errors": []}"#] {
        let stub = Stub::answering(&[(404, answer)]);
        for (arguments, says) in [
            (&["write", "secret/a", "b=c"][..], "Error writing data to secret/a: "),
            (&["write", "-format=json", "-f", "secret/a"], "Error writing data to secret/a: "),
            (&["patch", "secret/a", "b=c"], "Error writing data to secret/a: "),
            (&["delete", "secret/a"], "Error deleting secret/a: "),
        ] {
            let (exit, screen) = stub.run(arguments, "");
            assert_eq!((exit, screen.output().as_str()), (2, ""), "{arguments:?}, {answer}");
            assert!(screen.errors().starts_with(says) && screen.errors().contains("Code: 404"), "{}", screen.errors());
        }
    }
    // To whoever reads, such an answer tells something.
    let stub = Stub::answering(&[(404, r#"{"data": {"a": "b"}}"#)]);
    assert_eq!(stub.run(&["read", "-field=a", "secret/a"], "").1.output(), "b");
    assert_eq!(stub.run(&["unwrap", "-field=a", "s.w"], "").1.output(), "b");
}

#[test]
fn options_that_are_true_or_false_may_say_so_and_the_last_of_two_counts() {
    let stub = Stub::answering(&[(200, FOUND)]);
    for (force, exit) in
        [("-force", 0), ("-force=true", 0), ("-f=1", 0), ("-force=T", 0), ("-force=false", 1), ("-f=0", 1)]
    {
        assert_eq!(stub.run(&["write", force, "secret/a"], "").0, exit, "{force}");
    }
    stub.run(&["token", "create", "-orphan=true", "-no-default-policy=false", "-renewable=f"], "");
    assert_eq!(stub.seen().pop().unwrap().body, json!({"no_parent": true, "renewable": false}));
    let (_, screen) = stub.run(&["read", "-format=json", "-format=table", "-field=x", "-field=a", "secret/a"], "");
    assert_eq!(screen.output(), "b");
    assert!(parse(&["write", "-force=perhaps", "secret/a"]).is_err());
}

#[test]
fn a_request_may_be_told_as_a_command_line_or_as_a_policy_instead_of_made() {
    let stub = Stub::answering(&[(200, FOUND)]);
    let write = ["write", "-output-curl-string", "-namespace=team-a", "secret/a", "b=it's"];
    let (exit, screen) = stub.run(&write, "");
    let said = screen.output();
    assert_eq!(exit, 0);
    assert!(said.starts_with("curl -X PUT -H "), "{said}");
    for part in [
        " -H \"X-Vault-Token: $(innkeeper print token)\" ",
        " -H 'x-vault-namespace: team-a' ",
        " -d '{\"b\":\"it'\"'\"'s\"}' ",
        "/v1/secret/a'\n",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("s.mine"), "{said}");
    for (arguments, policy) in [
        (&["write", "secret/a", "b=c"][..], "path \"secret/a\" {\n  capabilities = [\"create\", \"update\"]\n}\n"),
        (&["list", "secret"], "path \"secret\" {\n  capabilities = [\"list\"]\n}\n"),
        (&["operator", "seal"], "path \"sys/seal\" {\n  capabilities = [\"create\", \"update\", \"sudo\"]\n}\n"),
        (&["status"], "path \"sys/seal-status\" {\n  capabilities = [\"read\"]\n}\n"),
    ] {
        let (exit, screen) = stub.run(&[arguments, &["-output-policy"]].concat(), "");
        assert_eq!((exit, screen.output().as_str(), screen.errors().as_str()), (0, policy, ""), "{arguments:?}");
    }
    assert!(stub.seen().is_empty());
}

#[test]
fn overrides_and_second_factors_are_headers() {
    let stub = Stub::answering(&[(200, FOUND)]);
    stub.run(&["read", "-policy-override", "-mfa=totp:123456", "a"], "");
    let seen = &stub.seen()[0];
    assert_eq!(seen.header("x-vault-policy-override"), Some("true"));
    assert_eq!(seen.header("x-vault-mfa"), Some("totp:123456"));
}

#[test]
fn whatever_is_to_be_wrapped_is_wrapped_for_some_minutes_if_nobody_says_how_long() {
    let wrapped = r#"{"wrap_info": {"token": "s.w"}}"#;
    let stub = Stub::answering(&[(200, wrapped)]);
    stub.run(&["write", "sys/wrapping/wrap", "a=b"], "");
    stub.run(&["write", "-wrap-ttl=1h", "sys/wrapping/wrap", "a=b"], "");
    let ttls: Vec<_> = stub.seen().iter().map(|seen| seen.header("x-vault-wrap-ttl").map(str::to_owned)).collect();
    assert_eq!(ttls, [Some("5m".to_owned()), Some("1h".to_owned())]);
}

#[test]
fn only_a_read_gives_an_answer_as_it_came() {
    let stub = Stub::answering(&[(200, FOUND)]);
    for arguments in
        [&["list", "-format=raw", "a"][..], &["kv", "get", "-format=raw", "a/b"], &["status", "-format=raw"]]
    {
        let (exit, screen) = stub.run(arguments, "");
        assert_eq!(exit, 1);
        assert!(screen.errors().contains("only `innkeeper read` supports raw"), "{}", screen.errors());
    }
    assert!(stub.seen().is_empty());
}

#[test]
fn a_list_of_nothing_is_empty_braces_to_programs() {
    let stub = Stub::answering(&[(404, r#"{"errors": []}"#)]);
    for format in ["-format=json", "-format=yaml"] {
        let (exit, screen) = stub.run(&["list", format, "a"], "");
        assert_eq!((exit, screen.output().as_str()), (2, "{}\n"), "{format}");
    }
}
