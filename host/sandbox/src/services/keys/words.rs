//! Between the words of `wit/keys.wit` and those of the key rooms.

use crate::bindings::innkeeper::engine::keys as wit;

pub(super) fn key_type_from(key_type: wit::KeyType) -> keys::KeyType {
    match key_type {
        wit::KeyType::Rsa(bits) => keys::KeyType::Rsa { bits },
        wit::KeyType::Ec(wit::Curve::P256) => keys::KeyType::Ec(keys::Curve::P256),
        wit::KeyType::Ec(wit::Curve::P384) => keys::KeyType::Ec(keys::Curve::P384),
        wit::KeyType::Ec(wit::Curve::P521) => keys::KeyType::Ec(keys::Curve::P521),
        wit::KeyType::Ed25519 => keys::KeyType::Ed25519,
        wit::KeyType::Aes(bits) => keys::KeyType::Aes { bits },
        wit::KeyType::Hmac(bits) => keys::KeyType::Hmac { bits },
    }
}

pub(super) fn key_type_to(key_type: keys::KeyType) -> wit::KeyType {
    match key_type {
        keys::KeyType::Rsa { bits } => wit::KeyType::Rsa(bits),
        keys::KeyType::Ec(keys::Curve::P256) => wit::KeyType::Ec(wit::Curve::P256),
        keys::KeyType::Ec(keys::Curve::P384) => wit::KeyType::Ec(wit::Curve::P384),
        keys::KeyType::Ec(keys::Curve::P521) => wit::KeyType::Ec(wit::Curve::P521),
        keys::KeyType::Ed25519 => wit::KeyType::Ed25519,
        keys::KeyType::Aes { bits } => wit::KeyType::Aes(bits),
        keys::KeyType::Hmac { bits } => wit::KeyType::Hmac(bits),
    }
}

pub(super) fn hash_from(hash: wit::Hash) -> keys::Hash {
    match hash {
        wit::Hash::Sha1 => keys::Hash::Sha1,
        wit::Hash::Sha224 => keys::Hash::Sha224,
        wit::Hash::Sha256 => keys::Hash::Sha256,
        wit::Hash::Sha384 => keys::Hash::Sha384,
        wit::Hash::Sha512 => keys::Hash::Sha512,
        wit::Hash::Sha3224 => keys::Hash::Sha3_224,
        wit::Hash::Sha3256 => keys::Hash::Sha3_256,
        wit::Hash::Sha3384 => keys::Hash::Sha3_384,
        wit::Hash::Sha3512 => keys::Hash::Sha3_512,
    }
}

pub(super) fn sealing_from(sealing: wit::Sealing) -> keys::Sealing {
    match sealing {
        wit::Sealing::AesGcm => keys::Sealing::AesGcm,
        wit::Sealing::AesCbcPad => keys::Sealing::AesCbcPad,
        wit::Sealing::AesCbc => keys::Sealing::AesCbc,
        wit::Sealing::Home => keys::Sealing::Home,
    }
}

pub(super) fn sealing_to(sealing: keys::Sealing) -> wit::Sealing {
    match sealing {
        keys::Sealing::AesGcm => wit::Sealing::AesGcm,
        keys::Sealing::AesCbcPad => wit::Sealing::AesCbcPad,
        keys::Sealing::AesCbc => wit::Sealing::AesCbc,
        keys::Sealing::Home => wit::Sealing::Home,
    }
}

pub(super) fn hash_to(hash: keys::Hash) -> wit::Hash {
    match hash {
        keys::Hash::Sha1 => wit::Hash::Sha1,
        keys::Hash::Sha224 => wit::Hash::Sha224,
        keys::Hash::Sha256 => wit::Hash::Sha256,
        keys::Hash::Sha384 => wit::Hash::Sha384,
        keys::Hash::Sha512 => wit::Hash::Sha512,
        keys::Hash::Sha3_224 => wit::Hash::Sha3224,
        keys::Hash::Sha3_256 => wit::Hash::Sha3256,
        keys::Hash::Sha3_384 => wit::Hash::Sha3384,
        keys::Hash::Sha3_512 => wit::Hash::Sha3512,
    }
}

pub(super) fn scheme_from(scheme: wit::Scheme) -> keys::Scheme {
    match scheme {
        wit::Scheme::Pkcs1v15(hash) => keys::Scheme::Pkcs1v15(hash_from(hash)),
        wit::Scheme::Pss(hash) => keys::Scheme::Pss(hash_from(hash)),
        wit::Scheme::Ecdsa(hash) => keys::Scheme::Ecdsa(hash_from(hash)),
        wit::Scheme::Ed25519 => keys::Scheme::Ed25519,
    }
}

pub(super) fn scheme_to(scheme: keys::Scheme) -> wit::Scheme {
    match scheme {
        keys::Scheme::Pkcs1v15(hash) => wit::Scheme::Pkcs1v15(hash_to(hash)),
        keys::Scheme::Pss(hash) => wit::Scheme::Pss(hash_to(hash)),
        keys::Scheme::Ecdsa(hash) => wit::Scheme::Ecdsa(hash_to(hash)),
        keys::Scheme::Ed25519 => wit::Scheme::Ed25519,
    }
}

pub(super) fn usage_to(usage: keys::Usage) -> wit::Usage {
    match usage {
        keys::Usage::Encrypt => wit::Usage::Encrypt,
        keys::Usage::Decrypt => wit::Usage::Decrypt,
        keys::Usage::Sign => wit::Usage::Sign,
        keys::Usage::Verify => wit::Usage::Verify,
        keys::Usage::Wrap => wit::Usage::Wrap,
        keys::Usage::Unwrap => wit::Usage::Unwrap,
        keys::Usage::Mac => wit::Usage::Mac,
        keys::Usage::GenerateRandom => wit::Usage::GenerateRandom,
    }
}

pub(super) fn policy_from(policy: wit::KeyPolicy) -> keys::Policy {
    keys::Policy { exportable: policy.exportable, ephemeral: policy.ephemeral }
}

pub(super) fn format_from(format: wit::PrivateKeyFormat) -> keys::PrivateFormat {
    match format {
        wit::PrivateKeyFormat::Pkcs8 => keys::PrivateFormat::Pkcs8,
        wit::PrivateKeyFormat::Traditional => keys::PrivateFormat::Traditional,
    }
}

/// A failure as the guest sees it: its kind, and the text that is fit for clients.
pub(super) fn error_to(error: &keys::Error) -> wit::KeyError {
    let kind = match error.reason() {
        keys::Reason::NotFound => wit::KeyErrorKind::NotFound,
        keys::Reason::NotGranted => wit::KeyErrorKind::NotGranted,
        keys::Reason::UsageDenied => wit::KeyErrorKind::UsageDenied,
        keys::Reason::Governed => wit::KeyErrorKind::DeniedByPolicy,
        keys::Reason::Unsupported => wit::KeyErrorKind::Unsupported,
        keys::Reason::Invalid => wit::KeyErrorKind::Invalid,
        keys::Reason::NotExportable => wit::KeyErrorKind::NotExportable,
        keys::Reason::Unavailable => wit::KeyErrorKind::Unavailable,
        keys::Reason::Timeout => wit::KeyErrorKind::Timeout,
        keys::Reason::Internal => wit::KeyErrorKind::Internal,
    };
    let seconds = |wait: std::time::Duration| u32::try_from(wait.as_secs().max(1)).unwrap_or(u32::MAX);
    wit::KeyError { kind, message: error.public(), retry_after: error.retry_after().map(seconds) }
}
