//! Which names a role lets into certificates.

use serde_json::{Value, json};

use crate::pki::{Pki, dump, extension, refused};

/// What a role makes of a request: the refusal, or the alternative names of the certificate.
fn outcome(pki: &Pki, role: &Value, request: &Value) -> Result<String, String> {
    let mut role = role.clone();
    role["key_type"] = json!("ec");
    pki.write("roles/names", role);
    let answer = pki.post("issue/names", request.clone());
    match answer.status {
        200 => Ok(extension(
            &dump(answer.json["data"]["certificate"].as_str().unwrap()),
            "X509v3 Subject Alternative Name",
        )),
        400 => Err(answer.json["errors"][0].as_str().unwrap().to_owned()),
        other => panic!("{other}: {}", answer.json),
    }
}

#[test]
fn common_names_follow_the_rules_of_the_role() {
    let pki = Pki::with_root();
    let bare = json!({"allowed_domains": "example.com", "allow_bare_domains": true, "allow_localhost": false});
    let below = json!({"allowed_domains": "example.com", "allow_subdomains": true, "allow_localhost": false});
    let glob = json!({"allowed_domains": ["ftp*.example.com"], "allow_glob_domains": true});
    let any = json!({"allow_any_name": true});
    let loose = json!({"allow_any_name": true, "enforce_hostnames": false});
    let tame = json!({"allow_any_name": true, "allow_wildcard_certificates": false});
    let nothing = json!({});
    let local = json!({"allow_subdomains": true});
    let strange = json!({"cn_validations": "disabled"});
    let hosts = json!({"allow_any_name": true, "cn_validations": "hostname"});
    for (role, name, names) in [
        (&bare, "example.com", Some("DNS:example.com")),
        (&bare, "EXAMPLE.com", Some("DNS:EXAMPLE.com")),
        (&bare, "a@example.com", Some("email:a@example.com")),
        (&bare, "a.example.com", None),
        (&bare, "*.example.com", None),
        (&bare, "localhost", None),
        (&below, "a.example.com", Some("DNS:a.example.com")),
        (&below, "a.b.example.com", Some("DNS:a.b.example.com")),
        (&below, "*.example.com", Some("DNS:*.example.com")),
        (&below, "a.example.com.", None),
        (&below, "a.EXAMPLE.com", None),
        (&below, "example.com", None),
        (&below, "evilexample.com", None),
        (&below, "example.com.evil", None),
        (&below, "*.*.example.com", None),
        (&below, "a@b@example.com", None),
        (&glob, "ftp1.x.example.com", Some("DNS:ftp1.x.example.com")),
        (&glob, "www.example.com", None),
        (&any, "host", Some("DNS:host")),
        (&any, "bücher.example", Some("DNS:xn--bcher-kva.example")),
        (&any, "a.example.com.", Some("DNS:a.example.com.")),
        (&any, "under_score.example", None),
        (&any, "a b", None),
        (&any, "-a.example", None),
        (&loose, "under_score.example", Some("")),
        (&loose, "John Doe", Some("")),
        (&tame, "*.example.com", None),
        (&tame, "a.example.com", Some("DNS:a.example.com")),
        (&nothing, "example.com", None),
        (&nothing, "localhost", Some("DNS:localhost")),
        (&local, "a.localhost", Some("DNS:a.localhost")),
        (&strange, "anything at all", Some("")),
        (&hosts, "a@example.com", None),
    ] {
        let found = outcome(&pki, role, &json!({ "common_name": name }));
        match names {
            Some(names) => assert_eq!(found.as_deref(), Ok(names), "{name} by {role}"),
            None => assert_eq!(found, Err(format!("common name {name} not allowed by this role")), "by {role}"),
        }
    }
}

#[test]
fn alternative_names_of_each_kind_are_granted_or_refused_in_their_own_words() {
    let pki = Pki::with_root();
    let role =
        |over: Value| crate::pki::merged(json!({"allowed_domains": "ok.com", "allow_bare_domains": true}), &over);
    let other = "1.3.6.1.4.1.311.20.2.3;UTF8:me@ok.com";
    for (over, request, expected) in [
        (json!({}), json!({"alt_names": "ok.com"}), Ok("DNS:ok.com")),
        (json!({}), json!({"alt_names": ["ok.com", "x@ok.com"]}), Ok("DNS:ok.com, email:x@ok.com")),
        (json!({}), json!({"alt_names": "no.com"}), Err("subject alternate name no.com not allowed by this role")),
        (json!({}), json!({"alt_names": "x@no.com"}), Err("email address x@no.com not allowed by this role")),
        (json!({}), json!({"alt_names": "not a name,a_b"}), Ok("DNS:ok.com")),
        (json!({}), json!({"alt_names": "10.0.0.1"}), Err("subject alternate name 10.0.0.1 not allowed by this role")),
        (json!({}), json!({"exclude_cn_from_sans": true}), Ok("")),
        (
            json!({}),
            json!({"ip_sans": "10.0.0.1,2001:db8::1"}),
            Ok("DNS:ok.com, IP Address:10.0.0.1, IP Address:2001:DB8:0:0:0:0:0:1"),
        ),
        (json!({}), json!({"ip_sans": "10.0.0.1.2"}), Err("the value \"10.0.0.1.2\" is not a valid IP address")),
        (
            json!({"allow_ip_sans": false}),
            json!({"ip_sans": "10.0.0.1"}),
            Err("IP Subject Alternative Names are not allowed in this role, but was provided"),
        ),
        (
            json!({}),
            json!({"uri_sans": "spiffe://a/b"}),
            Err("URI Subject Alternative Names are not allowed in this role"),
        ),
        (
            json!({"allowed_uri_sans": "spiffe://a/*"}),
            json!({"uri_sans": "spiffe://a/b"}),
            Ok("DNS:ok.com, URI:spiffe://a/b"),
        ),
        (
            json!({"allowed_uri_sans": "spiffe://a/*"}),
            json!({"uri_sans": "spiffe://c/b"}),
            Err("not valid for this role"),
        ),
        (json!({}), json!({"other_sans": other}), Err("other SAN OID 1.3.6.1.4.1.311.20.2.3 not allowed by this role")),
        (
            json!({"allowed_other_sans": "1.3.6.1.4.1.311.20.2.3;utf8:*@ok.com"}),
            json!({"other_sans": other}),
            Ok("othername: UPN::me@ok.com, DNS:ok.com"),
        ),
        (
            json!({"allowed_other_sans": "1.3.6.1.4.1.311.20.2.3;UTF8:you*"}),
            json!({"other_sans": other}),
            Err("other SAN me@ok.com not allowed for OID"),
        ),
        (
            json!({"allowed_other_sans": "*"}),
            json!({"other_sans": "1.2.3;UTF8:x"}),
            Ok("othername: 1.2.3::x, DNS:ok.com"),
        ),
        (json!({"allowed_other_sans": "*"}), json!({"other_sans": "1.2.3"}), Err("oid;UTF8:value")),
        (json!({}), json!({"serial_number": "7"}), Err("serial_number 7 not allowed by this role")),
        (json!({"allowed_serial_numbers": "7*"}), json!({"serial_number": "77"}), Ok("DNS:ok.com")),
        (json!({}), json!({"user_ids": "u"}), Err("user_id u is not allowed by this role")),
        (json!({}), json!({"common_name": ""}), Err("the common_name field is required")),
        (json!({"require_cn": false}), json!({"common_name": "", "alt_names": "ok.com"}), Ok("critical DNS:ok.com")),
    ] {
        let request = crate::pki::merged(json!({"common_name": "ok.com"}), &request);
        let found = outcome(&pki, &role(over.clone()), &request);
        match (&found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{request} by {over}"),
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{request} by {over}: {found}"),
            _ => panic!("{request} by {over}: {found:?}, not {expected:?}"),
        }
    }
}

#[test]
fn the_subject_is_made_of_the_role_and_of_what_the_request_may_add() {
    let pki = Pki::with_root();
    pki.role(json!({
        "ou": ["b", "a"], "organization": "Org", "country": "CH", "locality": "L", "province": "P",
        "street_address": "S 1", "postal_code": "8000", "allowed_serial_numbers": "*", "allowed_user_ids": "u*",
    }));
    let issued = pki.issue(json!({"serial_number": "77", "user_ids": "u1,u2"}));
    let dump = dump(issued["certificate"].as_str().unwrap());
    let subject = dump.lines().find_map(|line| line.trim().strip_prefix("Subject: ")).unwrap();
    for part in [
        "C=CH",
        "O=Org",
        "OU=a",
        "OU=b",
        "L=L",
        "ST=P",
        "street=S 1",
        "postalCode=8000",
        "CN=a.example.com",
        "serialNumber=77",
        "UID=u1",
        "UID=u2",
    ] {
        assert!(subject.contains(part), "{part} is missing in {subject}");
    }
}

#[test]
fn a_certificate_holds_a_bounded_number_of_names() {
    let pki = Pki::with_root();
    pki.role(json!({}));
    let names: Vec<String> = (0..1001).map(|i| format!("n{i}.example.com")).collect();
    let fewer = &names[..500];
    pki.issue(json!({ "alt_names": fewer }));
    refused(&pki.post("issue/any", json!({"common_name": "a", "alt_names": names})), 400, "alternative names");
}
