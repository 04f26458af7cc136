//! The mounts that every namespace has by itself. They are listed, and can be neither moved nor removed.

use aws_lc_rs::digest;
use model::{Id, MountClass};
use serde_json::{Map, Value, json};
use tenancy::Namespace;

/// A mount that is part of every namespace.
pub(crate) struct Builtin {
    /// Its path, ending in `/`.
    pub(crate) path: &'static str,
    kind: &'static str,
    description: &'static str,
    local: bool,
}

/// Those below the namespace itself.
pub(crate) static SECRET: [Builtin; 3] = [
    Builtin { path: "cubbyhole/", kind: "cubbyhole", description: "per-token private secret storage", local: true },
    Builtin { path: "identity/", kind: "identity", description: "identity store", local: false },
    Builtin {
        path: "sys/",
        kind: "system",
        description: "system endpoints used for control, policy and debugging",
        local: false,
    },
];

/// The one below `auth/`.
pub(crate) static TOKEN: Builtin =
    Builtin { path: "token/", kind: "token", description: "token based credentials", local: false };

/// The built-in mounts of one sort.
fn of(class: MountClass) -> &'static [Builtin] {
    match class {
        MountClass::Secret => &SECRET,
        MountClass::Auth => std::slice::from_ref(&TOKEN),
    }
}

/// The built-in mount of this path, which ends in `/`.
pub(crate) fn find(class: MountClass, path: &str) -> Option<&'static Builtin> {
    of(class).iter().find(|builtin| builtin.path == path)
}

impl Builtin {
    /// The mount as `sys/mounts` and `sys/auth` show it.
    pub(crate) fn show(&self, namespace: &Namespace) -> Value {
        let id = self.id(namespace);
        let mut config = json!({ "default_lease_ttl": 0, "max_lease_ttl": 0, "force_no_cache": false });
        if self.is_token() {
            config["token_type"] = json!("default-service");
        }
        json!({
            "type": self.kind, "accessor": self.accessor(namespace), "description": self.description,
            "uuid": id.to_string(), "options": null, "config": config, "local": self.local, "seal_wrap": false,
            "external_entropy_access": false, "plugin_version": "",
            "running_plugin_version": concat!("v", env!("CARGO_PKG_VERSION")), "running_sha256": "",
            "deprecation_status": "",
        })
    }

    /// The mount as its `tune` shows it.
    pub(crate) fn tuned(&self, (default, max): (u64, u64)) -> Value {
        json!({
            "default_lease_ttl": default, "max_lease_ttl": max, "force_no_cache": false,
            "description": self.description,
        })
    }

    /// What logs, audit and identity call it.
    pub(crate) fn accessor(&self, namespace: &Namespace) -> String {
        format!("{}_{}", self.kind, self.id(namespace).short())
    }

    /// Whether it is `auth/token`.
    pub(crate) fn is_token(&self) -> bool {
        self.kind == TOKEN.kind
    }

    /// Why it cannot be removed.
    pub(crate) fn stays(&self) -> String {
        if self.is_token() {
            return "token credential backend cannot be disabled".to_owned();
        }
        format!("cannot unmount {}: it is part of every namespace", self.path)
    }

    /// Always the same for one namespace, without being stored anywhere.
    fn id(&self, namespace: &Namespace) -> Id {
        let whole = digest::digest(&digest::SHA256, format!("{}/{}", namespace.id, self.path).as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&whole.as_ref()[..16]);
        Id::from_random(bytes)
    }
}

/// The accessor of what a namespace has by itself at a path, `sys/` or `auth/token/` for instance.
pub fn native_accessor(point: &str, namespace: &Namespace) -> Option<String> {
    let found = match point.strip_prefix(tenancy::AUTH) {
        Some(point) => find(MountClass::Auth, point),
        None => find(MountClass::Secret, point),
    };
    found.map(|builtin| builtin.accessor(namespace))
}

/// The built-in mounts of one sort, by their paths.
pub(crate) fn shown(namespace: &Namespace, class: MountClass) -> Map<String, Value> {
    of(class).iter().map(|builtin| (builtin.path.to_owned(), builtin.show(namespace))).collect()
}
