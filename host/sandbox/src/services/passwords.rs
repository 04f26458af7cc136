//! `passwords`: hashed and checked on threads of their own; the time of a core is charged to the guest.

use std::time::Duration;

use crate::bindings::innkeeper::engine::passwords::{Host, PasswordError};
use crate::state::State;

type Result<T> = wasmtime::Result<std::result::Result<T, PasswordError>>;

impl Host for State {
    async fn hash(&mut self, password: String) -> Result<String> {
        if self.grant.is_none() {
            return Ok(Err(PasswordError::NotGranted));
        }
        let done = passwords::hash(password, self.call_deadline()).await;
        Ok(self.charged(done))
    }

    async fn verify(&mut self, password: String, hash: String) -> Result<bool> {
        if self.grant.is_none() {
            return Ok(Err(PasswordError::NotGranted));
        }
        let done = passwords::verify(password, hash, self.call_deadline()).await;
        Ok(self.charged(done))
    }

    async fn check(&mut self, hash: String) -> Result<()> {
        if self.grant.is_none() {
            return Ok(Err(PasswordError::NotGranted));
        }
        Ok(passwords::check(&hash).map_err(translate))
    }
}

impl State {
    fn charged<T>(
        &mut self,
        done: std::result::Result<(T, Duration), passwords::Error>,
    ) -> std::result::Result<T, PasswordError> {
        let (value, took) = done.map_err(translate)?;
        self.spent.add(took);
        Ok(value)
    }
}

fn translate(error: passwords::Error) -> PasswordError {
    match error {
        passwords::Error::Invalid => PasswordError::Invalid,
        passwords::Error::Unreadable => PasswordError::Unreadable,
        passwords::Error::TooCostly => PasswordError::TooCostly,
        passwords::Error::Busy => PasswordError::Busy,
        passwords::Error::Internal(_) => {
            tracing::error!(%error, "a password could not be hashed or checked");
            PasswordError::Internal
        }
    }
}
