//! What sort of failure a failure is.

/// The closed set of failures that a caller can tell apart. Each room's error has a `kind()`; the HTTP status is
/// chosen from it in one place, the server's door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request is wrong; its text says what would be right.
    InvalidRequest,
    /// The caller may not do this.
    Denied,
    /// What was asked for is not there.
    NotFound,
    /// The path exists but not for this operation.
    UnsupportedOperation,
    /// The body is of the wrong media type.
    UnsupportedMediaType,
    /// Something is over a bound.
    TooLarge,
    /// The request kept losing against others that changed the same records.
    Conflict,
    /// More requests than a quota lets through; it says when to come back.
    TooMany,
    /// Something outside (an HSM, a store) cannot be reached now; trying later may work.
    Unavailable,
    /// The barrier is sealed.
    Sealed,
    /// Our fault. The public text says nothing of the inside; the log does.
    Internal,
}
