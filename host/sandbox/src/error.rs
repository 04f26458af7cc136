//! Why a component is refused.

/// A component that cannot be a guest here.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The component asks for something that is not in the contract.
    #[error("the component imports {0}, which is not part of the contract: a guest has no such power here")]
    ForeignImport(String),
    /// The component does not fit the contract.
    #[error("the component fits neither of the contract's worlds: {0}")]
    Misfit(String),
    /// The component's description of itself is wrong.
    #[error("the component describes itself wrongly: {0}")]
    Descriptor(String),
    /// The bytes are no component, or were compiled for other settings.
    #[error("the component cannot be loaded: {0}")]
    Unreadable(String),
}
