use serde_json::json;

use super::*;

#[tokio::test]
async fn a_request_and_its_answer_are_two_lines_without_a_secret() {
    let house = House::new();
    let file = house.path("log");
    house.enable_file("file", &file).await.unwrap();
    let recording = house.recording().await;
    recording.request("", now()).await.unwrap();
    let auth = Auth { client_token: Some(SecretString::from("hvs.new")), accessor: "acc-2".into(), ..Auth::default() };
    let wrap = Wrap { token: Some(SecretString::from("hvs.wrapping")), ttl: 60, ..Wrap::default() };
    let answer = Answer {
        auth: Some(&auth),
        data: object(r#"{"certificate":"PEM","serial_number":"01"}"#),
        clear: &["serial_number".into()],
        lease_id: "pki/issue/web/abc",
        wrap: Some(&wrap),
        warnings: &["beware".into()],
        ..Answer::default()
    };
    recording.response(&answer, "", now()).await.unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    for secret in ["hvs.", "a.example", "PEM", "acc-1", "acc-2", "hidden"] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    let [asked, answered] = &entries(&file)[..] else { panic!("two entries: {text}") };
    let hashes = |text: &'static str| hash(&house, "file/", text);
    assert_eq!(asked["type"], "request");
    assert_eq!(asked["time"], "2023-11-14T22:13:20.123456789Z");
    let (token, accessor) = (hashes("hvs.secret").await, hashes("acc-1").await);
    let expected = json!({
        "id": "11111111-2222-4333-8444-555555555555", "operation": "update", "path": "pki/issue/web",
        "namespace": {"id": "abcd1234", "path": "team/"}, "mount_type": "pki", "mount_accessor": "pki_12345678",
        "mount_class": "secret", "mount_point": "pki/", "client_token": token, "client_token_accessor": accessor,
        "data": {"common_name": hashes("a.example").await, "ttl": "1h", "count": 3},
        "remote_address": "127.0.0.1", "remote_port": 4711,
    });
    assert_eq!(asked["request"], expected);
    let expected = json!({
        "client_token": token, "accessor": accessor, "display_name": "userpass-ann",
        "policies": ["default", "issuer"], "metadata": {"username": "ann"}, "entity_id": "e-1",
        "policy_results": {
            "allowed": true, "granting_policies": [{"name": "issuer", "namespace_id": "", "type": "acl"}]
        },
        "token_type": "service", "token_ttl": 3600, "token_issue_time": "2023-11-14T22:13:20.123456789Z",
    });
    assert_eq!(asked["auth"], expected);
    assert!(asked.get("error").is_none());
    assert_eq!(answered["type"], "response");
    assert_eq!(answered["request"], asked["request"]);
    let expected = json!({
        "auth": {"client_token": hashes("hvs.new").await, "accessor": hashes("acc-2").await},
        "data": {"certificate": hashes("PEM").await, "serial_number": "01"}, "secret": {"lease_id": "pki/issue/web/abc"},
        "wrap_info": {"token": hashes("hvs.wrapping").await, "ttl": 60}, "warnings": ["beware"],
        "mount_type": "pki", "mount_accessor": "pki_12345678", "mount_class": "secret", "mount_point": "pki/",
    });
    assert_eq!(answered["response"], expected);
}

#[tokio::test]
async fn a_refused_request_says_why_and_a_body_that_is_no_json_is_one_hash() {
    let house = House::new();
    let file = house.path("log");
    house.enable_file("file", &file).await.unwrap();
    let facts = || (Request { data: Data::Bytes(b"no JSON, but bytes"), ..request() }, None);
    let recording = Recording::new(&*house.devices().await, facts).unwrap();
    recording.request("permission denied", now()).await.unwrap();
    let entry = &entries(&file)[0];
    assert_eq!(entry["error"], "permission denied");
    let hash = hash(&house, "file/", "no JSON, but bytes").await;
    assert_eq!((&entry["request"]["data_hmac"], &entry["request"]["data_length"]), (&json!(hash), &json!(18)));
    assert!(entry["request"].get("data").is_none() && entry.get("auth").is_none());
}

#[tokio::test]
async fn the_use_of_a_managed_key_says_who_what_and_with_which_key() {
    let house = House::new();
    let file = house.path("log");
    house.enable_file("file", &file).await.unwrap();
    let recording = house.recording().await;
    let used = KeyUse {
        name: "root-ca",
        uuid: "u-1",
        home: "pkcs11",
        key_type: "ec-p256".into(),
        act: "sign",
        algorithm: "ecdsa-sha256".into(),
        digest: Some(&[0xab, 0xcd]),
        input_length: Some(2),
        error: String::new(),
    };
    recording.key_use(&used, now()).await.unwrap();
    recording.key_use(&KeyUse { error: "the queue is full".into(), ..used }, now()).await.unwrap();
    let [done, failed] = &entries(&file)[..] else { panic!("two entries") };
    assert_eq!(done["type"], "key-use");
    let expected = json!({
        "name": "root-ca", "uuid": "u-1", "home": "pkcs11", "type": "ec-p256", "act": "sign",
        "algorithm": "ecdsa-sha256", "digest": "abcd", "input_length": 2, "result": "done",
    });
    assert_eq!(done["key"], expected);
    assert_eq!(done["auth"]["display_name"], "userpass-ann");
    assert_eq!(done["request"]["id"], "11111111-2222-4333-8444-555555555555");
    assert_eq!(done["request"]["mount_accessor"], "pki_12345678");
    assert!(done["request"].get("data").is_none());
    assert_eq!(
        (failed["key"]["result"].as_str(), failed["error"].as_str()),
        (Some("failed"), Some("the queue is full"))
    );
}

#[tokio::test]
async fn a_device_can_be_told_to_show_more_and_to_count_lists() {
    let house = House::new();
    let (raw, open) = (house.path("raw"), house.path("open"));
    let told = [("file_path", raw.to_str().unwrap()), ("log_raw", "true"), ("prefix", "@cee: ")];
    house.enable("raw", "file", &told).await.unwrap();
    let told = [("file_path", open.to_str().unwrap()), ("hmac_accessor", "false"), ("elide_list_responses", "true")];
    house.enable("open", "file", &told).await.unwrap();
    let facts = || (Request { operation: Some(Operation::List), ..request() }, Some(auth()));
    let recording = Recording::new(&*house.devices().await, facts).unwrap();
    let answer = Answer { data: object(r#"{"keys":["a","b"]}"#), ..Answer::default() };
    recording.response(&answer, "", now()).await.unwrap();
    let text = std::fs::read_to_string(&raw).unwrap();
    let last = text.lines().last().unwrap().strip_prefix("@cee: ").expect("the prefix");
    let entry: Value = serde_json::from_str(last).unwrap();
    assert_eq!(entry["request"]["client_token"], "hvs.secret");
    assert_eq!(entry["request"]["data"]["common_name"], "a.example");
    assert_eq!(entry["response"]["data"]["keys"], json!(["a", "b"]));
    let entry = &entries(&open)[0];
    assert_eq!(entry["auth"]["accessor"], "acc-1");
    assert!(entry["request"]["client_token"].as_str().unwrap().starts_with("hmac-sha256:"));
    assert_eq!(entry["response"]["data"]["keys"], 2);
}

#[tokio::test]
async fn only_configured_headers_are_shown_hashed_where_that_is_said() {
    let house = House::new();
    let file = house.path("log");
    house.enable_file("file", &file).await.unwrap();
    let mut transaction = house.store.begin().await.unwrap();
    house.audit.set_header(&mut transaction, "User-Agent", Header { hmac: false }).await.unwrap();
    house.audit.set_header(&mut transaction, "Cookie-ish", Header { hmac: true }).await.unwrap();
    assert!(house.audit.set_header(&mut transaction, "a b", Header::default()).await.is_err());
    transaction.commit().await.unwrap();
    house.record().await.unwrap();
    let hashed = hash(&house, "file", "hidden").await;
    assert_eq!(entries(&file)[0]["request"]["headers"], json!({"user-agent": ["curl"], "cookie-ish": [hashed]}));
}

#[tokio::test]
async fn each_device_has_a_salt_of_its_own() {
    let house = House::new();
    house.enable_file("one", &house.path("one")).await.unwrap();
    house.enable_file("two", &house.path("two")).await.unwrap();
    house.record().await.unwrap();
    let name = |file| entries(&house.path(file))[0]["request"]["data"]["common_name"].as_str().unwrap().to_owned();
    assert_ne!(name("one"), name("two"));
    assert_eq!(name("one"), hash(&house, "one", "a.example").await);
    assert_eq!(name("two"), hash(&house, "two", "a.example").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn much_data_is_hashed_apart_and_still_one_entry() {
    let house = House::new();
    let file = house.path("log");
    house.enable_file("file", &file).await.unwrap();
    let text = format!("{{\"a\":\"{}\"}}", "x".repeat(8 << 20));
    let facts = || (Request { data: object(&text), ..request() }, None);
    Recording::new(&*house.devices().await, facts).unwrap().request("", now()).await.unwrap();
    let hashed = hash(&house, "file", &"x".repeat(8 << 20)).await;
    assert_eq!(entries(&file)[0]["request"]["data"]["a"], hashed);
}

#[tokio::test]
async fn a_power_that_an_engine_is_refused_is_recorded_with_who_asked_and_why() {
    let house = House::new();
    let file = house.path("log");
    house.enable_file("file", &file).await.unwrap();
    let recording = house.recording().await;
    let refusal = Refusal { power: "http_out", error: "example.org:443 is not among powers.http_out" };
    recording.refusal(refusal, now()).await.unwrap();
    let [refused] = &entries(&file)[..] else { panic!("one entry") };
    assert_eq!((&refused["type"], &refused["power"]), (&json!("refusal"), &json!("http_out")));
    assert_eq!(refused["error"], "example.org:443 is not among powers.http_out");
    assert_eq!(refused["request"]["mount_accessor"], "pki_12345678");
    assert!(refused["request"].get("data").is_none());
}
