//! The command line and the configuration, as an operator meets them.

use harness::{Folder, Process, curl, file_storage, plain_listener, run};

#[test]
fn the_version_is_its_own_and_says_what_clients_are_told() {
    let output = run(&["version"]);
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("Innkeeper v0.") && text.contains("1.21.0+ent"), "{text}");
}

#[test]
fn options_take_one_dash_or_two() {
    for dashes in ["-", "--"] {
        let options = ["dev", "dev-no-store-token", "dev-listen-address=127.0.0.1:0", "dev-root-token-id=mine"];
        let options = options.map(|option| format!("{dashes}{option}"));
        let server = Process::launch(&options.each_ref().map(String::as_str));
        assert_eq!(server.said_after("Root Token: "), "mine");
    }
}

#[test]
fn a_configuration_is_a_file_or_a_folder_of_hcl_and_json() {
    let folder = Folder::new();
    folder.write("a.hcl", &plain_listener(""));
    folder.write("b.json", r#"{"reported_version": "1.15.0", "cluster_name": "mine"}"#);
    folder.write("c.txt", "not read");
    let server = Process::launch(&["-config", &folder.path().display().to_string()]);
    let status = curl(&[&format!("{}/v1/sys/seal-status", server.address())]);
    assert!(status.contains("\"version\":\"1.15.0\""), "{status}");
    assert!(status.contains("innkeeper_version"), "{status}");
    assert!(server.log().contains("kept in memory"), "{}", server.log());
    assert!(server.log().contains("waiting for sys/init"), "{}", server.log());

    let json = r#"{"listener": [{"tcp": {"address": "127.0.0.1:0", "tls_disable": true}}]}"#;
    let server = Process::launch(&["-config", &folder.write("whole.json", json)]);
    assert!(curl(&[&format!("{}/v1/sys/health", server.address())]).contains(" 501 "));
}

#[test]
fn keys_that_nobody_knows_are_named_in_a_warning() {
    let server = Process::configured(&(plain_listener("") + "colour = \"blue\"\nshape {\n round = true\n}\n"), &[]);
    let log = server.log();
    for key in ["colour", "shape"] {
        assert!(log.lines().any(|line| line.contains("WARN") && line.contains(key)), "{log}");
    }
}

#[test]
fn a_start_that_fails_says_why_in_one_line() {
    let folder = Folder::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = format!("-dev-listen-address={}", taken.local_addr().unwrap());
    let file = |name: &str, text: &str| format!("-config={}", folder.write(name, text));
    let unreadable = "listener \"tcp\" {\n tls_cert_file = \"/nowhere/a.pem\"\n tls_key_file = \"/nowhere/a.key\"\n}";
    let pem = folder.write("empty.pem", "");
    let empty = format!(
        "listener \"tcp\" {{\n address = \"127.0.0.1:0\"\n tls_cert_file = \"{pem}\"\n tls_key_file = \"{pem}\"\n}}"
    );
    for (options, says) in [
        (vec![], "-config"),
        (vec!["-config=/nowhere/innkeeper.hcl".to_owned()], "/nowhere/innkeeper.hcl"),
        (vec![file("broken.hcl", "listener \"tcp\" {\n address = = \"x\"\n}")], "line 2"),
        (vec![file("broken.json", "{\"a\":}")], "broken.json"),
        (vec![file("none.hcl", "log_level = \"info\"")], "no listener"),
        (vec![file("level.hcl", "log_level = \"loud\"")], "log_level"),
        (vec![file("disk.hcl", &file_storage("x".as_ref()))], "storage"),
        (vec![file("version.hcl", "reported_version = \"newest\"")], "reported_version"),
        (vec![file("ttl.hcl", "default_lease_ttl = \"2h\"\nmax_lease_ttl = \"1h\"")], "default_lease_ttl"),
        (vec![file("tls.hcl", unreadable)], "/nowhere/a.pem"),
        (vec![file("pem.hcl", &empty)], "empty.pem"),
        (vec!["-dev".to_owned(), "-dev-no-store-token".to_owned(), busy.clone()], "cannot listen on"),
    ] {
        let arguments: Vec<&str> = ["server"].into_iter().chain(options.iter().map(String::as_str)).collect();
        let output = run(&arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{options:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{options:?}: {said}");
        assert!(said.contains(says), "{options:?}: {said}");
    }
}

#[test]
fn options_that_nobody_knows_are_refused() {
    let output = run(&["server", "-colour=blue"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--colour"));
}

#[test]
fn even_the_chattiest_log_holds_no_token() {
    let token = "a-token-to-look-for";
    let root = format!("-dev-root-token-id={token}");
    let listen = "-dev-listen-address=127.0.0.1:0";
    let server = Process::launch(&["-dev", "-dev-no-store-token", "-log-level=trace", listen, &root]);
    let address = server.address();
    for path in ["auth/token/lookup-self", "sys/mounts", "nothing/here"] {
        curl(&["-H", &format!("X-Vault-Token: {token}"), &format!("{address}/v1/{path}")]);
        let bearer = format!("Authorization: Bearer {token}");
        curl(&["--http2-prior-knowledge", "-H", &bearer, &format!("{address}/v1/{path}")]);
    }
    let log = server.log();
    assert!(log.contains("served"), "{log}");
    assert!(!log.contains(token));
}

/// Copied out of the binary, they would be most of what a server at rest takes of memory.
#[test]
#[cfg(target_arch = "x86_64")]
fn built_in_guests_run_where_they_lie_in_the_binary() {
    let listen = "-dev-listen-address=127.0.0.1:0";
    let server = Process::launch(&["-dev", "-dev-no-store-token", "-dev-root-token-id=root", listen]);
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", server.pid())).unwrap();
    let executable = maps.lines().filter(|line| line.contains(" r-xp ") && line.contains("/innkeeper")).count();
    // Eleven guests, and the server's own code.
    assert!(executable >= 12, "{maps}");
}
