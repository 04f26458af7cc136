//! One suite, every driver of keys. A driver joins by describing its [`Home`] and calling [`all`].

mod symmetric;

use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use keys::{
    Curve, Description, Driver, Error, Hash, Input, KeyType, Locator, Provider, Reason, Scheme, Sealing, SignRequest,
};
use tokio::time::Instant;

use crate::openssl;

/// Sorts of keys that a home may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sort {
    /// RSA of so many bits, for PKCS #1 v1.5 where a key can do only one of the two.
    RsaPkcs1(u32),
    /// RSA of so many bits, for PSS.
    RsaPss(u32),
    /// An elliptic curve.
    Ec(Curve),
    /// Ed25519.
    Ed25519,
    /// A symmetric key of 256 bits that seals so.
    Seal(Sealing),
    /// A key for HMAC, as long as the hash.
    Mac(Hash),
}

impl Sort {
    /// Every sort that drivers are asked for. RSA of 4096 bits is left to tests of a driver's own: it takes long to make.
    pub const ALL: [Self; 13] = [
        Self::RsaPkcs1(2048),
        Self::RsaPkcs1(3072),
        Self::RsaPss(2048),
        Self::Ec(Curve::P256),
        Self::Ec(Curve::P384),
        Self::Ec(Curve::P521),
        Self::Ed25519,
        Self::Seal(Sealing::AesGcm),
        Self::Seal(Sealing::AesCbcPad),
        Self::Seal(Sealing::Home),
        Self::Mac(Hash::Sha256),
        Self::Mac(Hash::Sha384),
        Self::Mac(Hash::Sha512),
    ];

    /// What such a key is.
    pub const fn key_type(self) -> KeyType {
        match self {
            Self::RsaPkcs1(bits) | Self::RsaPss(bits) => KeyType::Rsa { bits },
            Self::Ec(curve) => KeyType::Ec(curve),
            Self::Ed25519 => KeyType::Ed25519,
            Self::Seal(_) => KeyType::Aes { bits: 256 },
            Self::Mac(hash) => KeyType::Hmac { bits: hash.len() as u32 * 8 },
        }
    }
}

/// A home of keys that runs, and how to speak of keys in it.
pub trait Home: Send + Sync {
    /// A driver over it. Each call makes another one, as another node would have.
    fn driver(&self) -> Arc<dyn Driver>;
    /// The provider, with credentials that are good.
    fn provider(&self) -> Provider;
    /// The provider with credentials that are refused; `None` where the home cannot refuse any.
    fn stranger(&self) -> Option<Provider>;
    /// The locator of a key of this name, which may be there or not and can be made; `None` when the home has no such
    /// sort. Names are of small letters, digits and hyphens, and new in each run.
    fn locator(&self, sort: Sort, name: &str) -> Option<Locator>;
    /// How long one call may take.
    fn patience(&self) -> Duration {
        Duration::from_secs(60)
    }
    /// Whether what one node made is seen by another at once. Where it is not, two nodes that make a key at the same
    /// moment make two, and only two requests of one node are tried.
    fn is_one_for_all_nodes(&self) -> bool {
        true
    }
    /// Longest text that the home seals.
    fn plaintext_max(&self) -> usize {
        keys::PLAINTEXT_MAX
    }
    /// Longest message that the home authenticates, up to a megabyte.
    fn message_max(&self) -> usize {
        1 << 20
    }
    /// Whether the home makes signatures in this scheme, where it fails at one that its keys have.
    fn signs(&self, _scheme: Scheme) -> bool {
        true
    }
    /// How many signatures are made at once in the case of many signers.
    fn crowd(&self) -> usize {
        64
    }
}

/// What a home did with a sort of key: the row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The sort.
    pub sort: Sort,
    /// The schemes whose signatures were checked by a second implementation; empty when the home has no such sort.
    pub schemes: Vec<Scheme>,
    /// What a symmetric key did, in words; empty when the home has no such sort.
    pub symmetric: Vec<String>,
}

/// Runs every case. Panics at the first promise that is broken.
pub async fn all(home: &dyn Home) -> Vec<Row> {
    let mut rows = Vec::new();
    for sort in Sort::ALL {
        let (schemes, symmetric) = match sort {
            Sort::Seal(sealing) => (Vec::new(), symmetric::seals(home, sort, sealing).await),
            Sort::Mac(hash) => (Vec::new(), symmetric::authenticates(home, sort, hash).await),
            _ => (every_scheme_of_a_key_verifies(home, sort).await, Vec::new()),
        };
        rows.push(Row { sort, schemes, symmetric });
    }
    symmetric::random_bytes_are_as_many_as_were_asked_for(home).await;
    symmetric::keys_are_stored_and_replaced_when_that_is_asked(home).await;
    a_key_that_is_absent_is_said_to_be_absent(home).await;
    making_a_key_twice_at_once_makes_one(home).await;
    many_signers_at_once_all_get_good_signatures(home).await;
    wrong_credentials_are_refused_as_such(home).await;
    a_deadline_that_is_over_is_kept(home).await;
    a_home_that_is_there_is_healthy(home).await;
    rows
}

fn deadline(home: &dyn Home) -> Instant {
    Instant::now() + home.patience()
}

fn fresh(what: &str) -> String {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    format!("{what}-{:x}", nanos ^ u128::from(std::process::id()))
}

/// The first sort that a home has, and a locator for it.
fn any(home: &dyn Home, name: &str) -> Locator {
    let sorts = [Sort::Ec(Curve::P256), Sort::RsaPkcs1(2048), Sort::RsaPss(2048)];
    sorts.into_iter().find_map(|sort| home.locator(sort, name)).expect("a home has P-256 or RSA of 2048 bits")
}

async fn sign(
    home: &dyn Home,
    driver: &dyn Driver,
    locator: &Locator,
    scheme: Scheme,
    message: &[u8],
) -> Result<Vec<u8>, Error> {
    let digest = match (scheme, scheme.hash()) {
        (Scheme::Ecdsa(_), Some(hash)) => Some(hash.digest(message).unwrap()),
        (_, Some(hash)) => Some(hash.digest(message).unwrap()),
        (_, None) => None,
    };
    let input = digest.as_deref().map_or(Input::Message(message), Input::Digest);
    driver.sign(&home.provider(), locator, SignRequest { scheme, input, public_key: None }, deadline(home)).await
}

/// A digest cut as ECDSA wants it is what drivers get (see [`SignRequest`]): only schemes whose digest fits are tried.
fn fits(description: &Description, scheme: Scheme) -> bool {
    match (description.key_type, scheme.hash()) {
        (KeyType::Ec(curve), Some(hash)) => hash.digest(b"").unwrap().len() <= curve.field_len(),
        _ => true,
    }
}

async fn every_scheme_of_a_key_verifies(home: &dyn Home, sort: Sort) -> Vec<Scheme> {
    let name = fresh("every");
    let Some(locator) = home.locator(sort, &name) else { return Vec::new() };
    let driver = home.driver();
    let made = match driver.generate(&home.provider(), &locator, deadline(home)).await {
        Ok(made) => made,
        Err(Error::Unsupported(_)) => return Vec::new(),
        Err(error) => panic!("{sort:?} cannot be made: {error}"),
    };
    assert_eq!(made.key_type, sort.key_type(), "{sort:?}");
    assert!(!made.schemes.is_empty(), "{sort:?} signs nothing");
    let described = driver.describe(&home.provider(), &locator, deadline(home)).await.unwrap();
    assert_eq!(described, made, "{sort:?}: what was made is what is described");
    let large = vec![7; 100_000];
    let mut checked = Vec::new();
    'schemes: for scheme in made.schemes.iter().copied().filter(|scheme| fits(&made, *scheme) && home.signs(*scheme)) {
        for message in [&b"a message"[..], b"", &large] {
            let signature = match sign(home, &*driver, &locator, scheme, message).await {
                Ok(signature) => signature,
                // Only Ed25519 sends the message itself, and a home may bound it.
                Err(error) if scheme == Scheme::Ed25519 && message.len() > 4096 => {
                    assert_eq!(error.reason(), Reason::Invalid, "{error}");
                    continue;
                }
                // What a token has not, it says; the table says what it has.
                Err(Error::Unsupported(_)) => continue 'schemes,
                Err(error) => panic!("{sort:?} {scheme}: {error}"),
            };
            // openssl reads no empty file with -rawin.
            if !(scheme == Scheme::Ed25519 && message.is_empty()) {
                let good = openssl::verifies(&made.public_key, scheme, message, &signature);
                assert!(good, "{sort:?} {scheme}: openssl refuses the signature of {} bytes", message.len());
            }
            assert!(!openssl::verifies(&made.public_key, scheme, b"another", &signature), "{sort:?} {scheme}");
        }
        checked.push(scheme);
    }
    for wrong in [Scheme::Ed25519, Scheme::Ecdsa(Hash::Sha256), Scheme::Pss(Hash::Sha256)] {
        if !made.schemes.contains(&wrong) {
            let refused = sign(home, &*driver, &locator, wrong, b"m").await;
            assert!(refused.is_err(), "{sort:?} signs {wrong}, which it does not list");
        }
    }
    checked
}

async fn a_key_that_is_absent_is_said_to_be_absent(home: &dyn Home) {
    let (driver, locator) = (home.driver(), any(home, &fresh("absent")));
    let missing = driver.describe(&home.provider(), &locator, deadline(home)).await.unwrap_err();
    assert!(matches!(missing, Error::Absent), "{missing}");
    // And again: an absent key costs nobody else the home.
    driver.health(&home.provider(), deadline(home)).await.unwrap();
    let scheme = Scheme::Ecdsa(Hash::Sha256);
    let unsigned = sign(home, &*driver, &locator, scheme, b"m").await.unwrap_err();
    assert!(!matches!(unsigned.reason(), Reason::Internal), "{unsigned}");
}

async fn making_a_key_twice_at_once_makes_one(home: &dyn Home) {
    let one = home.driver();
    let other = if home.is_one_for_all_nodes() { home.driver() } else { Arc::clone(&one) };
    let locator = any(home, &fresh("race"));
    let (provider, until) = (home.provider(), deadline(home));
    let (first, second) =
        tokio::join!(one.generate(&provider, &locator, until), other.generate(&provider, &locator, until));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first, second, "who makes a key at the same time gets the same one");
    let again = home.driver().generate(&provider, &locator, deadline(home)).await.unwrap();
    assert_eq!(again, first, "a key that is there is left alone");
}

async fn many_signers_at_once_all_get_good_signatures(home: &dyn Home) {
    let (driver, locator) = (home.driver(), any(home, &fresh("crowd")));
    let made = driver.generate(&home.provider(), &locator, deadline(home)).await.unwrap();
    let scheme = made.schemes.iter().copied().find(|scheme| fits(&made, *scheme)).unwrap();
    let mut crowd = tokio::task::JoinSet::new();
    for number in 0..home.crowd() {
        let (driver, provider, locator, until) =
            (Arc::clone(&driver), home.provider(), locator.clone(), deadline(home));
        crowd.spawn(async move {
            let message = format!("message {number}");
            let digest = scheme.hash().map(|hash| hash.digest(message.as_bytes()).unwrap());
            let input = digest.as_deref().map_or(Input::Message(message.as_bytes()), Input::Digest);
            let signed = driver.sign(&provider, &locator, SignRequest { scheme, input, public_key: None }, until).await;
            (message, signed)
        });
    }
    while let Some(done) = crowd.join_next().await {
        let (message, signed) = done.unwrap();
        let signature = signed.unwrap_or_else(|error| panic!("{message}: {error}"));
        let good = keys::verify(&made.public_key, scheme, Input::Message(message.as_bytes()), &signature).unwrap();
        assert!(good, "{message}: the signature is another message's");
    }
}

async fn wrong_credentials_are_refused_as_such(home: &dyn Home) {
    let Some(stranger) = home.stranger() else { return };
    let (driver, locator) = (home.driver(), any(home, &fresh("stranger")));
    let refused = driver.describe(&stranger, &locator, deadline(home)).await.unwrap_err();
    assert!(matches!(refused, Error::Login(_) | Error::Forbidden(_)), "{refused}");
    let good = driver.describe(&home.provider(), &locator, deadline(home)).await.unwrap_err();
    assert!(matches!(good, Error::Absent), "one provider's wrong credentials are not another's: {good}");
}

async fn a_deadline_that_is_over_is_kept(home: &dyn Home) {
    let (driver, locator) = (home.driver(), any(home, &fresh("late")));
    let started = Clock::now();
    let late = driver.describe(&home.provider(), &locator, Instant::now()).await.unwrap_err();
    assert!(matches!(late.reason(), Reason::Timeout | Reason::Unavailable), "{late}");
    assert!(started.elapsed() < Duration::from_secs(5), "the deadline was over and the call went on");
}

async fn a_home_that_is_there_is_healthy(home: &dyn Home) {
    let driver = home.driver();
    driver.health(&home.provider(), deadline(home)).await.unwrap();
    driver.forget(&home.provider()).await;
    driver.health(&home.provider(), deadline(home)).await.unwrap();
    driver.forget_all().await;
    driver.health(&home.provider(), deadline(home)).await.unwrap();
}
