//! The decision. Pure: no storage, no clock.

use std::sync::Arc;

use model::NamespacePath;

use crate::Principal;
use crate::policy::{Acl, Granting, Question};

/// What a route demands of whoever asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Demands {
    /// Nobody in particular: the route answers without a token.
    pub unauthenticated: bool,
    /// `sudo` on the path.
    pub sudo: bool,
}

/// Who asks, with what their policies say.
#[derive(Clone, Debug)]
pub struct Asking {
    /// The token.
    pub principal: Principal,
    /// The namespace that the token is of.
    pub home: NamespacePath,
    /// Its policies, and those of its entity.
    pub acl: Arc<Acl>,
}

/// Proof that a request may go on.
#[derive(Debug)]
pub struct Admitted {
    asking: Option<Asking>,
    granting: Vec<Arc<Granting>>,
}

/// The request may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
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
        self.asking.as_ref().map(|asking| &asking.principal)
    }

    /// What the caller's policies say; `None` where nobody in particular asks.
    pub fn acl(&self) -> Option<&Arc<Acl>> {
        self.asking.as_ref().map(|asking| &asking.acl)
    }

    /// The namespace that the caller's token is of; `None` where nobody in particular asks.
    pub fn home(&self) -> Option<&NamespacePath> {
        self.asking.as_ref().map(|asking| &asking.home)
    }

    /// The policies that the decision rests on.
    pub fn granting(&self) -> &[Arc<Granting>] {
        &self.granting
    }

    /// Whether the caller could also have done this where `sudo` is demanded.
    pub fn with_sudo(&self, question: &Question<'_>) -> bool {
        self.acl().is_some_and(|acl| acl.decide(&Question { sudo: true, ..*question }).allowed)
    }
}

/// Decides. A token acts in the namespace that it is of and below, as far as its policies permit; the question's path
/// begins with the namespace's.
pub fn admit(
    asking: Option<Asking>,
    demands: Demands,
    namespace: &NamespacePath,
    question: &Question<'_>,
) -> Result<Admitted, Denied> {
    if demands.unauthenticated {
        return Ok(Admitted { asking, granting: Vec::new() });
    }
    let Some(known) = &asking else { return Err(Denied::Unknown) };
    if !namespace.as_str().starts_with(known.home.as_str()) {
        return Err(Denied::Refused);
    }
    let verdict = known.acl.decide(&Question { sudo: demands.sudo, ..*question });
    if verdict.allowed { Ok(Admitted { asking, granting: verdict.granting }) } else { Err(Denied::Refused) }
}

impl From<Denied> for model::Fault {
    fn from(denied: Denied) -> Self {
        Self::new(model::Kind::Denied, denied.to_string())
    }
}
