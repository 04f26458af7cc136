//! What went wrong in a library, and what may cure it.

use std::time::Duration;

use cryptoki::error::{Error as LibraryError, RvError};
use keys::Error;

/// A failure on a worker.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The library said so.
    Library(LibraryError),
    /// The token is not there: it was seen before, or the library shows none at all, as one does that started while the
    /// far side was away, or none of its tokens was used yet.
    Away {
        /// Whether no other token would suffer from the cure.
        alone: bool,
    },
    /// Ours, and final.
    Final(Error),
}

/// What may cure a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cure {
    /// Nothing: it is the answer.
    None,
    /// A new session, a login, and finding the key again.
    Session,
    /// C_Finalize and C_Initialize: the far side of the library went away.
    Module,
}

/// Restarts hit all users of a library: no more than one in this time.
const RESTART_INTERVAL: Duration = Duration::from_millis(500);
/// The same where other tokens work meanwhile.
const RESTART_INTERVAL_OF_OTHERS: Duration = Duration::from_secs(15);

impl Failure {
    /// How long after the last restart of the library the next one is worth its price.
    pub(crate) fn restart_interval(&self) -> Duration {
        if matches!(self, Self::Away { alone: false }) { RESTART_INTERVAL_OF_OTHERS } else { RESTART_INTERVAL }
    }

    /// What may cure it (PKCS#11 3.1 section 5.1). FUNCTION_FAILED and GENERAL_ERROR say little: the gentle cure comes
    /// first, because the other one hits all users of the library.
    pub(crate) fn cure(&self) -> Cure {
        match self {
            Self::Away { .. } => Cure::Module,
            Self::Library(LibraryError::Pkcs11(rv, _)) => match rv {
                RvError::SessionHandleInvalid
                | RvError::SessionClosed
                | RvError::UserNotLoggedIn
                | RvError::ObjectHandleInvalid
                | RvError::KeyHandleInvalid
                | RvError::OperationActive
                | RvError::OperationNotInitialized
                | RvError::FunctionFailed
                | RvError::GeneralError => Cure::Session,
                RvError::DeviceError
                | RvError::DeviceRemoved
                | RvError::TokenNotPresent
                | RvError::TokenNotRecognized
                | RvError::SlotIdInvalid
                | RvError::CryptokiNotInitialized => Cure::Module,
                _ => Cure::None,
            },
            _ => Cure::None,
        }
    }

    /// Whether the library said only that it failed.
    pub(crate) fn is_vague(&self) -> bool {
        matches!(self, Self::Library(LibraryError::Pkcs11(RvError::FunctionFailed | RvError::GeneralError, _)))
    }

    /// Whether the token does not take what a new key is to be.
    pub(crate) fn is_of_template(&self) -> bool {
        matches!(
            self,
            Self::Library(LibraryError::Pkcs11(
                RvError::TemplateInconsistent | RvError::AttributeValueInvalid | RvError::AttributeTypeInvalid,
                _
            ))
        )
    }

    /// Whether the token was asked with a PIN and refused it: asking again may lock the token.
    pub(crate) fn refused_pin(rv: &RvError) -> bool {
        matches!(
            rv,
            RvError::PinIncorrect
                | RvError::PinInvalid
                | RvError::PinLenRange
                | RvError::PinExpired
                | RvError::PinLocked
                | RvError::UserPinNotInitialized
        )
    }

    /// The error for the caller.
    pub(crate) fn into_error(self) -> Error {
        let cure = self.cure();
        match self {
            Self::Final(error) => error,
            Self::Away { .. } => Error::unavailable("the library has no such token now"),
            Self::Library(LibraryError::Pkcs11(rv, function)) => match rv {
                RvError::MechanismInvalid | RvError::KeyTypeInconsistent | RvError::FunctionNotSupported => {
                    Error::Unsupported(format!("the token does not support this mechanism for this key ({rv})"))
                }
                RvError::KeyFunctionNotPermitted => {
                    Error::Unsupported("the token does not permit this use of the key".into())
                }
                RvError::CurveNotSupported | RvError::DomainParamsInvalid | RvError::KeySizeRange => {
                    Error::Unsupported("the token does not support keys of this size or curve".into())
                }
                RvError::EncryptedDataInvalid | RvError::EncryptedDataLenRange => keys::not_opened(),
                RvError::DataInvalid | RvError::DataLenRange => {
                    Error::invalid("the token does not take a text of this length or form with this key")
                }
                // NSS with AES-GCM: what it says of the length leaves the tag out.
                RvError::BufferTooSmall => {
                    Error::Unsupported("the token asks for less room than its answer needs".into())
                }
                RvError::TemplateInconsistent
                | RvError::TemplateIncomplete
                | RvError::AttributeValueInvalid
                | RvError::AttributeTypeInvalid
                | RvError::AttributeReadOnly => {
                    Error::Unsupported(format!("the token does not take such a key ({rv})"))
                }
                RvError::TokenWriteProtected | RvError::SessionReadOnly => {
                    Error::Unsupported("the token is read-only".into())
                }
                RvError::SessionCount | RvError::DeviceMemory | RvError::HostMemory => {
                    Error::unavailable(format!("{function}: {rv}"))
                }
                rv if cure != Cure::None => Error::unavailable(format!("{function}: {rv}")),
                rv => Error::Internal(format!("{function}: {rv}")),
            },
            Self::Library(LibraryError::LibraryLoading(error)) => Error::unavailable(format!("loading: {error}")),
            Self::Library(error) => Error::Internal(error.to_string()),
        }
    }
}

impl From<LibraryError> for Failure {
    fn from(error: LibraryError) -> Self {
        Self::Library(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

#[cfg(test)]
mod tests {
    use cryptoki::context::Function;

    use super::*;

    fn failure(rv: RvError) -> Failure {
        Failure::Library(LibraryError::Pkcs11(rv, Function::Sign))
    }

    #[test]
    fn a_lost_session_is_cured_gently_and_a_lost_device_by_starting_the_library_again() {
        assert_eq!(failure(RvError::SessionHandleInvalid).cure(), Cure::Session);
        assert_eq!(failure(RvError::GeneralError).cure(), Cure::Session);
        assert_eq!(failure(RvError::DeviceError).cure(), Cure::Module);
        assert_eq!(failure(RvError::MechanismInvalid).cure(), Cure::None);
        assert_eq!(failure(RvError::PinIncorrect).cure(), Cure::None);
    }

    #[test]
    fn what_could_not_be_cured_is_unavailable_with_a_time_to_wait() {
        let error = failure(RvError::DeviceRemoved).into_error();
        assert_eq!(error.reason(), keys::Reason::Unavailable);
        assert!(error.retry_after().is_some());
        assert!(!error.public().contains("CKR"));
    }
}
