//! Signs, verifies, encrypts, decrypts, makes message authentication codes and gives random bytes with managed keys, over
//! HTTP.
//!
//! `keys/:name` names a managed key that was lent to this mount, and the policy of its use here: which powers, which
//! hashes, and whether digests are signed that the engine has not made itself. Everything else is a use of such a key.
//! The engine knows no kind of home: it has the handles that any engine has.

mod key;
mod words;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use innkeeper_guest::keys::{Key, KeyType, Usage};
use innkeeper_guest::prelude::*;

use key::{Entry, Settings};
use words::{Input, scheme};

struct Signer;

impl Engine for Signer {
    const NAME: &'static str = "signer";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Signs, verifies, encrypts and decrypts with keys that live elsewhere.";
    const ROUTES: &'static [&'static [Route]] = &[ROUTES];
}

innkeeper_guest::export!(Signer);

const ROUTES: &[Route] = &[
    Route::new("keys", "The keys of this mount.", &[Action::list("Names the keys.", key::list)]),
    Route::new(
        "keys/{name}",
        "A managed key that was lent to this mount, and the policy of its use here.",
        &[
            Action::read("Reads the policy, and what the key is and can do.", key::read),
            Action::update("Names a managed key and sets its policy.", key::write).fields(Settings::FIELDS),
            Action::delete("Forgets the name; the managed key stays.", key::remove),
        ],
    ),
    Route::new(
        "sign/{name}",
        "Signatures.",
        &[Action::update("Signs a message, or a digest.", sign).fields(Signing::FIELDS)],
    ),
    Route::new(
        "verify/{name}",
        "Verdicts on signatures.",
        &[Action::update("Tells whether a signature is the key's.", verify).fields(Verifying::FIELDS)],
    ),
    Route::new(
        "encrypt/{name}",
        "Encryption to an RSA key, or with a symmetric one.",
        &[Action::update("Encrypts: RSAES-OAEP, or as a symmetric key seals.", encrypt).fields(Encrypting::FIELDS)],
    ),
    Route::new(
        "decrypt/{name}",
        "Decryption with an RSA key, or with a symmetric one.",
        &[Action::update("Decrypts: RSAES-OAEP, or what a symmetric key sealed.", decrypt).fields(Decrypting::FIELDS)],
    ),
    Route::new(
        "mac/{name}",
        "Message authentication codes.",
        &[Action::update("Authenticates a message (HMAC).", mac).fields(Authenticating::FIELDS)],
    ),
    Route::new(
        "verify-mac/{name}",
        "Verdicts on message authentication codes.",
        &[Action::update("Tells whether a code is the message's.", verify_mac).fields(Checking::FIELDS)],
    ),
    Route::new(
        "random/{name}",
        "Random bytes of a key's home.",
        &[Action::update("Gives random bytes.", random).fields(Drawing::FIELDS)],
    ),
];

body! {
    /// What `sign/{name}` takes.
    pub struct Signing {
        /// The message, base64. Either this or `digest`.
        pub input: Option<String>,
        /// The digest of a message by `hash_algorithm`, base64; never for Ed25519.
        pub digest: Option<String>,
        /// `sha2-256` and its like; the key's usual one unless given.
        pub hash_algorithm: String,
        /// For RSA keys: `pss` or `pkcs1v15`; the key's usual one unless given.
        pub signature_algorithm: String,
    }

    /// What `verify/{name}` takes.
    pub struct Verifying {
        /// The message, base64.
        pub input: String,
        /// The signature, base64.
        pub signature: String,
        /// As for signing.
        pub hash_algorithm: String,
        /// As for signing.
        pub signature_algorithm: String,
    }

    /// What `encrypt/{name}` takes.
    pub struct Encrypting {
        /// What is to be encrypted, base64.
        pub plaintext: String,
        /// For RSA keys: the hash of OAEP; the one of the key's record, or `sha2-256`, unless given.
        pub hash_algorithm: String,
        /// For symmetric keys: `aes-gcm`, `aes-cbc-pad`, `aes-cbc` or `home`; the key's usual way unless given.
        pub sealing: String,
        /// For symmetric keys: what is authenticated and not encrypted, base64.
        pub associated_data: String,
    }

    /// What `decrypt/{name}` takes.
    pub struct Decrypting {
        /// What was encrypted, base64.
        pub ciphertext: String,
        /// As for encrypting.
        pub hash_algorithm: String,
        /// As for encrypting.
        pub sealing: String,
        /// As for encrypting.
        pub associated_data: String,
    }

    /// What `mac/{name}` takes.
    pub struct Authenticating {
        /// The message, base64.
        pub input: String,
        /// The hash of HMAC; the key's usual one unless given.
        pub hash_algorithm: String,
    }

    /// What `verify-mac/{name}` takes.
    pub struct Checking {
        /// The message, base64.
        pub input: String,
        /// The code, base64.
        pub mac: String,
        /// As for making one.
        pub hash_algorithm: String,
    }

    /// What `random/{name}` takes.
    pub struct Drawing {
        /// How many bytes, 1 to 1024.
        pub bytes: u32 = 32,
        /// `base64` or `hex`.
        pub format: String = "base64".to_owned(),
    }
}

/// Reads base64.
fn bytes(field: &str, text: &str) -> Result<Vec<u8>, Fault> {
    STANDARD.decode(text).map_err(|_| Fault::invalid(format!("{field}: must be base64 (RFC 4648 section 4)")))
}

fn sign(request: &Request) -> Answer {
    let Signing { input, digest, hash_algorithm, signature_algorithm } = request.body()?;
    let entry = Entry::named(request.capture("name"))?;
    let key = entry.open_for(Usage::Sign)?;
    let input = Input::read(input, digest)?;
    if matches!(input, Input::Digest(_)) && !entry.allow_digests {
        return Err(Fault::invalid("digest: this key signs messages only; its policy says allow_digests = false"));
    }
    let scheme = scheme(&key, &hash_algorithm, &signature_algorithm)?;
    entry.allows(scheme)?;
    let signature = match &input {
        Input::Message(message) => key.sign(scheme, message),
        Input::Digest(digest) => key.sign_digest(scheme, digest),
    }?;
    Response::data(&json!({ "signature": STANDARD.encode(signature), "scheme": words::name(scheme) }))
}

fn verify(request: &Request) -> Answer {
    let Verifying { input, signature, hash_algorithm, signature_algorithm } = request.body()?;
    let entry = Entry::named(request.capture("name"))?;
    let key = entry.open_for(Usage::Verify)?;
    let scheme = scheme(&key, &hash_algorithm, &signature_algorithm)?;
    entry.allows(scheme)?;
    let valid = key.verify(scheme, &bytes("input", &input)?, &bytes("signature", &signature)?)?;
    Response::data(&json!({ "valid": valid }))
}

/// Whether the key is used for encrypting as an RSA key is.
fn is_rsa(key: &Key) -> Result<bool, Fault> {
    Ok(matches!(key.key_type()?, KeyType::Rsa(_)))
}

/// Refuses parameters that are for keys of the other sort: whoever sends them thinks of another key.
fn only_for(sort: &str, given: &[(&str, &str)]) -> Result<(), Fault> {
    match given.iter().find(|(_, value)| !value.is_empty()) {
        Some((field, _)) => Err(Fault::invalid(format!("{field}: is for {sort} keys only"))),
        None => Ok(()),
    }
}

fn encrypt(request: &Request) -> Answer {
    let Encrypting { plaintext, hash_algorithm, sealing, associated_data } = request.body()?;
    let key = Entry::named(request.capture("name"))?.open_for(Usage::Encrypt)?;
    let plaintext = bytes("plaintext", &plaintext)?;
    if is_rsa(&key)? {
        only_for("symmetric", &[("sealing", sealing.as_str()), ("associated_data", &associated_data)])?;
        let ciphertext = key.encrypt(words::oaep_hash(&key, &hash_algorithm)?, &plaintext)?;
        return Response::data(&json!({ "ciphertext": STANDARD.encode(ciphertext) }));
    }
    only_for("RSA", &[("hash_algorithm", hash_algorithm.as_str())])?;
    let sealing = words::sealing(&key, &sealing)?;
    let sealed = key.seal(sealing, &plaintext, &bytes("associated_data", &associated_data)?)?;
    Response::data(&json!({ "ciphertext": STANDARD.encode(sealed), "sealing": words::sealing_name(sealing) }))
}

fn decrypt(request: &Request) -> Answer {
    let Decrypting { ciphertext, hash_algorithm, sealing, associated_data } = request.body()?;
    let key = Entry::named(request.capture("name"))?.open_for(Usage::Decrypt)?;
    let ciphertext = bytes("ciphertext", &ciphertext)?;
    let plaintext = if is_rsa(&key)? {
        only_for("symmetric", &[("sealing", sealing.as_str()), ("associated_data", &associated_data)])?;
        key.decrypt(words::oaep_hash(&key, &hash_algorithm)?, &ciphertext)?
    } else {
        only_for("RSA", &[("hash_algorithm", hash_algorithm.as_str())])?;
        let associated = bytes("associated_data", &associated_data)?;
        key.unseal(words::sealing(&key, &sealing)?, &ciphertext, &associated)?
    };
    Response::data(&json!({ "plaintext": STANDARD.encode(plaintext) }))
}

fn mac(request: &Request) -> Answer {
    let Authenticating { input, hash_algorithm } = request.body()?;
    let entry = Entry::named(request.capture("name"))?;
    let key = entry.open_for(Usage::Mac)?;
    let hash = words::mac_hash(&key, &hash_algorithm)?;
    entry.allows_hash(words::hash_name(hash))?;
    let mac = key.mac(hash, &bytes("input", &input)?)?;
    Response::data(&json!({ "mac": STANDARD.encode(mac), "hash_algorithm": words::hash_name(hash) }))
}

fn verify_mac(request: &Request) -> Answer {
    let Checking { input, mac, hash_algorithm } = request.body()?;
    let entry = Entry::named(request.capture("name"))?;
    let key = entry.open_for(Usage::Mac)?;
    let hash = words::mac_hash(&key, &hash_algorithm)?;
    entry.allows_hash(words::hash_name(hash))?;
    let valid = key.verify_mac(hash, &bytes("input", &input)?, &bytes("mac", &mac)?)?;
    Response::data(&json!({ "valid": valid }))
}

fn random(request: &Request) -> Answer {
    let Drawing { bytes, format } = request.body()?;
    let key = Entry::named(request.capture("name"))?.open_for(Usage::GenerateRandom)?;
    let encode: fn(&[u8]) -> String = match format.as_str() {
        "base64" => |drawn| STANDARD.encode(drawn),
        "hex" => |drawn| drawn.iter().map(|byte| format!("{byte:02x}")).collect(),
        _ => return Err(Fault::invalid("format: use base64 or hex")),
    };
    Response::data(&json!({ "random_bytes": encode(&key.random(bytes)?) }))
}
