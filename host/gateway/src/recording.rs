//! What is recorded of a request: once it was decided whether it goes on, and before its answer is given.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use access::Principal;
use async_trait::async_trait;
use audit::{Answer, Audit, Auth, Data, KeyUse, Recording, Request, Wrap};
use keys::{ManagedKeys, Used, Witness};
use model::{Fault, Operation, Payload, Reply};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use storage::Transaction;
use tenancy::{Mount, Namespace};

use crate::corridor::Gateway;
use crate::{Arrival, body};

/// What the corridor knows of a request when it records it.
pub(crate) struct Asked<'a> {
    pub(crate) arrival: &'a Arrival,
    /// After the existence check, where there is one.
    pub(crate) operation: Operation,
    /// `None`: the path led into none.
    pub(crate) namespace: Option<&'a Namespace>,
    /// Below the namespace.
    pub(crate) path: String,
    pub(crate) target: At<'a>,
    /// Who asks, as far as that was found out.
    pub(crate) principal: Option<&'a Principal>,
    /// Whether it was admitted; `None`: nobody asked, because the route answers anybody.
    pub(crate) allowed: Option<bool>,
}

/// What a path leads to, for entries.
#[derive(Clone, Copy)]
pub(crate) enum At<'a> {
    Nowhere,
    System,
    Token,
    Mount(&'a Mount),
}

/// What an answer holds besides its reply.
#[derive(Default)]
pub(crate) struct Added<'a> {
    /// Who was let in.
    pub(crate) auth: Option<&'a Auth>,
    /// The lease.
    pub(crate) lease_id: &'a str,
    /// Where the answer was put instead of being given.
    pub(crate) wrap: Option<&'a Wrap>,
}

/// Records what becomes of one request, uses of managed keys among it.
pub(crate) struct Recorder {
    recording: Recording,
    /// Top-level names of the answer that are shown in clear.
    clear: Vec<String>,
}

/// Records a request once it was decided whether it goes on; `refused`: why it does not. A request that is not recorded
/// does not go on.
pub(crate) async fn open(
    audit: &Audit,
    transaction: &Transaction,
    asked: &Asked<'_>,
    refused: Option<&Fault>,
) -> Result<Arc<Recorder>, Fault> {
    let recorder = Recorder::new(audit, transaction, asked).await?;
    let error = refused.map(text).unwrap_or_default();
    recorder.recording.request(&error, SystemTime::now()).await?;
    Ok(Arc::new(recorder))
}

/// Records the answer, which is given only if that was done.
pub(crate) async fn close(recorder: &Recorder, answer: Result<&Reply, &Fault>, added: Added<'_>) -> Result<(), Fault> {
    if recorder.recording.is_empty() {
        return Ok(());
    }
    let now = SystemTime::now();
    match answer {
        Err(fault) => recorder.recording.response(&Answer::default(), &text(fault), now).await,
        Ok(reply) => {
            let answer = Answer {
                auth: added.auth,
                data: answered(&reply.payload),
                clear: &recorder.clear,
                lease_id: added.lease_id,
                redirect: "",
                wrap: added.wrap,
                warnings: &reply.warnings,
                headers: &reply.headers,
            };
            recorder.recording.response(&answer, "", now).await
        }
    }
}

/// A recorder for what a mount does without being asked: only its uses of managed keys are recorded.
pub(crate) async fn unasked(
    audit: &Audit,
    transaction: &Transaction,
    id: &str,
    namespace: &Namespace,
    mount: &Mount,
) -> Result<Arc<Recorder>, Fault> {
    let devices = audit.devices(transaction).await?;
    let facts = || {
        let request = Request {
            id: id.to_owned(),
            namespace: shown(namespace),
            path: mount.path.to_string(),
            mount: Some(mounted(mount)),
            ..Request::default()
        };
        (request, None)
    };
    Ok(Arc::new(Recorder { recording: Recording::new(&devices, facts)?, clear: Vec::new() }))
}

impl Recorder {
    async fn new(audit: &Audit, transaction: &Transaction, asked: &Asked<'_>) -> Result<Self, Fault> {
        let devices = audit.devices(transaction).await?;
        let recording = Recording::new(&devices, || (asked.request(), asked.auth()))?;
        let clear = match asked.target {
            At::Mount(mount) if !devices.is_empty() => mount.config.audit_non_hmac_response_keys.clone(),
            _ => Vec::new(),
        };
        Ok(Self { recording, clear })
    }

    /// The recorder for the answer to a request that may have changed the devices themselves: it goes to those that there
    /// are now, or, if there is none any more, to those that there were.
    pub(crate) async fn renewed(
        self: Arc<Self>,
        audit: &Audit,
        transaction: &Transaction,
        asked: &Asked<'_>,
    ) -> Result<Arc<Self>, Fault> {
        let newer = Self::new(audit, transaction, asked).await?;
        Ok(if newer.recording.is_empty() { self } else { Arc::new(newer) })
    }

    /// The managed keys for this request: each use of one is recorded.
    pub(crate) fn keys(self: &Arc<Self>, keys: &ManagedKeys) -> ManagedKeys {
        self.witness().map_or_else(|| keys.clone(), |witness| keys.witnessed(witness))
    }

    /// Who is told of uses; nobody when nothing is recorded.
    pub(crate) fn witness(self: &Arc<Self>) -> Option<Arc<dyn Witness>> {
        (!self.recording.is_empty()).then(|| Arc::clone(self) as _)
    }
}

#[async_trait]
impl Witness for Recorder {
    async fn used(&self, used: Used<'_>) -> Result<(), Fault> {
        let scheme = used.scheme.map(|scheme| scheme.to_string());
        let uuid = used.uuid.map(|uuid| uuid.to_string()).unwrap_or_default();
        let about = KeyUse {
            name: used.key,
            uuid: &uuid,
            home: used.home.map_or("", keys::ProviderType::name),
            key_type: used.key_type.map(|kind| kind.to_string()).unwrap_or_default(),
            act: used.act.name(),
            algorithm: scheme.or(used.hash.map(|hash| hash.name().to_owned())).unwrap_or_default(),
            digest: used.digest,
            input_length: used.input_length,
            error: used.error.map(ToString::to_string).unwrap_or_default(),
        };
        self.recording.key_use(&about, SystemTime::now()).await
    }
}

impl Asked<'_> {
    fn request(&self) -> Request<'_> {
        let (mount, clear): (_, &[String]) = match self.target {
            At::Nowhere => (None, &[]),
            At::System => (Some(native("system", "secret", "sys/")), &[]),
            At::Token => (Some(native("token", "auth", "auth/token/")), &[]),
            At::Mount(mount) => (Some(mounted(mount)), &mount.config.audit_non_hmac_request_keys),
        };
        let arrival = self.arrival;
        Request {
            id: arrival.id.clone(),
            client_id: String::new(),
            operation: Some(self.operation),
            namespace: self.namespace.map(shown).unwrap_or_default(),
            path: self.path.clone(),
            mount,
            data: sent(arrival),
            clear,
            client_token: arrival.token.clone(),
            client_token_accessor: self.principal.map(|who| who.accessor.clone()).unwrap_or_default(),
            remote_address: arrival.peer.ip().to_string(),
            remote_port: arrival.peer.port(),
            wrap_ttl: 0,
            headers: &arrival.headers,
            client_certificate_serial_number: String::new(),
        }
    }

    fn auth(&self) -> Option<Auth> {
        let who = self.principal?;
        Some(Auth {
            client_token: self.arrival.token.clone(),
            accessor: who.accessor.clone(),
            display_name: who.display_name.clone(),
            policies: who.policies.clone(),
            token_policies: who.policies.clone(),
            decision: self.allowed.map(|allowed| (allowed, Vec::new())),
            token_type: "service".to_owned(),
            token_issue_time: Some(UNIX_EPOCH + Duration::from_secs(who.creation_time)),
            ..Auth::default()
        })
    }
}

impl Gateway {
    /// Lets audit devices open their files and connections anew: files were rotated.
    pub fn reopen_audit(&self) {
        if let Some(open) = self.open.load_full() {
            open.rooms.audit.reopen();
        }
    }
}

/// What a request brought: an object, or the length of anything else.
fn sent(arrival: &Arrival) -> Data<'_> {
    if !arrival.operation.has_body() || arrival.body.is_empty() {
        let query = body::query(arrival);
        return if query.is_empty() { Data::Nothing } else { object(&query) };
    }
    match serde_json::from_slice::<&RawValue>(&arrival.body) {
        Ok(sent) if sent.get().starts_with('{') => Data::Object(Cow::Borrowed(sent)),
        _ => Data::Bytes(arrival.body.len()),
    }
}

fn answered(payload: &Payload) -> Data<'_> {
    match payload {
        Payload::Nothing | Payload::Streamed { .. } => Data::Nothing,
        Payload::Data(data) => Data::Object(Cow::Borrowed(data)),
        Payload::Flattened(fields) => object(fields),
        Payload::Bare(value) => object(value),
        Payload::Raw { bytes, .. } => Data::Bytes(bytes.len()),
    }
}

fn object(value: &impl Serialize) -> Data<'static> {
    to_raw_value(value).map_or(Data::Nothing, |raw| Data::Object(Cow::Owned(raw)))
}

/// Why something is refused, as the client is told.
fn text(fault: &Fault) -> String {
    if fault.messages.is_empty() { "not found".to_owned() } else { fault.messages.join("; ") }
}

fn shown(namespace: &Namespace) -> audit::Namespace {
    audit::Namespace { id: namespace.public_id(), path: namespace.path.to_string() }
}

fn native(kind: &str, class: &'static str, point: &str) -> audit::Mount {
    audit::Mount { kind: kind.to_owned(), accessor: String::new(), class, point: point.to_owned() }
}

fn mounted(mount: &Mount) -> audit::Mount {
    audit::Mount {
        kind: mount.kind.clone(),
        accessor: mount.accessor.clone(),
        class: "secret",
        point: mount.path.to_string(),
    }
}
