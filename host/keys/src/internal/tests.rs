//! Internal keys: what they sign, how they are kept, and what is refused.

use storage::memory::Memory;
use storage::{Drawer, Store, Transaction};

use super::{InternalKey, InternalKeys, PRIVATE_DER_MAX, Policy, PrivateFormat};
use crate::{Curve, Error, Hash, Input, KeyType, Reason, Scheme, Usage, key_type_of, verify};

const KEPT: Policy = Policy { exportable: false, ephemeral: false };
const EXPORTABLE: Policy = Policy { exportable: true, ephemeral: false };
const EPHEMERAL: Policy = Policy { exportable: false, ephemeral: true };
const RSA: KeyType = KeyType::Rsa { bits: 2048 };

const TYPES: [KeyType; 5] =
    [RSA, KeyType::Ec(Curve::P256), KeyType::Ec(Curve::P384), KeyType::Ec(Curve::P521), KeyType::Ed25519];

fn drawer() -> Drawer {
    Drawer::new(&["mount", "m1", "keys"])
}

struct Bench {
    keys: InternalKeys,
    store: Store,
}

impl Bench {
    fn new() -> Self {
        Self { keys: InternalKeys::new(), store: Store::new(Memory::new()) }
    }

    async fn begin(&self) -> Transaction {
        self.store.begin().await.unwrap()
    }

    /// A key that is stored and committed.
    async fn kept(&self, key_type: KeyType, policy: Policy) -> InternalKey {
        let mut transaction = self.begin().await;
        let key = self.keys.generate(&mut transaction, &drawer(), key_type, policy).await.unwrap();
        transaction.commit().await.unwrap();
        key
    }

    async fn reopen(&self, id: &str) -> Result<InternalKey, Error> {
        self.keys.open(&mut self.begin().await, &drawer(), id).await
    }
}

#[tokio::test]
async fn every_scheme_of_a_key_verifies_for_its_message_and_its_digest_and_for_nothing_else() {
    let bench = Bench::new();
    for key_type in TYPES {
        let (key, stranger) = (bench.kept(key_type, KEPT).await, bench.kept(key_type, KEPT).await);
        assert_eq!(key.key_type(), key_type);
        assert_eq!(key_type_of(key.public_key()).unwrap(), key_type);
        assert!(key.usages().contains(Usage::Sign) && key.usages().contains(Usage::Verify));
        for scheme in key.schemes() {
            let message = Input::Message(b"a message");
            let signature = key.sign(scheme, message).unwrap();
            assert!(key.verify(scheme, message, &signature).unwrap(), "{key_type} {scheme}");
            assert!(!key.verify(scheme, Input::Message(b"another"), &signature).unwrap(), "{key_type} {scheme}");
            assert!(!stranger.verify(scheme, message, &signature).unwrap(), "{key_type} {scheme}");
            let mut bent = signature.clone();
            *bent.last_mut().unwrap() ^= 1;
            assert!(!key.verify(scheme, message, &bent).unwrap(), "{key_type} {scheme}");
            let Some(hash) = scheme.hash() else { continue };
            let digest = hash.digest(b"a message").unwrap();
            assert!(key.verify(scheme, Input::Digest(&digest), &signature).unwrap(), "{key_type} {scheme}");
            let signature = key.sign(scheme, Input::Digest(&digest)).unwrap();
            assert!(verify(key.public_key(), scheme, message, &signature).unwrap(), "{key_type} {scheme}");
        }
    }
}

#[tokio::test]
async fn rsa_keys_are_made_in_every_size_that_is_offered() {
    let bench = Bench::new();
    for bits in [2048, 3072, 4096] {
        let key = bench.kept(KeyType::Rsa { bits }, EPHEMERAL).await;
        assert_eq!(key_type_of(key.public_key()).unwrap(), KeyType::Rsa { bits });
    }
}

#[tokio::test]
async fn a_scheme_of_another_type_is_refused_with_what_the_key_can_do() {
    let bench = Bench::new();
    let key = bench.kept(KeyType::Ec(Curve::P256), KEPT).await;
    let error = key.sign(Scheme::Pss(Hash::Sha256), Input::Message(b"m")).unwrap_err();
    assert_eq!(error.reason(), Reason::Unsupported);
    assert!(error.public().contains("ECDSA with sha2-256"), "{}", error.public());
    let key = bench.kept(KeyType::Ed25519, KEPT).await;
    assert_eq!(key.sign(Scheme::Ed25519, Input::Digest(&[0; 64])).unwrap_err().reason(), Reason::Unsupported);
}

#[tokio::test]
async fn a_kept_key_is_found_again_in_its_drawer_only_and_not_after_it_was_deleted() {
    let bench = Bench::new();
    for key_type in TYPES {
        let key = bench.kept(key_type, KEPT).await;
        let id = key.id().unwrap();
        // Twice: from storage, and from memory.
        for _ in 0..2 {
            assert_eq!(bench.reopen(&id).await.unwrap().public_key(), key.public_key());
        }
        // And by a process that has nothing in memory.
        let mut transaction = bench.begin().await;
        let fresh = InternalKeys::new().open(&mut transaction, &drawer(), &id).await.unwrap();
        assert_eq!((fresh.public_key(), fresh.id()), (key.public_key(), Some(id.clone())));

        let elsewhere = Drawer::new(&["mount", "m2", "keys"]);
        let error = bench.keys.open(&mut transaction, &elsewhere, &id).await.err().unwrap();
        assert_eq!(error.reason(), Reason::NotFound);

        key.delete(&mut transaction).unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(bench.reopen(&id).await.err().unwrap().reason(), Reason::NotFound);
    }
    for bad in ["", "x", "../m2", "00000000-0000-0000-0000-000000000000"] {
        assert_eq!(bench.reopen(bad).await.err().unwrap().reason(), Reason::NotFound, "{bad:?}");
    }
}

#[tokio::test]
async fn a_new_key_is_open_to_the_transaction_that_made_it_and_gone_when_that_is_dropped() {
    let bench = Bench::new();
    let mut transaction = bench.begin().await;
    let key = bench.keys.generate(&mut transaction, &drawer(), KeyType::Ed25519, KEPT).await.unwrap();
    let id = key.id().unwrap();
    let again = bench.keys.open(&mut transaction, &drawer(), &id).await.unwrap();
    assert_eq!(again.public_key(), key.public_key());
    drop(transaction);
    assert_eq!(bench.reopen(&id).await.err().unwrap().reason(), Reason::NotFound);
}

#[tokio::test]
async fn an_ephemeral_key_is_never_written() {
    let bench = Bench::new();
    for key_type in TYPES {
        let mut transaction = bench.begin().await;
        let key = bench.keys.generate(&mut transaction, &drawer(), key_type, EPHEMERAL).await.unwrap();
        assert_eq!(key.id(), None);
        key.delete(&mut transaction).unwrap();
        assert!(!transaction.is_dirty());
        assert!(key.sign(key.schemes()[0], Input::Message(b"m")).is_ok());
    }
}

#[tokio::test]
async fn a_record_that_was_replaced_is_not_served_from_memory() {
    let bench = Bench::new();
    let (first, second) = (bench.kept(RSA, KEPT).await, bench.kept(KeyType::Ed25519, KEPT).await);
    let (id, other) = (first.id().unwrap(), second.id().unwrap());
    bench.reopen(&id).await.unwrap();
    let mut transaction = bench.begin().await;
    let record = transaction.get(&drawer(), &other).await.unwrap().unwrap();
    transaction.put(&drawer(), &id, record.to_vec()).unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(bench.reopen(&id).await.unwrap().public_key(), second.public_key());

    // A layout of the future is our fault, not the caller's.
    let mut transaction = bench.begin().await;
    transaction.put(&drawer(), &id, vec![2, 0, 1]).unwrap();
    let error = bench.keys.open(&mut transaction, &drawer(), &id).await.err().unwrap();
    assert_eq!(error.reason(), Reason::Internal);
}

#[tokio::test]
async fn only_an_exportable_key_gives_itself_out_and_what_it_gives_is_taken_in_again() {
    let bench = Bench::new();
    for key_type in TYPES {
        let sealed = bench.kept(key_type, KEPT).await;
        let key = bench.kept(key_type, EXPORTABLE).await;
        let reopened = bench.reopen(&key.id().unwrap()).await.unwrap();
        for format in [PrivateFormat::Pkcs8, PrivateFormat::Traditional] {
            assert_eq!(sealed.export(format).unwrap_err().reason(), Reason::NotExportable);
            assert_eq!(
                bench.reopen(&sealed.id().unwrap()).await.unwrap().export(format).unwrap_err().reason(),
                Reason::NotExportable
            );
            let der = key.export(format).unwrap();
            assert_eq!(*der, *reopened.export(format).unwrap());
            let mut transaction = bench.begin().await;
            let twin = bench.keys.import(&mut transaction, &drawer(), &der, KEPT).unwrap();
            assert_eq!(twin.public_key(), key.public_key(), "{key_type} {format:?}");
            assert_eq!(twin.export(format).unwrap_err().reason(), Reason::NotExportable);
            let scheme = key.schemes()[0];
            let signature = twin.sign(scheme, Input::Message(b"m")).unwrap();
            assert!(key.verify(scheme, Input::Message(b"m"), &signature).unwrap());
        }
    }
}

#[tokio::test]
async fn small_rsa_keys_and_what_is_no_key_are_refused() {
    let bench = Bench::new();
    let mut transaction = bench.begin().await;
    let small = bench.keys.generate(&mut transaction, &drawer(), KeyType::Rsa { bits: 1024 }, KEPT).await;
    assert_eq!(small.err().unwrap().public(), "RSA keys < 2048 bits are unsafe and not supported");
    let odd = bench.keys.generate(&mut transaction, &drawer(), KeyType::Rsa { bits: 2049 }, KEPT).await;
    assert_eq!(odd.err().unwrap().reason(), Reason::Invalid);

    // The head of an RSAPrivateKey with a modulus of 1024 bits.
    let mut pkcs1 = vec![0x30, 0x81, 0x87, 2, 1, 0, 2, 0x81, 0x81, 0];
    pkcs1.extend([0xff; 128]);
    let error = bench.keys.import(&mut transaction, &drawer(), &pkcs1, KEPT).err().unwrap();
    assert_eq!(error.public(), "RSA keys < 2048 bits are unsafe and not supported");

    for bad in [&[][..], b"-----BEGIN PRIVATE KEY-----", &[0x30, 0], &[0x30, 3, 2, 1, 0], &vec![0; PRIVATE_DER_MAX + 1]]
    {
        let error = bench.keys.import(&mut transaction, &drawer(), bad, KEPT).err().unwrap();
        assert_eq!(error.reason(), Reason::Invalid, "{error}");
    }
    assert!(!transaction.is_dirty());
}

#[tokio::test]
async fn rsa_keys_open_what_was_sealed_to_them_and_other_keys_do_not_seal() {
    let bench = Bench::new();
    let (key, stranger) = (bench.kept(RSA, KEPT).await, bench.kept(RSA, KEPT).await);
    for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512] {
        let sealed = key.encrypt(hash, b"secret").unwrap();
        assert_eq!(&key.decrypt(hash, &sealed).unwrap()[..], b"secret");
        assert_eq!(stranger.decrypt(hash, &sealed).unwrap_err().reason(), Reason::Invalid);
    }
    assert_eq!(key.encrypt(Hash::Sha256, &[0; 191]).unwrap_err().reason(), Reason::Invalid);
    assert_eq!(key.encrypt(Hash::Sha3_256, b"m").unwrap_err().reason(), Reason::Unsupported);
    let key = bench.kept(KeyType::Ec(Curve::P256), KEPT).await;
    assert_eq!(key.encrypt(Hash::Sha256, b"m").unwrap_err().reason(), Reason::Unsupported);
    assert_eq!(key.decrypt(Hash::Sha256, b"m").unwrap_err().reason(), Reason::Unsupported);
}

#[tokio::test]
async fn p224_is_refused_by_name() {
    // PKCS #8 with id-ecPublicKey and secp224r1, and a scalar that is never read.
    let bench = Bench::new();
    let mut der = vec![0x30, 0x1a, 2, 1, 0, 0x30, 0x10, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    der.extend([6, 5, 0x2b, 0x81, 4, 0, 0x21, 4, 3, 0, 0, 0]);
    let error = bench.keys.import(&mut bench.begin().await, &drawer(), &der, KEPT).err().unwrap();
    assert_eq!(error.reason(), Reason::Unsupported);
    assert!(error.public().contains("P-224"), "{}", error.public());
}
