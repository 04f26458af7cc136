//! What is recorded of a request: once it was decided whether it goes on, and before its answer is given.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use access::Admitted;
use async_trait::async_trait;
use audit::{Answer, Audit, Auth, Data, Devices, KeyUse, Policy, Recording, Refusal, Request, Wrap};
use keys::{Used, Witness};
use model::{Fault, MountClass, Operation, Payload, Reply};
use num_bigint::BigInt;
use sandbox::Refusals;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use storage::Transaction;
use tenancy::{Mount, Namespace, Place, Target};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use crate::admission::Known;
use crate::corridor::Gateway;
use crate::governing;
use crate::routing::{Answerer, Routed};
use crate::{Arrival, body};

/// What the corridor knows of a request when it records it.
pub(crate) struct Facts<'a> {
    arrival: &'a Arrival,
    /// After the existence check, where there is one.
    operation: Operation,
    /// `None`: the path led into none.
    namespace: Option<Arc<Namespace>>,
    /// Below the namespace.
    path: String,
    target: At,
    /// Who asks, as far as that was found out.
    known: Option<&'a Known>,
    /// Whether it was admitted, and the policies that this rests on.
    decision: Option<(bool, Vec<Policy>)>,
}

/// What a path leads to, for entries.
enum At {
    Nowhere,
    Native(&'static str),
    Mount(Arc<Mount>),
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
    devices: &Arc<Devices>,
    facts: &Facts<'_>,
    refused: Option<&Fault>,
) -> Result<Arc<Recorder>, Fault> {
    let recorder = Recorder::new(devices, facts, || sent(facts.arrival)).map(Arc::new)?;
    let error = refused.map(text).unwrap_or_default();
    recorder.recording.request(&error, SystemTime::now()).await?;
    Ok(recorder)
}

/// The recorder of a request of which nothing is decided yet: for what must be asked before, which may be the use of a key.
/// Entries about that have no body, so nothing of it is hashed for them.
pub(crate) fn unopened(devices: &Arc<Devices>, facts: &Facts<'_>) -> Result<Arc<Recorder>, Fault> {
    Recorder::new(devices, facts, || Data::Nothing).map(Arc::new)
}

/// Records the answer, which is given only if that was done.
pub(crate) async fn close(recorder: &Recorder, answer: Result<&Reply, &Fault>) -> Result<(), Fault> {
    if recorder.recording.is_empty() {
        return Ok(());
    }
    let now = SystemTime::now();
    let reply = match answer {
        Ok(reply) => reply,
        Err(fault) => return recorder.recording.response(&Answer::default(), &text(fault), now).await,
    };
    let (auth, wrap) = (reply.auth.as_ref().map(let_in), reply.wrap_info.as_ref().map(put_away));
    let answer = Answer {
        auth: auth.as_ref(),
        data: answered(&reply.payload),
        clear: &recorder.clear,
        lease_id: reply.lease.as_ref().map_or("", |lease| &lease.id),
        wrap: wrap.as_ref(),
        warnings: &reply.warnings,
        headers: &reply.headers,
    };
    recorder.recording.response(&answer, "", now).await
}

/// Who was let in by an answer.
fn let_in(auth: &model::Auth) -> Auth {
    Auth {
        client_token: Some(auth.client_token.clone()),
        accessor: auth.accessor.clone(),
        display_name: auth.display_name.clone(),
        policies: auth.policies.clone(),
        token_policies: auth.token_policies.clone(),
        identity_policies: auth.identity_policies.clone(),
        metadata: pairs(&auth.metadata),
        entity_id: auth.entity_id.clone(),
        token_type: auth.token_type.name().to_owned(),
        token_ttl: auth.lease_duration,
        num_uses: auth.num_uses,
        remaining_uses: auth.num_uses,
        ..Auth::default()
    }
}

/// Where an answer was put.
fn put_away(info: &model::WrapInfo) -> Wrap {
    Wrap {
        token: Some(info.token.clone()),
        accessor: info.accessor.clone(),
        ttl: info.ttl,
        creation_time: info.creation_time.clone(),
        creation_path: info.creation_path.clone(),
        wrapped_accessor: info.wrapped_accessor.clone().unwrap_or_default(),
    }
}

fn pairs(metadata: &BTreeMap<String, String>) -> Vec<(String, String)> {
    metadata.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
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
    fn new<'a>(devices: &Arc<Devices>, facts: &'a Facts<'a>, data: impl FnOnce() -> Data<'a>) -> Result<Self, Fault> {
        let recording = Recording::new(devices, || (facts.request(data()), facts.auth()))?;
        let clear = match &facts.target {
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
        facts: &Facts<'_>,
    ) -> Result<Arc<Self>, Fault> {
        let newer = Self::new(&audit.devices(transaction).await?, facts, || sent(facts.arrival))?;
        Ok(if newer.recording.is_empty() { self } else { Arc::new(newer) })
    }

    /// Who is told of powers that were refused; nobody when nothing is recorded.
    pub(crate) fn refusals(self: &Arc<Self>) -> Option<Arc<dyn Refusals>> {
        (!self.recording.is_empty()).then(|| Arc::clone(self) as _)
    }

    /// Who is told of uses; nobody when nothing is recorded.
    pub(crate) fn witness(self: &Arc<Self>) -> Option<Arc<dyn Witness>> {
        (!self.recording.is_empty()).then(|| Arc::clone(self) as _)
    }
}

#[async_trait]
impl Refusals for Recorder {
    async fn refused(&self, power: &'static str, why: &str) -> Result<(), Fault> {
        self.recording.refusal(Refusal { power, error: why }, SystemTime::now()).await
    }
}

#[async_trait]
impl Witness for Recorder {
    async fn used(&self, used: Used<'_>) -> Result<(), Fault> {
        let uuid = used.uuid.map(|uuid| uuid.to_string()).unwrap_or_default();
        let about = KeyUse {
            name: used.key,
            uuid: &uuid,
            home: used.home.map_or("", keys::ProviderType::name),
            key_type: used.key_type.map(|kind| kind.to_string()).unwrap_or_default(),
            act: used.act.name(),
            algorithm: used.algorithm(),
            digest: used.digest,
            input_length: used.input_length,
            error: used.error.map(ToString::to_string).unwrap_or_default(),
        };
        self.recording.key_use(&about, SystemTime::now()).await
    }
}

impl<'a> Facts<'a> {
    /// What is known before anything is decided.
    pub(crate) fn new(arrival: &'a Arrival, known: Option<&'a Known>, routed: Option<&Routed>) -> Self {
        let target = match routed.map(|routed| &routed.answerer) {
            None => At::Nowhere,
            Some(Answerer::Guest(engine)) => At::Mount(Arc::clone(&engine.mount)),
            Some(Answerer::Host(_)) => At::Native(routed.map_or("sys/", |routed| native_mount(&routed.path))),
        };
        Self {
            arrival,
            operation: arrival.operation,
            namespace: routed.map(|routed| Arc::clone(&routed.namespace)),
            path: routed.map_or(&arrival.path, |routed| &routed.path).clone(),
            target,
            known,
            decision: None,
        }
    }

    /// What is known of a request that is refused before anybody is asked who answers there.
    pub(crate) fn on_the_way(arrival: &'a Arrival, known: Option<&'a Known>, place: Option<&Place>) -> Self {
        let Some(place) = place else { return Self::new(arrival, known, None) };
        let target = match &place.target {
            Target::Mount(mount) => At::Mount(Arc::clone(mount)),
            _ => At::Native(native_mount(&place.path)),
        };
        let (namespace, path) = (Some(Arc::clone(&place.namespace)), place.path.clone());
        Self { namespace, path, target, ..Self::new(arrival, known, None) }
    }

    /// Takes what was decided: the operation, and the policies that it rests on; `None`: it was refused.
    pub(crate) fn decided(&mut self, admitted: Option<(Operation, &Admitted)>) {
        let Some((operation, admitted)) = admitted else {
            self.decision = self.known.map(|_| (false, Vec::new()));
            return;
        };
        self.operation = operation;
        let granting = admitted.granting().iter().map(|granting| Policy {
            name: granting.name.clone(),
            namespace: audit::Namespace { id: granting.namespace_id.clone(), path: granting.namespace_path.clone() },
        });
        self.decision = self.known.map(|_| (true, granting.collect()));
    }

    fn request<'d>(&'d self, data: Data<'d>) -> Request<'d> {
        let (mount, clear): (_, &[String]) = match &self.target {
            At::Nowhere => (None, &[]),
            At::Native(point) => (Some(native(point, self.namespace.as_deref())), &[]),
            At::Mount(mount) => (Some(mounted(mount)), &mount.config.audit_non_hmac_request_keys),
        };
        let arrival = self.arrival;
        let principal = self.known.map(Known::principal);
        Request {
            id: arrival.id.clone(),
            client_id: principal.map(|who| who.entity_id.clone()).unwrap_or_default(),
            operation: Some(self.operation),
            namespace: self.namespace.as_deref().map(shown).unwrap_or_default(),
            path: self.path.clone(),
            mount,
            data,
            clear,
            client_token: arrival.token.clone(),
            client_token_accessor: principal.map(|who| who.accessor.clone()).unwrap_or_default(),
            remote_address: arrival.peer.ip().to_string(),
            remote_port: arrival.peer.port(),
            wrap_ttl: arrival.wrap_ttl.map_or(0, |ttl| ttl.as_secs()),
            policy_override: governing::overrides(arrival),
            headers: &arrival.headers,
            client_certificate_serial_number: arrival.client_certificate.as_deref().map(serial).unwrap_or_default(),
        }
    }

    fn auth(&self) -> Option<Auth> {
        let known = self.known?;
        let who = known.principal();
        Some(Auth {
            client_token: self.arrival.token.clone(),
            accessor: who.accessor.clone(),
            display_name: who.display_name.clone(),
            policies: known.policies(),
            token_policies: who.policies.clone(),
            identity_policies: known.identity_policies().to_vec(),
            decision: self.decision.clone(),
            metadata: pairs(&who.meta),
            entity_id: who.entity_id.clone(),
            token_type: who.kind.name().to_owned(),
            token_ttl: who.creation_ttl,
            token_issue_time: Some(UNIX_EPOCH + Duration::from_secs(who.creation_time)),
            num_uses: who.uses_given,
            remaining_uses: who.num_uses,
        })
    }
}

/// The serial number of a certificate, in decimal as auditors know it; empty where it cannot be read.
fn serial(der: &[u8]) -> String {
    let read = Certificate::from_der(der).ok();
    let number = |read: &Certificate| BigInt::from_signed_bytes_be(read.tbs_certificate().serial_number().as_bytes());
    read.as_ref().map(|read| number(read).to_string()).unwrap_or_default()
}

/// The part of a namespace that a native path is in.
fn native_mount(path: &str) -> &'static str {
    // A path comes without a slash behind it.
    let is_in = |point: &&str| path.starts_with(point) || path == point.trim_end_matches('/');
    ["auth/token/", "identity/", "cubbyhole/"].into_iter().find(is_in).unwrap_or("sys/")
}

impl Gateway {
    /// Lets audit devices open their files and connections anew: files were rotated.
    pub fn reopen_audit(&self) {
        if let Some(open) = self.open.load_full() {
            open.rooms.audit.reopen();
        }
    }
}

/// What a request brought: an object, or anything else as it is.
fn sent(arrival: &Arrival) -> Data<'_> {
    if !arrival.operation.has_body() || arrival.body.is_empty() {
        let query = body::query(arrival);
        return if query.is_empty() { Data::Nothing } else { object(&query) };
    }
    match serde_json::from_slice::<&RawValue>(&arrival.body) {
        Ok(sent) if sent.get().starts_with('{') => Data::Object(Cow::Borrowed(sent)),
        _ => Data::Bytes(&arrival.body),
    }
}

fn answered(payload: &Payload) -> Data<'_> {
    match payload {
        Payload::Nothing | Payload::Streamed { .. } => Data::Nothing,
        Payload::Data(data) => Data::Object(Cow::Borrowed(data)),
        Payload::Flattened(fields) => object(fields),
        Payload::Bare(value) => object(value),
        Payload::Raw { bytes, .. } if bytes.is_empty() => Data::Nothing,
        Payload::Raw { bytes, .. } => Data::Bytes(bytes),
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

fn native(point: &str, namespace: Option<&Namespace>) -> audit::Mount {
    let (class, kind) = match point {
        "sys/" => ("secret", "system"),
        "auth/token/" => ("auth", "token"),
        other => ("secret", other.trim_end_matches('/')),
    };
    let accessor = namespace.and_then(|namespace| system::native_accessor(point, namespace)).unwrap_or_default();
    audit::Mount { kind: kind.to_owned(), accessor, class, point: point.to_owned() }
}

fn mounted(mount: &Mount) -> audit::Mount {
    audit::Mount {
        kind: mount.kind.clone(),
        accessor: mount.accessor.clone(),
        class: if mount.class == MountClass::Auth { "auth" } else { "secret" },
        point: mount.path.to_string(),
    }
}
