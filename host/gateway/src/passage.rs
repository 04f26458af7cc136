//! How one request passes: who asks, where it leads, whether it may, what is recorded, what is answered.

use std::sync::Arc;

use access::{Admitted, Tokens, Use};
use audit::Devices;
use model::{Fault, Kind, NamespacePath, Operation, Reply, Stream};
use storage::{Store, Transaction};
use system::{System, Weighed};
use tenancy::{Place, Tree};
use tokio::runtime::Handle;
use tokio::time::Instant;
use traces::Asks;

use crate::Arrival;
use crate::admission::{Asked, Known, whole};
use crate::answering::Answering;
use crate::body::Body;
use crate::corridor::{Passed, RERUNS_MAX, Rooms, rest};
use crate::governing::{Bench, Subject};
use crate::recording::{self, Facts, Recorder};
use crate::routing::{Answerer, Routed};
use crate::unknown;

/// What lasts over all runs of a request.
pub(crate) struct Journey {
    /// When it is given up.
    deadline: Instant,
    /// Quotas let it through.
    weighed: bool,
    /// Its trace says where it leads.
    traced: bool,
    /// The use of its token was counted.
    counted: bool,
    /// The token that this was the last use of.
    spent: Option<Spent>,
    /// It was recorded that it goes on, or why not.
    recorder: Option<Arc<Recorder>>,
}

/// A token that was used for the last time. It is revoked when its request is answered, or nobody waits for that any more.
struct Spent(Option<(Arc<Tokens>, Store, String)>);

impl Spent {
    async fn revoked(mut self) -> Result<(), Fault> {
        let Some((tokens, store, key)) = &self.0 else { return Ok(()) };
        let done = tokens.revoke_now(store, key).await;
        self.0 = None;
        done
    }
}

impl Drop for Spent {
    fn drop(&mut self) {
        let (Some((tokens, store, key)), Ok(runtime)) = (self.0.take(), Handle::try_current()) else { return };
        runtime.spawn(async move {
            if let Err(error) = tokens.revoke_now(&store, &key).await {
                tracing::warn!(%error, "a token was used for the last time, and waits for its end to be revoked");
            }
        });
    }
}

/// What one run of a request stands on.
struct Ground<'a> {
    arrival: &'a Arrival,
    tree: &'a Tree,
    devices: &'a Arc<Devices>,
    deadline: Instant,
}

impl<'a> Ground<'a> {
    fn answering(&self, rooms: &'a Rooms, recorder: Arc<Recorder>, bench: Option<Arc<Bench>>) -> Answering<'a> {
        Answering { rooms, arrival: self.arrival, tree: self.tree, deadline: self.deadline, recorder, bench }
    }
}

/// A request that may go on.
struct Decided {
    operation: Operation,
    body: Body,
    admitted: Admitted,
    /// Judges uses of managed keys that policies lie on.
    bench: Option<Arc<Bench>>,
    /// Of policies that were not met, but do not refuse.
    warnings: Vec<String>,
    transaction: Transaction,
}

impl Journey {
    fn until(deadline: Instant) -> Self {
        Self { deadline, weighed: false, traced: false, counted: false, spent: None, recorder: None }
    }

    /// Records a request, once: what was decided the first time stands there.
    async fn record(
        &mut self,
        devices: &Arc<Devices>,
        facts: &Facts<'_>,
        refused: Option<&Fault>,
    ) -> Result<Arc<Recorder>, Fault> {
        if let Some(recorder) = &self.recorder {
            return Ok(Arc::clone(recorder));
        }
        let recorder = recording::open(devices, facts, refused).await?;
        self.recorder = Some(Arc::clone(&recorder));
        Ok(recorder)
    }
}

impl Rooms {
    /// A request is recorded once, when it was first decided whether it goes on, and so is what is answered in the end.
    pub(crate) async fn serve(&self, arrival: &Arrival, upload: &mut Option<Stream>) -> Result<Passed, Fault> {
        let mut journey = Journey::until(Instant::now() + self.request_time);
        let mut passed = self.run_until_settled(arrival, upload, &mut journey).await;
        if let Some(spent) = journey.spent.take()
            && let Err(fault) = spent.revoked().await
        {
            passed = Err(fault);
        }
        if let Some(recorder) = &journey.recorder {
            let nothing = Reply::nothing();
            let answer = passed.as_ref().map(|passed| match passed {
                Passed::Replied(reply) => &**reply,
                Passed::Seals => &nothing,
            });
            recording::close(recorder, answer).await?;
        }
        passed
    }

    async fn run_until_settled(
        &self,
        arrival: &Arrival,
        upload: &mut Option<Stream>,
        journey: &mut Journey,
    ) -> Result<Passed, Fault> {
        for run in 0..=RERUNS_MAX {
            match self.run(arrival, upload, journey).await {
                Err(fault) if fault.kind == Kind::Conflict => {
                    tracing::debug!(request = arrival.id, run, "lost against another request");
                    tokio::time::sleep(rest(&arrival.id, run)).await;
                }
                done => return done,
            }
        }
        Err(Fault::new(Kind::Unavailable, "the request kept losing against others that change the same records"))
    }

    async fn run(
        &self,
        arrival: &Arrival,
        upload: &mut Option<Stream>,
        journey: &mut Journey,
    ) -> Result<Passed, Fault> {
        let mut transaction = self.store.begin().await?;
        let tree = self.tenancy.tree(&mut transaction).await?;
        let known = self.identify(arrival, &tree, &mut transaction).await?;
        let place = self.place(arrival, known.as_ref(), &tree);
        if !std::mem::replace(&mut journey.weighed, true) {
            self.weigh(arrival, (&tree, place.as_ref().ok()), known.as_ref(), &mut transaction, journey).await?;
        }
        let routed = match place {
            Ok(place) => self.route(arrival, place, &transaction).await,
            Err(nowhere) => Err(nowhere),
        };
        if let Ok(routed) = &routed
            && !std::mem::replace(&mut journey.traced, true)
        {
            routed.tell(arrival);
        }
        self.count_use(arrival, known.as_ref(), journey).await?;
        let devices = self.audit.devices(&transaction).await?;
        let mut facts = Facts::new(arrival, known.as_ref(), routed.as_ref().ok());
        let routed = match routed {
            Ok(routed) => routed,
            Err(fault) => {
                let fault = self.nowhere(arrival, known.as_ref(), fault, &mut transaction).await?;
                journey.record(&devices, &facts, Some(&fault)).await?;
                return Err(fault);
            }
        };
        let ground = Ground { arrival, tree: &tree, devices: &devices, deadline: journey.deadline };
        let decided = match self.decide(&ground, &facts, &routed, known.as_ref(), transaction).await {
            // Nothing is decided: that is left to the next run.
            Err(fault) if fault.kind == Kind::Conflict => return Err(fault),
            decided => decided,
        };
        facts.decided(decided.as_ref().ok().map(|decided| (decided.operation, &decided.admitted)));
        let recorder = journey.record(&devices, &facts, decided.as_ref().err()).await?;
        let mut decided = decided?;
        let bench = decided.bench.take();
        let mut warnings = std::mem::take(&mut decided.warnings);
        let unknown = unknown::warnings(&routed, &decided.body.take_names());
        let answering = ground.answering(self, recorder, bench.clone());
        let mut passed = self.answer(answering, &routed, decided, upload, journey, &facts).await?;
        if let Passed::Replied(reply) = &mut passed {
            warnings.extend(bench.iter().flat_map(|bench| bench.warnings()));
            if unknown::are_told_by(reply) {
                warnings.extend(unknown);
            }
            reply.warnings.extend(warnings);
        }
        Ok(passed)
    }

    /// Whether a request goes on.
    async fn decide(
        &self,
        ground: &Ground<'_>,
        facts: &Facts<'_>,
        routed: &Routed,
        known: Option<&Known>,
        mut transaction: Transaction,
    ) -> Result<Decided, Fault> {
        let arrival = ground.arrival;
        // For whoever may do nothing there, no body is read, no guest asked, and nothing told of the place.
        access::enter(known.map(|known| &known.home().path), routed.demands, &routed.namespace.path)?;
        if !routed.unlocks() {
            ground.tree.expect_unlocked(&routed.namespace)?;
        }
        let body = Body::read(arrival, routed.takes_raw(arrival.operation), routed.body_max())?;
        let subject = Subject::of_request(arrival, (ground.tree, routed), (&body, known), ground.deadline);
        let governed = self.governed(&subject, &mut transaction).await?;
        let mut operation = arrival.operation;
        if let Some(engine) = routed.asks_first(arrival) {
            let bench = governed.as_ref().map(|governed| governed.bench(None));
            let answering = ground.answering(self, recording::unopened(ground.devices, facts)?, bench);
            let exists;
            (exists, transaction) = answering.exists((routed, engine), known, &body, transaction).await?;
            operation = if exists { Operation::Update } else { Operation::Create };
        }
        let asked = Asked { operation, body: &body, wrap_ttl: arrival.wrap_ttl, help: arrival.help };
        let admitted = self.admit(known, routed, &asked, &mut transaction).await??;
        let (mut bench, mut warnings) = (None, Vec::new());
        if let Some(governed) = governed {
            warnings = governed.judge(operation).await?;
            bench = Some(governed.bench(Some(operation)));
        }
        Ok(Decided { operation, body, admitted, bench, warnings, transaction })
    }

    /// An upload is taken from the request once it is admitted, and only then read. It can be read once: what takes it
    /// is no transaction and is not run again.
    async fn answer(
        &self,
        answering: Answering<'_>,
        routed: &Routed,
        decided: Decided,
        upload: &mut Option<Stream>,
        journey: &mut Journey,
        facts: &Facts<'_>,
    ) -> Result<Passed, Fault> {
        let Decided { operation, body, admitted, transaction, .. } = decided;
        let matched = match &routed.answerer {
            Answerer::Host(matched) => matched,
            Answerer::Guest(engine) => {
                let at = (routed, engine);
                let (reply, mut transaction) = answering.engine(at, operation, &body, &admitted, transaction).await?;
                let put_away = (routed.namespace.id, routed.path.as_str());
                let reply = answering.wrap(Some(put_away), reply, &mut transaction).await?;
                commit(answering.arrival, transaction).await?;
                return Ok(Passed::Replied(Box::new(reply)));
            }
        };
        if answering.arrival.help {
            return self.system.explain(&answering.arrival.path).map(Box::new).map(Passed::Replied);
        }
        if let Some(upload) = upload.take() {
            // However long it takes, no view of the store is held for it.
            drop(transaction);
            return self.system.restore(matched, &routed.namespace, upload).await.map(Box::new).map(Passed::Replied);
        }
        let mut duty = None;
        let at = (&routed.namespace, matched);
        let answered = answering.native(at, operation, body, &admitted, &mut duty, transaction).await?;
        let (reply, mut transaction) = answering.before_commit(&mut duty, answered).await?;
        let put_away = matched.is_wrappable().then_some((routed.namespace.id, routed.path.as_str()));
        let reply = answering.wrap(put_away, reply, &mut transaction).await?;
        if matched.changes_audit() {
            let renewed = Arc::clone(&answering.recorder).renewed(&self.audit, &transaction, facts).await?;
            journey.recorder = Some(renewed);
        }
        commit(answering.arrival, transaction).await?;
        self.after_commit(duty, journey.deadline).await?;
        Ok(if matched.seals() { Passed::Seals } else { Passed::Replied(Box::new(reply)) })
    }

    /// Refuses what a quota does not let through, before anything is done for it, and records that where it is wanted.
    async fn weigh(
        &self,
        arrival: &Arrival,
        (tree, place): (&Tree, Option<&Place>),
        known: Option<&Known>,
        transaction: &mut Transaction,
        journey: &mut Journey,
    ) -> Result<(), Fault> {
        let Weighed { headers, refused, recorded } = self.quota(arrival, tree, place, transaction).await?;
        arrival.told.answers_with(headers);
        let Some(fault) = refused else { return Ok(()) };
        if recorded {
            let devices = self.audit.devices(transaction).await?;
            journey.record(&devices, &Facts::on_the_way(arrival, known, place), Some(&fault)).await?;
        }
        Err(fault)
    }

    /// A request is judged by where it leads, not by what it calls that: a namespace has several names, and some paths
    /// need none.
    async fn quota(
        &self,
        arrival: &Arrival,
        tree: &Tree,
        place: Option<&Place>,
        transaction: &mut Transaction,
    ) -> Result<Weighed, Fault> {
        let root = NamespacePath::root();
        let header = || NamespacePath::parse(arrival.namespace.as_deref().unwrap_or_default()).ok();
        let (namespace, path) = match place {
            Some(place) => (&place.namespace.path, place.path.as_str()),
            // Where nothing is mounted the namespace counts still; what no namespace has by that name is the root's.
            None => match header().and_then(|header| tree.namespace(&header)) {
                Some(from) => {
                    let (namespace, path) = tree.descend(from, &arrival.path);
                    (&namespace.path, path)
                }
                None => (&root, arrival.path.as_str()),
            },
        };
        let path = whole(namespace, path);
        self.system.quota(transaction, system::Asking { namespace, path: &path, peer: arrival.peer.ip() }).await
    }

    /// A token whose uses are counted is used once for each request, however often that is run.
    async fn count_use(&self, arrival: &Arrival, known: Option<&Known>, journey: &mut Journey) -> Result<(), Fault> {
        // What is asked about a wrapping token uses it up by itself, or not at all.
        let counts = !journey.counted && !System::is_of_wrapping(&arrival.path);
        let Some(known) = known.filter(|_| counts) else { return Ok(()) };
        if self.tokens.use_once(&self.store, known.principal()).await? == Use::Last {
            let (tokens, store) = (Arc::clone(&self.tokens), self.store.clone());
            journey.spent = Some(Spent(Some((tokens, store, known.principal().key().to_owned()))));
        }
        journey.counted = true;
        Ok(())
    }
}

/// Applies the writes of a request.
async fn commit(arrival: &Arrival, transaction: Transaction) -> Result<(), Fault> {
    let mut span = arrival.trace.span("storage.commit", Asks::Nobody);
    let done = transaction.commit().await;
    match &done {
        Ok(_) => {}
        Err(storage::Error::Conflict) => span.failed("conflict"),
        Err(_) => span.failed("not committed"),
    }
    drop(span);
    done.map_err(Fault::from)
}
