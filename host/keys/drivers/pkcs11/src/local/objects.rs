//! Objects in a token: finding keys, reading their public halves.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use cryptoki::object::{Attribute, AttributeType, KeyType as TokenKeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use der::asn1::ObjectIdentifier;
use der::{Decode, Encode};
use keys::registry::Pkcs11Locator;
use keys::{AES_BITS, Curve, Description, Error, KeyType, key_type_of, spki};

use super::failure::Failure;
use crate::{mechanism, secret};

pub(crate) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// The curve name that PKCS#11 3.0 section 2.3.10 gives for Ed25519, as a PrintableString.
const EDWARDS25519: &[u8] = b"\x13\x0cedwards25519";
/// The private or secret key of a record. Label and id must both match when both are given.
pub(crate) fn find(session: &Session, key: &Pkcs11Locator) -> Result<ObjectHandle, Failure> {
    let found = find_all(session, key)?;
    let one = match found[..] {
        [] => return Err(Error::Absent.into()),
        [one] => one,
        _ => {
            return Err(Error::invalid(format!(
                "{} keys of the token match key_label and key_id: there must be one; give key_id",
                found.len()
            ))
            .into());
        }
    };
    let Some(described) = &key.described else { return Ok(one) };
    let id = bytes(session, one, AttributeType::Id)?.map(hex::encode);
    if id.as_ref() == Some(described) { Ok(one) } else { Err(Error::Replaced.into()) }
}

/// All keys that a record may mean. Where its mechanism does not say whether it is a pair, pairs come first.
pub(crate) fn find_all(session: &Session, key: &Pkcs11Locator) -> Result<Vec<ObjectHandle>, Failure> {
    let classes: &[ObjectClass] = match key.mechanism {
        None => &[ObjectClass::PRIVATE_KEY, ObjectClass::SECRET_KEY],
        Some(mechanism) if secret::is_symmetric(mechanism) => &[ObjectClass::SECRET_KEY],
        Some(_) => &[ObjectClass::PRIVATE_KEY],
    };
    for class in classes {
        let mut template = vec![Attribute::Class(*class)];
        if let Some(label) = &key.key_label {
            template.push(Attribute::Label(label.clone().into_bytes()));
        }
        if let Some(id) = &key.key_id {
            template.push(Attribute::Id(hex::decode(id).map_err(|_| Error::Internal("a key_id is not hex".into()))?));
        }
        let found = session.find_objects(&template)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// The public half of a key, and what the key can do.
pub(crate) fn describe(session: &Session, key: &Pkcs11Locator, found: ObjectHandle) -> Result<Description, Failure> {
    if let Some(key_type) = secret_type(session, found)? {
        let (sealings, macs) = secret::abilities(key.mechanism, key_type)?;
        let id = bytes(session, found, AttributeType::Id)?.filter(|id| !id.is_empty()).map(hex::encode);
        return Ok(Description::symmetric(key_type, sealings, macs).of_version(id));
    }
    let public_key = public_key(session, found)?;
    let key_type = key_type_of(&public_key)?;
    let schemes = mechanism::schemes(key.mechanism, key_type)?;
    Ok(Description::pair(public_key, key_type, schemes))
}

/// What a secret key is; `None` for the private half of a pair.
fn secret_type(session: &Session, found: ObjectHandle) -> Result<Option<KeyType>, Failure> {
    let class = attribute(session, found, AttributeType::Class, |found| match found {
        Attribute::Class(class) => Some(class),
        _ => None,
    })?;
    if class != Some(ObjectClass::SECRET_KEY) {
        return Ok(None);
    }
    let len = attribute(session, found, AttributeType::ValueLen, |found| match found {
        Attribute::ValueLen(len) => Some(u64::from(len)),
        _ => None,
    })?;
    let bits = len.and_then(|len| u32::try_from(len.saturating_mul(8)).ok()).unwrap_or_default();
    match token_type(session, found)? {
        TokenKeyType::AES if AES_BITS.contains(&bits) => Ok(Some(KeyType::Aes { bits })),
        TokenKeyType::AES => Err(Error::Unsupported("AES keys of this size".into()).into()),
        TokenKeyType::DES | TokenKeyType::DES2 | TokenKeyType::DES3 => {
            Err(Error::Unsupported("DES keys; use AES".into()).into())
        }
        _ => Ok(Some(KeyType::Hmac { bits })),
    }
}

fn token_type(session: &Session, found: ObjectHandle) -> Result<TokenKeyType, Failure> {
    let kind = attribute(session, found, AttributeType::KeyType, |found| match found {
        Attribute::KeyType(kind) => Some(kind),
        _ => None,
    })?;
    Ok(kind.ok_or_else(|| Error::Internal("the token's key has no CKA_KEY_TYPE".into()))?)
}

/// The public key: of the public object, else of CKA_PUBLIC_KEY_INFO, else for RSA of the private object itself.
pub(crate) fn public_key(session: &Session, private: ObjectHandle) -> Result<Vec<u8>, Failure> {
    let kind = token_type(session, private)?;
    let mut sources = public_objects(session, private)?;
    sources.push(private);
    for object in sources {
        if let Some(public_key) = from_object(session, object, kind)? {
            return Ok(public_key);
        }
    }
    Err(Error::Unsupported(
        "this key: its public half is not in the token; store the public object too, with the same CKA_ID".into(),
    )
    .into())
}

/// The public objects of a private key: those with its CKA_ID, and if it has none, with its label.
pub(crate) fn public_objects(session: &Session, private: ObjectHandle) -> Result<Vec<ObjectHandle>, Failure> {
    let id = bytes(session, private, AttributeType::Id)?.filter(|id| !id.is_empty());
    let twin = match id {
        Some(id) => Attribute::Id(id),
        None => match bytes(session, private, AttributeType::Label)?.filter(|label| !label.is_empty()) {
            Some(label) => Attribute::Label(label),
            None => return Ok(Vec::new()),
        },
    };
    Ok(session.find_objects(&[Attribute::Class(ObjectClass::PUBLIC_KEY), twin])?)
}

fn from_object(session: &Session, object: ObjectHandle, kind: TokenKeyType) -> Result<Option<Vec<u8>>, Failure> {
    if kind == TokenKeyType::RSA {
        let modulus = bytes(session, object, AttributeType::Modulus)?.filter(|modulus| !modulus.is_empty());
        let exponent = bytes(session, object, AttributeType::PublicExponent)?.filter(|exponent| !exponent.is_empty());
        if let (Some(modulus), Some(exponent)) = (modulus, exponent) {
            return Ok(Some(spki::rsa(&modulus, &exponent)?));
        }
    } else if kind == TokenKeyType::EC || kind == TokenKeyType::EC_EDWARDS {
        let parameters = bytes(session, object, AttributeType::EcParams)?.filter(|parameters| !parameters.is_empty());
        let point = bytes(session, object, AttributeType::EcPoint)?.filter(|point| !point.is_empty());
        if let (Some(parameters), Some(point)) = (parameters, point) {
            return Ok(Some(from_point(&parameters, &point)?));
        }
    }
    Ok(bytes(session, object, AttributeType::PublicKeyInfo)?.filter(|info| key_type_of(info).is_ok()))
}

/// A public key from CKA_EC_PARAMS and CKA_EC_POINT. The point is an OCTET STRING in most tokens and bare in some.
fn from_point(parameters: &[u8], point: &[u8]) -> Result<Vec<u8>, Error> {
    let oid = ObjectIdentifier::from_der(parameters).ok();
    if oid == Some(ED25519) || parameters == EDWARDS25519 {
        return spki::ed25519(unwrap_point(point, 32));
    }
    let oid = oid.ok_or_else(|| Error::Unsupported("elliptic curves that are not named".into()))?;
    let curve = Curve::from_oid(oid)?;
    spki::ec(curve, unwrap_point(point, 1 + 2 * curve.field_len()))
}

/// Strips a DER header when what is left has the right length. The length decides, because a bare point begins with 4,
/// the tag of OCTET STRING.
fn unwrap_point(point: &[u8], len: usize) -> &[u8] {
    let header = point.len().saturating_sub(len);
    if matches!((header, point.first()), (2 | 3, Some(4))) { &point[header..] } else { point }
}

/// One attribute, `None` where the object has none or keeps it secret.
fn attribute<T>(
    session: &Session,
    object: ObjectHandle,
    which: AttributeType,
    take: impl Fn(Attribute) -> Option<T>,
) -> Result<Option<T>, Failure> {
    Ok(session.get_attributes(object, &[which])?.into_iter().find_map(take))
}

pub(crate) fn bytes(session: &Session, object: ObjectHandle, which: AttributeType) -> Result<Option<Vec<u8>>, Failure> {
    attribute(session, object, which, |found| match found {
        Attribute::Id(bytes)
        | Attribute::Label(bytes)
        | Attribute::Modulus(bytes)
        | Attribute::PublicExponent(bytes)
        | Attribute::EcParams(bytes)
        | Attribute::EcPoint(bytes)
        | Attribute::PublicKeyInfo(bytes) => Some(bytes),
        _ => None,
    })
}

/// A number by chance.
pub(crate) fn number() -> Result<u32, Error> {
    let mut bytes = [0; 4];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::Internal("the random generator failed".into()))?;
    Ok(u32::from_be_bytes(bytes))
}

pub(crate) fn encoded(oid: ObjectIdentifier) -> Result<Vec<u8>, Error> {
    oid.to_der().map_err(|_| Error::Internal("an object identifier does not encode".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_read_bare_and_wrapped() {
        let parameters = Curve::P256.oid().to_der().unwrap();
        let bare = [&[4][..], &[7; 64]].concat();
        let wrapped = [&[4, 65][..], &bare].concat();
        assert_eq!(from_point(&parameters, &bare).unwrap(), from_point(&parameters, &wrapped).unwrap());
        let parameters = Curve::P521.oid().to_der().unwrap();
        let bare = [&[4][..], &[7; 132]].concat();
        let wrapped = [&[4, 0x81, 133][..], &bare].concat();
        assert_eq!(from_point(&parameters, &bare).unwrap(), from_point(&parameters, &wrapped).unwrap());
    }

    #[test]
    fn an_ed25519_point_that_begins_with_four_stays_whole() {
        let bare = [4; 32];
        let wrapped = [&[4, 32][..], &bare].concat();
        let expected = spki::ed25519(&bare).unwrap();
        assert_eq!(from_point(EDWARDS25519, &bare).unwrap(), expected);
        assert_eq!(from_point(&ED25519.to_der().unwrap(), &wrapped).unwrap(), expected);
    }

    #[test]
    fn a_cut_point_is_refused() {
        let parameters = Curve::P256.oid().to_der().unwrap();
        assert!(from_point(&parameters, &[4, 65, 4]).is_err());
        assert!(from_point(&parameters, &[]).is_err());
    }
}
