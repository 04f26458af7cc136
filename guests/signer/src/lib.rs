//! Signs, verifies, encrypts, decrypts and makes message authentication codes with managed keys, over HTTP.
//!
//! `keys/:name` names a managed key that was lent to this mount, and the policy of its use here: which powers, which
//! hashes, and whether digests are signed that the engine has not made itself. Everything else is a use of such a key.
//! The engine knows no kind of home: it has the handles that any engine has.

mod key;
mod words;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use innkeeper_guest::keys::Usage;
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
        "Encryption to an RSA key.",
        &[Action::update("Encrypts (RSAES-OAEP).", encrypt).fields(Encrypting::FIELDS)],
    ),
    Route::new(
        "decrypt/{name}",
        "Decryption with an RSA key.",
        &[Action::update("Decrypts (RSAES-OAEP).", decrypt).fields(Decrypting::FIELDS)],
    ),
    Route::new(
        "mac/{name}",
        "Message authentication codes.",
        &[Action::update("Authenticates a message (HMAC).", mac).fields(Authenticating::FIELDS)],
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
        /// The hash of OAEP.
        pub hash_algorithm: String = "sha2-256".to_owned(),
    }

    /// What `decrypt/{name}` takes.
    pub struct Decrypting {
        /// What was encrypted, base64.
        pub ciphertext: String,
        /// The hash of OAEP.
        pub hash_algorithm: String = "sha2-256".to_owned(),
    }

    /// What `mac/{name}` takes.
    pub struct Authenticating {
        /// The message, base64.
        pub input: String,
        /// The hash of HMAC.
        pub hash_algorithm: String = "sha2-256".to_owned(),
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

fn encrypt(request: &Request) -> Answer {
    let Encrypting { plaintext, hash_algorithm } = request.body()?;
    let key = Entry::named(request.capture("name"))?.open_for(Usage::Encrypt)?;
    let ciphertext = key.encrypt(words::hash(&hash_algorithm)?, &bytes("plaintext", &plaintext)?)?;
    Response::data(&json!({ "ciphertext": STANDARD.encode(ciphertext) }))
}

fn decrypt(request: &Request) -> Answer {
    let Decrypting { ciphertext, hash_algorithm } = request.body()?;
    let key = Entry::named(request.capture("name"))?.open_for(Usage::Decrypt)?;
    let plaintext = key.decrypt(words::hash(&hash_algorithm)?, &bytes("ciphertext", &ciphertext)?)?;
    Response::data(&json!({ "plaintext": STANDARD.encode(plaintext) }))
}

fn mac(request: &Request) -> Answer {
    let Authenticating { input, hash_algorithm } = request.body()?;
    let key = Entry::named(request.capture("name"))?.open_for(Usage::Mac)?;
    let mac = key.mac(words::hash(&hash_algorithm)?, &bytes("input", &input)?)?;
    Response::data(&json!({ "mac": STANDARD.encode(mac) }))
}
