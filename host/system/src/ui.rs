//! `sys/internal/ui/resultant-acl` and `sys/internal/ui/feature-flags`: what user interfaces ask before they show anything.

use access::policy::Scope;
use model::{Fault, Operation, Reply};
use serde_json::{Map, json};

use crate::{Call, unsupported};

/// What the caller's policies say together. Patterns with `+` stand among those that hold for what begins so, as they are.
pub(crate) fn resultant_acl(call: &Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::Read {
        return Err(unsupported());
    }
    let acl = call.admitted.acl().ok_or_else(Fault::denied)?;
    let (mut exact, mut glob) = (Map::new(), Map::new());
    for said in acl.said() {
        let shown = json!({ "capabilities": said.capabilities });
        match said.scope {
            Scope::Exact => exact.insert(said.path, shown),
            Scope::Below => glob.insert(said.path, shown),
        };
    }
    Reply::data(&json!({ "root": acl.is_root(), "exact_paths": exact, "glob_paths": glob, "chroot_namespace": "" }))
}

/// There are none.
pub(crate) fn feature_flags(call: &Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::Read {
        return Err(unsupported());
    }
    Reply::data(&json!({ "feature_flags": [] }))
}
