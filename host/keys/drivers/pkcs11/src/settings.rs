//! How a library is run, as the operator says.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Variables that a worker process gets from the server's environment without being told: what programs need, and where
/// the usual libraries look for their configuration. None of them is a secret.
pub const INHERITED: [&str; 30] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "SOFTHSM2_CONF",
    "KRYOPTIC_CONF",
    "P11_KIT_SERVER_ADDRESS",
    "PKCS11SPY",
    "PKCS11SPY_OUTPUT",
    "OPENSC_CONF",
    "TPM2_PKCS11_STORE",
    "TPM2_PKCS11_TCTI",
    "TPM2_PKCS11_BACKEND",
    "DBUS_SESSION_BUS_ADDRESS",
    "DBUS_SYSTEM_BUS_ADDRESS",
    "OPENCRYPTOKI_TRACE_LEVEL",
    "YUBIHSM_PKCS11_CONF",
    "YKCS11_DBG",
    "ChrystokiConfigurationPath",
    "NFAST_HOME",
    "CKNFAST_LOADSHARING",
    "CKNFAST_DEBUG",
    "CS_PKCS11_R2_CFG",
    "CS_PKCS11_R3_CFG",
    "ET_PTKC_GENERAL_LIBRARY_MODE",
    "ET_HSM_NETCLIENT_SERVERLIST",
    "CLOUDHSM_PKCS11_CONFIG",
    "PKCS11_PROXY_SOCKET",
];

/// Where a library runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Process {
    /// In a process of its own, which may crash, leak and hang.
    #[default]
    Worker,
    /// In the server's process: some microseconds faster, and the server dies with it.
    InProcess,
}

/// How a library is run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where.
    pub process: Process,
    /// What C_Initialize is given in pReserved, as NSS wants it.
    pub parameters: Option<String>,
    /// Its tokens make only keys that are good for every use of their type, as TPMs do: then a new key is not bound to one
    /// use in the token itself.
    pub keys_for_every_use: bool,
    /// Variables of a worker's environment.
    pub environment: BTreeMap<String, String>,
    /// Names of variables that a worker gets from the server's environment, beside [`INHERITED`].
    pub inherit: Vec<String>,
    /// Bounds of a worker.
    pub bounds: Bounds,
}

/// What a worker process may use at most; `None` for as much as the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Bytes of address space.
    pub memory: Option<u64>,
    /// Open descriptors.
    pub files: Option<u64>,
}

/// The program that a worker process is: the server's own binary, unless tests say otherwise.
#[derive(Clone, Debug)]
pub struct Program(pub PathBuf);

impl Default for Program {
    /// This very binary, even when its file was replaced meanwhile.
    fn default() -> Self {
        Self("/proc/self/exe".into())
    }
}
