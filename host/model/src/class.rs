//! What a mount is for.

use serde::{Deserialize, Serialize};

/// What a mount is for. Guests say it of themselves, and a mount keeps what its guest said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountClass {
    /// A secrets engine, below any path.
    #[default]
    Secret,
    /// An auth method, below `auth/`.
    Auth,
}
