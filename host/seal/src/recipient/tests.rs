use seal_testing::Gnupg;

use super::*;

fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn refusal(text: &str) -> String {
    Recipient::parse("pgp_keys: entry 2", text).expect_err("this is refused").to_string()
}

#[test]
fn what_is_encrypted_to_a_key_of_gnupg_only_gnupg_reads() {
    let gnupg = Gnupg::new();
    let both = "cert,sign,encr";
    for (name, algorithm, usage) in
        [("curve", "future-default", "default"), ("subkey", "rsa2048", "default"), ("alone", "rsa2048", both)]
    {
        let fingerprint = gnupg.key(name, algorithm, usage, "1d");
        if name == "subkey" {
            gnupg.subkey(&fingerprint, "rsa2048", "encr");
        }
        let binary = base64(&gnupg.public(&[&fingerprint]));
        let lines: Vec<String> =
            binary.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into()).collect();
        for text in [&binary, &lines.join("\n"), &gnupg.armoured(&fingerprint)] {
            let recipient = Recipient::parse("pgp_keys", text).unwrap();
            assert_eq!(recipient.fingerprint(), fingerprint);
            let given = recipient.given(b"a share").unwrap();
            assert_eq!(gnupg.decrypt(&given.0), "a share", "{name}");
            assert_eq!(
                (STANDARD.decode(&*given.base64()).unwrap(), hex::decode(&*given.hex()).unwrap()),
                (given.0.to_vec(), given.0.to_vec())
            );
        }
    }
}

#[test]
fn a_newer_subkey_is_preferred_and_a_copy_of_the_record_encrypts_alike() {
    let gnupg = Gnupg::new();
    let fingerprint = gnupg.key("renewed", "future-default", "default", "never");
    let old = Recipient::parse("pgp_keys", &base64(&gnupg.public(&[&fingerprint]))).unwrap();
    // The time of a key has seconds.
    std::thread::sleep(Duration::from_millis(1100));
    gnupg.subkey(&fingerprint, "cv25519", "encr");
    let new = Recipient::parse("pgp_keys", &base64(&gnupg.public(&[&fingerprint]))).unwrap();
    assert!(old.fingerprint == new.fingerprint && old.packet != new.packet);
    let stored: Recipient = serde_json::from_str(&serde_json::to_string(&new).unwrap()).unwrap();
    assert_eq!(gnupg.decrypt(&stored.given(b"kept").unwrap().0), "kept");
}

#[test]
fn keys_that_are_over_revoked_private_or_not_for_encryption_are_refused_in_words() {
    let gnupg = Gnupg::new();
    let curve = |name: &str, expires: &str| gnupg.key(name, "future-default", "default", expires);
    let (over, revoked, good) = (curve("over", "seconds=1"), curve("revoked", "never"), curve("good", "never"));
    let signs = gnupg.key("signs", "ed25519", "cert,sign", "never");
    gnupg.revoke(&revoked);
    std::thread::sleep(Duration::from_millis(2100));
    for (bytes, says) in [
        (gnupg.public(&[&over]), "has expired"),
        (gnupg.public(&[&revoked]), "was revoked"),
        (gnupg.public(&[&signs]), "no key for encryption"),
        (gnupg.private(&good), "private key"),
        (gnupg.public(&[&good, &signs]), "must hold one public key"),
        (vec![0x99; 2 * PGP_KEY_MAX], "longer than a PGP key may be"),
    ] {
        let refused = refusal(&base64(&bytes));
        assert!(refused.starts_with("pgp_keys: entry 2: ") && refused.contains(says), "{refused}, not {says:?}");
    }
    assert!(Recipient::parse("pgp_keys", &base64(&gnupg.public(&[&good]))).is_ok());
}

#[test]
fn a_key_whose_signatures_were_tampered_with_is_refused() {
    let gnupg = Gnupg::new();
    let fingerprint = gnupg.key("tampered", "future-default", "default", "never");
    let public = gnupg.public(&[&fingerprint]);
    let mut refused = 0;
    for at in (0..public.len()).step_by(5) {
        let mut bytes = public.clone();
        bytes[at] ^= 1;
        match Recipient::parse("pgp_keys", &base64(&bytes)) {
            // What no signature covers may change: then it is the same key still.
            Ok(same) => assert_eq!(same, Recipient::parse("pgp_keys", &base64(&public)).unwrap(), "at {at}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 50, "{refused}");
    for cut in [1, 20, public.len() / 2] {
        assert!(Recipient::parse("pgp_keys", &base64(&public[..cut])).is_err(), "{cut}");
    }
}

#[test]
fn what_is_no_key_is_refused_with_what_would_be_right() {
    for (text, says) in [
        ("", "is empty"),
        ("keybase:somebody", "not looked up"),
        ("no key!", "must be the base64"),
        ("bm8ga2V5", "no public key of OpenPGP"),
        (
            "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----",
            "no public key of OpenPGP",
        ),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "no public key of OpenPGP"),
        (&"A".repeat(3 * PGP_KEY_MAX), "longer than a PGP key may be"),
    ] {
        let refused = refusal(text);
        assert!(refused.contains(says), "{refused}, not {says:?}");
    }
}

#[tokio::test]
async fn there_is_one_key_for_each_share_and_a_wrong_one_is_named_by_its_place() {
    let refused = Recipient::read_all("pgp_keys", vec!["AAAA".into()], 3).await.unwrap_err().to_string();
    assert!(refused.contains("count mismatch") && refused.ends_with("1 and 3"), "{refused}");
    let gnupg = Gnupg::new();
    let fingerprint = gnupg.key("good", "future-default", "default", "never");
    let good = base64(&gnupg.public(&[&fingerprint]));
    let refused =
        Recipient::read_all("pgp_keys", vec![good.clone(), "no key".into()], 2).await.unwrap_err().to_string();
    assert!(refused.starts_with("pgp_keys: entry 2: "), "{refused}");
    let read = Recipient::read_all("pgp_keys", vec![good.clone(), good], 2).await.unwrap();
    assert_eq!(read.len(), 2);
    assert!(Recipient::read_all("pgp_keys", Vec::new(), 2).await.unwrap().is_empty());
    assert!(Recipient::read("pgp_key", Some("")).await.unwrap().is_none());
}
