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
    sudo: bool,
    page_max: Option<u64>,
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

    /// Most names that a listing may show.
    pub fn page_max(&self) -> Option<u64> {
        self.page_max
    }

    /// Whether the caller has `sudo` on the path, also where it was not demanded.
    pub fn sudo(&self) -> bool {
        self.sudo
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
    let known = match &asking {
        Some(known) if !demands.unauthenticated => known,
        _ => return admit_unjudged(asking, demands, namespace),
    };
    enter(Some(&known.home), demands, namespace)?;
    let verdict = known.acl.decide(&Question { sudo: demands.sudo, ..*question });
    if !verdict.allowed {
        return Err(Denied::Refused);
    }
    Ok(Admitted { asking, granting: verdict.granting, sudo: verdict.sudo, page_max: verdict.page_max })
}

/// Admits whoever may enter the namespace, whatever their policies say: where nobody in particular is demanded, and to be
/// told what a path is for.
pub fn admit_unjudged(asking: Option<Asking>, demands: Demands, namespace: &NamespacePath) -> Result<Admitted, Denied> {
    enter(asking.as_ref().map(|known| &known.home), demands, namespace)?;
    Ok(Admitted { asking, granting: Vec::new(), sudo: false, page_max: None })
}

/// Refuses whoever may do nothing in a namespace whatever policies say: nobody in particular where somebody must ask, and
/// a token that is of no namespace above. `home` is the namespace that the token is of. What [`admit`] asks first, for
/// those who have work to do before they can ask it.
pub fn enter(home: Option<&NamespacePath>, demands: Demands, namespace: &NamespacePath) -> Result<(), Denied> {
    match home {
        _ if demands.unauthenticated => Ok(()),
        None => Err(Denied::Unknown),
        Some(home) if namespace.as_str().starts_with(home.as_str()) => Ok(()),
        Some(_) => Err(Denied::Refused),
    }
}

impl From<Denied> for model::Fault {
    fn from(denied: Denied) -> Self {
        Self::new(model::Kind::Denied, denied.to_string())
    }
}

#[cfg(test)]
mod tests {
    use model::Operation;

    use super::*;

    fn question(path: &str) -> Question<'_> {
        Question { operation: Operation::Read, path, parameters: None, wrap_ttl: None, sudo: false }
    }

    #[test]
    fn without_a_token_only_open_routes_answer() {
        let root = NamespacePath::root();
        let open = Demands { unauthenticated: true, sudo: false };
        assert!(admit(None, open, &root, &question("x")).is_ok_and(|admitted| admitted.principal().is_none()));
        assert_eq!(admit(None, Demands::default(), &root, &question("x")).err(), Some(Denied::Unknown));
    }

    #[test]
    fn a_token_enters_its_namespace_and_those_below_and_no_others() {
        let path = |text| NamespacePath::parse(text).unwrap();
        for (home, place, enters) in [
            ("", "", true),
            ("", "a/b", true),
            ("a", "a", true),
            ("a", "a/b", true),
            ("a", "", false),
            ("a", "ab", false),
        ] {
            let entered = enter(Some(&path(home)), Demands::default(), &path(place));
            assert_eq!(entered, if enters { Ok(()) } else { Err(Denied::Refused) }, "{home:?} {place:?}");
        }
        let open = Demands { unauthenticated: true, sudo: false };
        assert_eq!(enter(Some(&path("a")), open, &path("b")), Ok(()));
    }
}
