//! Passwords, hashed and checked by the host. For auth methods.

use crate::{Fault, FaultKind};

#[cfg(target_family = "wasm")]
use crate::bindings::innkeeper::engine::passwords as host;
#[cfg(not(target_family = "wasm"))]
use native as host;

pub use crate::bindings::innkeeper::engine::passwords::PasswordError;

/// Hashes a password of 1 to 1024 bytes, so that it cannot be read back.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    host::hash(password)
}

/// Whether the password is what the hash (Argon2id in PHC form, or bcrypt) was made of.
pub fn verify(password: &str, hash: &str) -> Result<bool, PasswordError> {
    host::verify(password, hash)
}

/// Whether [`verify`] can read this hash.
pub fn check(hash: &str) -> Result<(), PasswordError> {
    host::check(hash)
}

impl From<PasswordError> for Fault {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Invalid => Self::invalid("password: must have 1 to 1024 bytes"),
            PasswordError::Unreadable => {
                Self::invalid("password_hash: must be a bcrypt hash ($2a$, $2b$, $2y$), or Argon2id in PHC form")
            }
            PasswordError::TooCostly => Self::invalid(
                "password_hash: takes too long to check: bcrypt up to cost 14, Argon2id up to 64 MiB and 8 passes",
            ),
            PasswordError::Busy => Self {
                retry_after: Some(1),
                ..Self::new(FaultKind::Unavailable, "too many passwords are being checked at once")
            },
            PasswordError::NotGranted | PasswordError::Internal => Self::internal(format!("passwords: {error:?}")),
        }
    }
}

/// Stands in for unit tests: quick, and no hash at all.
#[cfg(not(target_family = "wasm"))]
mod native {
    use super::PasswordError;

    pub(super) fn hash(password: &str) -> Result<String, PasswordError> {
        if password.is_empty() { Err(PasswordError::Invalid) } else { Ok(format!("$argon2id${password}")) }
    }

    pub(super) fn verify(password: &str, hash: &str) -> Result<bool, PasswordError> {
        check(hash)?;
        Ok(hash.rsplit('$').next() == Some(password))
    }

    pub(super) fn check(hash: &str) -> Result<(), PasswordError> {
        if hash.starts_with("$argon2id$") || hash.starts_with("$2") { Ok(()) } else { Err(PasswordError::Unreadable) }
    }
}
