//! The corridor itself.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use access::{Admitted, Demands, Principal, Tokens};
use arc_swap::ArcSwapOption;
use audit::Audit;
use keys::{InternalKeys, ManagedKeys};
use model::{Fault, Id, Kind, NamespacePath, Operation, Reply, Stream};
use sandbox::{Call, Caller, Catalog, Grant, Guest, RawBody};
use storage::barrier::Barrier;
use storage::{Store, Transaction};
use system::{Front, System};
use tenancy::{Mount, Namespace, Target, Tenancy, Tree};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::opening::{Furnish, Open};
use crate::recording::{self, Added, Asked, At, Recorder};
use crate::{Arrival, body, help};

/// How often a request that lost against another is run again before it is given up.
pub const RERUNS_MAX: u32 = 16;

/// When to come back after something was away.
const AWAY_WAIT: Duration = Duration::from_secs(1);
/// Longest rest of a request after it lost for the first time, and after it lost ever so often.
const FIRST_REST: Duration = Duration::from_millis(1);
const REST_MAX: Duration = Duration::from_millis(100);

/// The rooms that the corridor passes while the node is open. Sealing drops them, and with them all that they know.
pub struct Rooms {
    /// What the store is encrypted with.
    pub barrier: Arc<Barrier>,
    /// Where everything is kept.
    pub store: Store,
    /// Tells this cluster from others.
    pub cluster_id: String,
    /// Namespaces and mounts.
    pub tenancy: Tenancy,
    /// Who asks.
    pub tokens: Arc<Tokens>,
    /// Keys of operators.
    pub managed_keys: ManagedKeys,
    /// Keys of mounts.
    pub internal_keys: InternalKeys,
    /// Who did what.
    pub audit: Arc<Audit>,
    /// The engines.
    pub catalog: Catalog,
    /// What the host itself answers.
    pub system: System,
    /// Longest time that one request may take.
    pub request_time: Duration,
    /// Work beside requests; it ends when this is dropped.
    pub tasks: tokio::task::JoinSet<()>,
}

/// The corridor. One per process.
pub struct Gateway {
    pub(crate) front: Front,
    pub(crate) furnish: Furnish,
    /// None: sealed. Then there is no store, hence no grant, hence no guest runs.
    pub(crate) open: ArcSwapOption<Open>,
    /// Opening and sealing happen one after the other.
    pub(crate) changing: Mutex<()>,
}

/// What came of a request that passed the corridor.
enum Passed {
    Replied(Reply),
    /// It was admitted to seal the node.
    Seals,
}

/// What answers a path, and what it demands.
enum Answerer<'a> {
    Host(system::Matched),
    Guest { guest: &'a Guest, mount: Arc<Mount>, rest: String },
}

/// Where a path leads.
struct Found<'a> {
    namespace: Arc<Namespace>,
    answerer: Answerer<'a>,
    demands: Demands,
    /// Below the namespace.
    path: String,
}

fn asked<'a>(
    arrival: &'a Arrival,
    found: Option<&'a Found<'_>>,
    principal: Option<&'a Principal>,
    allowed: bool,
) -> Asked<'a> {
    let target = match found {
        None => At::Nowhere,
        Some(Found { answerer: Answerer::Guest { mount, .. }, .. }) => At::Mount(mount),
        Some(found) if found.path.starts_with("auth/token/") => At::Token,
        Some(_) => At::System,
    };
    Asked {
        arrival,
        operation: arrival.operation,
        namespace: found.map(|found| &*found.namespace),
        path: found.map_or(&arrival.path, |found| &found.path).clone(),
        target,
        principal,
        allowed: principal.map(|_| allowed),
    }
}

impl Gateway {
    /// A corridor behind this front, sealed. `furnish` makes the rooms whenever the barrier was opened.
    pub fn new(front: Front, furnish: Furnish) -> Self {
        Self { front, furnish, open: ArcSwapOption::empty(), changing: Mutex::new(()) }
    }

    /// Serves one request: all its writes are applied together with its answer, or none. A request that lost against
    /// another one is run again from the start. When the node is sealed meanwhile, the request ends.
    pub async fn serve(&self, arrival: Arrival) -> Result<Reply, Fault> {
        let answered = self.answered(arrival).await;
        answered.map_err(|fault| match (fault.kind, fault.retry_after) {
            // Wherever it was found that something is away.
            (Kind::Unavailable, None) => fault.retry_after(AWAY_WAIT),
            _ => fault,
        })
    }

    async fn answered(&self, mut arrival: Arrival) -> Result<Reply, Fault> {
        if let Some(question) = Front::find(&arrival.path) {
            return self.ask(question, &arrival).await;
        }
        let open = self.open.load_full().ok_or_else(sealed)?;
        let mut upload = arrival.upload.take();
        let passed = if upload.is_some() {
            // What replaces the store may itself be why the node is sealed, and its answer must still be given.
            open.rooms.serve(&arrival, &mut upload).await
        } else {
            tokio::select! {
                biased;
                passed = open.rooms.serve(&arrival, &mut upload) => passed,
                () = open.until_sealed() => Err(sealed()),
            }
        };
        // Whatever a request ran into when the store was closed under it: this is why.
        let passed = if passed.is_err() && open.is_sealed() { Err(sealed()) } else { passed };
        drop(open);
        match passed? {
            Passed::Replied(reply) => Ok(reply),
            Passed::Seals => {
                self.seal().await;
                Ok(Reply::nothing())
            }
        }
    }
}

/// How long a request rests that lost against another: longer each time, up to [`REST_MAX`], and not the same for two
/// requests, or those who lost together would meet again. A request's identifier is random.
fn rest(id: &str, run: u32) -> Duration {
    let digits = id.bytes().filter_map(|digit| char::from(digit).to_digit(16));
    let random = digits.skip(run as usize).take(3).fold(0, |number, digit| number * 16 + digit);
    let longest = FIRST_REST.saturating_mul(1 << run.min(16)).min(REST_MAX);
    longest * random / 0xfff
}

pub(crate) fn sealed() -> Fault {
    Fault::new(Kind::Sealed, "Vault is sealed")
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl Rooms {
    /// A request is recorded once, when it was first decided whether it goes on, and so is what is answered in the end.
    async fn serve(&self, arrival: &Arrival, upload: &mut Option<Stream>) -> Result<Passed, Fault> {
        let mut recorder = None;
        let passed = self.run_until_it_wins(arrival, upload, &mut recorder).await;
        if let Some(recorder) = recorder {
            let nothing = Reply::nothing();
            let answer = passed.as_ref().map(|passed| match passed {
                Passed::Replied(reply) => reply,
                Passed::Seals => &nothing,
            });
            recording::close(&recorder, answer, Added::default()).await?;
        }
        passed
    }

    async fn run_until_it_wins(
        &self,
        arrival: &Arrival,
        upload: &mut Option<Stream>,
        recorder: &mut Option<Arc<Recorder>>,
    ) -> Result<Passed, Fault> {
        let deadline = Instant::now() + self.request_time;
        for run in 0..=RERUNS_MAX {
            match self.run(arrival, upload, recorder, deadline).await {
                Err(fault) if fault.kind == Kind::Conflict => {
                    tracing::debug!(request = arrival.id, run, "lost against another request");
                    tokio::time::sleep(rest(&arrival.id, run)).await;
                }
                done => return done,
            }
        }
        Err(Fault::new(Kind::Unavailable, "the request kept losing against others that change the same records"))
    }

    /// An upload is taken from the request once it is admitted, and only then read. It can be read once: what takes it
    /// is no transaction and is not run again.
    async fn run(
        &self,
        arrival: &Arrival,
        upload: &mut Option<Stream>,
        recorder: &mut Option<Arc<Recorder>>,
        deadline: Instant,
    ) -> Result<Passed, Fault> {
        let mut transaction = self.store.begin().await.map_err(stored)?;
        let tree = self.tenancy.tree(&mut transaction).await?;
        let found = self.resolve(arrival, &tree);
        let principal = match &arrival.token {
            Some(token) => self.tokens.lookup(&mut transaction, token).await?,
            None => None,
        };
        let demands = found.as_ref().map(|found| found.demands).unwrap_or_default();
        // Who may do nothing is not told what is there and what is not.
        let decided = access::admit(principal.clone(), demands).map_err(Fault::from);
        let asked = asked(arrival, found.as_ref().ok(), principal.as_ref(), decided.is_ok());
        let refused = decided.as_ref().err().or(found.as_ref().err());
        let recorder = match recorder {
            Some(recorder) => recorder,
            None => recorder.insert(recording::open(&self.audit, &transaction, &asked, refused).await?),
        };
        let path = asked.path.clone();
        let admitted = decided?;
        let Found { namespace, answerer, .. } = found?;
        match answerer {
            Answerer::Host(matched) => {
                if let Some(upload) = upload.take() {
                    // However long it takes, no view of the store is held for it.
                    drop(transaction);
                    return self.system.restore(&matched, &namespace, upload).await.map(Passed::Replied);
                }
                let (seals, changes_audit) = (matched.seals(), matched.changes_audit());
                let call = system::Call {
                    request: &arrival.id,
                    operation: arrival.operation,
                    namespace,
                    tree: &tree,
                    body: body::fields(arrival)?,
                    admitted: &admitted,
                    witness: recorder.witness(),
                    token: arrival.token.as_ref(),
                    transaction: &mut transaction,
                    deadline,
                    now: now(),
                };
                let namespace = Arc::clone(&call.namespace);
                let reply = self.system.answer(matched, call).await?;
                if changes_audit {
                    let asked = Asked {
                        arrival,
                        operation: arrival.operation,
                        namespace: Some(&namespace),
                        path,
                        target: At::System,
                        principal: principal.as_ref(),
                        allowed: Some(true),
                    };
                    *recorder = Arc::clone(recorder).renewed(&self.audit, &transaction, &asked).await?;
                }
                transaction.commit().await.map_err(stored)?;
                Ok(if seals { Passed::Seals } else { Passed::Replied(reply) })
            }
            Answerer::Guest { guest, mount, rest } => {
                let above = tree.above(&namespace.path);
                let managed_keys = recorder.keys(&self.managed_keys);
                let passage = Passage { namespace, above, mount, rest, admitted, transaction, managed_keys, deadline };
                self.invoke(arrival, guest, passage).await.map(Passed::Replied)
            }
        }
    }

    /// Reads the path, once.
    fn resolve(&self, arrival: &Arrival, tree: &Tree) -> Result<Found<'_>, Fault> {
        let everywhere = System::is_everywhere(&arrival.path);
        let header = arrival.namespace.as_deref().filter(|_| !everywhere).unwrap_or_default();
        let header = NamespacePath::parse(header).map_err(|e| Fault::invalid(e.to_string()))?;
        let place = tree.resolve(&header, &arrival.path)?;
        let unsupported = || Fault::new(Kind::NotFound, "unsupported path");
        match place.target {
            Target::System => {
                let (matched, demands) = self.system.find(&place.namespace, &place.rest).ok_or_else(unsupported)?;
                let path = format!("sys/{}", place.rest);
                Ok(Found { namespace: place.namespace, answerer: Answerer::Host(matched), demands, path })
            }
            Target::Token => {
                let (matched, demands) = self.system.find_token(&place.rest).ok_or_else(unsupported)?;
                let path = format!("auth/token/{}", place.rest);
                Ok(Found { namespace: place.namespace, answerer: Answerer::Host(matched), demands, path })
            }
            Target::Mount(mount) => {
                let missing =
                    || Fault::internal(format!("mount {} is of a type that this server lacks", mount.accessor));
                let guest = self.catalog.get(&mount.kind).ok_or_else(missing)?;
                let rest = place.rest.trim_matches('/').to_owned();
                let action = guest.descriptor.find(&rest).and_then(|matched| matched.route.action(arrival.operation));
                let demands = action.map_or_else(Demands::default, |action| Demands {
                    unauthenticated: action.unauthenticated,
                    sudo: action.sudo,
                });
                let path = format!("{}{rest}", mount.path);
                let answerer = Answerer::Guest { guest, mount, rest };
                Ok(Found { namespace: place.namespace, answerer, demands, path })
            }
        }
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
        let (default_lease_ttl, max_lease_ttl) = self.system.lease_ttls(&passage.mount);
        let grant = |transaction| Grant {
            request_id: arrival.id.clone(),
            transaction,
            namespace: Arc::clone(&passage.namespace),
            above: passage.above.clone(),
            mount: Arc::clone(&passage.mount),
            default_lease_ttl,
            max_lease_ttl,
            managed_keys: passage.managed_keys.clone(),
            internal_keys: self.internal_keys.clone(),
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
    above: Vec<(Id, NamespacePath)>,
    mount: Arc<Mount>,
    rest: String,
    admitted: Admitted,
    transaction: Transaction,
    managed_keys: ManagedKeys,
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

pub(crate) fn stored(error: storage::Error) -> Fault {
    Fault::new(error.kind(), "storage failed").detail(error.to_string())
}
