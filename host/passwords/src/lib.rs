//! Passwords.
//!
//! **For:** hashing passwords so that they cannot be read back, and checking them. **Never:** keeps or logs one.
//! **In, out:** a password in, its hash or a verdict out, with the time of a core that it took. **Meet first:**
//! [`hash`], [`verify`]. **Errors:** [`Error`], none of which repeats a password or a hash.
//!
//! Hashing takes long and much memory on purpose, and strangers can ask for it: as many at once as there are cores, with
//! their own turns, so that keys do not wait for logins.
#![forbid(unsafe_code)]

use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use keys::Turns;
use tokio::time::Instant;
use zeroize::Zeroizing;

/// Longest password, in bytes.
pub const PASSWORD_MAX: usize = 1024;
/// Longest hash that is read, in bytes.
pub const HASH_MAX: usize = 256;
/// Most memory that checking an Argon2id hash may take, in KiB.
pub const ARGON2_MEMORY_MAX: u32 = 64 << 10;
/// Most passes of an Argon2id hash.
pub const ARGON2_PASSES_MAX: u32 = 8;
/// Most lanes of an Argon2id hash.
pub const ARGON2_LANES_MAX: u32 = 4;
/// Highest cost of a bcrypt hash: about a second of a core.
pub const BCRYPT_COST_MAX: u32 = 14;
/// Length of a fresh salt, in bytes (RFC 9106 section 3.1).
const SALT_LEN: usize = 16;
/// What begins a bcrypt hash. `$2x$` is left out: it marks hashes of a faulty implementation.
const BCRYPT: [&str; 3] = ["$2a$", "$2b$", "$2y$"];

/// Why a password was neither hashed nor checked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An empty password, or one that is too long.
    #[error("a password must have 1 to {PASSWORD_MAX} bytes")]
    Invalid,
    /// Not a hash of a sort that is known here.
    #[error("not a hash of a known sort")]
    Unreadable,
    /// Over one of the bounds above.
    #[error("a hash that takes too long to check")]
    TooCostly,
    /// Too many are being hashed, or the request's time is over.
    #[error("too many passwords are being hashed")]
    Busy,
    /// The library or the system failed.
    #[error("hashing failed: {0}")]
    Internal(String),
}

/// A hash, read and found to be within bounds.
enum Readable {
    Argon2id,
    Bcrypt,
}

/// Hashes a password with a fresh salt: Argon2id as OWASP advises (19 MiB, 2 passes, 1 lane), in PHC form.
pub async fn hash(password: String, deadline: Instant) -> Result<(String, Duration), Error> {
    let password = checked(password)?;
    let mut salt = [0; SALT_LEN];
    SystemRandom::new().fill(&mut salt).map_err(|_| Error::Internal("the system gives no randomness".into()))?;
    let salt = SaltString::encode_b64(&salt).map_err(internal)?;
    let work = move || Ok(argon2().hash_password(password.as_bytes(), &salt).map_err(internal)?.to_string());
    apart(deadline, work).await
}

/// Whether a password is what a hash was made of.
pub async fn verify(password: String, hash: String, deadline: Instant) -> Result<(bool, Duration), Error> {
    let password = checked(password)?;
    let work: Box<dyn FnOnce() -> Result<bool, Error> + Send> = match read(&hash)? {
        Readable::Bcrypt => Box::new(move || bcrypt::verify(password.as_bytes(), &hash).map_err(internal)),
        Readable::Argon2id => Box::new(move || {
            let parsed = PasswordHash::new(&hash).map_err(|_| Error::Unreadable)?;
            match argon2().verify_password(password.as_bytes(), &parsed) {
                Ok(()) => Ok(true),
                Err(argon2::password_hash::Error::Password) => Ok(false),
                Err(error) => Err(internal(error)),
            }
        }),
    };
    apart(deadline, work).await
}

/// Whether [`verify`] can read a hash.
pub fn check(hash: &str) -> Result<(), Error> {
    read(hash).map(drop)
}

fn checked(password: String) -> Result<Zeroizing<String>, Error> {
    let password = Zeroizing::new(password);
    if password.is_empty() || password.len() > PASSWORD_MAX { Err(Error::Invalid) } else { Ok(password) }
}

fn read(hash: &str) -> Result<Readable, Error> {
    if hash.len() > HASH_MAX {
        return Err(Error::Unreadable);
    }
    if BCRYPT.iter().any(|prefix| hash.starts_with(prefix)) {
        let parts = bcrypt::HashParts::from_str(hash).map_err(|_| Error::Unreadable)?;
        return if parts.get_cost() > BCRYPT_COST_MAX { Err(Error::TooCostly) } else { Ok(Readable::Bcrypt) };
    }
    let parsed = PasswordHash::new(hash).map_err(|_| Error::Unreadable)?;
    if parsed.algorithm != Algorithm::Argon2id.ident() || parsed.hash.is_none() || parsed.salt.is_none() {
        return Err(Error::Unreadable);
    }
    let params = Params::try_from(&parsed).map_err(|_| Error::Unreadable)?;
    let costly = params.m_cost() > ARGON2_MEMORY_MAX
        || params.t_cost() > ARGON2_PASSES_MAX
        || params.p_cost() > ARGON2_LANES_MAX;
    if costly { Err(Error::TooCostly) } else { Ok(Readable::Argon2id) }
}

fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

async fn apart<T: Send + 'static>(
    deadline: Instant,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<(T, Duration), Error> {
    static TURNS: LazyLock<Turns> = LazyLock::new(Turns::new);
    match TURNS.run(deadline, work).await {
        Ok((done, took)) => Ok((done?, took)),
        Err(keys::Error::Busy { .. } | keys::Error::Timeout) => Err(Error::Busy),
        Err(error) => Err(internal(error)),
    }
}

fn internal(error: impl ToString) -> Error {
    Error::Internal(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    async fn verified(password: &str, hash: &str) -> Result<bool, Error> {
        verify(password.to_owned(), hash.to_owned(), later()).await.map(|(verdict, _)| verdict)
    }

    #[tokio::test]
    async fn only_the_password_that_was_hashed_is_let_in() {
        let (first, took) = hash("correct horse".to_owned(), later()).await.unwrap();
        let (second, _) = hash("correct horse".to_owned(), later()).await.unwrap();
        assert!(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && first.len() <= 128);
        assert_ne!(first, second);
        assert!(took > Duration::ZERO);
        assert!(verified("correct horse", &first).await.unwrap());
        assert!(!verified("correct horsf", &first).await.unwrap());
    }

    #[tokio::test]
    async fn hashes_that_others_made_are_read() {
        // From the test vectors of OpenBSD's bcrypt, and of the reference implementation of Argon2 (libsodium's form).
        for (password, hash) in [
            ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
            ("U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
        ] {
            assert!(verified(password, hash).await.unwrap(), "{hash}");
            let as_y = hash.replace("$2a$", "$2y$");
            assert!(verified(password, &as_y).await.unwrap());
            assert!(!verified("other", hash).await.unwrap());
        }
    }

    #[tokio::test]
    async fn hashes_that_are_unreadable_or_too_costly_are_refused_before_any_work() {
        let salt_and_hash = "c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        for unreadable in [
            "",
            "x",
            "$1$abc",
            "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "$2a$05$short",
            &format!("$argon2i$v=19$m=4096,t=1,p=1${salt_and_hash}"),
            "$argon2id$v=19$m=4096,t=1,p=1$c29tZXNhbHRzb21lc2FsdA",
            &"$".repeat(HASH_MAX + 1),
        ] {
            assert!(matches!(check(unreadable), Err(Error::Unreadable)), "{unreadable}");
        }
        assert!(check(&format!("$argon2id$v=19$m=65536,t=8,p=4${salt_and_hash}")).is_ok());
        for costly in ["m=65537,t=1,p=1", "m=4096,t=9,p=1", "m=4096,t=1,p=5"] {
            let hash = format!("$argon2id$v=19${costly}${salt_and_hash}");
            assert!(matches!(verified("x", &hash).await, Err(Error::TooCostly)), "{costly}");
        }
        let bcrypt = "$2a$15$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        assert!(matches!(check(bcrypt), Err(Error::TooCostly)));
    }

    #[tokio::test]
    async fn passwords_are_bounded_from_both_sides() {
        for bad in [String::new(), "x".repeat(PASSWORD_MAX + 1)] {
            assert!(matches!(hash(bad, later()).await, Err(Error::Invalid)));
        }
        assert!(hash("x".repeat(PASSWORD_MAX), later()).await.is_ok());
    }
}
