//! `auth/token/lookup-self`.

use model::{Fault, Operation, Reply};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::{Call, unsupported};

pub(crate) fn lookup_self(call: &Call<'_>) -> Result<Reply, Fault> {
    if !matches!(call.operation, Operation::Read | Operation::Update) {
        return Err(unsupported());
    }
    let principal = call.admitted.principal().ok_or_else(Fault::denied)?;
    Reply::data(&json!({
        "accessor": principal.accessor, "creation_time": principal.creation_time, "creation_ttl": 0,
        "display_name": principal.display_name, "entity_id": "", "expire_time": null, "explicit_max_ttl": 0,
        "id": call.token.map(ExposeSecret::expose_secret).unwrap_or_default(), "meta": null, "num_uses": 0, "orphan": true, "path": "auth/token/root",
        "policies": principal.policies, "renewable": false, "ttl": 0, "type": "service",
    }))
}
