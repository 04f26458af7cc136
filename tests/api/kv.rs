//! The key/value engine, by the paths that stock clients take.

use harness::{Answer, ROOT, Server};
use serde_json::{Value, json};

const MERGE_PATCH: &str = "application/merge-patch+json";

/// A server with version 1 at `kv1` and version 2 at `kv2`.
fn with_both() -> Server {
    let server = Server::start();
    assert_eq!(server.call("POST", "sys/mounts/kv1", json!({"type": "kv"})).status, 204);
    let options = json!({"type": "kv", "options": {"version": "2"}});
    assert_eq!(server.call("POST", "sys/mounts/kv2", options).status, 204);
    server
}

fn patch(server: &Server, path: &str, body: Value) -> Answer {
    server.send("PATCH", path, &[("X-Vault-Token", ROOT), ("Content-Type", MERGE_PATCH)], body)
}

fn write(server: &Server, path: &str, data: Value) -> Answer {
    server.call("PUT", &format!("kv2/data/{path}"), json!({"data": data, "options": {}}))
}

/// Data and metadata of a version; of one that is gone only the metadata.
fn read(server: &Server, path: &str) -> (u16, Value, Value) {
    let answer = server.call("GET", &format!("kv2/data/{path}"), Value::Null);
    (answer.status, answer.json["data"]["data"].clone(), answer.json["data"]["metadata"].clone())
}

#[test]
fn the_version_is_chosen_by_option_or_type_and_told_to_the_command_line() {
    let server = with_both();
    assert_eq!(server.call("POST", "sys/mounts/alias", json!({"type": "kv-v2"})).status, 204);
    let one = json!({"type": "kv", "options": {"version": "1"}});
    assert_eq!(server.call("POST", "sys/mounts/plain", one).status, 204);
    for (path, mount, version) in [
        ("kv1/a/b", "kv1/", Value::Null),
        ("plain/a", "plain/", json!("1")),
        ("kv2/a/b", "kv2/", json!("2")),
        ("alias", "alias/", json!("2")),
    ] {
        let answer = server.call("GET", &format!("sys/internal/ui/mounts/{path}"), Value::Null);
        assert_eq!((answer.status, &answer.json["data"]["type"]), (200, &json!("kv")), "{path}");
        assert_eq!(answer.json["data"]["path"], mount);
        assert_eq!(answer.json["data"]["options"]["version"], version, "{path}");
    }
    assert_eq!(server.call("PUT", "alias/data/a", json!({"data": {"x": 1}})).json["data"]["version"], 1);
    assert_eq!(server.call("PUT", "plain/data/a", json!({"x": 1})).status, 204);
}

#[test]
fn version_1_writes_reads_lists_and_removes() {
    let server = with_both();
    let secret = json!({"user": "a", "nested": {"list": [1, null, 2.5]}, "big": 12_345_678_901_234_567_890_u64});
    assert_eq!(server.call("PUT", "kv1/app/db", secret.clone()).status, 204);
    let answer = server.call("GET", "kv1/app/db", Value::Null);
    assert_eq!((answer.status, &answer.json["data"], &answer.json["mount_type"]), (200, &secret, &json!("kv")));
    assert_eq!(server.call("POST", "kv1/app/db", json!({"only": "this"})).status, 204);
    assert_eq!(server.call("GET", "kv1/app/db", Value::Null).json["data"], json!({"only": "this"}));
    for path in ["kv1/app", "kv1/app/web/x", "kv1/data/x", "kv1/metadata", "kv1/config", "kv1/delete/x"] {
        assert_eq!(server.call("PUT", path, json!({"p": path})).status, 204, "{path}");
        assert_eq!(server.call("GET", path, Value::Null).json["data"]["p"], path);
    }
    let root = json!(["app", "app/", "config", "data/", "delete/", "metadata"]);
    for (method, path, keys) in [
        ("LIST", "kv1", root.clone()),
        ("LIST", "kv1/", root.clone()),
        ("GET", "kv1/?list=true", root),
        ("LIST", "kv1/app", json!(["db", "web/"])),
        ("LIST", "kv1/app/", json!(["db", "web/"])),
        ("LIST", "kv1/data", json!(["x"])),
    ] {
        assert_eq!(server.call(method, path, Value::Null).json["data"]["keys"], keys, "{method} {path}");
    }
    assert_eq!(server.call("DELETE", "kv1/app/db", Value::Null).status, 204);
    assert_eq!(server.call("DELETE", "kv1/app/db", Value::Null).status, 204);
    let gone = server.call("GET", "kv1/app/db", Value::Null);
    assert_eq!((gone.status, gone.json), (404, json!({"errors": []})));
    assert_eq!(server.call("LIST", "kv1/nowhere", Value::Null).status, 404);
}

#[test]
fn version_1_refuses_what_it_cannot_keep() {
    let server = with_both();
    for body in [Value::Null, json!({})] {
        let refused = server.call("PUT", "kv1/a", body);
        assert_eq!((refused.status, refused.error()), (400, "missing data fields"));
    }
    assert_eq!(patch(&server, "kv1/a", json!({"x": 1})).status, 405);
    assert_eq!(server.call("PUT", &format!("kv1/{}", "x".repeat(256)), json!({"x": 1})).status, 400);
    assert_eq!(server.call("PUT", "kv1/large", json!({"x": "x".repeat(2 << 20)})).status, 413);
    assert_eq!(server.call("LIST", "kv1", Value::Null).status, 404);
}

#[test]
fn version_2_keeps_each_version_and_tells_them_apart() {
    let server = with_both();
    let first = write(&server, "app/db", json!({"n": 1, "none": null}));
    assert_eq!((first.status, &first.json["data"]["version"]), (200, &json!(1)));
    let facts = &first.json["data"];
    assert_eq!((&facts["deletion_time"], &facts["destroyed"]), (&json!(""), &json!(false)));
    assert!(facts["created_time"].as_str().unwrap().ends_with('Z'));
    assert_eq!(facts.get("custom_metadata"), Some(&Value::Null));
    write(&server, "app/db", json!({"n": 2}));
    for (query, version, data) in [
        ("", 2, json!({"n": 2})),
        ("?version=0", 2, json!({"n": 2})),
        ("?version=1", 1, json!({"n": 1, "none": null})),
        ("?version=2", 2, json!({"n": 2})),
    ] {
        let (status, value, facts) = read(&server, &format!("app/db{query}"));
        assert_eq!((status, value, &facts["version"]), (200, data, &json!(version)), "{query}");
    }
    for missing in ["app/db?version=3", "app/other"] {
        let answer = server.call("GET", &format!("kv2/data/{missing}"), Value::Null);
        assert_eq!((answer.status, answer.json), (404, json!({"errors": []})));
    }
    let refused = server.call("GET", "kv2/data/app/db?version=latest", Value::Null);
    assert!(refused.status == 400 && refused.error().starts_with("version:"), "{}", refused.text);
}

#[test]
fn check_and_set_lets_one_of_two_writers_through() {
    let server = with_both();
    let with = |cas: Value| server.call("POST", "kv2/data/a", json!({"data": {"x": 1}, "options": {"cas": cas}}));
    let mismatch = "check-and-set parameter did not match the current version";
    assert_eq!((with(json!(1)).status, with(json!(1)).error()), (400, mismatch));
    assert_eq!(with(json!(0)).json["data"]["version"], 1);
    assert_eq!(with(json!(0)).error(), mismatch);
    assert_eq!(with(json!(1)).json["data"]["version"], 2);
    assert!(with(json!("x")).error().starts_with("options.cas:"));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8).map(|_| scope.spawn(|| with(json!(2)).status)).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(read(&server, "a").2["version"], 3);
}

#[test]
fn check_and_set_can_be_required_by_the_mount_or_by_the_secret() {
    let server = with_both();
    let required = "check-and-set parameter required for this call";
    assert_eq!(server.call("POST", "kv2/config", json!({"cas_required": true})).status, 204);
    let refused = write(&server, "a", json!({}));
    assert_eq!((refused.status, refused.error()), (400, required));
    server.call("POST", "kv2/config", json!({"cas_required": false}));
    assert_eq!(server.call("POST", "kv2/metadata/a", json!({"cas_required": true})).status, 204);
    assert_eq!(write(&server, "a", json!({})).error(), required);
    assert_eq!(patch(&server, "kv2/data/a", json!({"data": {}})).error(), required);
    assert_eq!(write(&server, "b", json!({})).status, 200);
    assert_eq!(server.call("PUT", "kv2/data/a", json!({"data": {}, "options": {"cas": 0}})).status, 200);
}

#[test]
fn a_deleted_version_answers_404_with_its_facts_and_can_be_undeleted() {
    let server = with_both();
    write(&server, "a", json!({"n": 1}));
    write(&server, "a", json!({"n": 2}));
    assert_eq!(server.call("DELETE", "kv2/data/a", Value::Null).status, 204);
    let answer = server.call("GET", "kv2/data/a", Value::Null);
    assert_eq!((answer.status, &answer.json["data"]["data"]), (404, &Value::Null));
    let facts = &answer.json["data"]["metadata"];
    assert_eq!((&facts["version"], &facts["destroyed"]), (&json!(2), &json!(false)));
    assert_ne!(facts["deletion_time"], "");
    for key in ["request_id", "lease_id", "warnings", "auth"] {
        assert!(answer.json.get(key).is_some(), "{key} is missing");
    }
    assert_eq!(read(&server, "a?version=1").1, json!({"n": 1}));
    assert_eq!(server.call("PUT", "kv2/undelete/a", json!({"versions": ["2"]})).status, 204);
    assert_eq!(read(&server, "a").1, json!({"n": 2}));
    assert_eq!(server.call("PUT", "kv2/delete/a", json!({"versions": [1, 2, 99]})).status, 204);
    assert_eq!((read(&server, "a").0, read(&server, "a?version=1").0), (404, 404));
    assert_eq!(server.call("POST", "kv2/undelete/a", json!({"versions": "1,2"})).status, 204);
    assert_eq!(read(&server, "a?version=1").1, json!({"n": 1}));
}

#[test]
fn a_destroyed_version_is_gone_for_good() {
    let server = with_both();
    write(&server, "a", json!({"n": 1}));
    write(&server, "a", json!({"n": 2}));
    assert_eq!(server.call("PUT", "kv2/destroy/a", json!({"versions": ["1"]})).status, 204);
    server.call("PUT", "kv2/undelete/a", json!({"versions": [1]}));
    let (status, data, facts) = read(&server, "a?version=1");
    assert_eq!((status, data, &facts["destroyed"]), (404, Value::Null, &json!(true)));
    assert_eq!(read(&server, "a").1, json!({"n": 2}));
    let versions = server.call("GET", "kv2/metadata/a", Value::Null).json["data"]["versions"].clone();
    assert_eq!((&versions["1"]["destroyed"], &versions["2"]["destroyed"]), (&json!(true), &json!(false)));
}

#[test]
fn single_versions_must_be_named_by_number() {
    let server = with_both();
    write(&server, "a", json!({"n": 1}));
    for what in ["delete", "undelete", "destroy"] {
        let path = format!("kv2/{what}/a");
        for body in [Value::Null, json!({"versions": []})] {
            let refused = server.call("PUT", &path, body);
            assert_eq!((refused.status, refused.error()), (400, "No version number provided"), "{what}");
        }
        for body in [json!({"versions": ["one"]}), json!({"versions": [-1]}), json!({"versions": {"1": 1}})] {
            let refused = server.call("PUT", &path, body);
            assert!(refused.status == 400 && refused.error().starts_with("versions:"), "{what}: {}", refused.text);
        }
        assert_eq!(server.call("PUT", &format!("kv2/{what}/nowhere"), json!({"versions": [1]})).status, 204);
        assert_eq!(server.call("GET", &path, Value::Null).status, 405);
    }
    assert_eq!(read(&server, "a").1, json!({"n": 1}));
    assert_eq!(server.call("GET", "kv2/metadata/nowhere", Value::Null).status, 404);
}

#[test]
fn a_patch_merges_into_the_latest_version() {
    let server = with_both();
    assert_eq!(patch(&server, "kv2/data/a", json!({"data": {"x": 1}})).status, 404);
    write(&server, "a", json!({"keep": 1, "drop": 2, "deep": {"keep": 1, "drop": 2}}));
    let changes = json!({"drop": null, "deep": {"drop": null, "new": [1]}, "new": "x"});
    let patched = patch(&server, "kv2/data/a", json!({"data": changes, "options": {"cas": 1}}));
    assert_eq!((patched.status, &patched.json["data"]["version"]), (200, &json!(2)));
    assert_eq!(read(&server, "a").1, json!({"keep": 1, "deep": {"keep": 1, "new": [1]}, "new": "x"}));
    let stale = patch(&server, "kv2/data/a", json!({"data": {}, "options": {"cas": 1}}));
    assert_eq!(stale.error(), "check-and-set parameter did not match the current version");
    let headers = [("X-Vault-Token", ROOT), ("Content-Type", "application/json")];
    assert_eq!(server.send("PATCH", "kv2/data/a", &headers, json!({"data": {}})).status, 415);
    server.call("DELETE", "kv2/data/a", Value::Null);
    let gone = patch(&server, "kv2/data/a", json!({"data": {"x": 1}}));
    assert_eq!((gone.status, &gone.json["data"]["version"]), (404, &json!(2)));
    assert_eq!(read(&server, "a").2["version"], 2);
}

#[test]
fn metadata_is_written_read_patched_listed_and_removed_with_all_versions() {
    let server = with_both();
    assert_eq!(server.call("GET", "kv2/metadata/app/db", Value::Null).status, 404);
    let settings = json!({"max_versions": 5, "cas_required": false, "delete_version_after": "3h25m19s",
                          "custom_metadata": {"owner": "a", "tier": "gold"}});
    assert_eq!(server.call("PUT", "kv2/metadata/app/db", settings).status, 204);
    write(&server, "app/db", json!({"n": 1}));
    let data = server.call("GET", "kv2/metadata/app/db", Value::Null).json["data"].clone();
    assert_eq!((&data["max_versions"], &data["cas_required"]), (&json!(5), &json!(false)));
    assert_eq!((&data["delete_version_after"], &data["current_version"]), (&json!("3h25m19s"), &json!(1)));
    assert_eq!(data["custom_metadata"], json!({"owner": "a", "tier": "gold"}));
    assert_ne!(data["versions"]["1"]["deletion_time"], "");
    for key in ["created_time", "updated_time", "oldest_version"] {
        assert!(data.get(key).is_some(), "{key} is missing");
    }
    let change = json!({"max_versions": null, "custom_metadata": {"tier": null, "team": "b"}});
    assert_eq!(patch(&server, "kv2/metadata/app/db", change).status, 204);
    let data = server.call("GET", "kv2/metadata/app/db", Value::Null).json["data"].clone();
    assert_eq!((&data["max_versions"], &data["delete_version_after"]), (&json!(0), &json!("3h25m19s")));
    assert_eq!(data["custom_metadata"], json!({"owner": "a", "team": "b"}));
    assert_eq!(read(&server, "app/db").2["custom_metadata"], json!({"owner": "a", "team": "b"}));
    assert_eq!(patch(&server, "kv2/metadata/nowhere", json!({"max_versions": 1})).status, 404);
    write(&server, "app", json!({}));
    write(&server, "other", json!({}));
    let root = json!(["app", "app/", "other"]);
    for (method, path, keys) in [
        ("LIST", "kv2/metadata", root.clone()),
        ("LIST", "kv2/metadata/", root.clone()),
        ("GET", "kv2/metadata/?list=true", root),
        ("LIST", "kv2/metadata/app", json!(["db"])),
        ("LIST", "kv2/metadata/app/", json!(["db"])),
    ] {
        assert_eq!(server.call(method, path, Value::Null).json["data"]["keys"], keys, "{method} {path}");
    }
    assert_eq!(server.call("DELETE", "kv2/metadata/app/db", Value::Null).status, 204);
    assert_eq!(server.call("GET", "kv2/metadata/app/db", Value::Null).status, 404);
    assert_eq!(read(&server, "app/db").0, 404);
    assert_eq!(server.call("LIST", "kv2/metadata/app", Value::Null).status, 404);
    assert_eq!(write(&server, "app/db", json!({})).json["data"]["version"], 1, "numbers begin anew");
}

#[test]
fn wrong_settings_name_their_field_and_change_nothing() {
    let server = with_both();
    for (path, body, says) in [
        ("kv2/metadata/a", json!({"max_versions": "many"}), "max_versions:"),
        ("kv2/metadata/a", json!({"cas_required": "perhaps"}), "cas_required:"),
        ("kv2/metadata/a", json!({"delete_version_after": "soon"}), "delete_version_after:"),
        ("kv2/metadata/a", json!({"custom_metadata": {"a": "x".repeat(513)}}), "custom_metadata"),
        ("kv2/metadata/a", json!({"custom_metadata": []}), "custom_metadata"),
        ("kv2/config", json!({"max_versions": -1}), "max_versions:"),
        ("kv2/config", json!({"delete_version_after": []}), "delete_version_after:"),
        ("kv2/data/a", json!({"x": 1}), "no data provided"),
        ("kv2/data/a", json!({"data": "text"}), "data:"),
        ("kv2/data/a", json!({"data": {}, "options": 1}), "options:"),
    ] {
        let refused = server.call("POST", path, body);
        assert!(refused.status == 400 && refused.error().starts_with(says), "{path} {says} {}", refused.text);
    }
    assert_eq!(write(&server, "large", json!({"x": "x".repeat(2 << 20)})).status, 413);
    assert_eq!(server.call("LIST", "kv2/metadata", Value::Null).status, 404);
    assert_eq!(server.call("GET", "kv2/config", Value::Null).json["data"]["max_versions"], 0);
}

#[test]
fn old_versions_are_dropped_beyond_the_larger_of_both_bounds() {
    let server = with_both();
    let unset = json!({"max_versions": 0, "cas_required": false, "delete_version_after": "0s"});
    assert_eq!(server.call("GET", "kv2/config", Value::Null).json["data"], unset);
    for n in 1..=12 {
        write(&server, "default", json!({"n": n}));
    }
    assert_eq!((read(&server, "default?version=2").0, read(&server, "default?version=3").0), (404, 200));
    assert_eq!(server.call("PUT", "kv2/config", json!({"max_versions": "2"})).status, 204);
    server.call("PUT", "kv2/metadata/more", json!({"max_versions": 3}));
    server.call("PUT", "kv2/metadata/fewer", json!({"max_versions": 1}));
    for path in ["more", "fewer"] {
        for n in 1..=4 {
            write(&server, path, json!({"n": n}));
        }
    }
    for (path, oldest) in [("more", 2), ("fewer", 3)] {
        let data = server.call("GET", &format!("kv2/metadata/{path}"), Value::Null).json["data"].clone();
        assert_eq!((&data["oldest_version"], &data["current_version"]), (&json!(oldest), &json!(4)), "{path}");
        assert_eq!(data["versions"].as_object().unwrap().len() as u64, 5 - oldest);
        assert_eq!(read(&server, &format!("{path}?version={}", oldest - 1)).0, 404);
        assert_eq!(read(&server, &format!("{path}?version={oldest}")).1, json!({"n": oldest}));
    }
}

#[test]
fn versions_end_by_themselves_when_their_time_is_over() {
    let server = with_both();
    server.call("PUT", "kv2/config", json!({"delete_version_after": "1s"}));
    write(&server, "a", json!({"n": 1}));
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while read(&server, "a").0 == 200 {
        assert!(std::time::Instant::now() < end, "it is still there");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let (status, data, facts) = read(&server, "a");
    assert_eq!((status, data, &facts["destroyed"]), (404, Value::Null, &json!(false)));
}

#[test]
fn subkeys_name_what_is_inside_and_never_tell_values() {
    let server = with_both();
    write(&server, "a", json!({"top": "secret-value", "deep": {"er": {"est": "secret-value"}}, "list": [1]}));
    for (query, subkeys) in [
        ("", json!({"top": null, "deep": {"er": {"est": null}}, "list": null})),
        ("?depth=1", json!({"top": null, "deep": null, "list": null})),
        ("?version=1&depth=2", json!({"top": null, "deep": {"er": null}, "list": null})),
    ] {
        let answer = server.call("GET", &format!("kv2/subkeys/a{query}"), Value::Null);
        assert_eq!((answer.status, &answer.json["data"]["subkeys"]), (200, &subkeys), "{query}");
        assert_eq!(answer.json["data"]["metadata"]["version"], 1);
        assert!(!answer.text.contains("secret-value"));
    }
    server.call("DELETE", "kv2/data/a", Value::Null);
    let gone = server.call("GET", "kv2/subkeys/a", Value::Null);
    assert_eq!((gone.status, &gone.json["data"]["subkeys"]), (404, &Value::Null));
    assert_eq!(gone.json["data"]["metadata"]["version"], 1);
}

#[test]
fn a_client_of_version_1_that_comes_to_version_2_is_told_where_to_go() {
    let server = with_both();
    for (method, body) in
        [("GET", Value::Null), ("LIST", Value::Null), ("PUT", json!({"x": 1})), ("DELETE", Value::Null)]
    {
        let answer = server.call(method, "kv2/app/db", body);
        assert_eq!(answer.status, 404, "{method}");
        assert!(answer.json["warnings"][0].as_str().unwrap().contains("Invalid path for a versioned K/V"), "{method}");
    }
    assert_eq!(server.call("LIST", "kv2", Value::Null).status, 404);
    assert_eq!(server.call("LIST", "kv2/metadata", Value::Null).status, 404, "nothing was written");
}

#[test]
fn many_clients_may_write_one_secret_at_once() {
    let server = Server::start();
    assert_eq!(server.call("POST", "sys/mounts/contested", json!({"type": "kv"})).status, 204);
    std::thread::scope(|threads| {
        for client in 0..32 {
            let server = &server;
            threads.spawn(move || {
                for number in 0..10 {
                    let answer = server.call("POST", "contested/a", json!({"client": client, "number": number}));
                    assert_eq!(answer.status, 204, "{}", answer.text);
                }
            });
        }
    });
}

#[test]
fn numbers_come_back_with_all_their_digits() {
    let server = Server::start();
    server.call("POST", "sys/mounts/one", json!({"type": "kv"}));
    server.call("POST", "sys/mounts/two", json!({"type": "kv-v2"}));
    let value = r#"{"a":123456789012345678901,"b":{"c":[1.10,-0,3.141592653589793238462643]}}"#;
    let headers = [("x-vault-token", ROOT)];
    let write = |path: &str, body: String| server.send_bytes("POST", path, &headers, body.into_bytes()).status;
    assert_eq!(write("one/x", value.to_owned()), 204);
    assert_eq!(write("two/data/x", format!("{{\"data\":{value}}}")), 200);
    for path in ["one/x", "two/data/x"] {
        let read = server.call("GET", path, Value::Null);
        assert!(read.text.contains(value), "{path}: {}", read.text);
    }
}

#[test]
fn a_mount_has_a_version_that_there_is_and_never_goes_back() {
    let server = Server::start();
    for version in ["3", "abc", "-1"] {
        let refused = server.call("POST", "sys/mounts/x", json!({"type": "kv", "options": {"version": version}}));
        assert!(refused.status == 400 && refused.text.contains("options.version"), "{}", refused.text);
    }
    server.call("POST", "sys/mounts/two", json!({"type": "kv-v2"}));
    let refused = server.call("POST", "sys/mounts/two/tune", json!({"options": {"version": "1"}}));
    assert!(
        refused.status == 400 && refused.text.contains("cannot downgrade mount from version 2"),
        "{}",
        refused.text
    );
    server.call("POST", "sys/mounts/one", json!({"type": "kv"}));
    assert_eq!(server.call("POST", "sys/mounts/one/tune", json!({"options": {"version": "2"}})).status, 204);
}
