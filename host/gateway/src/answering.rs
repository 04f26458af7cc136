//! Lets what a path leads to answer, with what it needs for that and no more.

use std::sync::Arc;

use access::Admitted;
use async_trait::async_trait;
use keys::Witness;
use model::{Fault, Kind, Operation, Reply};
use sandbox::{Action, Call, Caller, RawBody, TokenWishes};
use storage::Transaction;
use system::Duty;
use tenancy::{Mount, Namespace, Tree};
use tokio::time::Instant;

use crate::admission::Known;
use crate::body::Body;
use crate::corridor::{Rooms, now};
use crate::governing::{self, Bench};
use crate::granting::Errand;
use crate::leasing::Loan;
use crate::login::{self, Door};
use crate::recording::Recorder;
use crate::routing::{Engine, Routed};
use crate::{Arrival, help, listing};

/// A request that is being answered.
pub(crate) struct Answering<'a> {
    pub(crate) rooms: &'a Rooms,
    pub(crate) arrival: &'a Arrival,
    pub(crate) tree: &'a Tree,
    pub(crate) deadline: Instant,
    /// Is told of each use of a managed key.
    pub(crate) recorder: Arc<Recorder>,
    /// Judges each use of a managed key that a policy lies on.
    pub(crate) bench: Option<Arc<Bench>>,
}

impl<'a> Answering<'a> {
    /// Whether what a request writes to is there, as the engine says.
    pub(crate) async fn exists(
        &self,
        (routed, engine): (&Routed, &Engine),
        known: Option<&Known>,
        body: &Body,
        transaction: Transaction,
    ) -> Result<(bool, Transaction), Fault> {
        let caller = caller(self.arrival, known.map(Known::principal));
        let (call, _) = self.call(engine, self.arrival.operation, body, caller)?;
        let grant = self.rooms.grant(&self.errand(&routed.namespace, &engine.mount), transaction)?;
        engine.guest.exists(grant, call).await
    }

    /// An answer of the host itself.
    pub(crate) async fn native(
        &self,
        (namespace, matched): (&Arc<Namespace>, &system::Matched),
        operation: Operation,
        body: Body,
        admitted: &Admitted,
        duty: &mut Option<Duty>,
        mut transaction: Transaction,
    ) -> Result<(Reply, Transaction), Fault> {
        let (body, text) = body.into_parts();
        let call = system::Call {
            request: &self.arrival.id,
            operation,
            namespace: Arc::clone(namespace),
            tree: self.tree,
            body,
            text,
            admitted,
            witness: self.witness(),
            token: self.arrival.token.as_ref(),
            transaction: &mut transaction,
            methods: self,
            deadline: self.deadline,
            now: now(),
            wrap_ttl: self.arrival.wrap_ttl,
            duty,
        };
        let reply = self.rooms.system.answer(matched, call).await?;
        Ok((shown(reply, operation, admitted)?, transaction))
    }

    /// An answer of an engine. Only an answer gives the transaction back.
    pub(crate) async fn engine(
        &self,
        (routed, engine): (&Routed, &Engine),
        operation: Operation,
        body: &Body,
        admitted: &Admitted,
        mut transaction: Transaction,
    ) -> Result<(Reply, Transaction), Fault> {
        if self.arrival.help {
            let explained = help::explain(&engine.guest.descriptor, engine.route())?;
            return Ok((explained, transaction));
        }
        let mount = &engine.mount;
        let (call, action) = self.call(engine, operation, body, caller(self.arrival, admitted.principal()))?;
        mount.expect(&mut transaction)?;
        let grant = self.rooms.grant(&self.errand(&routed.namespace, mount), transaction)?;
        let answered = match engine.guest.handle(grant, call).await {
            Ok(answered) => answered,
            Err(refusal) => return Err(login::refused(&self.rooms.store, mount, refusal, now()).await),
        };
        let (mut reply, mut transaction) = (answered.reply, answered.transaction);
        if let Some(lent) = answered.lent {
            let loan = Loan { mount, tree: self.tree, path: &routed.path, principal: admitted.principal() };
            self.rooms.lend(&mut transaction, &mut reply, lent, &loan).await?;
        }
        if let Some(login) = answered.login {
            let door = Door {
                rooms: self.rooms,
                tree: self.tree,
                namespace: &routed.namespace,
                mount,
                path: &routed.path,
                peer: self.arrival.peer.ip(),
                now: now(),
            };
            let (auth, warnings) = door.let_in(login, &mut transaction).await?;
            reply.auth = Some(auth);
            reply.warnings.extend(warnings);
        }
        let allowed = &mount.config.allowed_response_headers;
        reply.headers.retain(|(name, _)| action.response_headers.contains(name) && names(allowed, name));
        Ok((shown(reply, operation, admitted)?, transaction))
    }

    fn errand<'b>(&'b self, namespace: &'b Arc<Namespace>, mount: &'b Arc<Mount>) -> Errand<'b> {
        let (id, recorder, witness) = (self.arrival.id.as_str(), &self.recorder, self.witness());
        let trace = self.arrival.trace.clone();
        Errand { id, trace, tree: self.tree, namespace, mount, recorder, witness, deadline: self.deadline }
    }

    /// Who is told of uses of managed keys, and asked before.
    pub(crate) fn witness(&self) -> Option<Arc<dyn Witness>> {
        governing::witness(&self.recorder, self.bench.as_ref())
    }

    /// What an engine is asked, and what it says of that.
    fn call<'b>(
        &self,
        engine: &'b Engine,
        operation: Operation,
        body: &Body,
        caller: Caller,
    ) -> Result<(Call, &'b Action), Fault> {
        let matched = engine.matched.as_ref().ok_or_else(|| Fault::new(Kind::NotFound, "unsupported path"))?;
        let unsupported = || Fault::new(Kind::UnsupportedOperation, "unsupported operation");
        let action = engine.action(operation).ok_or_else(unsupported)?;
        let arrival = self.arrival;
        let raw = action
            .raw_body
            .then(|| RawBody { content_type: arrival.content_type.clone(), bytes: arrival.body.clone() });
        let call = Call {
            operation,
            route: matched.index,
            captures: matched.captures.clone(),
            body: if action.raw_body { "{}".to_owned() } else { body.text() },
            raw,
            headers: passed_on(arrival, &engine.mount),
            caller,
        };
        Ok((call, action))
    }
}

#[async_trait]
impl system::AskMethod for Answering<'_> {
    /// In a transaction of its own: the method changes nothing of what the request does.
    async fn renew_token(&self, login: &access::Login) -> Result<TokenWishes, Fault> {
        let gone = || Fault::invalid("the auth method of the token is gone, not renewing");
        let mount = self.tree.mount_by_id(login.mount).ok_or_else(gone)?;
        let namespace = self.tree.namespace_by_id(mount.namespace).ok_or_else(gone)?;
        let transaction = self.rooms.store.begin().await?;
        let guest = self.rooms.catalog.guest(&transaction, mount).await?;
        let grant = self.rooms.grant(&self.errand(namespace, mount), transaction)?;
        let (wishes, transaction) = guest.renew_token(grant, caller(self.arrival, None), &login.internal).await?;
        transaction.commit().await?;
        Ok(wishes)
    }
}

/// The answer as far as a policy lets it be seen.
fn shown(reply: Reply, operation: Operation, admitted: &Admitted) -> Result<Reply, Fault> {
    match admitted.page_max() {
        Some(most) if operation == Operation::List => listing::cut(reply, most),
        _ => Ok(reply),
    }
}

fn passed_on(arrival: &Arrival, mount: &Mount) -> Vec<(String, String)> {
    let wanted = &mount.config.passthrough_request_headers;
    arrival.headers.iter().filter(|(name, _)| names(wanted, name)).cloned().collect()
}

/// Whether a header is among these, which operators write in upper and lower case as they please.
fn names(headers: &[String], name: &str) -> bool {
    headers.iter().any(|header| header.eq_ignore_ascii_case(name))
}

fn caller(arrival: &Arrival, principal: Option<&access::Principal>) -> Caller {
    let metadata = principal.map(|principal| &principal.meta).into_iter().flatten();
    Caller {
        entity_id: principal.map(|principal| principal.entity_id.clone()).filter(|id| !id.is_empty()),
        display_name: principal.map(|principal| principal.display_name.clone()).unwrap_or_default(),
        metadata: metadata.map(|(name, value)| (name.clone(), value.clone())).collect(),
        client_certificate: arrival.client_certificate.clone(),
        remote_address: Some(arrival.peer.ip().to_canonical().to_string()),
    }
}
