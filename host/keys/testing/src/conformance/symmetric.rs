//! The cases of symmetric keys, of random bytes, and of keys that are put into a home.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use keys::{
    Curve, Description, Driver, Error, GCM_NONCE_LEN, Hash, Input, Locator, Material, NewKey, RANDOM_MAX, Reason,
    Scheme, SealRequest, Sealing, SignRequest,
};
use secrecy::SecretString;

use super::{Home, Sort, deadline, fresh};
use crate::openssl;

/// A key that the suite knows: the base64 of 32 bytes and of 64.
const KNOWN: [&str; 3] = [
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v",
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==",
];

fn known(len: usize) -> (Material, Vec<u8>) {
    let text = KNOWN[len / 16 - 2];
    let bytes = (0..len).map(|byte| u8::try_from(byte).unwrap()).collect();
    (Material::secret_key(&SecretString::from(text)).unwrap(), bytes)
}

/// The key of a sort and this name; `None` when the home has none of the sort.
async fn made(home: &dyn Home, driver: &dyn Driver, sort: Sort, name: &str) -> Option<(Locator, Description)> {
    let locator = home.locator(sort, name)?;
    driver.symmetric()?;
    let made = match driver.generate(&home.provider(), &locator, deadline(home)).await {
        Err(Error::Unsupported(_)) => return None,
        made => made.unwrap_or_else(|error| panic!("{sort:?} cannot be made: {error}")),
    };
    assert_eq!(made.key_type, sort.key_type(), "{sort:?}");
    assert!(made.public_key.is_empty() && made.schemes.is_empty(), "{sort:?} has a public half");
    let described = driver.describe(&home.provider(), &locator, deadline(home)).await.unwrap();
    assert_eq!(described, made, "{sort:?}: what was made is what is described");
    Some((locator.pinned(&made).into_owned(), made))
}

struct Sealer<'a> {
    home: &'a dyn Home,
    driver: &'a dyn Driver,
    locator: Locator,
    sealing: Sealing,
}

impl Sealer<'_> {
    async fn seal(&self, text: &[u8], associated: &[u8]) -> Result<Vec<u8>, Error> {
        let request = SealRequest { sealing: self.sealing, text, associated };
        let powers = self.driver.symmetric().unwrap();
        powers.seal(&self.home.provider(), &self.locator, request, deadline(self.home)).await
    }

    async fn open(&self, text: &[u8], associated: &[u8]) -> Result<Vec<u8>, Error> {
        let request = SealRequest { sealing: self.sealing, text, associated };
        let powers = self.driver.symmetric().unwrap();
        let opened = powers.open(&self.home.provider(), &self.locator, request, deadline(self.home)).await;
        opened.map(|opened| opened.to_vec())
    }
}

/// What a sort that seals did, in words.
pub(super) async fn seals(home: &dyn Home, sort: Sort, sealing: Sealing) -> Vec<String> {
    let driver = home.driver();
    let Some((locator, made)) = made(home, &*driver, sort, &fresh("seal")).await else { return Vec::new() };
    assert_eq!(made.sealings, [sealing], "{sort:?}");
    let sealer = Sealer { home, driver: &*driver, locator, sealing };
    let associated: &[u8] = if sealing.is_authentic() { b"about it" } else { b"" };
    let longest = vec![7; home.plaintext_max()];
    for text in [&b""[..], b"sixteen bytes :)", b"a text", &longest] {
        if (sealing == Sealing::AesCbc && text.len() % 16 != 0) || (sealing != Sealing::AesGcm && text.is_empty()) {
            continue;
        }
        let say = format!("{sort:?}, {} bytes", text.len());
        let sealed = match sealer.seal(text, associated).await {
            Err(Error::Unsupported(_)) => return Vec::new(),
            sealed => sealed.unwrap_or_else(|error| panic!("{say}: {error}")),
        };
        assert_ne!(sealed, sealer.seal(text, associated).await.unwrap(), "{say}: two sealings are one");
        let opened = sealer.open(&sealed, associated).await.unwrap_or_else(|error| panic!("{say}: {error}"));
        assert_eq!(opened, text, "{say}");
        if sealing.is_authentic() {
            for at in [0, sealed.len() / 2, sealed.len() - 1] {
                let mut changed = sealed.clone();
                changed[at] ^= 1;
                let refused = sealer.open(&changed, associated).await.unwrap_err();
                assert_eq!(refused.reason(), Reason::Invalid, "{say}: {refused}");
            }
            let refused = sealer.open(&sealed, b"about another").await.unwrap_err();
            assert_eq!(refused.reason(), Reason::Invalid, "{say}: {refused}");
        }
    }
    let noise = sealer.open(&[7; 64], b"").await;
    assert!(!sealing.is_authentic() || noise.is_err_and(|error| error.reason() == Reason::Invalid), "{sort:?}: noise");
    driver.health(&home.provider(), deadline(home)).await.unwrap();
    let mut did = vec![sealing.name().to_owned()];
    if sealing != Sealing::Home && opens_elsewhere(home, &*driver, sort, sealing).await {
        did.push("opened outside with a key that was stored".to_owned());
    }
    did
}

/// Whether a text that a key from outside sealed in the home opens with the same key outside.
async fn opens_elsewhere(home: &dyn Home, driver: &dyn Driver, sort: Sort, sealing: Sealing) -> bool {
    let (material, key) = known(32);
    let Some(locator) = stored(home, driver, sort, &material).await else { return false };
    let sealer = Sealer { home, driver, locator, sealing };
    let sealed = sealer.seal(b"sixteen bytes :)", b"").await.unwrap();
    let opened = match sealing {
        Sealing::AesGcm => {
            let (nonce, body) = sealed.split_at(GCM_NONCE_LEN);
            let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap());
            let mut body = body.to_vec();
            let nonce = Nonce::try_assume_unique_for_key(nonce).unwrap();
            key.open_in_place(nonce, Aad::empty(), &mut body).expect("the text opens outside").to_vec()
        }
        sealing => openssl::opens_cbc(&key, &sealed[..16], &sealed[16..], sealing == Sealing::AesCbcPad),
    };
    assert_eq!(opened, b"sixteen bytes :)", "{sort:?}");
    true
}

/// What a sort that authenticates did, in words.
pub(super) async fn authenticates(home: &dyn Home, sort: Sort, hash: Hash) -> Vec<String> {
    let driver = home.driver();
    let Some((locator, made)) = made(home, &*driver, sort, &fresh("mac")).await else { return Vec::new() };
    assert_eq!(made.macs, [hash], "{sort:?}");
    let powers = driver.symmetric().unwrap();
    let large = vec![7; home.message_max()];
    for message in [&b"a message"[..], &large] {
        let once = powers.mac(&home.provider(), &locator, hash, message, deadline(home)).await.unwrap();
        let again = powers.mac(&home.provider(), &locator, hash, message, deadline(home)).await.unwrap();
        assert_eq!((once.len(), &once), (hash.len(), &again), "{sort:?}");
        let other = powers.mac(&home.provider(), &locator, hash, b"another", deadline(home)).await.unwrap();
        assert_ne!(once, other, "{sort:?}");
    }
    let wrong = if hash == Hash::Sha256 { Hash::Sha512 } else { Hash::Sha256 };
    assert!(powers.mac(&home.provider(), &locator, wrong, b"m", deadline(home)).await.is_err(), "{sort:?}");
    let mut did = vec![format!("HMAC with {}", hash.name())];
    let (material, key) = known(hash.len());
    if let Some(locator) = stored(home, &*driver, sort, &material).await {
        let code = powers.mac(&home.provider(), &locator, hash, b"a message", deadline(home)).await.unwrap();
        assert_eq!(code, openssl::hmac(hash, &key, b"a message"), "{sort:?}");
        did.push("checked by openssl with a key that was stored".to_owned());
    }
    did
}

/// Stores a key from outside; `None` where the home takes none.
async fn stored(home: &dyn Home, driver: &dyn Driver, sort: Sort, material: &Material) -> Option<Locator> {
    let locator = home.locator(sort, &fresh("stored"))?;
    let put = driver.keeper()?.put(&home.provider(), &locator, NewKey::Given(material), false, deadline(home)).await;
    match put {
        Err(Error::Unsupported(_)) => None,
        put => Some(locator.pinned(&put.unwrap_or_else(|error| panic!("{sort:?}: {error}"))).into_owned()),
    }
}

pub(super) async fn random_bytes_are_as_many_as_were_asked_for(home: &dyn Home) {
    let driver = home.driver();
    let Some(source) = driver.random() else { return };
    for count in [1, 7, 32, RANDOM_MAX] {
        let once = source.bytes(&home.provider(), count, deadline(home)).await.unwrap();
        let again = source.bytes(&home.provider(), count, deadline(home)).await.unwrap();
        assert_eq!((once.len(), again.len()), (count, count));
        assert!(count < 32 || once != again, "the same {count} bytes twice");
    }
}

/// A home that does not take a key in, or does not put one in another's place, says so.
pub(super) async fn keys_are_stored_and_replaced_when_that_is_asked(home: &dyn Home) {
    let driver = home.driver();
    let Some(keeper) = driver.keeper() else { return };
    for (sort, scheme) in [
        (Sort::Ec(Curve::P256), Scheme::Ecdsa(Hash::Sha256)),
        (Sort::RsaPkcs1(2048), Scheme::Pkcs1v15(Hash::Sha256)),
        (Sort::Ed25519, Scheme::Ed25519),
    ] {
        let Some(locator) = home.locator(sort, &fresh("pair")) else { continue };
        let provider = home.provider();
        let material = Material::private_key(&SecretString::from(openssl::private_key(sort.key_type()))).unwrap();
        let put = keeper.put(&provider, &locator, NewKey::Given(&material), false, deadline(home)).await;
        let before = match put {
            Ok(put) => put,
            Err(Error::Unsupported(_)) => driver.generate(&provider, &locator, deadline(home)).await.unwrap(),
            Err(error) => panic!("{sort:?}: {error}"),
        };
        let sign = async |locator: &Locator, public_key: &[u8]| {
            let digest = scheme.hash().map(|hash| hash.digest(b"m").unwrap());
            let input = digest.as_deref().map_or(Input::Message(b"m"), Input::Digest);
            let request = SignRequest { scheme, input, public_key: Some(public_key) };
            driver.sign(&provider, locator, request, deadline(home)).await
        };
        let pinned = locator.pinned(&before).into_owned();
        let signature = sign(&pinned, &before.public_key).await.unwrap();
        assert!(openssl::verifies(&before.public_key, scheme, b"m", &signature), "{sort:?}");
        for new in [NewKey::Given(&material), NewKey::Made] {
            let refused = keeper.put(&provider, &locator, new, false, deadline(home)).await;
            let is_refused = matches!(refused, Err(Error::Present | Error::Unsupported(_)));
            assert!(is_refused, "{sort:?}: {refused:?}");
        }
        let after = match keeper.put(&provider, &locator, NewKey::Made, true, deadline(home)).await {
            Ok(after) => after,
            Err(Error::Unsupported(_)) => continue,
            Err(error) => panic!("{sort:?}: {error}"),
        };
        assert_ne!(after.public_key, before.public_key, "{sort:?}");
        let described = driver.describe(&provider, &locator, deadline(home)).await.unwrap();
        assert_eq!(described, after, "{sort:?}: the new key stands in its place");
        let signature = sign(&locator.pinned(&after), &after.public_key).await.unwrap();
        assert!(openssl::verifies(&after.public_key, scheme, b"m", &signature), "{sort:?}");
        let stale = sign(&pinned, &before.public_key).await;
        assert!(matches!(stale, Err(Error::Replaced)), "{sort:?}: {stale:?}");
    }
}
