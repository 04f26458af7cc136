//! The decision. Pure: no storage, no clock.

use crate::Principal;

/// What a route demands of whoever asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Demands {
    /// Nobody in particular: the route answers without a token.
    pub unauthenticated: bool,
    /// `sudo` on the path.
    pub sudo: bool,
}

/// Proof that a request may go on.
#[derive(Debug)]
pub struct Admitted {
    principal: Option<Principal>,
}

/// The request may not go on.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// No token, or none that is known.
    #[error("permission denied")]
    Unknown,
    /// A known caller without the right.
    #[error("1 error occurred:\n\t* permission denied\n\n")]
    Refused,
}

impl Admitted {
    /// Who asks; `None` on routes that answer anybody who sent no valid token.
    pub fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref()
    }
}

/// Decides. Until policies come, the root token may do everything and nobody else anything but what is open to all.
pub fn admit(principal: Option<Principal>, demands: Demands) -> Result<Admitted, Denied> {
    match &principal {
        _ if demands.unauthenticated => Ok(Admitted { principal }),
        Some(known) if known.is_root() => Ok(Admitted { principal }),
        Some(_) => Err(Denied::Refused),
        None => Err(Denied::Unknown),
    }
}

impl From<Denied> for model::Fault {
    fn from(denied: Denied) -> Self {
        Self::new(model::Kind::Denied, denied.to_string())
    }
}
