//! What a rule may permit.

use model::Operation;

/// A set of capabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capabilities(u16);

/// All of them with their names, in the order in which they are shown. `deny` is not shown with others.
const NAMED: [(&str, Capabilities); 11] = [
    ("sudo", Capabilities::SUDO),
    ("read", Capabilities::READ),
    ("list", Capabilities::LIST),
    ("update", Capabilities::UPDATE),
    ("delete", Capabilities::DELETE),
    ("create", Capabilities::CREATE),
    ("patch", Capabilities::PATCH),
    ("scan", Capabilities(1 << 8)),
    ("subscribe", Capabilities(1 << 9)),
    ("recover", Capabilities(1 << 10)),
    ("deny", Capabilities::DENY),
];

impl Capabilities {
    pub(crate) const DENY: Self = Self(1);
    pub(crate) const CREATE: Self = Self(1 << 1);
    pub(crate) const READ: Self = Self(1 << 2);
    pub(crate) const UPDATE: Self = Self(1 << 3);
    pub(crate) const DELETE: Self = Self(1 << 4);
    pub(crate) const LIST: Self = Self(1 << 5);
    pub(crate) const SUDO: Self = Self(1 << 6);
    pub(crate) const PATCH: Self = Self(1 << 7);

    pub(crate) fn named(name: &str) -> Option<Self> {
        NAMED.iter().find(|(known, _)| *known == name).map(|(_, capability)| *capability)
    }

    /// What a whole word of the old language stands for.
    pub(crate) fn of_old_policy(word: &str) -> Option<Self> {
        let read = Self::READ.and(Self::LIST);
        let write = read.and(Self::CREATE).and(Self::UPDATE).and(Self::DELETE);
        match word {
            "deny" => Some(Self::DENY),
            "read" => Some(read),
            "write" => Some(write),
            "sudo" => Some(write.and(Self::SUDO)),
            _ => None,
        }
    }

    /// What an operation needs.
    pub(crate) const fn wanted_by(operation: Operation) -> Self {
        match operation {
            Operation::Read => Self::READ,
            Operation::List => Self::LIST,
            Operation::Create => Self::CREATE,
            Operation::Update => Self::UPDATE,
            Operation::Patch => Self::PATCH,
            Operation::Delete => Self::DELETE,
        }
    }

    pub(crate) const fn and(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }

    /// Whether all of these are in the set.
    pub(crate) const fn has(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }

    pub(crate) const fn denies(self) -> bool {
        self.has(Self::DENY)
    }

    /// Their names; `deny` alone if there are none.
    pub(crate) fn names(self) -> Vec<&'static str> {
        let names: Vec<_> = NAMED.iter().filter(|(_, one)| self.has(*one)).map(|(name, _)| *name).collect();
        if self.denies() || names.is_empty() { vec!["deny"] } else { names }
    }
}
