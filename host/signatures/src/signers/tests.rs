//! With keys and signatures that openssl makes.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::NamespacePath;
use tempfile::TempDir;

use super::{Signer, Signers};
use crate::{KEY_PEM_MAX, Malformed, SIGNATURE_MAX, Signature, Unreadable};

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0 and so on";

#[track_caller]
fn openssl(folder: &Path, arguments: &str) {
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let output = Command::new("openssl").current_dir(folder).args(&arguments).output();
    let output = output.expect("there is an openssl: run `make setup`");
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A pair of keys in a folder of its own.
struct Pair {
    folder: TempDir,
    public: String,
    hash: bool,
}

impl Pair {
    #[track_caller]
    fn make(of: &str) -> Self {
        let folder = TempDir::new().unwrap();
        openssl(folder.path(), &format!("genpkey -algorithm {of} -out private.pem"));
        openssl(folder.path(), "pkey -in private.pem -pubout -out public.pem");
        let public = std::fs::read_to_string(folder.path().join("public.pem")).unwrap();
        Self { folder, public, hash: of.starts_with("EC") }
    }

    fn p256() -> Self {
        Self::make("EC -pkeyopt ec_paramgen_curve:P-256")
    }

    fn ed25519() -> Self {
        Self::make("ED25519")
    }

    #[track_caller]
    fn sign(&self, bytes: &[u8]) -> String {
        std::fs::write(self.folder.path().join("component"), bytes).unwrap();
        let how = if self.hash {
            "dgst -sha256 -sign private.pem -out made component"
        } else {
            "pkeyutl -sign -inkey private.pem -rawin -in component -out made"
        };
        openssl(self.folder.path(), how);
        STANDARD.encode(std::fs::read(self.folder.path().join("made")).unwrap())
    }
}

fn namespaces(of: &[&str]) -> Vec<NamespacePath> {
    of.iter().map(|path| NamespacePath::parse(path).unwrap()).collect()
}

fn signers(of: &[(&str, &Pair)]) -> Signers {
    Signers::new(of.iter().map(|(name, pair)| Signer::new(name, &pair.public, Vec::new()).unwrap()).collect())
}

#[test]
fn a_component_is_known_to_be_signed_by_the_one_whose_key_made_the_signature() {
    let (one, two, three) = (Pair::p256(), Pair::ed25519(), Pair::p256());
    let signers = signers(&[("one", &one), ("two", &two), ("three", &three)]);
    for (pair, name) in [(&one, "one"), (&two, "two"), (&three, "three")] {
        let signature = Signature::read(&format!("{}\n", pair.sign(COMPONENT))).unwrap();
        assert_eq!(signers.made(COMPONENT, &signature), [name]);
    }
}

#[test]
fn a_signature_over_other_bytes_or_by_another_key_is_nobodys() {
    for (known, other) in [(Pair::p256(), Pair::p256()), (Pair::ed25519(), Pair::ed25519())] {
        let signers = signers(&[("known", &known)]);
        let good = known.sign(COMPONENT);
        let mut bent = STANDARD.decode(&good).unwrap();
        *bent.last_mut().unwrap() ^= 1;
        let cut = STANDARD.encode(&STANDARD.decode(&good).unwrap()[1..]);
        for bad in [known.sign(b"other bytes"), other.sign(COMPONENT), STANDARD.encode(bent), cut, STANDARD.encode("a")]
        {
            let signature = Signature::read(&bad).unwrap();
            assert!(signers.made(COMPONENT, &signature).is_empty(), "{bad}");
        }
        let changed = [COMPONENT, b" "].concat();
        assert!(signers.made(&changed, &Signature::read(&good).unwrap()).is_empty());
        assert_eq!(signers.made(COMPONENT, &Signature::read(&good).unwrap()), ["known"]);
    }
}

#[test]
fn what_is_no_base64_or_too_long_for_a_signature_is_refused() {
    for bad in ["", " \n", "%%%", "YQ", "YQ=", "a signature", &"A".repeat(SIGNATURE_MAX + 4)] {
        assert_eq!(Signature::read(bad), Err(Malformed), "{bad:?}");
    }
}

#[test]
fn keys_of_other_sorts_are_refused_by_their_sort_and_what_is_no_key_as_that() {
    let read = |pem: &str| Signer::new("a", pem, Vec::new()).map(|_| ()).unwrap_err();
    for of in [
        "RSA -pkeyopt rsa_keygen_bits:2048",
        "EC -pkeyopt ec_paramgen_curve:P-384",
        "EC -pkeyopt ec_paramgen_curve:secp256k1",
        "EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit",
        "X25519",
        "ED448",
    ] {
        assert_eq!(read(&Pair::make(of).public), Unreadable::OtherSort, "{of}");
    }
    let pair = Pair::p256();
    let private = std::fs::read_to_string(pair.folder.path().join("private.pem")).unwrap();
    let half = &pair.public[..pair.public.len() / 2];
    let long = format!("{}{}", pair.public, "\n".repeat(KEY_PEM_MAX));
    let twice = format!("{0}{0}", pair.public);
    for bad in ["", "junk", &private, half, &long, &twice] {
        assert_eq!(read(bad), Unreadable::NoKey, "{bad}");
    }
    // The first coordinate of the point is another and the second is not: that is a point of the curve by no chance.
    let der = STANDARD.decode(pair.public.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap();
    let off_the_curve = |change: u8| {
        let mut der = der.clone();
        der[40] ^= change;
        let body = STANDARD.encode(der);
        let lines: Vec<_> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    };
    for change in 1..=8 {
        assert_eq!(read(&off_the_curve(change)), Unreadable::NoKey);
    }
}

#[test]
fn a_namespace_wants_the_signatures_of_its_own_signers_and_of_those_above_it() {
    let pair = Pair::ed25519();
    let signer = |name: &str, of: &[&str]| Signer::new(name, &pair.public, namespaces(of)).unwrap();
    let some = Signers::new(vec![
        signer("a", &["team-a"]),
        signer("inner", &["team-a/inner", "team-b"]),
        signer("nobody", &[]),
    ]);
    for (namespace, wanted) in [
        ("", vec![]),
        ("team-a", vec!["a"]),
        ("team-a/inner/most", vec!["a", "inner"]),
        ("team-a/other", vec!["a"]),
        ("team-b", vec!["inner"]),
        ("team-aa", vec![]),
        ("other/team-a", vec![]),
    ] {
        assert_eq!(some.wanted(&namespaces(&[namespace])[0]), wanted, "{namespace:?}");
    }
    let all = Signers::new(vec![signer("everywhere", &[""])]);
    for namespace in ["", "team-a", "team-a/inner"] {
        assert_eq!(all.wanted(&namespaces(&[namespace])[0]), ["everywhere"], "{namespace:?}");
    }
    assert!(Signers::default().wanted(&NamespacePath::root()).is_empty() && Signers::default().is_empty());
}
