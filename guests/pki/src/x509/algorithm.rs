//! Which signature algorithm a key signs with.

use der::asn1::{AnyRef, Null};
use innkeeper_guest::keys::{Hash, Scheme};
use innkeeper_guest::prelude::*;

pub(crate) use formats::algorithm::{from_label, identifier, label, same, scheme};

use super::key::KeyShape;

/// What a request or a role says about signatures. Counts for RSA keys only.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Preference {
    /// Bits of the hash; 0 for the default, SHA-256.
    pub(crate) bits: u32,
    /// PSS instead of PKCS #1 v1.5.
    pub(crate) pss: bool,
}

/// The scheme that a key of this shape signs with. The hash of an ECDSA signature follows from the curve. A key that
/// tells its schemes (a managed one, `able`) is never asked for another: one that can only do PSS gets PSS.
pub(crate) fn choose(shape: KeyShape, wanted: Preference, able: Option<&[Scheme]>) -> Result<Scheme, Fault> {
    let hash = match wanted.bits {
        0 | 256 => Hash::Sha256,
        384 => Hash::Sha384,
        512 => Hash::Sha512,
        _ => return Err(Fault::invalid(format!("unsupported signature signature algorithm: {}", wanted.bits))),
    };
    let first = match shape {
        KeyShape::Rsa(_) if wanted.pss => Scheme::Pss(hash),
        KeyShape::Rsa(_) => Scheme::Pkcs1v15(hash),
        KeyShape::Ec(384) => Scheme::Ecdsa(Hash::Sha384),
        KeyShape::Ec(521) => Scheme::Ecdsa(Hash::Sha512),
        KeyShape::Ec(_) => Scheme::Ecdsa(Hash::Sha256),
        KeyShape::Ed25519 => Scheme::Ed25519,
    };
    let Some(able) = able else { return Ok(first) };
    let can = |scheme: &Scheme| able.iter().any(|other| same(scheme, other));
    if can(&first) {
        return Ok(first);
    }
    let second = match shape {
        KeyShape::Rsa(_) if wanted.pss => Scheme::Pkcs1v15(hash),
        KeyShape::Rsa(_) => Scheme::Pss(hash),
        _ => first,
    };
    let usual = able.iter().find(|scheme| wanted.bits == 0 && identifier(**scheme).is_ok());
    if can(&second) {
        Ok(second)
    } else {
        usual.copied().ok_or_else(|| Fault::invalid("the key has no signature scheme that fits this request"))
    }
}

/// Whether a key of this shape can sign so.
pub(crate) fn fits(shape: KeyShape, scheme: Scheme) -> bool {
    match scheme {
        Scheme::Pkcs1v15(_) | Scheme::Pss(_) => matches!(shape, KeyShape::Rsa(_)),
        Scheme::Ecdsa(_) => matches!(shape, KeyShape::Ec(_)),
        Scheme::Ed25519 => shape == KeyShape::Ed25519,
    }
}

/// Whether the parameters of an algorithm are absent or NULL.
pub(crate) fn plain(parameters: Option<AnyRef<'_>>) -> bool {
    parameters.is_none_or(|parameters| parameters.decode_as::<Null>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_decides_the_hash_and_the_bits_decide_it_for_rsa() {
        let wanted = Preference { bits: 512, pss: false };
        assert_eq!(label(choose(KeyShape::Ec(256), wanted, None).unwrap()), "ECDSAWithSHA256");
        assert_eq!(label(choose(KeyShape::Ec(521), Preference::default(), None).unwrap()), "ECDSAWithSHA512");
        assert_eq!(label(choose(KeyShape::Rsa(2048), wanted, None).unwrap()), "SHA512WithRSA");
        let pss = Preference { bits: 0, pss: true };
        assert_eq!(label(choose(KeyShape::Rsa(2048), pss, None).unwrap()), "SHA256WithRSAPSS");
        assert!(choose(KeyShape::Rsa(2048), Preference { bits: 224, pss: false }, None).is_err());
    }

    #[test]
    fn a_key_that_can_only_do_pss_gets_pss() {
        let able = [Scheme::Pss(Hash::Sha256), Scheme::Pss(Hash::Sha384)];
        let chosen = choose(KeyShape::Rsa(2048), Preference { bits: 384, pss: false }, Some(&able)).unwrap();
        assert_eq!(label(chosen), "SHA384WithRSAPSS");
        assert!(choose(KeyShape::Rsa(2048), Preference { bits: 512, pss: false }, Some(&able)).is_err());
    }
}
