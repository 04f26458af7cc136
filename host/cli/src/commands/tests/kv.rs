use serde_json::json;

use crate::testing::Stub;

const TWO: &str = r#"{"data": {"path": "secret/", "type": "kv", "options": {"version": "2"}}}"#;
const ONE: &str = r#"{"data": {"path": "old/", "type": "kv", "options": null}}"#;
const SECRET: &str = r#"{"data": {"data": {"a": "b"}, "metadata": {"version": 3, "deletion_time": "",
    "custom_metadata": null, "destroyed": false}}}"#;

#[test]
fn a_secret_with_versions_is_shown_with_where_it_is_and_what_is_known() {
    let stub = Stub::answering(&[(200, TWO), (200, SECRET)]);
    let (exit, screen) = stub.run(&["kv", "get", "-version=3", "secret/a"], "");
    assert_eq!(exit, 0);
    assert_eq!(
        screen.output(),
        "== Secret Path ==\nsecret/data/a\n\n======= Metadata =======\nKey                Value\n---                -----\n\
         custom_metadata    <nil>\ndeletion_time      n/a\ndestroyed          false\nversion            3\n\n\
         == Data ==\nKey    Value\n---    -----\na      b\n"
    );
    assert_eq!(stub.lines(), ["GET /v1/sys/internal/ui/mounts/secret/a", "GET /v1/secret/data/a?version=3"]);
}

#[test]
fn a_mount_may_be_named_apart_and_a_field_is_printed_alone() {
    let stub = Stub::answering(&[(200, TWO), (200, SECRET)]);
    let (exit, screen) = stub.run(&["kv", "get", "-mount=secret", "-field=a", "a"], "");
    assert_eq!((exit, screen.output().as_str()), (0, "b"));
    assert_eq!(stub.lines()[0], "GET /v1/sys/internal/ui/mounts/secret/a");
}

#[test]
fn a_secret_without_versions_is_where_its_path_says() {
    let stub = Stub::answering(&[(200, ONE), (204, "")]);
    let (exit, screen) = stub.run(&["kv", "put", "old/a", "b=c"], "");
    assert_eq!((exit, screen.output().as_str()), (0, "Success! Data written to: old/a\n"));
    assert_eq!((stub.lines()[1].as_str(), &stub.seen()[1].body), ("PUT /v1/old/a", &json!({"b": "c"})));
    let stub = Stub::answering(&[(200, ONE)]);
    let (exit, screen) = stub.run(&["kv", "patch", "old/a", "b=c"], "");
    assert_eq!((exit, screen.errors().as_str()), (2, "K/V engine mount must be version 2 for patch support\n"));
    let stub = Stub::answering(&[(404, r#"{"errors": ["unsupported path"]}"#), (204, "")]);
    assert_eq!(stub.run(&["kv", "delete", "old/a"], "").0, 0);
    assert_eq!(stub.lines()[1], "DELETE /v1/old/a");
}

#[test]
fn a_new_version_is_written_with_its_condition() {
    let made = r#"{"data": {"version": 4, "created_time": "now"}}"#;
    let stub = Stub::answering(&[(200, TWO), (200, made)]);
    let (exit, screen) = stub.run(&["kv", "put", "-cas=3", "secret/a", "b=c"], "");
    assert_eq!(exit, 0);
    assert_eq!(stub.seen()[1].body, json!({"data": {"b": "c"}, "options": {"cas": 3}}));
    assert!(screen.output().contains("version         4"), "{}", screen.output());
}

#[test]
fn a_change_that_the_server_cannot_make_is_read_and_written() {
    let no = r#"{"errors": ["unsupported operation"]}"#;
    let stub = Stub::answering(&[(200, TWO), (405, no), (200, SECRET), (200, r#"{"data": {"version": 4}}"#)]);
    assert_eq!(stub.run(&["kv", "patch", "-remove-data=a", "secret/a", "c=d"], "").0, 0);
    assert_eq!(stub.lines()[1..], ["PATCH /v1/secret/data/a", "GET /v1/secret/data/a", "PUT /v1/secret/data/a"]);
    assert_eq!(stub.seen()[1].body["data"], json!({"a": null, "c": "d"}));
    assert_eq!(stub.seen()[3].body, json!({"data": {"c": "d"}, "options": {"cas": 3}}));
}

#[test]
fn what_is_told_of_a_request_is_told_of_the_one_that_counts() {
    let stub = Stub::answering(&[(200, TWO)]);
    let (exit, screen) = stub.run(&["kv", "put", "-output-policy", "secret/a", "b=c"], "");
    let policy = "path \"secret/data/a\" {\n  capabilities = [\"create\", \"update\"]\n}\n";
    assert_eq!((exit, screen.output().as_str()), (0, policy));
    assert_eq!(stub.lines(), ["GET /v1/sys/internal/ui/mounts/secret/a"], "where that is must be known");
}

#[test]
fn an_older_version_comes_back_as_a_new_one() {
    let stub = Stub::answering(&[(200, TWO), (200, SECRET), (200, SECRET), (200, r#"{"data": {"version": 4}}"#)]);
    assert_eq!(stub.run(&["kv", "rollback", "-version=1", "secret/a"], "").0, 0);
    assert_eq!(
        stub.lines()[1..],
        ["GET /v1/secret/data/a", "GET /v1/secret/data/a?version=1", "PUT /v1/secret/data/a"]
    );
    assert_eq!(stub.seen()[3].body, json!({"data": {"a": "b"}, "options": {"cas": 3}}));
}

#[test]
fn versions_are_deleted_brought_back_and_destroyed_by_their_numbers() {
    let stub = Stub::answering(&[(200, TWO), (204, ""), (200, TWO), (204, ""), (200, TWO), (204, "")]);
    for (command, line) in [
        ("delete", "PUT /v1/secret/delete/a"),
        ("undelete", "PUT /v1/secret/undelete/a"),
        ("destroy", "PUT /v1/secret/destroy/a"),
    ] {
        assert_eq!(stub.run(&["kv", command, "-versions=1,2", "secret/a"], "").0, 0, "{command}");
        let last = stub.seen().pop().unwrap();
        assert_eq!((last.line.as_str(), last.body), (line, json!({"versions": [1, 2]})));
    }
}

#[test]
fn a_deleted_version_is_shown_with_what_is_known_of_it() {
    let gone = r#"{"data": {"data": null, "metadata": {"version": 1, "deletion_time": "2026-01-01T00:00:00Z"}}}"#;
    let stub = Stub::answering(&[(200, TWO), (404, gone)]);
    let (exit, screen) = stub.run(&["kv", "get", "secret/a"], "");
    assert_eq!(exit, 0);
    assert!(screen.output().contains("deletion_time    2026-01-01T00:00:00Z"), "{}", screen.output());
    let stub = Stub::answering(&[(200, TWO), (404, gone)]);
    let (exit, screen) = stub.run(&["kv", "get", "-field=a", "secret/a"], "");
    assert_eq!((exit, screen.errors().as_str()), (2, "No data found at secret/data/a\n"));
}

#[test]
fn what_is_kept_about_a_secret_is_shown_version_by_version() {
    let known = r#"{"data": {"max_versions": 0, "current_version": 10,
        "versions": {"10": {"destroyed": false}, "9": {"destroyed": true}}}}"#;
    let stub = Stub::answering(&[(200, TWO), (200, known), (200, TWO), (204, ""), (200, TWO), (204, "")]);
    let said = stub.run(&["kv", "metadata", "get", "secret/a"], "").1.output();
    let (nine, ten) = (said.find("== Version 9 ==").unwrap(), said.find("== Version 10 ==").unwrap());
    assert!(nine < ten, "{said}");
    stub.run(&["kv", "metadata", "put", "-max-versions=5", "-custom-metadata=a=b", "secret/a"], "");
    assert_eq!(stub.seen()[3].body, json!({"max_versions": 5, "custom_metadata": {"a": "b"}}));
    stub.run(&["kv", "metadata", "patch", "-remove-custom-metadata=a", "secret/a"], "");
    assert_eq!(stub.seen()[5].body, json!({"custom_metadata": {"a": null}}));
}

#[test]
fn a_write_that_is_answered_with_404_was_not_done_whatever_the_answer_holds() {
    let warned = r#"{"errors": [], "warnings": ["Invalid path for a versioned K/V secrets engine."]}"#;
    let gone = r#"{"data": {"data": null, "metadata": {"version": 1}}}"#;
    for (arguments, answer, says) in [
        (&["kv", "put", "secret", "a=b"][..], warned, "Error writing data to secret/data: "),
        (&["kv", "put", "secret", "a=b"], warned, "* Invalid path for a versioned K/V secrets engine."),
        (&["kv", "patch", "secret/a", "a=b"], gone, "No value found at secret/data/a"),
        (&["kv", "patch", "secret/a", "a=b"], warned, "Error writing data to secret/data/a: "),
        (&["kv", "delete", "secret/a"], warned, "Error deleting secret/data/a: "),
        (&["kv", "metadata", "delete", "secret/a"], warned, "Error deleting secret/metadata/a: "),
        (&["kv", "metadata", "put", "-max-versions=1", "secret/a"], gone, "Error writing data to secret/metadata/a: "),
    ] {
        let stub = Stub::answering(&[(200, TWO), (404, answer)]);
        let (exit, screen) = stub.run(arguments, "");
        assert_eq!((exit, screen.output().as_str()), (2, ""), "{arguments:?}");
        assert!(screen.errors().contains(says), "{arguments:?}: {}", screen.errors());
    }
}

#[test]
fn people_are_told_what_a_server_warns_of_when_a_secret_is_shown() {
    let warned = SECRET.replacen('{', r#"{"warnings": ["old engine"], "#, 1);
    let stub = Stub::answering(&[(200, TWO), (200, &warned)]);
    let (exit, screen) = stub.run(&["kv", "get", "secret/a"], "");
    assert_eq!(exit, 0);
    assert!(screen.errors().contains("  * old engine"), "{}", screen.errors());
}

#[test]
fn a_list_needs_no_path_where_a_mount_is_named_and_shows_what_is_known_of_each_name() {
    let keys = r#"{"data": {"keys": ["a", "b/"], "key_info": {"a": {"version": 3, "at": "now"}}}}"#;
    let stub = Stub::answering(&[(200, TWO), (200, keys)]);
    let (exit, screen) = stub.run(&["kv", "list", "-mount=secret", "-detailed"], "");
    assert_eq!(exit, 0, "{}", screen.errors());
    let table = "Keys    at     version\n----    --     -------\na       now    3\nb/      n/a    n/a\n";
    assert_eq!(screen.output(), table);
    assert_eq!(stub.lines(), ["GET /v1/sys/internal/ui/mounts/secret", "LIST /v1/secret/metadata"]);
    let stub = Stub::answering(&[(200, keys)]);
    let variables = [("VAULT_TOKEN", "s.mine"), ("VAULT_DETAILED", "true")];
    assert_eq!(stub.run_with(&["list", "secret/metadata"], "", &variables).1.output(), table);
    let whole = stub.run(&["list", "-detailed", "-format=json", "secret/metadata"], "").1.output();
    let whole: serde_json::Value = serde_json::from_str(&whole).unwrap();
    assert_eq!(whole["key_info"]["a"]["version"], 3);
}
