//! The built-in guests, built, made components and precompiled by this crate's build script.
#![forbid(unsafe_code)]

/// A built-in guest.
pub struct Bundled {
    /// The mount type, or the language of policies.
    pub name: &'static str,
    /// The component, as any host of the contract could load it.
    pub component: &'static [u8],
    /// The same, compiled to native code for this host's settings.
    pub precompiled: &'static [u8],
}

macro_rules! bundled {
    ($name:literal) => {
        bundled!($name, $name)
    };
    ($package:literal, $name:literal) => {
        Bundled {
            name: $name,
            component: include_bytes!(concat!(env!("OUT_DIR"), "/", $package, ".component.wasm")),
            precompiled: include_bytes!(concat!(env!("OUT_DIR"), "/", $package, ".cwasm")),
        }
    };
}

/// Lets machines in that have a role and a secret of it.
pub const APPROLE: Bundled = bundled!("approle");

/// Lets in whoever shows a trusted certificate in the TLS handshake.
pub const CERT: Bundled = bundled!("cert");

/// The smallest whole guest.
pub const ECHO: Bundled = bundled!("echo");

/// Lets in whoever shows a token that a known key has signed.
pub const JWT: Bundled = bundled!("jwt");

/// Lets in service accounts of a Kubernetes cluster.
pub const KUBERNETES: Bundled = bundled!("kubernetes");

/// Keeps secrets, versions 1 and 2.
pub const KV: Bundled = bundled!("kv");

/// Certificate authorities.
pub const PKI: Bundled = bundled!("pki");

/// Policies in the Common Expression Language.
pub const CEL: Bundled = bundled!("policy-cel", "cel");

/// Policies in Rego.
pub const REGO: Bundled = bundled!("policy-rego", "rego");

/// Uses managed keys over HTTP.
pub const SIGNER: Bundled = bundled!("signer");

/// Lets people in that have a name and a password.
pub const USERPASS: Bundled = bundled!("userpass");

/// All of them.
pub const ALL: &[Bundled] = &[APPROLE, CEL, CERT, ECHO, JWT, KUBERNETES, KV, PKI, REGO, SIGNER, USERPASS];
