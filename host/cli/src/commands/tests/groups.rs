use serde_json::json;

use crate::testing::{Stub, parse};

/// Runs a command; what was asked of the server last, and what was said.
fn asked(arguments: &[&str], answer: (u16, &str)) -> (String, serde_json::Value, String) {
    let stub = Stub::answering(&[answer]);
    let (exit, screen) = stub.run(arguments, "typed");
    assert_eq!(exit, 0, "{arguments:?}: {}", screen.errors());
    let last = stub.seen().pop().unwrap();
    (last.line, last.body, screen.output())
}

#[test]
fn mounts_of_engines_are_made_changed_listed_and_ended() {
    let (line, body, said) = asked(&["secrets", "enable", "-path=kept/", "-max-lease-ttl=1h", "kv-v2"], (204, ""));
    assert_eq!(line, "POST /v1/sys/mounts/kept");
    assert_eq!(body, json!({"type": "kv", "options": {"version": "2"}, "config": {"max_lease_ttl": "1h"}}));
    assert_eq!(said, "Success! Enabled the kv secrets engine at: kept/\n");
    let enable = ["secrets", "enable", "-local", "-seal-wrap=true", "-force-no-cache", "-plugin-name=mine", "plugin"];
    let (line, body, _) = asked(&enable, (204, ""));
    assert_eq!(line, "POST /v1/sys/mounts/plugin");
    let config = json!({"force_no_cache": true});
    let wanted = json!({"type": "plugin", "plugin_name": "mine", "local": true, "seal_wrap": true, "config": config});
    assert_eq!(body, wanted);
    let tune = ["secrets", "tune", "-allowed-managed-keys=a,b", "-description=x", "kept"];
    let (line, body, _) = asked(&tune, (204, ""));
    assert_eq!(line, "POST /v1/sys/mounts/kept/tune");
    assert_eq!(body, json!({"allowed_managed_keys": ["a", "b"], "description": "x"}));
    assert_eq!(asked(&["secrets", "disable", "kept"], (204, "")).0, "DELETE /v1/sys/mounts/kept");
    let mounts = r#"{"data": {"b/": {"type": "kv", "accessor": "x", "description": ""}, "a/": {"type": "pki"}}}"#;
    let said = asked(&["secrets", "list"], (200, mounts)).2;
    assert_eq!(
        said,
        "Path    Type    Accessor    Description\n----    ----    --------    -----------\n\
         a/      pki     n/a         n/a\nb/      kv      x           n/a\n"
    );
    assert!(asked(&["secrets", "list", "-detailed"], (200, mounts)).2.contains("UUID"));
    let moved = r#"{"data": {"migration_id": "m1", "migration_info": {"status": "success"}}}"#;
    assert!(
        asked(&["secrets", "move", "a", "c"], (200, moved))
            .2
            .ends_with("Finished moving secrets engine a/ to c/, with migration ID m1\n")
    );
}

#[test]
fn auth_methods_are_mounted_like_engines() {
    let (line, body, said) = asked(&["auth", "enable", "-path=auth/ci", "approle"], (204, ""));
    assert_eq!((line.as_str(), body), ("POST /v1/sys/auth/ci", json!({"type": "approle", "config": {}})));
    assert_eq!(said, "Success! Enabled approle auth method at: ci/\n");
    let moved = r#"{"data": {"migration_id": "m1", "migration_info": {"status": "success"}}}"#;
    let said = asked(&["auth", "move", "ci", "auth/new/"], (200, moved)).2;
    assert!(said.ends_with("Finished moving auth method auth/ci/ to auth/new/, with migration ID m1\n"), "{said}");
    assert_eq!(asked(&["auth", "disable", "ci/"], (204, "")).0, "DELETE /v1/sys/auth/ci");
    assert_eq!(
        asked(&["auth", "tune", "-default-lease-ttl=1h", "ci"], (204, "")).1,
        json!({"default_lease_ttl": "1h"})
    );
    let lock = ["-user-lockout-threshold=3", "-user-lockout-duration=5m", "-user-lockout-counter-reset-duration=1m"];
    let tune = [&["auth", "tune", "-user-lockout-disable=false"][..], &lock, &["ci"]].concat();
    let lockout = json!({"lockout_threshold": 3, "lockout_duration": "5m", "lockout_counter_reset_duration": "1m",
        "lockout_disable": false});
    assert_eq!(asked(&tune, (204, "")).1, json!({"user_lockout_config": lockout}));
    let mounts = r#"{"data": {"token/": {"type": "token"}}}"#;
    assert!(asked(&["auth", "list"], (200, mounts)).2.contains("token/    token"));
    assert!(asked(&["auth", "help", "token"], (200, mounts)).2.contains("innkeeper login"));
}

#[test]
fn tokens_are_made_looked_up_renewed_and_ended() {
    let token = r#"{"auth": {"client_token": "s.1", "policies": ["a"]}, "data": null}"#;
    let create = ["token", "create", "-policy=a", "-ttl=1h", "-metadata=k=v", "-orphan", "-field=token"];
    let (line, body, said) = asked(&create, (200, token));
    assert_eq!((line.as_str(), said.as_str()), ("POST /v1/auth/token/create", "s.1"));
    assert_eq!(body, json!({"policies": ["a"], "ttl": "1h", "meta": {"k": "v"}, "no_parent": true, "renewable": true}));
    assert_eq!(asked(&["token", "create", "-role=ci"], (200, token)).0, "POST /v1/auth/token/create/ci");
    assert_eq!(asked(&["token", "lookup"], (200, token)).0, "GET /v1/auth/token/lookup-self");
    assert_eq!(asked(&["token", "lookup", "-accessor", "x"], (200, token)).1, json!({"accessor": "x"}));
    let (line, body, _) = asked(&["token", "renew", "-increment=1h", "-"], (200, token));
    assert_eq!((line.as_str(), body), ("PUT /v1/auth/token/renew", json!({"token": "typed", "increment": "1h"})));
    assert_eq!(asked(&["token", "revoke", "-self"], (204, "")).0, "PUT /v1/auth/token/revoke-self");
    assert_eq!(asked(&["token", "revoke", "-mode=orphan", "s.1"], (204, "")).0, "PUT /v1/auth/token/revoke-orphan");
    let able = r#"{"data": {"secret/a": ["update", "read"], "capabilities": ["update", "read"]}}"#;
    let (line, body, said) = asked(&["token", "capabilities", "secret/a"], (200, able));
    assert_eq!((line.as_str(), said.as_str()), ("POST /v1/sys/capabilities-self", "read, update\n"));
    assert_eq!(body, json!({"paths": ["secret/a"]}));
    assert_eq!(asked(&["token", "capabilities", "s.1", "secret/a"], (200, able)).1["token"], "s.1");
}

#[test]
fn policies_are_written_read_listed_and_deleted() {
    let (line, body, said) = asked(&["policy", "write", "App", "-"], (204, ""));
    assert_eq!((line.as_str(), body), ("PUT /v1/sys/policies/acl/app", json!({"policy": "typed"})));
    assert_eq!(said, "Success! Uploaded policy: app\n");
    let read = r#"{"data": {"name": "app", "policy": "path \"a\" {}\n"}}"#;
    assert_eq!(asked(&["policy", "read", "app"], (200, read)).2, "path \"a\" {}\n");
    assert_eq!(asked(&["policy", "list"], (200, r#"{"data": {"keys": ["a", "b"]}}"#)).2, "a\nb\n");
    assert_eq!(asked(&["policy", "delete", "app"], (204, "")).0, "DELETE /v1/sys/policies/acl/app");
}

#[test]
fn namespaces_are_made_changed_locked_and_ended() {
    let made = r#"{"data": {"id": "x", "path": "a/"}}"#;
    let (line, body, said) = asked(&["namespace", "create", "-custom-metadata=k=v", "a/"], (200, made));
    assert_eq!((line.as_str(), body), ("PUT /v1/sys/namespaces/a", json!({"custom_metadata": {"k": "v"}})));
    assert!(said.contains("path    a/"), "{said}");
    let patch = ["namespace", "patch", "-remove-custom-metadata=k", "a"];
    assert_eq!(asked(&patch, (200, made)).1, json!({"custom_metadata": {"k": null}}));
    assert_eq!(asked(&["namespace", "list"], (200, r#"{"data": {"keys": ["a/"]}}"#)).2, "Keys\n----\na/\n");
    assert_eq!(
        asked(&["namespace", "lock", "a"], (200, r#"{"data": {"unlock_key": "u"}}"#)).0,
        "PUT /v1/sys/namespaces/api-lock/lock/a"
    );
    assert_eq!(asked(&["namespace", "unlock", "-unlock-key=-"], (204, "")).1, json!({"unlock_key": "typed"}));
    let said = asked(&["namespace", "delete", "a"], (200, r#"{"data": {"status": "in-progress"}}"#)).2;
    assert_eq!(said, "Success! Namespace a/ is being deleted\n");
}

#[test]
fn audit_devices_leases_and_managed_keys_have_commands() {
    let (line, body, _) = asked(&["audit", "enable", "file", "file_path=/a"], (204, ""));
    assert_eq!(line, "PUT /v1/sys/audit/file");
    assert_eq!(body, json!({"type": "file", "options": {"file_path": "/a"}, "local": false}));
    let devices = r#"{"data": {"file/": {"type": "file", "description": "", "options": {"file_path": "/a"}}}}"#;
    assert!(asked(&["audit", "list", "-detailed"], (200, devices)).2.contains("replicated     file_path=/a"));
    assert_eq!(
        asked(&["lease", "renew", "-increment=60", "a/b"], (200, "{}")).1,
        json!({"lease_id": "a/b", "increment": "60"})
    );
    assert_eq!(asked(&["lease", "revoke", "-prefix", "a/"], (204, "")).0, "PUT /v1/sys/leases/revoke-prefix/a");
    let create = ["managed-keys", "create", "pkcs11", "root", "pin=-"];
    let (line, body, _) = asked(&create, (204, ""));
    assert_eq!((line.as_str(), body), ("POST /v1/sys/managed-keys/pkcs11/root", json!({"pin": "typed"})));
    assert_eq!(
        asked(&["managed-keys", "test", "awskms", "root"], (204, "")).0,
        "POST /v1/sys/managed-keys/awskms/root/test/sign"
    );
    let help = asked(&["path-help", "pki/roles"], (200, r#"{"help": "a\nb\n"}"#));
    assert_eq!((help.0.as_str(), help.2.as_str()), ("GET /v1/pki/roles?help=1", "a\nb\n"));
}

#[test]
fn what_is_no_command_is_refused() {
    for wrong in [
        &["raed", "a"][..],
        &["read"],
        &["kv", "rollback", "a"],
        &["lease", "revoke", "-force", "a"],
        &["managed-keys", "list", "shoebox"],
        &["read", "-format=xml", "a"],
    ] {
        assert!(parse(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn where_there_are_no_audit_devices_people_read_so_and_programs_get_empty_braces() {
    let stub = Stub::answering(&[(200, r#"{"data": {}}"#)]);
    let (exit, screen) = stub.run(&["audit", "list"], "");
    assert_eq!((exit, screen.output().as_str()), (2, "No audit devices are enabled.\n"));
    let (exit, screen) = stub.run(&["audit", "list", "-format=json"], "");
    assert_eq!((exit, screen.output().as_str()), (0, "{}\n"));
}

#[test]
fn bash_completes_long_options_after_one_dash_and_after_two() {
    let stub = Stub::answering(&[(200, "{}")]);
    let script = stub.run(&["completion", "bash"], "").1.output();
    let script = stub.home.write("script", &script);
    for (before, typed, wanted) in
        [("read", "-fo", "-format"), ("read", "--fo", "--format"), ("-format", "y", "yaml"), ("--format", "j", "json")]
    {
        let words: &[&str] =
            if before == "read" { &["innkeeper", before, typed] } else { &["innkeeper", "read", before, typed] };
        let ask = format!(
            "source {script}; COMP_WORDS=({}); COMP_CWORD={}; _innkeeper innkeeper '{typed}' '{before}'; echo \"${{COMPREPLY[@]}}\"",
            words.join(" "),
            words.len() - 1
        );
        let said = std::process::Command::new("bash").args(["-c", &ask]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), wanted, "{}", String::from_utf8_lossy(&said.stderr));
    }
}

#[test]
fn shells_can_complete_commands() {
    let stub = Stub::answering(&[(200, "{}")]);
    for shell in ["bash", "zsh", "fish"] {
        let (exit, screen) = stub.run(&["completion", shell], "");
        assert_eq!(exit, 0);
        assert!(screen.output().contains("managed-keys"), "{shell}");
        let one_dash = match shell {
            "zsh" => "\n'-namespace=[",
            "fish" => " -o namespace ",
            _ => " -namespace ",
        };
        assert!(screen.output().contains(one_dash), "{shell}");
    }
}
