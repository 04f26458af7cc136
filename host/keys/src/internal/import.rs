//! Private keys from outside: PKCS #8, PKCS #1 and SEC 1 in DER.

use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, OctetStringRef, UintRef};
use der::{Decode, Reader, SliceReader, Tag};
use zeroize::Zeroizing;

use crate::spki::{EC_PUBLIC_KEY, ED25519, RSA_BITS_MAX, RSA_ENCRYPTION, bits_of};
use crate::{Curve, Error};

use super::pair::{Pair, ec_algorithm};

/// What is refused: the text is the one that clients of this API know.
const RSA_TOO_SMALL: &str = "RSA keys < 2048 bits are unsafe and not supported";

/// The head of a private key: enough to know which form it has.
enum Form<'a> {
    Pkcs8 { algorithm: ObjectIdentifier, parameters: Option<AnyRef<'a>>, inner: &'a [u8] },
    Pkcs1,
    Sec1 { scalar: &'a [u8] },
}

/// Reads a private key in any of the three forms.
pub(crate) fn private_key(der: &[u8]) -> Result<Pair, Error> {
    match form(der)? {
        Form::Pkcs8 { algorithm: RSA_ENCRYPTION, inner, .. } => rsa(inner),
        Form::Pkcs8 { algorithm: EC_PUBLIC_KEY, parameters, .. } => {
            let oid = parameters.and_then(|parameters| parameters.decode_as::<ObjectIdentifier>().ok());
            let curve = Curve::from_oid(oid.ok_or_else(|| malformed("the EC key names no curve"))?)?;
            let pair = EcdsaKeyPair::from_pkcs8(ec_algorithm(curve), der);
            Pair::ec(curve, pair.map_err(|error| malformed(&format!("the EC key was rejected: {error}")))?)
        }
        Form::Pkcs8 { algorithm: ED25519, .. } => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der);
            Pair::ed25519(pair.map_err(|error| malformed(&format!("the Ed25519 key was rejected: {error}")))?)
        }
        Form::Pkcs8 { algorithm, .. } => Err(Error::Unsupported(format!("private keys of the algorithm {algorithm}"))),
        Form::Pkcs1 => rsa(der),
        Form::Sec1 { scalar } => sec1(der, scalar.len()),
    }
}

/// The key inside PKCS #8: RSAPrivateKey for RSA.
pub(crate) fn inner_of_pkcs8(pkcs8: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    match form(pkcs8)? {
        Form::Pkcs8 { inner, .. } => Ok(Zeroizing::new(inner.to_vec())),
        _ => Err(Error::Internal("a private key is not PKCS #8".into())),
    }
}

/// Tells the forms apart by the tag after the version: PKCS #8 has an AlgorithmIdentifier (RFC 5958 section 2), PKCS #1
/// the modulus (RFC 8017 appendix A.1.2), SEC 1 the scalar (RFC 5915 section 3).
fn form(der: &[u8]) -> Result<Form<'_>, Error> {
    let read = || -> Result<Option<Form<'_>>, der::Error> {
        SliceReader::new(der)?.sequence(|body| {
            u8::decode(body)?;
            Ok::<_, der::Error>(match Tag::peek(body)? {
                Tag::Sequence => {
                    let (algorithm, parameters) = body.sequence(|body| {
                        let oid = ObjectIdentifier::decode(body)?;
                        let parameters = if body.is_finished() { None } else { Some(AnyRef::decode(body)?) };
                        Ok::<_, der::Error>((oid, parameters))
                    })?;
                    let inner = <&OctetStringRef>::decode(body)?.as_bytes();
                    drain(body)?;
                    Some(Form::Pkcs8 { algorithm, parameters, inner })
                }
                Tag::Integer => {
                    drain(body)?;
                    Some(Form::Pkcs1)
                }
                Tag::OctetString => {
                    let scalar = <&OctetStringRef>::decode(body)?.as_bytes();
                    drain(body)?;
                    Some(Form::Sec1 { scalar })
                }
                _ => {
                    drain(body)?;
                    None
                }
            })
        })
    };
    read().ok().flatten().ok_or_else(|| malformed("it is not PKCS #8, PKCS #1 or SEC 1 in DER"))
}

fn rsa(pkcs1: &[u8]) -> Result<Pair, Error> {
    let modulus = || -> Result<u32, der::Error> {
        SliceReader::new(pkcs1)?.sequence(|body| {
            u8::decode(body)?;
            let modulus = UintRef::decode(body)?;
            drain(body)?;
            Ok(bits_of(modulus.as_bytes()))
        })
    };
    match modulus().map_err(|_| malformed("the RSA key is not an RSAPrivateKey in DER"))? {
        0..2048 => return Err(Error::invalid(RSA_TOO_SMALL)),
        bits if bits > RSA_BITS_MAX => return Err(Error::invalid("RSA keys have at most 8192 bits")),
        _ => {}
    }
    let pair = RsaKeyPair::from_der(pkcs1).map_err(|error| malformed(&format!("the RSA key was rejected: {error}")))?;
    Pair::rsa(pair)
}

/// SEC 1 may leave the curve out; the length of the scalar tells it (RFC 5915 section 3).
fn sec1(der: &[u8], scalar_len: usize) -> Result<Pair, Error> {
    let Some(curve) = Curve::ALL.into_iter().find(|curve| curve.field_len() == scalar_len) else {
        return Err(Error::Unsupported("the curve of this EC key; use P-256, P-384 or P-521".into()));
    };
    let pair = EcdsaKeyPair::from_private_key_der(ec_algorithm(curve), der);
    Pair::ec(curve, pair.map_err(|error| malformed(&format!("the EC key was rejected: {error}")))?)
}

fn malformed(why: &str) -> Error {
    Error::invalid(format!("the private key cannot be read: {why}"))
}

/// Skips what follows: the library that makes the key pair reads all of it.
fn drain<'a, R: Reader<'a>>(body: &mut R) -> Result<(), der::Error> {
    body.drain(body.remaining_len())
}
