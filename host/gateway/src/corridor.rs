//! The corridor itself.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use access::{Admitted, Demands, Tokens};
use keys::{InternalKeys, ManagedKeys};
use model::{Fault, Kind, NamespacePath, Operation, Reply, Stream};
use sandbox::{Call, Caller, Catalog, Grant, Guest, RawBody};
use storage::{Store, Transaction};
use system::System;
use tenancy::{Mount, Namespace, Target, Tenancy, Tree};
use tokio::time::Instant;

use crate::{Arrival, body, help};

/// How often a request that lost against another is run again before it is given up.
pub const RERUNS_MAX: u32 = 16;

/// The rooms that the corridor passes.
pub struct Rooms {
    /// Where everything is kept.
    pub store: Store,
    /// Namespaces and mounts.
    pub tenancy: Tenancy,
    /// Who asks.
    pub tokens: Tokens,
    /// Keys of operators.
    pub managed_keys: ManagedKeys,
    /// Keys of mounts.
    pub internal_keys: InternalKeys,
    /// The engines.
    pub catalog: Catalog,
    /// What the host itself answers.
    pub system: System,
    /// Longest time that one request may take.
    pub request_time: Duration,
}

/// The corridor. One per process.
pub struct Gateway {
    rooms: Rooms,
}

/// What answers a path, and what it demands.
enum Answerer<'a> {
    Host(system::Matched),
    Guest { guest: &'a Guest, mount: Arc<Mount>, rest: String },
}

impl Gateway {
    /// A corridor past these rooms.
    pub fn new(rooms: Rooms) -> Self {
        Self { rooms }
    }

    /// Serves one request: all its writes are applied together with its answer, or none. A request that lost against
    /// another one is run again from the start.
    pub async fn serve(&self, mut arrival: Arrival) -> Result<Reply, Fault> {
        let mut upload = arrival.upload.take();
        let deadline = Instant::now() + self.rooms.request_time;
        for run in 0..=RERUNS_MAX {
            match self.run(&arrival, &mut upload, deadline).await {
                Err(fault) if fault.kind == Kind::Conflict => {
                    tracing::debug!(request = arrival.id, run, "lost against another request")
                }
                done => return done,
            }
        }
        Err(Fault::new(Kind::Unavailable, "the request kept losing against others that change the same records")
            .retry_after(Duration::from_secs(1)))
    }

    /// An upload is taken from the request once it is admitted, and only then read. It can be read once: what takes it
    /// is no transaction and is not run again.
    async fn run(&self, arrival: &Arrival, upload: &mut Option<Stream>, deadline: Instant) -> Result<Reply, Fault> {
        let mut transaction = self.rooms.store.begin().await.map_err(stored)?;
        let tree = self.rooms.tenancy.tree(&mut transaction).await?;
        let (namespace, answerer, demands) = match self.resolve(arrival, &tree) {
            Ok(found) => found,
            // Who may do nothing is not told what is there and what is not.
            Err(fault) => {
                self.admit(arrival, Demands::default(), &mut transaction).await?;
                return Err(fault);
            }
        };
        let admitted = self.admit(arrival, demands, &mut transaction).await?;
        match answerer {
            Answerer::Host(matched) => {
                if let Some(upload) = upload.take() {
                    // However long it takes, no view of the store is held for it.
                    drop(transaction);
                    return self.rooms.system.restore(&matched, &namespace, upload).await;
                }
                let call = system::Call {
                    operation: arrival.operation,
                    namespace,
                    tree: &tree,
                    body: body::fields(arrival)?,
                    admitted: &admitted,
                    token: arrival.token.as_ref(),
                    transaction: &mut transaction,
                    deadline,
                    now: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
                };
                let reply = self.rooms.system.answer(matched, call).await?;
                transaction.commit().await.map_err(stored)?;
                Ok(reply)
            }
            Answerer::Guest { guest, mount, rest } => {
                self.invoke(arrival, guest, Passage { namespace, mount, rest, admitted, transaction, deadline }).await
            }
        }
    }

    /// Reads the path, once.
    fn resolve(&self, arrival: &Arrival, tree: &Tree) -> Result<(Arc<Namespace>, Answerer<'_>, Demands), Fault> {
        let everywhere = System::is_everywhere(&arrival.path);
        let header = arrival.namespace.as_deref().filter(|_| !everywhere).unwrap_or_default();
        let header = NamespacePath::parse(header).map_err(|e| Fault::invalid(e.to_string()))?;
        let place = tree.resolve(&header, &arrival.path)?;
        let unsupported = || Fault::new(Kind::NotFound, "unsupported path");
        match place.target {
            Target::System => {
                let (matched, demands) = self.rooms.system.find(&place.rest).ok_or_else(unsupported)?;
                Ok((place.namespace, Answerer::Host(matched), demands))
            }
            Target::Token => {
                let (matched, demands) = self.rooms.system.find_token(&place.rest).ok_or_else(unsupported)?;
                Ok((place.namespace, Answerer::Host(matched), demands))
            }
            Target::Mount(mount) => {
                let missing =
                    || Fault::internal(format!("mount {} is of a type that this server lacks", mount.accessor));
                let guest = self.rooms.catalog.get(&mount.kind).ok_or_else(missing)?;
                let rest = place.rest.trim_matches('/').to_owned();
                let action = guest.descriptor.find(&rest).and_then(|matched| matched.route.action(arrival.operation));
                let demands = action.map_or_else(Demands::default, |action| Demands {
                    unauthenticated: action.unauthenticated,
                    sudo: action.sudo,
                });
                Ok((place.namespace, Answerer::Guest { guest, mount, rest }, demands))
            }
        }
    }

    async fn admit(
        &self,
        arrival: &Arrival,
        demands: Demands,
        transaction: &mut Transaction,
    ) -> Result<Admitted, Fault> {
        let principal = match &arrival.token {
            Some(token) => self.rooms.tokens.lookup(transaction, token).await?,
            None => None,
        };
        Ok(access::admit(principal, demands)?)
    }

    /// Grants what the request needs and no more, and lets the guest answer.
    async fn invoke(&self, arrival: &Arrival, guest: &Guest, passage: Passage) -> Result<Reply, Fault> {
        let matched = guest.descriptor.find(&passage.rest);
        if arrival.help {
            return help::explain(&guest.descriptor, matched);
        }
        let matched = matched.ok_or_else(|| Fault::new(Kind::NotFound, "unsupported path"))?;
        let action = matched.route.action(arrival.operation);
        let action = action.ok_or_else(|| Fault::new(Kind::UnsupportedOperation, "unsupported operation"))?;
        let mut transaction = passage.transaction;
        passage.mount.expect(&mut transaction)?;
        let (default_lease_ttl, max_lease_ttl) = self.rooms.system.lease_ttls(&passage.mount);
        let grant = |transaction| Grant {
            request_id: arrival.id.clone(),
            transaction,
            namespace: Arc::clone(&passage.namespace),
            mount: Arc::clone(&passage.mount),
            default_lease_ttl,
            max_lease_ttl,
            managed_keys: self.rooms.managed_keys.clone(),
            internal_keys: self.rooms.internal_keys.clone(),
            deadline: passage.deadline,
        };
        let call = |operation| -> Result<Call, Fault> {
            let body = if action.raw_body { "{}".to_owned() } else { body::text(arrival)? };
            let raw = action
                .raw_body
                .then(|| RawBody { content_type: arrival.content_type.clone(), bytes: arrival.body.clone() });
            let captures = matched.captures.clone();
            let headers = passed_on(arrival, &passage.mount);
            Ok(Call {
                operation,
                route: matched.index,
                captures,
                body,
                raw,
                headers,
                caller: caller(arrival, &passage.admitted),
            })
        };
        let mut operation = arrival.operation;
        if action.existence_check {
            let (exists, given_back) = guest.exists(grant(transaction), call(operation)?).await?;
            transaction = given_back;
            operation = if exists { Operation::Update } else { Operation::Create };
        }
        let (mut reply, transaction) = guest.handle(grant(transaction), call(operation)?).await?;
        transaction.commit().await.map_err(stored)?;
        let allowed = &passage.mount.config.allowed_response_headers;
        reply.headers.retain(|(name, _)| action.response_headers.contains(name) && allowed.contains(name));
        Ok(reply)
    }
}

/// Whether the body of such a request is an upload, see [`Arrival::upload`]. The path is as in [`Arrival::path`].
pub fn takes_upload(operation: Operation, path: &str) -> bool {
    System::takes_upload(operation, path)
}

/// What a request to a guest has gathered on its way.
struct Passage {
    namespace: Arc<Namespace>,
    mount: Arc<Mount>,
    rest: String,
    admitted: Admitted,
    transaction: Transaction,
    deadline: Instant,
}

fn passed_on(arrival: &Arrival, mount: &Mount) -> Vec<(String, String)> {
    let wanted = &mount.config.passthrough_request_headers;
    arrival.headers.iter().filter(|(name, _)| wanted.contains(name)).cloned().collect()
}

fn caller(arrival: &Arrival, admitted: &Admitted) -> Caller {
    Caller {
        entity_id: None,
        display_name: admitted.principal().map(|principal| principal.display_name.clone()).unwrap_or_default(),
        metadata: Vec::new(),
        client_certificate: arrival.client_certificate.clone(),
    }
}

fn stored(error: storage::Error) -> Fault {
    Fault::new(error.kind(), "storage failed").detail(error.to_string())
}
