use std::process::Command;

use formats::pem;

use super::*;

/// A signature of anybody over anything.
pub(crate) fn trusting(_: &[u8], _: Scheme, _: &[u8], _: &[u8]) -> bool {
    true
}

/// A certificate that openssl makes, signed by its own key: subject, extensions.
pub(crate) fn made(subject: &str, extensions: &[&str], more: &[&str]) -> Vec<u8> {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-nodes", "-newkey", "ed25519", "-keyout", "/dev/null", "-config", "/dev/null"]);
    openssl.args(["-subj", subject, "-addext", "subjectKeyIdentifier=hash"]).args(more);
    for extension in extensions {
        openssl.args(["-addext", extension]);
    }
    let output = openssl.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    pem::decode_one(std::str::from_utf8(&output.stdout).unwrap()).unwrap()
}

/// The same certificate, as if it had been for the year 2020; its signature no longer fits.
pub(crate) fn aged(mut der: Vec<u8>) -> Vec<u8> {
    for (at, year) in [(0, b"20"), (1, b"21")] {
        let times: Vec<usize> =
            der.windows(2).enumerate().filter(|(_, w)| *w == b"\x17\x0d").map(|(at, _)| at).collect();
        der[times[at] + 2..times[at] + 4].copy_from_slice(year);
    }
    der
}

#[test]
fn a_certificate_of_openssl_is_read() {
    let extensions = [
        "subjectAltName=DNS:a.example,email:a@b.example,URI:spiffe://x/y,IP:10.0.0.1",
        "extendedKeyUsage=clientAuth",
        "keyUsage=critical,digitalSignature",
        "1.3.6.1.4.1.55555.1=ASN1:UTF8String:blue",
    ];
    let facts = Facts::read(&made("/OU=one/OU=two/CN=first/CN=last", &extensions, &["-set_serial", "0xff01"])).unwrap();
    assert_eq!((facts.common_name.as_str(), facts.serial.as_slice()), ("last", &[0xff, 1][..]));
    assert_eq!(facts.units, ["one", "two"]);
    assert_eq!((facts.dns_names, facts.emails), (vec!["a.example".to_owned()], vec!["a@b.example".to_owned()]));
    assert_eq!(facts.uris, ["spiffe://x/y"]);
    assert!(facts.extensions.iter().any(|(oid, value)| oid == "1.3.6.1.4.1.55555.1" && value == b"\x0c\x04blue"));
    assert_eq!((facts.subject_key.len(), facts.key.len()), (20, 44));
}

#[test]
fn who_may_issue_and_who_may_log_in_is_in_the_extensions() {
    for (extensions, issues, logs_in) in [
        (&["basicConstraints=critical,CA:TRUE"][..], true, true),
        (&["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"], true, true),
        (&["basicConstraints=critical,CA:TRUE", "keyUsage=critical,digitalSignature"], false, true),
        (&["basicConstraints=critical,CA:FALSE"], false, true),
        (&["extendedKeyUsage=serverAuth"], false, false),
        (&["extendedKeyUsage=serverAuth,clientAuth"], false, true),
        (&["extendedKeyUsage=anyExtendedKeyUsage"], false, true),
    ] {
        let facts = Facts::read(&made("/CN=a", extensions, &[])).unwrap();
        assert_eq!((facts.may_issue(), facts.is_for_clients()), (issues, logs_in), "{extensions:?}");
    }
}

#[test]
fn a_certificate_with_limits_that_are_not_known_is_refused() {
    for extensions in [
        &["1.3.6.1.4.1.55555.1=critical,ASN1:UTF8String:x"][..],
        &["nameConstraints=critical,permitted;DNS:example.com"],
        &["nameConstraints=permitted;DNS:example.com"],
        &["policyConstraints=critical,requireExplicitPolicy:0"],
    ] {
        let refused = Facts::read(&made("/CN=a", extensions, &[])).map(drop).unwrap_err();
        assert!(refused.contains("not known here"), "{extensions:?}: {refused}");
    }
    assert!(Facts::read(&made("/CN=a", &["1.3.6.1.4.1.55555.1=ASN1:UTF8String:x"], &[])).is_ok());
}

#[test]
fn an_issuer_is_known_by_its_name_its_key_and_its_signature() {
    let subject = Facts::read(&made("/CN=a", &[], &[])).unwrap();
    let renamed = Facts::read(&made("/CN=b", &[], &[])).unwrap();
    let replaced = Facts::read(&made("/CN=a", &[], &[])).unwrap();
    assert!(subject.is_issued_by(&subject, &trusting));
    assert!(!subject.is_issued_by(&renamed, &trusting), "another name");
    let named = Facts { authority_key: subject.subject_key.clone(), ..subject.clone() };
    assert!(!named.is_issued_by(&replaced, &trusting), "another key");
    assert!(!subject.is_issued_by(&subject, &|_, _, _, _| false), "another signature");
    let signed = |key: &[u8], scheme, body: &[u8], signature: &[u8]| {
        key == subject.key && matches!(scheme, Scheme::Ed25519) && body.starts_with(&[0x30]) && signature.len() == 64
    };
    assert!(subject.is_issued_by(&subject, &signed));
}

#[test]
fn a_certificate_is_good_from_its_first_to_its_last_second() {
    let facts = Facts { not_before: 10, not_after: 20, ..Facts::read(&made("/CN=a", &[], &[])).unwrap() };
    for (now, good) in [(9, false), (10, true), (20, true), (21, false)] {
        assert_eq!(facts.check_time(now).is_ok(), good, "{now}");
    }
}

#[test]
fn no_damage_to_a_certificate_makes_it_panic() {
    let whole = made("/OU=o/CN=a", &["subjectAltName=DNS:a.example", "basicConstraints=critical,CA:TRUE"], &[]);
    for length in 0..whole.len() {
        assert!(Facts::read(&whole[..length]).is_err(), "{length}");
    }
    for at in 0..whole.len() {
        for bit in [1, 0x20, 0x80] {
            let mut bad = whole.clone();
            bad[at] ^= bit;
            let _ = Facts::read(&bad).map(|facts| facts.is_issued_by(&facts, &trusting));
        }
    }
}
