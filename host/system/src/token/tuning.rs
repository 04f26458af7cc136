//! What a namespace says of `auth/token` itself, as it may of any other auth method: how long tokens live.

use access::ttl::Bounds;
use model::{Fault, Id, Operation, Reply};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use storage::{Drawer, Transaction};

use crate::builtin::TOKEN;
use crate::{Call, Info, System, mounts, params, unsupported};

const KEY: &str = "config";

/// Times to live in seconds; 0 leaves them to the system.
#[derive(Serialize, Deserialize)]
pub(crate) struct Tuning {
    record: u8,
    default_lease_ttl: u64,
    max_lease_ttl: u64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { record: 1, default_lease_ttl: 0, max_lease_ttl: 0 }
    }
}

fn drawer(namespace: Id) -> Drawer {
    tenancy::namespace_drawer(namespace, "token-tuning")
}

impl Tuning {
    pub(crate) async fn of(transaction: &mut Transaction, namespace: Id) -> Result<Self, Fault> {
        Ok(transaction.get_json(&drawer(namespace), KEY).await?.unwrap_or_default())
    }

    /// The bounds of tokens' times, with the system's where nothing else is said.
    pub(super) fn bounds(&self, info: &Info) -> Bounds {
        let (default_ttl, max_ttl) = mounts::effective((self.default_lease_ttl, self.max_lease_ttl), info);
        Bounds { default_ttl, max_ttl }
    }

    /// Says so in the method's entry in a listing of mounts.
    pub(crate) fn tell(&self, mount: &mut Value) {
        mount["config"]["default_lease_ttl"] = json!(self.default_lease_ttl);
        mount["config"]["max_lease_ttl"] = json!(self.max_lease_ttl);
    }
}

/// `sys/auth/token/tune`. Of what other mounts are tuned by, only the times mean anything here.
pub(crate) async fn tune(system: &System, call: Call<'_>) -> Result<Reply, Fault> {
    let mut tuning = Tuning::of(call.transaction, call.namespace.id).await?;
    match call.operation {
        Operation::Read => {
            let Bounds { default_ttl, max_ttl } = tuning.bounds(&system.info);
            let mut shown = TOKEN.tuned((default_ttl, max_ttl));
            shown["token_type"] = json!("default-service");
            Reply::data(&shown)
        }
        Operation::Update => {
            mounts::take_ttls((&mut tuning.default_lease_ttl, &mut tuning.max_lease_ttl), &call.body, &system.info)?;
            if let Some(kind) = params::text(&call.body, "token_type")?.filter(|kind| !kind.is_empty()) {
                return Err(Fault::invalid(format!("token_type: tokens are not tuned to be {kind:?}: leave it out")));
            }
            call.transaction.put_json(&drawer(call.namespace.id), KEY, &tuning)?;
            let own = ["default_lease_ttl", "max_lease_ttl", "token_type"];
            // Other names, whoever answers is warned of by the corridor.
            let (fields, _) = crate::parameters("sys/auth/token/tune");
            let idle = fields.into_iter().filter(|name| !own.contains(name) && call.body.contains_key(*name));
            let idle: Vec<&str> = idle.collect();
            if idle.is_empty() {
                return Ok(Reply::nothing());
            }
            Ok(Reply::nothing().warning(format!("tokens are not tuned by these parameters: [{}]", idle.join(" "))))
        }
        _ => Err(unsupported()),
    }
}
