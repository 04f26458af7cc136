//! The built-in guests, built, made components and precompiled by this crate's build script.
#![forbid(unsafe_code)]

/// A built-in guest.
pub struct Bundled {
    /// The mount type, or the language of policies.
    pub name: &'static str,
    /// The component, as any host of the contract could load it.
    pub component: &'static [u8],
    /// The same, compiled to native code for this host's settings. It lies on pages of its own, so that it can be run there.
    pub precompiled: &'static [u8],
}

/// On pages of its own, on every machine.
#[repr(C, align(65536))]
struct Pages<T: ?Sized>(T);

// Statics, because each use of a constant may be a copy, and these are large.
macro_rules! bundled {
    ($name:literal) => {
        bundled!($name, $name)
    };
    ($package:literal, $name:literal) => {{
        static PRECOMPILED: &Pages<[u8]> = &Pages(*include_bytes!(concat!(env!("OUT_DIR"), "/", $package, ".cwasm")));
        Bundled {
            name: $name,
            component: include_bytes!(concat!(env!("OUT_DIR"), "/", $package, ".component.wasm")),
            precompiled: &PRECOMPILED.0,
        }
    }};
}

/// Lets machines in that have a role and a secret of it.
pub static APPROLE: Bundled = bundled!("approle");

/// Lets in whoever shows a trusted certificate in the TLS handshake.
pub static CERT: Bundled = bundled!("cert");

/// The smallest whole guest.
pub static ECHO: Bundled = bundled!("echo");

/// Lets in whoever shows a token that a known key has signed.
pub static JWT: Bundled = bundled!("jwt");

/// Lets in service accounts of a Kubernetes cluster.
pub static KUBERNETES: Bundled = bundled!("kubernetes");

/// Keeps secrets, versions 1 and 2.
pub static KV: Bundled = bundled!("kv");

/// Certificate authorities.
pub static PKI: Bundled = bundled!("pki");

/// Policies in the Common Expression Language.
pub static CEL: Bundled = bundled!("policy-cel", "cel");

/// Policies in Rego.
pub static REGO: Bundled = bundled!("policy-rego", "rego");

/// Uses managed keys over HTTP.
pub static SIGNER: Bundled = bundled!("signer");

/// Lets people in that have a name and a password.
pub static USERPASS: Bundled = bundled!("userpass");

/// All of them.
pub static ALL: &[&Bundled] = &[&APPROLE, &CEL, &CERT, &ECHO, &JWT, &KUBERNETES, &KV, &PKI, &REGO, &SIGNER, &USERPASS];
