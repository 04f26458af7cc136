//! A key from outside, handed over once to be stored in a home.

use std::fmt;

use der::asn1::UintRef;
use der::{Decode, Reader, SliceReader};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::internal::import;
use crate::{Curve, Error, KeyType, PRIVATE_DER_MAX};

/// Longest symmetric key that is taken in, in bytes.
pub const SECRET_KEY_MAX: usize = 64;
/// The fewest bytes of a key for HMAC: what is shorter can be guessed.
const SECRET_KEY_MIN: usize = 16;
/// Longest text that a private key is read from, in bytes.
const TEXT_MAX: usize = 2 * PRIVATE_DER_MAX;

/// A key from outside. Its bytes are wiped when it ends; it is never shown.
pub struct Material {
    /// What it is. A secret is for HMAC or for AES as its home's record says.
    pub key_type: Option<KeyType>,
    /// DER SubjectPublicKeyInfo, empty for a symmetric key.
    pub public_key: Vec<u8>,
    /// PKCS #8 (RFC 5958) in DER, or the symmetric key itself.
    pub bytes: Zeroizing<Vec<u8>>,
}

/// The numbers of a private key, big-endian.
pub enum Parts {
    /// RFC 8017 section 3.2, in the order of RSAPrivateKey: modulus, public exponent, private exponent, the primes, the
    /// exponents of both, the coefficient.
    Rsa([Zeroizing<Vec<u8>>; 8]),
    /// The curve and the scalar, as long as the curve's field.
    Ec(Curve, Zeroizing<Vec<u8>>),
    /// The seed (RFC 8032 section 5.1.5).
    Ed25519(Zeroizing<Vec<u8>>),
    /// A symmetric key.
    Secret(Zeroizing<Vec<u8>>),
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Material").field("key_type", &self.key_type).finish_non_exhaustive()
    }
}

impl Material {
    /// Reads a private key: PEM, or the base64 of its DER, of PKCS #8, PKCS #1 or SEC 1.
    pub fn private_key(text: &SecretString) -> Result<Self, Error> {
        let text = text.expose_secret().trim();
        let wrong = || Error::invalid("private_key: must be PEM, or base64 of DER, of PKCS #8, PKCS #1 or SEC 1");
        if text.len() > TEXT_MAX {
            return Err(Error::invalid(format!("private_key: must not be longer than {TEXT_MAX} bytes")));
        }
        let der = if text.starts_with("-----BEGIN ") {
            let (label, der) = der::pem::decode_vec(text.as_bytes()).map_err(|_| wrong())?;
            let der = Zeroizing::new(der);
            if !["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"].contains(&label) {
                return Err(wrong());
            }
            der
        } else {
            base64_of(text).ok_or_else(wrong)?
        };
        if der.len() > PRIVATE_DER_MAX {
            return Err(Error::invalid(format!("private_key: must not be longer than {PRIVATE_DER_MAX} bytes of DER")));
        }
        let pair = import::private_key(&der)?;
        let (key_type, public_key) = (Some(pair.key_type()), pair.public_key().to_vec());
        Ok(Self { key_type, public_key, bytes: pair.pkcs8()? })
    }

    /// Reads a symmetric key: the base64 of 16 to [`SECRET_KEY_MAX`] bytes.
    pub fn secret_key(text: &SecretString) -> Result<Self, Error> {
        let wrong = || {
            let most = SECRET_KEY_MAX;
            Error::invalid(format!("secret_key: must be base64 of {SECRET_KEY_MIN} to {most} bytes"))
        };
        let text = text.expose_secret().trim();
        let bytes = if text.len() > TEXT_MAX { None } else { base64_of(text) };
        let bytes = bytes.filter(|bytes| (SECRET_KEY_MIN..=SECRET_KEY_MAX).contains(&bytes.len()));
        Ok(Self { key_type: None, public_key: Vec::new(), bytes: bytes.ok_or_else(wrong)? })
    }

    /// The public half, read from the private one. DER SubjectPublicKeyInfo.
    pub fn public_half(&self) -> Result<Vec<u8>, Error> {
        Ok(import::private_key(&self.bytes)?.public_key().to_vec())
    }

    /// The numbers that it is made of.
    pub fn parts(&self) -> Result<Parts, Error> {
        match self.key_type {
            None | Some(KeyType::Aes { .. } | KeyType::Hmac { .. }) => Ok(Parts::Secret(self.bytes.clone())),
            Some(KeyType::Rsa { .. }) => rsa(&import::inner_of_pkcs8(&self.bytes)?),
            Some(KeyType::Ec(curve)) => Ok(Parts::Ec(curve, import::private_key(&self.bytes)?.scalar()?)),
            Some(KeyType::Ed25519) => Ok(Parts::Ed25519(import::private_key(&self.bytes)?.scalar()?)),
        }
    }
}

fn base64_of(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let text: Zeroizing<String> = Zeroizing::new(text.chars().filter(|c| !c.is_ascii_whitespace()).collect());
    STANDARD.decode(text.as_bytes()).ok().map(Zeroizing::new)
}

/// RSAPrivateKey (RFC 8017 appendix A.1.2).
fn rsa(pkcs1: &[u8]) -> Result<Parts, Error> {
    let read = || -> Result<[Zeroizing<Vec<u8>>; 8], der::Error> {
        SliceReader::new(pkcs1)?.sequence(|body| {
            u8::decode(body)?;
            let mut numbers: [Zeroizing<Vec<u8>>; 8] = Default::default();
            for number in &mut numbers {
                *number = Zeroizing::new(UintRef::decode(body)?.as_bytes().to_vec());
            }
            Ok::<_, der::Error>(numbers)
        })
    };
    read().map(Parts::Rsa).map_err(|_| Error::invalid("private_key: the RSA key is not one of two primes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    /// RFC 8410 section 10.3.
    const ED25519: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";

    #[test]
    fn a_private_key_is_read_as_pem_and_as_base64_of_der() {
        let pem = Material::private_key(&secret(ED25519)).unwrap();
        let base64: String = ED25519.lines().filter(|line| !line.starts_with('-')).collect();
        let der = Material::private_key(&secret(&base64)).unwrap();
        assert_eq!(pem.key_type, Some(KeyType::Ed25519));
        assert_eq!(pem.public_key, der.public_key);
        let Parts::Ed25519(seed) = pem.parts().unwrap() else { panic!("not Ed25519") };
        assert_eq!(hex::encode(&seed[..4]), "d4ee72db");
        assert!(!format!("{pem:?}").contains("212"), "its bytes are shown");
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_repeated() {
        for bad in ["", "hello", "-----BEGIN PRIVATE KEY-----", "AAAA", &ED25519.replace("PRIVATE", "PUBLIC")] {
            let refused = Material::private_key(&secret(bad)).unwrap_err().public();
            assert!(bad.is_empty() || !refused.contains(bad), "{refused}");
        }
        for bad in ["", "?", "AAAA", &"A".repeat(100)] {
            assert!(Material::secret_key(&secret(bad)).is_err(), "{bad:?} was accepted");
        }
        assert!(Material::secret_key(&secret(&"A".repeat(64))).is_ok());
    }
}
