//! Between the contract's words and the model's.

use model::{Kind, Operation};

use crate::bindings::innkeeper::engine::types as wit;

pub(crate) fn operation_from(operation: wit::Operation) -> Operation {
    match operation {
        wit::Operation::Read => Operation::Read,
        wit::Operation::List => Operation::List,
        wit::Operation::Create => Operation::Create,
        wit::Operation::Update => Operation::Update,
        wit::Operation::Patch => Operation::Patch,
        wit::Operation::Delete => Operation::Delete,
    }
}

/// The contract's word for an operation.
pub fn operation_to(operation: Operation) -> wit::Operation {
    match operation {
        Operation::Read => wit::Operation::Read,
        Operation::List => wit::Operation::List,
        Operation::Create => wit::Operation::Create,
        Operation::Update => wit::Operation::Update,
        Operation::Patch => wit::Operation::Patch,
        Operation::Delete => wit::Operation::Delete,
    }
}

pub(crate) fn kind(kind: wit::FaultKind) -> Kind {
    match kind {
        wit::FaultKind::InvalidRequest | wit::FaultKind::InvalidCredentials => Kind::InvalidRequest,
        wit::FaultKind::Denied => Kind::Denied,
        wit::FaultKind::NotFound => Kind::NotFound,
        wit::FaultKind::UnsupportedOperation => Kind::UnsupportedOperation,
        wit::FaultKind::UnsupportedMediaType => Kind::UnsupportedMediaType,
        wit::FaultKind::TooLarge => Kind::TooLarge,
        wit::FaultKind::Unavailable => Kind::Unavailable,
        wit::FaultKind::Internal => Kind::Internal,
    }
}
