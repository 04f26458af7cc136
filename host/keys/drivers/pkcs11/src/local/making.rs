//! Keys that come into a token: made there, or given.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType as TokenKeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::types::Ulong;
use der::Encode;
use der::asn1::OctetStringRef;
use keys::registry::Pkcs11Locator;
use keys::{Error, Material, Parts};

use super::failure::Failure;
use super::objects::{self, ED25519, encoded};
use crate::mechanism::{self, Plan};
use crate::work::Given;

/// F4, the exponent of RSA keys that are made.
const PUBLIC_EXPONENT: [u8; 3] = [1, 0, 1];
/// Bytes of CKA_ID of keys that are made.
const ID_LEN: usize = 16;
/// What follows the label of a key that made way for another one, before a part of its CKA_ID.
const REPLACED: &str = " replaced ";

/// A key in a token: the private or secret half, and the public one.
struct Made {
    key: ObjectHandle,
    public: Option<ObjectHandle>,
}

/// Makes a key that never leaves the token, and answers its private half. Tokens cannot make a key "unless it is
/// there", and another node may make it at the same time: whoever sees another key after making one takes its own away
/// again, and answers `None`. That holds where a token shows at once what another client made. SoftHSM in two processes
/// does not: there both may stay, and the key is refused until one is removed.
pub(crate) fn generate_alone(
    session: &Session,
    key: &Pkcs11Locator,
    plan: &Plan,
    every_use: bool,
) -> Result<Option<ObjectHandle>, Failure> {
    let made = generate(session, key, plan, every_use)?;
    if objects::find_all(session, key)?.len() <= 1 {
        return Ok(Some(made.key));
    }
    tracing::warn!("another node made the same key at the same time: ours is taken away again");
    destroy(session, &made)?;
    Ok(None)
}

/// Puts a key where the record says, one that is given or one that is made. A key that is there makes way, if it may: it
/// gets another label, and if it is known by its id, another id.
pub(crate) fn put(
    session: &Session,
    key: &Pkcs11Locator,
    given: Option<&Given>,
    (replace, every_use): (bool, bool),
) -> Result<ObjectHandle, Failure> {
    let plan = match given {
        Some(given) => Plan::of_given(key, given.key_type, given.bytes.len())?,
        None => mechanism::generation(key)?,
    };
    let old = objects::find_all(session, key)?;
    if !old.is_empty() && !replace {
        return Err(Error::Present.into());
    }
    let mut moved = Vec::new();
    let made = move_away(session, key, &old, &mut moved).and_then(|()| match given {
        Some(given) => create(session, key, &plan, given),
        None => generate(session, key, &plan, every_use),
    });
    match made {
        Ok(made) => Ok(made.key),
        Err(failure) => {
            for (object, names) in moved.into_iter().rev() {
                if let Err(error) = session.update_attributes(object, &names) {
                    tracing::error!(%error, "a key that made way could not be given its name back: do that by hand");
                }
            }
            Err(failure)
        }
    }
}

/// Names old keys anew; notes in `moved` what they were called.
fn move_away(
    session: &Session,
    key: &Pkcs11Locator,
    old: &[ObjectHandle],
    moved: &mut Vec<(ObjectHandle, Vec<Attribute>)>,
) -> Result<(), Failure> {
    for object in old {
        let mut objects = objects::public_objects(session, *object)?;
        objects.push(*object);
        let id = random()?;
        for object in objects {
            let label = objects::bytes(session, object, AttributeType::Label)?.unwrap_or_default();
            let mark = format!("{REPLACED}{}", hex::encode(&id[..4]));
            let (mut before, mut after) =
                (vec![Attribute::Label(label.clone())], vec![Attribute::Label([&label[..], mark.as_bytes()].concat())]);
            if key.key_id.is_some() {
                before.push(Attribute::Id(objects::bytes(session, object, AttributeType::Id)?.unwrap_or_default()));
                after.push(Attribute::Id(id.to_vec()));
            }
            session.update_attributes(object, &after).map_err(|error| match Failure::from(error) {
                Failure::Library(error) => Failure::Final(Error::Unsupported(format!(
                    "putting another key in this one's place: the token does not let it be renamed ({error})"
                ))),
                other => other,
            })?;
            moved.push((object, before));
        }
    }
    Ok(())
}

fn destroy(session: &Session, made: &Made) -> Result<(), Failure> {
    for object in [Some(made.key), made.public].into_iter().flatten() {
        session.destroy_object(object)?;
    }
    Ok(())
}

fn random() -> Result<[u8; ID_LEN], Error> {
    let mut id = [0; ID_LEN];
    SystemRandom::new().fill(&mut id).map_err(|_| Error::Internal("the random generator failed".into()))?;
    Ok(id)
}

/// What both halves of a key are called.
fn named(key: &Pkcs11Locator) -> Result<Vec<Attribute>, Error> {
    let id = match &key.key_id {
        Some(id) => hex::decode(id).map_err(|_| Error::Internal("a key_id is not hex".into()))?,
        None => random()?.to_vec(),
    };
    let label = key.key_label.clone().unwrap_or_default();
    Ok(vec![Attribute::Token(true), Attribute::Label(label.into_bytes()), Attribute::Id(id)])
}

/// The public half of a pair that is made or given.
fn public_template(named: &[Attribute], plan: &Plan) -> Vec<Attribute> {
    let decrypts = matches!(plan, Plan::Rsa { decrypts: true, .. });
    let mut public = named.to_vec();
    public.extend([
        Attribute::Private(false),
        Attribute::Verify(!decrypts),
        Attribute::Encrypt(decrypts),
        Attribute::Wrap(false),
    ]);
    public
}

/// The private half, or a secret.
fn private_template(named: &[Attribute], plan: &Plan) -> Vec<Attribute> {
    let mut private = named.to_vec();
    private.extend([Attribute::Private(true), Attribute::Sensitive(true), Attribute::Extractable(false)]);
    // Tokens allow by default what is not forbidden: a key that signs must not unwrap other keys as well.
    match plan {
        Plan::Aes { .. } => private.extend([
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
            Attribute::Wrap(false),
            Attribute::Unwrap(false),
        ]),
        Plan::Hmac { .. } => private.extend([Attribute::Sign(true), Attribute::Verify(true)]),
        plan => {
            let decrypts = matches!(plan, Plan::Rsa { decrypts: true, .. });
            private.extend([Attribute::Sign(!decrypts), Attribute::Decrypt(decrypts), Attribute::Unwrap(false)]);
        }
    }
    private
}

/// Makes a key. A pair for every use is not bound to one in the token itself.
fn generate(session: &Session, key: &Pkcs11Locator, plan: &Plan, every_use: bool) -> Result<Made, Failure> {
    if key.key_label.is_none() {
        return Err(Error::invalid("key_label: is required to generate a key").into());
    }
    let named = named(key)?;
    let (mut public, mut private) = (public_template(&named, plan), private_template(&named, plan));
    let mechanism = match plan {
        Plan::Rsa { bits, .. } => {
            public.push(Attribute::ModulusBits(Ulong::from(u64::from(*bits))));
            public.push(Attribute::PublicExponent(PUBLIC_EXPONENT.to_vec()));
            Mechanism::RsaPkcsKeyPairGen
        }
        Plan::Ec(curve) => {
            public.push(Attribute::EcParams(encoded(curve.oid())?));
            Mechanism::EccKeyPairGen
        }
        Plan::Ed25519 => {
            public.push(Attribute::EcParams(encoded(ED25519)?));
            Mechanism::EccEdwardsKeyPairGen
        }
        Plan::Aes { bits } | Plan::Hmac { bits } => {
            private.push(Attribute::ValueLen(Ulong::from(u64::from(*bits / 8))));
            let is_aes = matches!(plan, Plan::Aes { .. });
            let mechanism = if is_aes { Mechanism::AesKeyGen } else { Mechanism::GenericSecretKeyGen };
            return Ok(Made { key: session.generate_key(&mechanism, &private)?, public: None });
        }
    };
    if every_use {
        public.retain(is_no_ban);
        private.retain(is_no_ban);
    }
    let (public, key) = session.generate_key_pair(&mechanism, &public, &private)?;
    Ok(Made { key, public: Some(public) })
}

/// Whether an attribute does not forbid a use of the key itself. Other keys it may still not wrap or unwrap.
fn is_no_ban(attribute: &Attribute) -> bool {
    !matches!(
        attribute,
        Attribute::Sign(false) | Attribute::Verify(false) | Attribute::Encrypt(false) | Attribute::Decrypt(false)
    )
}

/// Stores a key that is given. The private half comes first, so that a token that takes none keeps no public half.
fn create(session: &Session, key: &Pkcs11Locator, plan: &Plan, given: &Given) -> Result<Made, Failure> {
    let material = Material { key_type: given.key_type, public_key: Vec::new(), bytes: given.bytes.clone() };
    let named = named(key)?;
    let (mut public, mut private) = (public_template(&named, plan), private_template(&named, plan));
    let class = |class| Attribute::Class(class);
    let point = |spki: &[u8], len: usize| -> Result<Vec<u8>, Error> {
        let bytes = spki.len().checked_sub(len).map(|at| &spki[at..]);
        let bytes = bytes.and_then(|bytes| OctetStringRef::new(bytes).ok()).and_then(|point| point.to_der().ok());
        bytes.ok_or_else(|| Error::Internal("a public key does not encode".into()))
    };
    let kind = match material.parts()? {
        Parts::Rsa([n, e, d, p, q, dp, dq, qi]) => {
            public.extend([Attribute::Modulus(n.to_vec()), Attribute::PublicExponent(e.to_vec())]);
            private.extend([
                Attribute::Modulus(n.to_vec()),
                Attribute::PublicExponent(e.to_vec()),
                Attribute::PrivateExponent(d.to_vec()),
                Attribute::Prime1(p.to_vec()),
                Attribute::Prime2(q.to_vec()),
                Attribute::Exponent1(dp.to_vec()),
                Attribute::Exponent2(dq.to_vec()),
                Attribute::Coefficient(qi.to_vec()),
            ]);
            TokenKeyType::RSA
        }
        Parts::Ec(curve, scalar) => {
            let parameters = encoded(curve.oid())?;
            let point = point(&material.public_half()?, 1 + 2 * curve.field_len())?;
            public.extend([Attribute::EcParams(parameters.clone()), Attribute::EcPoint(point.clone())]);
            private.extend([Attribute::EcParams(parameters), Attribute::Value(scalar.to_vec())]);
            TokenKeyType::EC
        }
        Parts::Ed25519(seed) => {
            let parameters = encoded(ED25519)?;
            let point = point(&material.public_half()?, 32)?;
            public.extend([Attribute::EcParams(parameters.clone()), Attribute::EcPoint(point.clone())]);
            private.extend([Attribute::EcParams(parameters), Attribute::Value(seed.to_vec())]);
            TokenKeyType::EC_EDWARDS
        }
        Parts::Secret(secret) => {
            private.push(Attribute::Value(secret.to_vec()));
            let is_aes = matches!(plan, Plan::Aes { .. });
            let kind = if is_aes { TokenKeyType::AES } else { TokenKeyType::GENERIC_SECRET };
            private.extend([class(ObjectClass::SECRET_KEY), Attribute::KeyType(kind)]);
            return Ok(Made { key: stored(session, &mut private)?, public: None });
        }
    };
    private.extend([class(ObjectClass::PRIVATE_KEY), Attribute::KeyType(kind)]);
    public.extend([class(ObjectClass::PUBLIC_KEY), Attribute::KeyType(kind)]);
    let key = stored(session, &mut private)?;
    match session.create_object(&public) {
        Ok(public) => Ok(Made { key, public: Some(public) }),
        Err(error) => {
            destroy(session, &Made { key, public: None })?;
            Err(error.into())
        }
    }
}

/// Stores an object; what its template holds is wiped.
fn stored(session: &Session, template: &mut Vec<Attribute>) -> Result<ObjectHandle, Failure> {
    let made = session.create_object(template);
    for attribute in template.drain(..) {
        if let Attribute::Value(secret)
        | Attribute::PrivateExponent(secret)
        | Attribute::Prime1(secret)
        | Attribute::Prime2(secret)
        | Attribute::Exponent1(secret)
        | Attribute::Exponent2(secret)
        | Attribute::Coefficient(secret) = attribute
        {
            drop(zeroize::Zeroizing::new(secret));
        }
    }
    Ok(made?)
}
