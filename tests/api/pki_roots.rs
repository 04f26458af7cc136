//! Roots.

use harness::openssl;
use serde_json::{Value, json};

use crate::pki::{
    Pki, base64, data, dump, extension, hex, merged, public_key, refused, text, verifies, verify, warnings,
};

#[test]
fn a_root_is_as_openssl_wants_it() {
    let pki = Pki::empty();
    let urls = json!({
        "issuing_certificates": "http://pki.example/ca", "crl_distribution_points": ["http://pki.example/crl"],
        "ocsp_servers": "http://pki.example/ocsp",
    });
    pki.write("config/urls", urls);
    let body = json!({
        "common_name": "Example Root", "ou": "PKI,Test", "organization": "Example", "country": "CH", "key_type": "ec",
        "alt_names": "ca.example.com,ca@example.com", "ttl": "87600h", "max_path_length": 2, "issuer_name": "first",
        "key_name": "first-key",
    });
    let answer = pki.post("root/generate/internal", body);
    let root = data(&answer);
    assert_eq!(answer.json["warnings"], Value::Null);
    let certificate = text(&root, "certificate");
    assert_eq!(text(&root, "issuing_ca"), certificate);
    assert_eq!((&root["issuer_name"], &root["key_name"]), (&json!("first"), &json!("first-key")));
    assert_eq!(root.get("private_key"), None);
    assert!(root["expiration"].is_u64());
    verifies(&certificate, &[], &certificate);
    let dump = dump(&certificate);
    assert_eq!(extension(&dump, "X509v3 Basic Constraints"), "critical CA:TRUE, pathlen:2");
    assert_eq!(extension(&dump, "X509v3 Key Usage"), "critical Certificate Sign, CRL Sign");
    let own = extension(&dump, "X509v3 Subject Key Identifier");
    assert_eq!(hex(&own).len(), 40);
    assert_eq!(hex(&extension(&dump, "X509v3 Authority Key Identifier")), hex(&own));
    assert_eq!(extension(&dump, "X509v3 Subject Alternative Name"), "DNS:ca.example.com, email:ca@example.com");
    assert_eq!(
        extension(&dump, "Authority Information Access"),
        "OCSP - URI:http://pki.example/ocsp CA Issuers - URI:http://pki.example/ca"
    );
    assert!(extension(&dump, "X509v3 CRL Distribution Points").contains("URI:http://pki.example/crl"));
    // The identifier is the SHA-1 of the key's bits, as openssl makes it.
    let mimic = harness::Folder::new();
    let file = mimic.write("root.pem", &certificate);
    let key = crate::pki::new_key("ec:P-256");
    let key = mimic.write("key.pem", &key);
    let public = mimic.write("public.pem", &public_key("x509", &certificate));
    let forced = openssl(
        &[
            "x509",
            "-in",
            &file,
            "-force_pubkey",
            &public,
            "-signkey",
            &key,
            "-clrext",
            "-extfile",
            &mimic.write("ext", "subjectKeyIdentifier=hash\n"),
        ],
        "",
    );
    assert_eq!(extension(&crate::pki::dump(&forced), "X509v3 Subject Key Identifier"), own);
    // It is kept as an issuer, a key and a certificate.
    assert_eq!(pki.list("issuers"), [text(&root, "issuer_id")]);
    assert_eq!(pki.list("keys"), [text(&root, "key_id")]);
    assert_eq!(pki.list("certs"), [text(&root, "serial_number")]);
}

#[test]
fn the_key_decides_how_a_root_signs_itself_its_leaves_and_its_lists() {
    let pki = Pki::empty();
    for (name, fields, algorithm) in [
        ("p256", json!({"key_type": "ec"}), "ecdsa-with-SHA256"),
        ("p384", json!({"key_type": "ec", "key_bits": 384}), "ecdsa-with-SHA384"),
        ("p521", json!({"key_type": "ec", "key_bits": "521", "signature_bits": 256}), "ecdsa-with-SHA512"),
        ("ed25519", json!({"key_type": "ed25519"}), "ED25519"),
        ("rsa", json!({"key_type": ""}), "sha256WithRSAEncryption"),
        ("rsa512", json!({"key_type": "rsa", "signature_bits": 512}), "sha512WithRSAEncryption"),
        ("pss", json!({"key_type": "rsa", "use_pss": "true", "signature_bits": 384}), "rsassaPss"),
    ] {
        let root = pki.root(merged(json!({"issuer_name": name, "common_name": name}), &fields));
        let certificate = text(&root, "certificate");
        let shown = dump(&certificate);
        assert!(shown.contains(&format!("Signature Algorithm: {algorithm}\n")), "{name}: {shown}");
        verifies(&certificate, &[], &certificate);
        let bits = if name == "pss" { 384 } else { 0 };
        pki.role(json!({"use_pss": name == "pss", "signature_bits": bits}));
        let leaf = pki.write(&format!("issuer/{name}/issue/any"), json!({"common_name": "a.example.com"}));
        verifies(&certificate, &[], &text(&leaf, "certificate"));
        let list = pki.crl(name);
        let folder = harness::Folder::new();
        openssl(&["crl", "-noout", "-CAfile", &folder.write("root.pem", &certificate)], &list);
        if name == "pss" {
            let leaf = dump(&text(&leaf, "certificate"));
            for text in [shown, leaf, openssl(&["crl", "-noout", "-text"], &list)] {
                assert_eq!(text.matches("rsassaPss").count(), 2, "{text}");
                assert!(text.contains("Hash Algorithm: sha384") && text.contains("Salt Length: 0x30"), "{text}");
            }
        }
    }
    // Leaves of an RSA issuer take the hash from their role.
    pki.role(json!({"signature_bits": 384}));
    let leaf = pki.write("issuer/rsa/issue/any", json!({"common_name": "a"}));
    assert!(dump(&text(&leaf, "certificate")).contains("sha384WithRSAEncryption"));
    assert_eq!(pki.read("issuer/rsa512")["revocation_signature_algorithm"], "SHA512WithRSA");
}

#[test]
fn an_exported_root_hands_over_the_key_that_it_certifies() {
    let pki = Pki::empty();
    for (kind, label) in [("rsa", "RSA PRIVATE KEY"), ("ec", "EC PRIVATE KEY"), ("ed25519", "PRIVATE KEY")] {
        for (form, label) in [("der", label), ("pkcs8", "PRIVATE KEY")] {
            let body = json!({"common_name": "Root", "key_type": kind, "private_key_format": form});
            let root = pki.write("root/generate/exported", body.clone());
            let (certificate, key) = (text(&root, "certificate"), text(&root, "private_key"));
            assert!(key.starts_with(&format!("-----BEGIN {label}-----\n")), "{kind} {form}");
            assert_eq!(root["private_key_type"], kind);
            assert_eq!(public_key("x509", &certificate), public_key("pkey", &key));
            let bundle = pki.write("root/generate/exported", merged(body.clone(), &json!({"format": "pem_bundle"})));
            let whole = text(&bundle, "certificate");
            assert!(whole.starts_with(&text(&bundle, "private_key")), "{whole}");
            assert_eq!(whole.matches("-----BEGIN CERTIFICATE-----").count(), 1, "{whole}");
            let der = pki.write("root/generate/exported", merged(body, &json!({"format": "der"})));
            let public = openssl(&["pkey", "-inform", "der", "-pubout"], base64(&text(&der, "private_key")));
            let own = openssl(&["x509", "-inform", "der", "-noout", "-pubkey"], base64(&text(&der, "certificate")));
            assert_eq!(own, public);
        }
    }
    // What was made internal cannot be had later.
    let root = pki.root(json!({"key_name": "inside"}));
    for path in ["key/inside", "issuer/root", "keys?list=true"] {
        assert!(!pki.get(path).text.contains("PRIVATE"), "{path}");
    }
    let body = json!({"common_name": "Again", "key_ref": root["key_id"]});
    assert_eq!(pki.write("root/generate/existing", body).get("private_key"), None);
}

#[test]
fn name_constraints_hold_below_the_root() {
    let pki = Pki::empty();
    let root = text(
        &pki.root(json!({
            "permitted_dns_domains": "good.com,.ok.org", "excluded_dns_domains": "bad.good.com",
            "permitted_ip_ranges": "10.0.0.0/8", "excluded_ip_ranges": "10.9.0.0/16,2001:db8::/32",
            "permitted_email_addresses": "good.com", "excluded_email_addresses": "x@good.com",
            "permitted_uri_domains": ".good.com", "excluded_uri_domains": "bad.good.com",
        })),
        "certificate",
    );
    let constraints = extension(&dump(&root), "X509v3 Name Constraints");
    assert!(
        constraints.starts_with("critical Permitted: DNS:good.com DNS:.ok.org IP:10.0.0.0/255.0.0.0"),
        "{constraints}"
    );
    for part in [
        "Excluded:",
        "DNS:bad.good.com",
        "IP:10.9.0.0/255.255.0.0",
        "IP:2001:DB8:0:0:0:0:0:0/FFFF:FFFF:",
        "email:good.com",
        "email:x@good.com",
        "URI:.good.com",
        "URI:bad.good.com",
    ] {
        assert!(constraints.contains(part), "{part} is missing in {constraints}");
    }
    pki.role(json!({}));
    for (name, fine) in [("a.good.com", true), ("a.bad.good.com", false), ("a.com", false)] {
        let leaf = pki.issue(json!({"common_name": name}));
        assert_eq!(verify(&root, &[], &text(&leaf, "certificate"), &[]).0, fine, "{name}");
    }
    for (field, value) in
        [("permitted_ip_ranges", "10.0.0.0"), ("excluded_ip_ranges", "x/8"), ("permitted_dns_domains", "é")]
    {
        let body = json!({"common_name": "R", "key_type": "ec", field: value});
        assert_eq!(pki.post("root/generate/internal", body).status, 400, "{field}");
    }
}

#[test]
fn a_failed_generation_leaves_nothing_behind() {
    let pki = Pki::empty();
    for (kind, body, says) in [
        ("internal", json!({"issuer_name": "default"}), "reserved keyword 'default' can not be used as issuer name"),
        ("internal", json!({"issuer_name": "a b"}), "issuer name contained invalid characters"),
        ("internal", json!({"key_name": "default"}), "reserved keyword 'default' can not be used as key name"),
        ("internal", json!({"key_name": "a/b"}), "key name contained invalid characters"),
        ("internal", json!({"key_type": "rsa", "key_bits": 1024}), "RSA keys < 2048 bits are unsafe and not supported"),
        ("internal", json!({"key_type": "rsa", "key_bits": 2049}), "unsupported bit length for RSA key"),
        ("internal", json!({"key_type": "ec", "key_bits": 224}), "unsupported bit length for EC key: 224"),
        ("internal", json!({"key_type": "dsa"}), "unknown key type"),
        ("internal", json!({"signature_bits": 100}), "signature"),
        ("internal", json!({"format": "x"}), "the \"format\" path parameter must be"),
        ("exported", json!({"private_key_format": "x"}), "private_key_format:"),
        ("internal", json!({"max_path_length": 256}), "max_path_length:"),
        ("internal", json!({"max_path_length": -2}), "max_path_length:"),
        ("internal", json!({"ttl": "1h", "not_after": "2030-01-01T00:00:00Z"}), "Either ttl or not_after"),
        ("internal", json!({"ip_sans": "x"}), "is not a valid IP address"),
        ("internal", json!({"other_sans": "x"}), "oid;UTF8:value"),
        ("internal", json!({"uri_sans": "no uri"}), "URI"),
        ("internal", json!({"ttl": "x"}), "ttl:"),
        ("existing", json!({}), "unable to find PKI key for reference: default"),
        ("existing", json!({"key_ref": ""}), "missing argument key_ref for existing type"),
        (
            "existing",
            json!({"key_ref": "x", "key_type": "ec"}),
            "key_type nor key_bits arguments can be set in this mode",
        ),
        ("kms", json!({}), "missing argument managed_key_name or managed_key_id"),
        ("elsewhere", json!({}), "internal, exported, existing or kms"),
    ] {
        let body = merged(
            json!({"common_name": "Root", "key_type": (kind != "existing" && kind != "kms").then_some("ec")}),
            &body,
        );
        let body = merged(json!({}), &body);
        for path in ["root/generate", "issuers/generate/root", "root/rotate"] {
            refused(&pki.post(&format!("{path}/{kind}"), body.clone()), 400, says);
        }
    }
    for list in ["issuers", "keys", "certs"] {
        assert_eq!(pki.call("LIST", list, Value::Null).status, 404, "{list}");
    }
    // The names are free still.
    pki.root(json!({"issuer_name": "a", "key_name": "a"}));
    let again = json!({"common_name": "R", "key_type": "ec", "issuer_name": "a"});
    refused(&pki.post("root/generate/internal", again), 400, "issuer name already in use");
    let again = json!({"common_name": "R", "key_type": "ec", "key_name": "a"});
    refused(&pki.post("root/generate/internal", again), 400, "key name already in use");
    assert_eq!((pki.list("issuers").len(), pki.list("keys").len()), (1, 1));
}

#[test]
fn a_second_root_stands_beside_the_first_and_rotating_names_it_next() {
    let pki = Pki::empty();
    let first = pki.root(json!({"issuer_name": "first"}));
    let second = pki.write("root/rotate/internal", json!({"common_name": "Second", "key_type": "ec"}));
    assert_eq!(second["issuer_name"], "next");
    let third = pki.write("root/rotate/internal", json!({"common_name": "Third", "key_type": "ec"}));
    assert_eq!(third["issuer_name"], "");
    assert_eq!(pki.read("config/issuers")["default"], first["issuer_id"]);
    assert_eq!(pki.list("issuers").len(), 3);
    let same_key = json!({"common_name": "Fourth", "key_ref": first["key_id"]});
    let fourth = pki.write("issuers/generate/root/existing", same_key);
    assert_eq!(fourth["key_id"], first["key_id"]);
    let key = |root: &Value| public_key("x509", &text(root, "certificate"));
    assert_eq!(key(&fourth), key(&first));
    refused(
        &pki.post("root/replace", json!({"default": "none"})),
        400,
        "unable to find PKI issuer for reference: none",
    );
    assert_eq!(pki.write("root/replace", json!({}))["default"], second["issuer_id"]);
    assert_eq!(pki.write("root/replace", json!({"default": third["issuer_id"]}))["default"], third["issuer_id"]);
    pki.write("config/issuers", json!({"default": "next", "default_follows_latest_issuer": true}));
    let fifth = pki.root(json!({"common_name": "Fifth", "issuer_name": "fifth"}));
    assert_eq!(pki.read("config/issuers")["default"], fifth["issuer_id"]);
}

#[test]
fn what_is_odd_about_a_root_is_warned_of() {
    let pki = Pki::empty();
    let generate = |body| pki.post("root/generate/internal", body);
    let plain = generate(json!({"common_name": "R", "key_type": "ec"}));
    assert!(warnings(&plain).contains("authority information access (AIA)"), "{}", plain.json);
    let nameless = generate(json!({"key_type": "ec"}));
    assert!(warnings(&nameless).contains("without a Subject"), "{}", nameless.json);
    let last = generate(json!({"common_name": "R", "key_type": "ec", "max_path_length": 0}));
    assert!(warnings(&last).contains("Max path length of the generated certificate is zero"), "{}", last.json);
    let long = generate(json!({"common_name": "R", "key_type": "ec", "ttl": "99999h"}));
    assert!(warnings(&long).contains("maxTTL is being used"), "{}", long.json);
    let end = openssl(&["x509", "-noout", "-checkend", "315000000"], text(&data(&long), "certificate"));
    assert!(end.contains("will not expire"), "{end}");
}

#[test]
fn removing_the_root_removes_all_issuers_and_keys_but_not_certificates() {
    let pki = Pki::with_root();
    pki.root(json!({"issuer_name": "second"}));
    pki.role(json!({}));
    let leaf = pki.issue(json!({}));
    let answer = pki.call("DELETE", "root", Value::Null);
    assert_eq!((answer.status, &answer.json["data"]), (200, &Value::Null));
    assert!(answer.json["warnings"][0].is_string());
    assert_eq!((pki.list("issuers").len(), pki.list("keys").len()), (0, 0));
    assert_eq!(pki.get("ca/pem").status, 204);
    assert_eq!(pki.get("crl/pem").status, 204);
    assert_eq!(pki.get(&format!("cert/{}", text(&leaf, "serial_number"))).status, 200);
    let issue = pki.post("issue/any", json!({"common_name": "a"}));
    refused(&issue, 400, "could not fetch the CA certificate (was one set?)");
    // A certificate of an issuer that is gone can be revoked still, and is on the next default issuer's list.
    pki.write("revoke", json!({"serial_number": leaf["serial_number"]}));
    pki.root(json!({}));
    let list = openssl(&["crl", "-noout", "-text"], pki.crl("default"));
    assert!(list.to_ascii_lowercase().contains(&hex(&text(&leaf, "serial_number"))), "{list}");
}
