//! Keys that the engine may use but never see.

use crate::bindings::innkeeper::engine::keys as wit;

pub use wit::{
    Curve, Hash, KeyError, KeyErrorKind, KeyPolicy, KeyType, ManagedIdentity, PrivateKeyFormat, Scheme, Sealing, Usage,
};

/// A handle to a key that the host keeps. Dropping it drops the handle, never the key.
pub struct Key(wit::Key);

/// A managed key of this mount's namespace, by name or UUID.
pub fn managed(reference: &str) -> Result<Key, KeyError> {
    wit::managed(reference).map(Key)
}

/// Makes an internal key, kept by the host for this mount.
pub fn generate(key_type: KeyType, exportable: bool) -> Result<Key, KeyError> {
    wit::generate(key_type, KeyPolicy { exportable, ephemeral: false }).map(Key)
}

/// Makes a key that ends with the request and may be exported: for what is handed to the client.
pub fn generate_ephemeral(key_type: KeyType) -> Result<Key, KeyError> {
    wit::generate(key_type, KeyPolicy { exportable: true, ephemeral: true }).map(Key)
}

/// Takes a private key in (DER: PKCS #8, PKCS #1 or SEC 1) and keeps it for this mount.
pub fn import(der: &[u8], exportable: bool) -> Result<Key, KeyError> {
    wit::import_key(der, KeyPolicy { exportable, ephemeral: false }).map(Key)
}

/// Takes a private key in for this request only: to see its public half, say.
pub fn import_ephemeral(der: &[u8]) -> Result<Key, KeyError> {
    wit::import_key(der, KeyPolicy { exportable: false, ephemeral: true }).map(Key)
}

/// An internal key, by the id that [`Key::id`] gave.
pub fn open(id: &str) -> Result<Key, KeyError> {
    wit::open(id).map(Key)
}

/// Whether the signature over the message was made by the owner of this public key (DER SubjectPublicKeyInfo).
pub fn verify_with(public_key: &[u8], scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<bool, KeyError> {
    wit::verify_with(public_key, scheme, message, signature)
}

impl Key {
    /// What [`open`] takes; `None` for ephemeral and managed keys.
    pub fn id(&self) -> Option<String> {
        self.0.id()
    }

    /// Name and UUID, when this is a managed key.
    pub fn managed(&self) -> Option<ManagedIdentity> {
        self.0.managed()
    }

    /// What the key is.
    pub fn key_type(&self) -> Result<KeyType, KeyError> {
        self.0.key_type()
    }

    /// The public key as DER SubjectPublicKeyInfo.
    pub fn public_key(&self) -> Result<Vec<u8>, KeyError> {
        self.0.public_key()
    }

    /// The signature schemes that the key can do, most usual first.
    pub fn schemes(&self) -> Result<Vec<Scheme>, KeyError> {
        self.0.schemes()
    }

    /// What the key may be used for.
    pub fn usages(&self) -> Vec<Usage> {
        self.0.usages()
    }

    /// Signs a message; the host hashes it. ECDSA signatures come as DER.
    pub fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.0.sign(scheme, message)
    }

    /// Signs a digest as long as the scheme's hash.
    pub fn sign_digest(&self, scheme: Scheme, digest: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.0.sign_digest(scheme, digest)
    }

    /// Whether the signature over the message is this key's.
    pub fn verify(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<bool, KeyError> {
        self.0.verify(scheme, message, signature)
    }

    /// RSA-OAEP encryption.
    pub fn encrypt(&self, hash: Hash, plaintext: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.0.encrypt(hash, plaintext)
    }

    /// RSA-OAEP decryption.
    pub fn decrypt(&self, hash: Hash, ciphertext: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.0.decrypt(hash, ciphertext)
    }

    /// The one hash of RSA-OAEP, where the key's record names one.
    pub fn oaep_hash(&self) -> Option<Hash> {
        self.0.oaep_hash()
    }

    /// How a symmetric key seals texts, most usual first.
    pub fn sealings(&self) -> Result<Vec<Sealing>, KeyError> {
        self.0.sealings()
    }

    /// Seals a text with a symmetric key, in the form that [`Sealing`] says.
    pub fn seal(&self, sealing: Sealing, plaintext: &[u8], associated: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.0.seal(sealing, plaintext, associated)
    }

    /// The reverse of [`Key::seal`], with the same associated data.
    pub fn unseal(&self, sealing: Sealing, sealed: &[u8], associated: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.0.unseal(sealing, sealed, associated)
    }

    /// The hashes that a symmetric key makes message authentication codes with, most usual first.
    pub fn macs(&self) -> Result<Vec<Hash>, KeyError> {
        self.0.macs()
    }

    /// Whether this is the code of the message, compared in constant time.
    pub fn verify_mac(&self, hash: Hash, message: &[u8], mac: &[u8]) -> Result<bool, KeyError> {
        self.0.verify_mac(hash, message, mac)
    }

    /// So many random bytes, 1 to 1024, of the generator of the key's home.
    pub fn random(&self, count: u32) -> Result<Vec<u8>, KeyError> {
        self.0.random(count)
    }

    /// HMAC with a symmetric key.
    pub fn mac(&self, hash: Hash, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.0.mac(hash, message)
    }

    /// The private key in DER, only if it was made exportable.
    pub fn export(&self, format: PrivateKeyFormat) -> Result<Vec<u8>, KeyError> {
        self.0.export(format)
    }

    /// Removes an internal key from the host's drawer.
    pub fn delete(&self) -> Result<(), KeyError> {
        self.0.delete()
    }
}
