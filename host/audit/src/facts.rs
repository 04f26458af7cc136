//! What entries are made of: plain facts, gathered by the corridor.

use std::borrow::Cow;
use std::time::SystemTime;

use model::Operation;
use secrecy::SecretString;
use serde_json::value::RawValue;

/// What is asked. Fields that are empty are left out of entries.
#[derive(Debug, Default)]
pub struct Request<'a> {
    /// Identifies the request.
    pub id: String,
    /// Whose use this counts as: the entity, or what stands for a token without one.
    pub client_id: String,
    /// What is wanted; `None` for verbs that have no name.
    pub operation: Option<Operation>,
    /// The namespace that it is in.
    pub namespace: Namespace,
    /// The whole path below the namespace.
    pub path: String,
    /// What answers there, if something does.
    pub mount: Option<Mount>,
    /// The parameters or the body.
    pub data: Data<'a>,
    /// Top-level names of the data that are shown in clear.
    pub clear: &'a [String],
    /// As sent. Written as a hash, unless the device has `log_raw`.
    pub client_token: Option<SecretString>,
    /// Names the token without being it.
    pub client_token_accessor: String,
    /// Where the connection came from.
    pub remote_address: String,
    /// The port there.
    pub remote_port: u16,
    /// In seconds; 0 when the answer is not to be wrapped.
    pub wrap_ttl: u64,
    /// Whether policies that may be overridden are to be.
    pub policy_override: bool,
    /// All headers, names in lower case; only those that are configured are written.
    pub headers: &'a [(String, String)],
    /// In decimal, when the client showed a certificate: it holds its key, and who issued it is the listener's to ask.
    pub client_certificate_serial_number: String,
}

/// A namespace.
#[derive(Clone, Debug, Default)]
pub struct Namespace {
    /// As clients see it; `root` for the root.
    pub id: String,
    /// Empty for the root.
    pub path: String,
}

/// What answers at a path.
#[derive(Clone, Debug, Default)]
pub struct Mount {
    /// The engine's name, for instance `pki`.
    pub kind: String,
    /// Names the mount through moves.
    pub accessor: String,
    /// `secret` or `auth`.
    pub class: &'static str,
    /// Its path, ending in `/`.
    pub point: String,
}

/// A body.
#[derive(Debug, Default)]
pub enum Data<'a> {
    /// None.
    #[default]
    Nothing,
    /// A JSON object.
    Object(Cow<'a, RawValue>),
    /// Anything else: one hash of the whole is written, and the length.
    Bytes(&'a [u8]),
}

/// Who asks, or who was let in by an answer.
#[derive(Clone, Debug, Default)]
pub struct Auth {
    /// Written as a hash, unless the device has `log_raw`.
    pub client_token: Option<SecretString>,
    /// Names the token without being it.
    pub accessor: String,
    /// What people call it.
    pub display_name: String,
    /// All policies.
    pub policies: Vec<String>,
    /// Those of the token itself.
    pub token_policies: Vec<String>,
    /// Those that came with the entity.
    pub identity_policies: Vec<String>,
    /// The decision, and the policies that it rests on; `None` before one.
    pub decision: Option<(bool, Vec<Policy>)>,
    /// What the login attached.
    pub metadata: Vec<(String, String)>,
    /// The identity entity.
    pub entity_id: String,
    /// `service` or `batch`.
    pub token_type: String,
    /// In seconds, from its issue.
    pub token_ttl: u64,
    /// When it was issued.
    pub token_issue_time: Option<SystemTime>,
    /// How often it may be used in all; 0 for any number.
    pub num_uses: u64,
    /// How often it may still be used; 0 for any number.
    pub remaining_uses: u64,
}

/// A policy that a decision rests on.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// The namespace that it is in.
    pub namespace: Namespace,
}

/// What is answered.
#[derive(Debug, Default)]
pub struct Answer<'a> {
    /// Who was let in, for logins and new tokens.
    pub auth: Option<&'a Auth>,
    /// The body.
    pub data: Data<'a>,
    /// Top-level names of the data that are shown in clear.
    pub clear: &'a [String],
    /// The lease, if the answer has one.
    pub lease_id: &'a str,
    /// When the answer was wrapped.
    pub wrap: Option<&'a Wrap>,
    /// Shown to the client.
    pub warnings: &'a [String],
    /// Headers of the answer.
    pub headers: &'a [(String, String)],
}

/// An answer that was put into a token of its own.
#[derive(Debug, Default)]
pub struct Wrap {
    /// Written as a hash, unless the device has `log_raw`.
    pub token: Option<SecretString>,
    /// Names that token.
    pub accessor: String,
    /// In seconds.
    pub ttl: u64,
    /// When it was made, as the client is told.
    pub creation_time: String,
    /// The path that was asked.
    pub creation_path: String,
    /// The accessor of the token that is inside, if one is.
    pub wrapped_accessor: String,
}

/// A power that an engine asked for and its mount was not granted.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'a> {
    /// Which power, in the word of the mount's `powers`: `http_out`.
    pub power: &'a str,
    /// What it was refused, and why.
    pub error: &'a str,
}

/// One use of a managed key.
#[derive(Debug, Default)]
pub struct KeyUse<'a> {
    /// The key's name.
    pub name: &'a str,
    /// Its UUID.
    pub uuid: &'a str,
    /// Where it lives: `pkcs11`, `awskms`, …
    pub home: &'a str,
    /// What it is, for instance `EC P256`; empty when that is not known.
    pub key_type: String,
    /// What was done: `sign`, `decrypt`, `generate`, `open`.
    pub act: &'a str,
    /// The scheme or the hash.
    pub algorithm: String,
    /// What was signed, when that is a digest.
    pub digest: Option<&'a [u8]>,
    /// How many bytes were given to the key.
    pub input_length: Option<usize>,
    /// Why it did not happen; empty when it did.
    pub error: String,
}
