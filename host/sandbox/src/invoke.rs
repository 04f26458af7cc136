//! One entry into a guest: in with a grant, out with an outcome.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use meter::{Bound, Entry, Used};
use model::{Fault, Kind, MountClass, Reply};
use serde_json::value::RawValue;
use storage::Transaction;
use tokio::time::Instant;
use traces::{Asks, Span};
use wasmtime::Store;

use crate::bindings::exports::innkeeper::engine::engine::Guest as Exports;
use crate::bindings::innkeeper::engine::types as wit;
use crate::entry::{self, Called, Entered, Taken};
use crate::grant::{Call, Caller, Grant, Lent};
use crate::guest::Guest;
use crate::limits::{BODY_MAX, HEADERS_MAX, LEASE_INTERNAL_MAX, MESSAGES_MAX, TEXT_MAX, WARNINGS_MAX};
use crate::login::{Attempt, Login, TokenWishes};
use crate::services::convert;
use crate::state::{Ended, State, Touched};

/// What a call of one export gives.
type Given<T> = Result<T, wit::Fault>;

impl Guest {
    /// Answers a request in a fresh instance. Only an answer gives the transaction back, with the writes that wait in
    /// it: after a fault or a trap there is nothing left that could be committed.
    pub async fn handle(&self, grant: Grant, call: Call) -> Result<Answered, Refusal> {
        let may_log_in = self.may_log_in(&call);
        let request = request(&grant, call);
        // Not what the guest calls itself: that is whatever it likes.
        let mount_type = grant.mount.kind.clone();
        let entry = self
            .enter("handle", grant, |engine, store| Box::pin(async move { engine.call_handle(store, &request).await }));
        let (response, state) = entry.await?;
        Ok(answered(response, mount_type, may_log_in, state)?)
    }

    fn may_log_in(&self, call: &Call) -> bool {
        let action = self.descriptor.routes.get(call.route).and_then(|route| route.action(call.operation));
        self.descriptor.class == MountClass::Auth && action.is_some_and(|action| action.unauthenticated)
    }

    /// Asks whether what a request writes to is already there.
    pub async fn exists(&self, grant: Grant, call: Call) -> Result<(bool, Transaction), Fault> {
        let request = request(&grant, call);
        let entry = self
            .enter("exists", grant, |engine, store| Box::pin(async move { engine.call_exists(store, &request).await }));
        let (exists, state) = entry.await.map_err(|refusal| refusal.fault)?;
        Ok((exists, transaction(state)?))
    }

    /// Lets the guest do its periodic work for a mount. Like an answer, only success gives the transaction back.
    pub async fn tick(&self, grant: Grant) -> Result<Transaction, Fault> {
        let context = context(&grant);
        let entry =
            self.enter("tick", grant, |engine, store| Box::pin(async move { engine.call_tick(store, &context).await }));
        let ((), state) = entry.await.map_err(|refusal| refusal.fault)?;
        transaction(state)
    }

    /// Lets the guest take back what it lent. Only success gives the transaction back.
    pub async fn revoke(&self, grant: Grant, lent: Lent) -> Result<Transaction, Fault> {
        let (context, lease) = (context(&grant), wit::Lease::from(lent));
        let entry = self.enter("revoke", grant, |engine, store| {
            Box::pin(async move { engine.call_revoke(store, &context, &lease).await })
        });
        let ((), state) = entry.await.map_err(|refusal| refusal.fault)?;
        transaction(state)
    }

    /// Lets the guest extend what it lent, for as long as `lent` asks; the answer says for how long it does.
    pub async fn renew(&self, grant: Grant, lent: Lent) -> Result<(Lent, Transaction), Fault> {
        let (context, lease) = (context(&grant), wit::Lease::from(lent));
        let entry = self.enter("renew", grant, |engine, store| {
            Box::pin(async move { engine.call_renew(store, &context, &lease).await })
        });
        let (lease, state) = entry.await.map_err(|refusal| refusal.fault)?;
        Ok((lent_by(lease).map_err(out_of_bounds)?, transaction(state)?))
    }

    /// Asks an auth method whether the token of a login may be renewed, and for how long. `internal` is what the login
    /// answered, `caller` who asks for the renewal.
    pub async fn renew_token(
        &self,
        grant: Grant,
        caller: Caller,
        internal: &str,
    ) -> Result<(TokenWishes, Transaction), Fault> {
        let (context, caller, internal) = (context(&grant), wit::Caller::from(caller), internal.to_owned());
        let entry = self.enter("renew-token", grant, |engine, store| {
            Box::pin(async move { engine.call_renew_token(store, &context, &caller, &internal).await })
        });
        let (wishes, state) = entry.await.map_err(|refusal| refusal.fault)?;
        Ok((TokenWishes::check(wishes).map_err(out_of_bounds)?, transaction(state)?))
    }

    /// One entry: calls an export in a fresh instance, until the grant's deadline. What computes for long goes on aside,
    /// and what always does so begins there.
    async fn enter<T: Send + 'static>(
        &self,
        export: &'static str,
        grant: Grant,
        call: impl for<'a> FnOnce(&'a Exports, &'a mut Store<State>) -> Called<'a, Given<T>> + Send + 'static,
    ) -> Result<(T, State), Refusal> {
        let (deadline, kind) = (grant.deadline, grant.mount.kind.clone());
        let span = self.entry(export, &grant);
        let mut state = State::new(Some(grant), deadline);
        state.span = span;
        state.long = Arc::new(AtomicBool::new(self.habit.is_long()));
        let instance = self.instance.clone();
        let entered = entry::enter((&self.engine, &self.aside), state, |store| {
            Box::pin(async move {
                let guest = instance.instantiate_async(&mut *store).await?;
                call(guest.innkeeper_engine_engine(), store).await
            })
        });
        let entered = entered.await.ok_or_else(|| Fault::internal("the server is about to end"))?;
        let (value, mut state) = self.left(&kind, entered)?;
        state.settle().await.map_err(Fault::from)?;
        Ok((value, state))
    }

    /// The entry in the trace of its request.
    fn entry(&self, export: &'static str, grant: &Grant) -> Span {
        let mut span = grant.trace.span("guest", Asks::Nobody);
        if span.is_recorded() {
            span.text("innkeeper.engine.name", &self.descriptor.name);
            span.text("innkeeper.engine.version", &self.descriptor.version);
            span.text("innkeeper.engine.export", export);
            // What is built in has none of its own.
            if let Some(running) = &grant.mount.running {
                span.text("innkeeper.engine.digest", &running.sha256);
            }
        }
        span
    }

    /// How an entry ended: with the guest's own result and the state it left, or with a fault.
    fn left<T>(&self, kind: &str, entered: Entered<Given<T>>) -> Result<(T, State), Refusal> {
        let Entered { ending, taken: Taken { computing, busy, all }, mut state } = entered;
        self.habit.took(computing);
        state.tell_printed();
        state.tell_dropped_lines();
        let (mut span, touched) = (std::mem::take(&mut state.span), std::mem::take(&mut state.touched));
        let mut used = Used { busy, waiting: all.saturating_sub(busy), memory: state.memory, bounds: Vec::new() };
        let (entry, left) = match ending {
            Ok(Ok(Ok(value))) => {
                used.bounds = std::mem::take(&mut state.bounds);
                (Entry::Answered, Ok((value, state)))
            }
            Ok(Ok(Err(fault))) => {
                used.bounds = state.bounds;
                (Entry::Refused, Err(refused(fault)))
            }
            Ok(Err(trap)) => {
                if trap.is::<wasmtime::PoolConcurrencyLimitError>() {
                    state.met(Bound::Instances);
                }
                let fault = trapped(&trap, &state);
                used.bounds = state.bounds;
                (Entry::Trapped, Err(fault.into()))
            }
            Err(_elapsed) => {
                state.met(Bound::Deadline);
                used.bounds = state.bounds;
                (Entry::Late, Err(ended(&Ended::Deadline).into()))
            }
        };
        self.meter.entered(kind, entry, &used);
        told(&mut span, entry, &used, &touched);
        left
    }
}

/// Says in a trace how an entry ended, and what it used.
fn told(span: &mut Span, entry: Entry, used: &Used, touched: &Touched) {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    span.number("innkeeper.guest.busy_us", micros(used.busy));
    span.number("innkeeper.guest.waiting_us", micros(used.waiting));
    span.number("innkeeper.guest.memory_bytes", used.memory as u64);
    span.number("innkeeper.storage.gets", touched.gets);
    span.number("innkeeper.storage.lists", touched.lists);
    span.number("innkeeper.storage.puts", touched.puts);
    span.number("innkeeper.storage.deletes", touched.deletes);
    match entry {
        Entry::Answered | Entry::Refused => {}
        Entry::Trapped => span.failed("trapped"),
        Entry::Late => span.failed("late"),
    }
    let outcome = match entry {
        Entry::Answered => "answered",
        Entry::Refused => "refused",
        Entry::Trapped => "trapped",
        Entry::Late => "late",
    };
    span.text("innkeeper.guest.outcome", outcome);
}

/// What a guest answered.
pub struct Answered {
    /// For the client.
    pub reply: Reply,
    /// What is owed back.
    pub lent: Option<Lent>,
    /// A login: the host makes a token of it before it replies.
    pub login: Option<Login>,
    /// With the writes that wait in it.
    pub transaction: Transaction,
}

/// How a guest refused or failed.
#[derive(Debug)]
pub struct Refusal {
    /// For the client.
    pub fault: Fault,
    /// Set when somebody tried to log in as somebody and did not prove to be them.
    pub attempt: Option<Attempt>,
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self { fault, attempt: None }
    }
}

/// What a guest that succeeded gives back.
fn transaction(state: State) -> Result<Transaction, Fault> {
    state.grant.map(|grant| grant.transaction).ok_or_else(|| Fault::internal("an entry without a grant"))
}

fn context(grant: &Grant) -> wit::Context {
    let mount = wit::MountFacts {
        accessor: grant.mount.accessor.clone(),
        namespace: grant.namespace.path.as_str().to_owned(),
        path: grant.mount.path.as_str().to_owned(),
        default_lease_ttl: grant.default_lease_ttl,
        max_lease_ttl: grant.max_lease_ttl,
        options: grant.mount.options.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
    };
    let left = grant.deadline.saturating_duration_since(Instant::now());
    let deadline = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    wit::Context { request_id: grant.request_id.clone(), mount, deadline }
}

fn request(grant: &Grant, call: Call) -> wit::Request {
    wit::Request {
        context: context(grant),
        operation: convert::operation_to(call.operation),
        route: u32::try_from(call.route).unwrap_or(u32::MAX),
        captures: call.captures,
        body: call.body,
        raw: call.raw.map(|raw| wit::RawBody { content_type: raw.content_type, bytes: raw.bytes }),
        headers: call.headers,
        caller: call.caller.into(),
    }
}

fn answered(
    mut response: wit::Response,
    mount_type: String,
    may_log_in: bool,
    state: State,
) -> Result<Answered, Fault> {
    let login = match std::mem::replace(&mut response.payload, wit::Payload::Nothing) {
        wit::Payload::Auth(_) if !may_log_in => {
            return Err(out_of_bounds("a login, which only an auth method may answer, where no token is asked for"));
        }
        wit::Payload::Auth(auth) => Some(Login::check(auth).map_err(out_of_bounds)?),
        other => {
            response.payload = other;
            None
        }
    };
    let lent = response.lease.take().map(lent_by).transpose().map_err(out_of_bounds)?;
    let reply = reply(response, mount_type).map_err(out_of_bounds)?;
    Ok(Answered { reply, lent, login, transaction: transaction(state)? })
}

fn lent_by(lease: wit::Lease) -> Result<Lent, &'static str> {
    if lease.internal.len() > LEASE_INTERNAL_MAX {
        return Err("more than 64 KiB kept with a lease");
    }
    // Only checked, not taken apart: it is the engine's own.
    data(lease.internal).map(|internal| Lent {
        ttl: lease.ttl,
        renewable: lease.renewable,
        internal: Box::<str>::from(internal).into(),
    })
}

impl From<Caller> for wit::Caller {
    fn from(caller: Caller) -> Self {
        Self {
            entity_id: caller.entity_id,
            display_name: caller.display_name,
            metadata: caller.metadata,
            client_certificate: caller.client_certificate,
            remote_address: caller.remote_address,
        }
    }
}

impl From<Lent> for wit::Lease {
    fn from(lent: Lent) -> Self {
        Self { ttl: lent.ttl, renewable: lent.renewable, internal: lent.internal }
    }
}

/// The client is told which bound it was, never what was answered.
fn out_of_bounds(why: &str) -> Fault {
    let text = format!("the engine's answer is out of bounds: {why}");
    Fault::new(Kind::Internal, text.clone()).detail(text)
}

/// Checks an answer: a guest is as foreign as a client.
fn reply(response: wit::Response, mount_type: String) -> Result<Reply, &'static str> {
    if response.warnings.len() > WARNINGS_MAX {
        return Err("more than 64 warnings");
    }
    let payload = match response.payload {
        wit::Payload::Nothing => model::Payload::Nothing,
        wit::Payload::Data(text) if text.len() > BODY_MAX => return Err("more than 8 MiB of data"),
        wit::Payload::Data(text) => model::Payload::Data(data(text)?),
        wit::Payload::Raw(raw) => raw_payload(raw)?,
        wit::Payload::Auth(_) => return Err("a login in the wrong place"),
    };
    if response.status.is_some_and(|status| !(200..300).contains(&status)) {
        return Err("a status outside 200 to 299");
    }
    let warnings = response.warnings.into_iter().map(cut).collect();
    Ok(Reply {
        payload,
        status: response.status,
        warnings,
        headers: headers(response.headers)?,
        mount_type,
        ..Reply::default()
    })
}

/// A JSON object or null, and nothing else.
fn data(text: String) -> Result<Box<RawValue>, &'static str> {
    let value = RawValue::from_string(text).map_err(|_| "data that is not JSON")?;
    let object = value.get().starts_with('{') || value.get() == "null";
    if object { Ok(value) } else { Err("data that is not a JSON object") }
}

fn raw_payload(raw: wit::RawResponse) -> Result<model::Payload, &'static str> {
    if !(200..600).contains(&raw.status) {
        return Err("a status outside 200 to 599");
    }
    if raw.bytes.len() > BODY_MAX {
        return Err("more than 8 MiB of raw bytes");
    }
    if raw.content_type.len() > 256 || !visible(&raw.content_type) {
        return Err("a content type that is not visible ASCII");
    }
    Ok(model::Payload::Raw { status: raw.status, content_type: raw.content_type, bytes: raw.bytes })
}

fn headers(headers: Vec<(String, String)>) -> Result<Vec<(String, String)>, &'static str> {
    if headers.len() > HEADERS_MAX {
        return Err("more than 16 response headers");
    }
    if !headers
        .iter()
        .all(|(name, value)| !name.is_empty() && visible(name) && visible(value) && value.len() <= TEXT_MAX)
    {
        return Err("a response header that is not visible ASCII");
    }
    Ok(headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect())
}

fn visible(text: &str) -> bool {
    text.bytes().all(|b| (b' '..=b'~').contains(&b))
}

fn refused(refusal: wit::Fault) -> Refusal {
    let counts = refusal.kind == wit::FaultKind::InvalidCredentials;
    let fault = Fault {
        kind: convert::kind(refusal.kind),
        messages: refusal.messages.into_iter().take(MESSAGES_MAX).map(cut).collect(),
        detail: refusal.detail.map(cut),
        retry_after: refusal.retry_after.map(|seconds| Duration::from_secs(seconds.into())),
    };
    Refusal { fault, attempt: refusal.attempt.filter(|_| counts).and_then(Attempt::check) }
}

/// A trap costs the instance and this answer, nothing else.
fn trapped(trap: &wasmtime::Error, state: &State) -> Fault {
    if trap.is::<wasmtime::PoolConcurrencyLimitError>() {
        return Fault::new(Kind::Unavailable, "too many requests are being answered at once")
            .retry_after(Duration::from_secs(1));
    }
    if let Some(reason) = trap.downcast_ref::<Ended>() {
        return ended(reason);
    }
    let why = if state.memory_refused { "the guest ran out of memory: " } else { "the guest trapped: " };
    Fault::internal(format!("{why}{trap:?}"))
}

fn ended(reason: &Ended) -> Fault {
    Fault::new(Kind::Internal, "the engine took too long and was stopped").detail(reason.to_string())
}

fn cut(mut text: String) -> String {
    if text.len() > TEXT_MAX {
        let end = (0..=TEXT_MAX).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(end);
    }
    text
}
