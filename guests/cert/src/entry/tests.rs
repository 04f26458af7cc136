use innkeeper_guest::serde_json;

use super::*;
use crate::certificate::tests::made;

/// An entry with these fields, which must be right.
pub(crate) fn entry(fields: &Value) -> Entry {
    changed(fields).unwrap()
}

fn changed(fields: &Value) -> Result<Entry, String> {
    let mut entry = Entry::default();
    let Value::Object(fields) = fields.clone() else { return Err("no object".into()) };
    entry.change("Web", &Sent::new(fields)).map_err(|fault| fault.messages.concat())?;
    Ok(entry)
}

fn pem_of(extensions: &[&str]) -> String {
    pem::encode(pem::CERTIFICATE, &made("/CN=a", extensions, &[]))
}

#[test]
fn an_entry_is_read_back_and_keeps_what_is_not_sent_again() {
    let certificate = pem_of(&["basicConstraints=critical,CA:TRUE"]);
    let ask = |body: Value| Request::for_test(&[("name", "Web")], &body);
    let sent = json!({
        "certificate": certificate, "allowed_common_names": "a*,b", "policies": "p", "ttl": "1h",
        "required_extensions": "", "ocsp_enabled": false,
    });
    assert!(write(&ask(sent)).is_ok());
    assert!(write(&ask(json!({"display_name": "x", "lease": 60}))).is_ok());
    let shown: Value = serde_json::from_str(read(&ask(json!({}))).unwrap().data_text().unwrap()).unwrap();
    assert_eq!((&shown["certificate"], &shown["display_name"]), (&json!(certificate), &json!("x")));
    assert_eq!(shown["allowed_common_names"], json!(["a*", "b"]));
    assert_eq!((&shown["token_policies"], &shown["policies"]), (&json!(["p"]), &json!(["p"])));
    assert_eq!((&shown["token_ttl"], &shown["ocsp_enabled"]), (&json!(60), &json!(false)));
    assert_eq!(Entry::load("web").unwrap().unwrap().display_name, "x");
    assert_eq!(entry(&json!({ "certificate": certificate })).display_name, "web");
}

#[test]
fn an_entry_that_cannot_be_kept_to_is_refused_by_field() {
    let (authority, client) = (pem_of(&["basicConstraints=critical,CA:TRUE"]), pem_of(&["basicConstraints=CA:FALSE"]));
    let with = |field: &str, value: Value| json!({ "certificate": authority, field: value });
    for (body, says) in [
        (json!({}), "failed to parse certificate"),
        (json!({"certificate": "x"}), "failed to parse certificate"),
        (json!({"certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"}), "failed to parse"),
        (json!({"certificate": authority.repeat(33)}), "failed to parse certificate"),
        (json!({"certificate": format!("{authority}\n{client}")}), "certificate: must be of authorities only"),
        (json!({"certificate": pem_of(&["extendedKeyUsage=serverAuth", "basicConstraints=CA:FALSE"])}), "nonCA"),
        (with("ocsp_enabled", json!(true)), "ocsp_enabled:"),
        (with("ocsp_fail_open", json!(true)), "ocsp_fail_open:"),
        (with("ocsp_servers_override", json!("http://x")), "ocsp_servers_override:"),
        (with("required_extensions", json!("1.2.3")), "required_extensions:"),
        (with("required_extensions", json!("x:y")), "required_extensions:"),
        (with("allowed_metadata_extensions", json!("x")), "allowed_metadata_extensions:"),
        (with("allowed_names", json!({"a": 1})), "allowed_names"),
        (with("allowed_dns_sans", json!(vec!["a"; 257])), "allowed_dns_sans:"),
        (with("display_name", json!("x".repeat(257))), "display_name:"),
        (with("display_name", json!("a\nb")), "display_name:"),
        (with("token_ttl", json!("soon")), "token_ttl"),
    ] {
        let refused = changed(&body).unwrap_err();
        assert!(refused.starts_with(says), "{says}: {refused}");
    }
}
