//! A key pair in memory, over the cryptographic library's types.

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{
    AsBigEndian, AsDer, Curve25519SeedBin, EcPrivateKeyBin, EcPrivateKeyRfc5915Der, Pkcs8V1Der, PublicKeyX509Der,
};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512, OaepAlgorithm,
    OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use zeroize::Zeroizing;

use crate::verify::{fit, import as import_digest};
use crate::{Curve, Error, Hash, Input, KeyType, Scheme, key_type_of, spki};

use super::import;

/// A private key and its public half.
pub(crate) struct Pair {
    secret: Secret,
    key_type: KeyType,
    public_key: Vec<u8>,
}

enum Secret {
    Rsa(RsaKeyPair),
    Ec(Curve, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// The size of an RSA key to make.
pub(super) fn rsa_size(bits: u32) -> Result<KeySize, Error> {
    match bits {
        2048 => Ok(KeySize::Rsa2048),
        3072 => Ok(KeySize::Rsa3072),
        4096 => Ok(KeySize::Rsa4096),
        8192 => Ok(KeySize::Rsa8192),
        0..2048 => Err(Error::invalid("RSA keys < 2048 bits are unsafe and not supported")),
        other => Err(Error::invalid(format!("RSA keys have 2048, 3072, 4096 or 8192 bits, not {other}"))),
    }
}

pub(super) fn ec_algorithm(curve: Curve) -> &'static EcdsaSigningAlgorithm {
    match curve {
        Curve::P256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
        Curve::P521 => &ECDSA_P521_SHA512_ASN1_SIGNING,
    }
}

impl Pair {
    pub(super) fn generate_rsa(size: KeySize) -> Result<Self, Error> {
        Self::rsa(RsaKeyPair::generate(size).map_err(|_| failed("making an RSA key"))?)
    }

    pub(super) fn generate_ec(curve: Curve) -> Result<Self, Error> {
        Self::ec(curve, EcdsaKeyPair::generate(ec_algorithm(curve)).map_err(|_| failed("making an EC key"))?)
    }

    pub(super) fn generate_ed25519() -> Result<Self, Error> {
        Self::ed25519(Ed25519KeyPair::generate().map_err(|_| failed("making an Ed25519 key"))?)
    }

    pub(super) fn rsa(pair: RsaKeyPair) -> Result<Self, Error> {
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| failed("encoding a public key"))?;
        Self::new(der.as_ref().to_vec(), Secret::Rsa(pair))
    }

    pub(super) fn ec(curve: Curve, pair: EcdsaKeyPair) -> Result<Self, Error> {
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| failed("encoding a public key"))?;
        Self::new(der.as_ref().to_vec(), Secret::Ec(curve, pair))
    }

    pub(super) fn ed25519(pair: Ed25519KeyPair) -> Result<Self, Error> {
        Self::new(spki::ed25519(pair.public_key().as_ref())?, Secret::Ed25519(pair))
    }

    fn new(public_key: Vec<u8>, secret: Secret) -> Result<Self, Error> {
        Ok(Self { key_type: key_type_of(&public_key)?, public_key, secret })
    }

    pub(crate) fn key_type(&self) -> KeyType {
        self.key_type
    }

    pub(crate) fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// Signs; `None` when the key cannot do the scheme. The scheme was checked against the input.
    pub(super) fn sign(&self, scheme: Scheme, input: Input<'_>) -> Result<Option<Vec<u8>>, Error> {
        let signature = match (&self.secret, scheme) {
            (Secret::Rsa(pair), Scheme::Pkcs1v15(hash) | Scheme::Pss(hash)) => {
                let Some((encoding, algorithm)) = rsa_encoding(scheme) else { return Ok(None) };
                let digest = import_digest(&input.digest(hash)?, algorithm)?;
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign_digest(encoding, &digest, &mut signature).map_err(|_| failed("an RSA signature"))?;
                signature
            }
            (Secret::Ec(curve, pair), Scheme::Ecdsa(hash)) => {
                let digest = fit(*curve, &input.digest(hash)?)?;
                pair.sign_digest(&digest).map_err(|_| failed("an ECDSA signature"))?.as_ref().to_vec()
            }
            (Secret::Ed25519(pair), Scheme::Ed25519) => match input {
                Input::Message(message) => {
                    pair.try_sign(message).map_err(|_| failed("an Ed25519 signature"))?.as_ref().to_vec()
                }
                Input::Digest(_) => return Ok(None),
            },
            _ => return Ok(None),
        };
        Ok(Some(signature))
    }

    /// RSAES-OAEP.
    pub(super) fn decrypt(&self, hash: Hash, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        if !matches!(self.secret, Secret::Rsa(_)) {
            return Err(Error::Unsupported(format!("decrypting with an {} key", self.key_type)));
        }
        let algorithm = oaep(hash)?;
        let private = PrivateDecryptingKey::from_pkcs8(&self.pkcs8()?).map_err(|_| failed("an RSA key"))?;
        let private = OaepPrivateDecryptingKey::new(private).map_err(|_| failed("an RSA key"))?;
        let mut plaintext = Zeroizing::new(vec![0; private.min_output_size()]);
        let len = private
            .decrypt(algorithm, ciphertext, &mut plaintext, None)
            .map_err(|_| Error::invalid("the ciphertext cannot be decrypted with this key"))?
            .len();
        plaintext.truncate(len);
        Ok(plaintext)
    }

    /// The number or the seed that the private key is: of an EC or Ed25519 key.
    pub(crate) fn scalar(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let failed = |_| failed("encoding a private key");
        match &self.secret {
            Secret::Rsa(_) => Err(Error::Internal("an RSA key is not one number".into())),
            Secret::Ec(_, pair) => {
                let private = pair.private_key();
                let scalar: EcPrivateKeyBin<'_> = private.as_be_bytes().map_err(failed)?;
                Ok(Zeroizing::new(scalar.as_ref().to_vec()))
            }
            Secret::Ed25519(pair) => {
                let seed = pair.seed().map_err(failed)?;
                let seed: Curve25519SeedBin<'_> = seed.as_be_bytes().map_err(failed)?;
                Ok(Zeroizing::new(seed.as_ref().to_vec()))
            }
        }
    }

    /// PKCS #8 (RFC 5958).
    pub(crate) fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let failed = |_| failed("encoding a private key");
        Ok(match &self.secret {
            Secret::Rsa(pair) => {
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
                Zeroizing::new(der.as_ref().to_vec())
            }
            Secret::Ec(_, pair) => Zeroizing::new(pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec()),
            Secret::Ed25519(pair) => Zeroizing::new(pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec()),
        })
    }

    /// PKCS #1, SEC 1; PKCS #8 for Ed25519.
    pub(super) fn traditional(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        match &self.secret {
            Secret::Rsa(_) => import::inner_of_pkcs8(&self.pkcs8()?),
            Secret::Ec(_, pair) => {
                let key = pair.private_key();
                let der: EcPrivateKeyRfc5915Der<'_> = key.as_der().map_err(|_| failed("encoding a private key"))?;
                Ok(Zeroizing::new(der.as_ref().to_vec()))
            }
            Secret::Ed25519(_) => self.pkcs8(),
        }
    }
}

/// RSAES-OAEP to a public key (DER SubjectPublicKeyInfo).
pub fn encrypt(public_key: &[u8], hash: Hash, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
    let key_type = key_type_of(public_key)?;
    if !matches!(key_type, KeyType::Rsa { .. }) {
        return Err(Error::Unsupported(format!("encrypting with an {key_type} key")));
    }
    let algorithm = oaep(hash)?;
    let public = PublicEncryptingKey::from_der(public_key).map_err(|_| failed("an RSA public key"))?;
    let public = OaepPublicEncryptingKey::new(public).map_err(|_| failed("an RSA public key"))?;
    let most = public.max_plaintext_size(algorithm);
    if plaintext.len() > most {
        return Err(Error::invalid(format!("this key encrypts at most {most} bytes, not {}", plaintext.len())));
    }
    let mut ciphertext = vec![0; public.ciphertext_size()];
    let len =
        public.encrypt(algorithm, plaintext, &mut ciphertext, None).map_err(|_| failed("an RSA encryption"))?.len();
    ciphertext.truncate(len);
    Ok(ciphertext)
}

fn oaep(hash: Hash) -> Result<&'static OaepAlgorithm, Error> {
    match hash {
        Hash::Sha1 => Ok(&OAEP_SHA1_MGF1SHA1),
        Hash::Sha256 => Ok(&OAEP_SHA256_MGF1SHA256),
        Hash::Sha384 => Ok(&OAEP_SHA384_MGF1SHA384),
        Hash::Sha512 => Ok(&OAEP_SHA512_MGF1SHA512),
        other => Err(Error::Unsupported(format!("RSA-OAEP with {}", other.name()))),
    }
}

fn rsa_encoding(scheme: Scheme) -> Option<(&'static dyn RsaEncoding, &'static digest::Algorithm)> {
    match scheme {
        Scheme::Pkcs1v15(Hash::Sha256) => Some((&RSA_PKCS1_SHA256, &digest::SHA256)),
        Scheme::Pkcs1v15(Hash::Sha384) => Some((&RSA_PKCS1_SHA384, &digest::SHA384)),
        Scheme::Pkcs1v15(Hash::Sha512) => Some((&RSA_PKCS1_SHA512, &digest::SHA512)),
        Scheme::Pss(Hash::Sha256) => Some((&RSA_PSS_SHA256, &digest::SHA256)),
        Scheme::Pss(Hash::Sha384) => Some((&RSA_PSS_SHA384, &digest::SHA384)),
        Scheme::Pss(Hash::Sha512) => Some((&RSA_PSS_SHA512, &digest::SHA512)),
        _ => None,
    }
}

fn failed(what: &str) -> Error {
    Error::Internal(format!("{what} failed in the cryptographic library"))
}
