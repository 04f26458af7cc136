//! Where components come from.

use registries::Registries;
use signatures::Signers;

use crate::{Compiled, Directory};

/// Where components come from, where their native code is kept, and who must have signed them, as the operator has it.
#[derive(Clone, Default)]
pub struct Origins {
    /// Where `command` is read from.
    pub directory: Option<Directory>,
    /// Where native code is kept.
    pub compiled: Option<Compiled>,
    /// Where `oci_image` is pulled from.
    pub registries: Registries,
    /// Who signs for which namespaces.
    pub signers: Signers,
}
