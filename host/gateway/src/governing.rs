//! Policies that guests judge by, after the access control lists have allowed: what is asked of them, and what their answer
//! means.
//!
//! Root tokens are subject to none, as in Vault: they are the way out for whoever locked everybody out. Where a guest comes to
//! no verdict, what is mandatory refuses.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use governing::{Level, Policy, Sort};
use keys::{Used, Witness};
use model::{Fault, Id, Kind, NamespacePath, Operation};
use sandbox::judging::{Act, KeyUse, Place, Principal, Question, RequestFacts};
use sandbox::{PARAMETERS_MAX, PolicyGuest, Verdict, judging};
use storage::Transaction;
use tenancy::{Mount, Namespace, Tree};
use tokio::time::Instant;
use traces::{Asks, Trace};

use crate::admission::Known;
use crate::arrival::Arrival;
use crate::body::Body;
use crate::corridor::{Rooms, now};
use crate::recording::Recorder;
use crate::routing::{Answerer, Routed};

/// Says of a request that policies which may be overridden are to be.
const OVERRIDE: &str = "x-vault-policy-override";
/// Most warnings of one request that policies add.
const WARNINGS_MAX: usize = 32;

/// A policy and what reads it.
struct Judge {
    policy: Arc<Policy>,
    guest: Arc<PolicyGuest>,
    /// As errors and warnings name it.
    title: String,
}

/// Whom a policy concerns, and what it is told.
pub(crate) struct Governed {
    /// Those that the request itself must pass.
    of_request: Vec<Judge>,
    /// Those that lie on managed keys.
    of_keys: Arc<Vec<Judge>>,
    facts: Facts,
}

/// What does not change while a request is answered.
#[derive(Clone)]
struct Facts {
    request_id: String,
    trace: Trace,
    principal: Option<Principal>,
    remote_address: Option<String>,
    place: Place,
    request: Option<RequestFacts>,
    /// The parameters are larger than a policy is shown.
    too_large: bool,
    /// The namespace of the request and those above it: keys lie in them.
    namespaces: Vec<(Id, NamespacePath)>,
    overrides: bool,
    deadline: Instant,
}

impl Facts {
    fn question(&self, act: Act) -> Arc<Question> {
        Arc::new(Question {
            request_id: self.request_id.clone(),
            time: now(),
            principal: self.principal.clone(),
            remote_address: self.remote_address.clone(),
            place: self.place.clone(),
            act,
        })
    }
}

/// What is governed: a request, or work that no request waits for.
pub(crate) struct Subject<'a> {
    pub(crate) id: &'a str,
    pub(crate) trace: &'a Trace,
    pub(crate) tree: &'a Tree,
    pub(crate) namespace: &'a Namespace,
    pub(crate) mount: Option<&'a Mount>,
    pub(crate) deadline: Instant,
    /// The request, its path, its body and who asks.
    pub(crate) request: Option<(&'a Arrival, &'a str, &'a Body, Option<&'a Known>)>,
}

impl<'a> Subject<'a> {
    pub(crate) fn of_request(
        arrival: &'a Arrival,
        (tree, routed): (&'a Tree, &'a Routed),
        (body, known): (&'a Body, Option<&'a Known>),
        deadline: Instant,
    ) -> Self {
        let mount = match &routed.answerer {
            Answerer::Host(_) => None,
            Answerer::Guest(engine) => Some(&*engine.mount),
        };
        let request = Some((arrival, routed.path.as_str(), body, known));
        let (id, trace, namespace) = (&arrival.id, &arrival.trace, &routed.namespace);
        Self { id, trace, tree, namespace, mount, deadline, request }
    }
}

impl Rooms {
    /// The policies that concern somebody or something; `None` where there are none, which is nearly always.
    pub(crate) async fn governed(
        &self,
        subject: &Subject<'_>,
        transaction: &mut Transaction,
    ) -> Result<Option<Governed>, Fault> {
        let known = subject.request.and_then(|(.., known)| known);
        if known.is_some_and(|known| known.principal().is_root()) {
            return Ok(None);
        }
        let path = &subject.namespace.path;
        let mut namespaces = vec![(subject.namespace.id, path.clone())];
        namespaces.extend(subject.tree.above(path));
        let (mut of_request, mut of_keys) = (Vec::new(), Vec::new());
        for (id, at) in &namespaces {
            let set = self.governing.of(transaction, *id).await?;
            for policy in &set.endpoint {
                let lies = subject.request.is_some_and(|(_, below, ..)| {
                    let inside = path.as_str().strip_prefix(at.as_str()).unwrap_or_default();
                    policy.lies_on(&format!("{inside}{below}"))
                });
                if lies {
                    of_request.push((Sort::Endpoint, at, Arc::clone(policy)));
                }
                if !policy.managed_keys.is_empty() {
                    of_keys.push((Sort::Endpoint, at, Arc::clone(policy)));
                }
            }
        }
        if let Some(known) = known {
            let home = known.home();
            let set = self.governing.of(transaction, home.id).await?;
            if !set.role.is_empty() {
                let has = known.policies().into_iter().filter_map(|name| set.role.get(&name.to_lowercase()).cloned());
                // After the access control lists come those of the role, and then those of the endpoint.
                of_request.splice(0..0, has.map(|policy| (Sort::Role, &home.path, policy)));
            }
        }
        if of_request.is_empty() && of_keys.is_empty() {
            return Ok(None);
        }
        let facts = facts(subject, namespaces.clone());
        let of_request = self.judges(transaction, of_request).await?;
        let of_keys = Arc::new(self.judges(transaction, of_keys).await?);
        Ok(Some(Governed { of_request, of_keys, facts }))
    }

    async fn judges(
        &self,
        transaction: &Transaction,
        policies: Vec<(Sort, &NamespacePath, Arc<Policy>)>,
    ) -> Result<Vec<Judge>, Fault> {
        let mut judges = Vec::with_capacity(policies.len());
        for (sort, at, policy) in policies {
            let guest = self.catalog.policy(transaction, &policy.language, policy.running.as_ref()).await?;
            let title = format!("{} policy \"{at}{}\"", sort.name(), policy.name);
            judges.push(Judge { policy, guest, title });
        }
        Ok(judges)
    }

    /// Who judges uses of managed keys by work that no request waits for.
    pub(crate) async fn witness_unasked(
        &self,
        recorder: &Arc<Recorder>,
        subject: &Subject<'_>,
        transaction: &mut Transaction,
    ) -> Result<Option<Arc<dyn Witness>>, Fault> {
        let governed = self.governed(subject, transaction).await?;
        Ok(witness(recorder, governed.map(|governed| governed.bench(None)).as_ref()))
    }
}

impl Governed {
    /// Lets the policies judge the request. The warnings are for its answer.
    pub(crate) async fn judge(&self, operation: Operation) -> Result<Vec<String>, Fault> {
        let mut warnings = Vec::new();
        let Some(request) = self.facts.request.clone() else { return Ok(warnings) };
        let question =
            self.facts.question(Act::Request(RequestFacts { operation: judging::operation(operation), ..request }));
        for judge in &self.of_request {
            let warning = judge
                .judge(&question, &self.facts)
                .await
                .map_err(|why| Fault::new(Kind::Denied, format!("permission denied: {why}")))?;
            warnings.extend(warning.filter(|_| warnings.len() < WARNINGS_MAX));
        }
        Ok(warnings)
    }

    /// Who judges uses of managed keys meanwhile. The operation is what the request came to be.
    pub(crate) fn bench(&self, operation: Option<Operation>) -> Arc<Bench> {
        let mut facts = self.facts.clone();
        if let (Some(request), Some(operation)) = (&mut facts.request, operation) {
            request.operation = judging::operation(operation);
        }
        Arc::new(Bench { judges: Arc::clone(&self.of_keys), facts, warnings: Mutex::default() })
    }
}

impl Judge {
    /// A warning, if there is one; an error says why it must not be.
    async fn judge(&self, question: &Arc<Question>, facts: &Facts) -> Result<Option<String>, String> {
        let Self { policy, guest, title } = self;
        let mut span = facts.trace.span("policy", Asks::Nobody);
        let verdict = if facts.too_large {
            Err("the parameters are larger than a policy is shown, 256 KiB".to_owned())
        } else {
            let cpu = policy.cpu_time_max.map(Duration::from_millis);
            let judged = guest.evaluate(&policy.text, question, cpu, facts.deadline).await;
            judged.map_err(|unjudged| unjudged.0)
        };
        if span.is_recorded() {
            span.text("innkeeper.policy.name", &policy.name);
            span.text("innkeeper.policy.language", &policy.language);
            span.text("innkeeper.policy.verdict", told(&verdict));
        }
        drop(span);
        let why = match verdict {
            Ok(Verdict::Allow) => return Ok(None),
            Ok(Verdict::Deny(reason)) => format!("{title} denies it: {reason}"),
            Err(why) => format!("{title} came to no verdict: {why}"),
        };
        let request = facts.request_id.as_str();
        match policy.level {
            Level::Advisory => {
                tracing::warn!(request, why, "an advisory policy is not met");
                Ok(Some(format!("{why} (it is advisory)")))
            }
            Level::SoftMandatory if facts.overrides => {
                tracing::warn!(request, why, "a policy is overridden");
                Ok(Some(format!("{why} (it was overridden)")))
            }
            Level::SoftMandatory => Err(format!("{why} (it can be overridden)")),
            Level::HardMandatory => Err(why),
        }
    }
}

/// A verdict, for traces: without the reason, which may speak of parameters.
fn told(verdict: &Result<Verdict, String>) -> &'static str {
    match verdict {
        Ok(Verdict::Allow) => "allow",
        Ok(Verdict::Deny(_)) => "deny",
        Err(_) => "none",
    }
}

/// Judges uses of managed keys during one request.
pub(crate) struct Bench {
    judges: Arc<Vec<Judge>>,
    facts: Facts,
    warnings: Mutex<Vec<String>>,
}

impl Bench {
    /// What is to be said with the answer.
    pub(crate) fn warnings(&self) -> Vec<String> {
        std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn may(&self, used: Used<'_>) -> Result<(), String> {
        let mut question = None;
        for judge in self.judges.iter().filter(|judge| judge.policy.lies_on_key(used.key)) {
            let question = question.get_or_insert_with(|| self.facts.question(Act::KeyUse(self.key_use(&used))));
            if let Some(warning) = judge.judge(question, &self.facts).await? {
                let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
                if warnings.len() < WARNINGS_MAX && !warnings.contains(&warning) {
                    warnings.push(warning);
                }
            }
        }
        Ok(())
    }

    fn key_use(&self, used: &Used<'_>) -> KeyUse {
        let at = self.facts.namespaces.iter().find(|(id, _)| Some(*id) == used.namespace);
        KeyUse {
            key: used.key.to_owned(),
            namespace: at.map(|(_, path)| path.as_str().to_owned()).unwrap_or_default(),
            uuid: used.uuid.map(|uuid| uuid.to_string()).unwrap_or_default(),
            home: used.home.map_or("", keys::ProviderType::name).to_owned(),
            key_type: used.key_type.map(|kind| kind.to_string()).unwrap_or_default(),
            usage: used.act.name().to_owned(),
            algorithm: used.algorithm(),
            digest: used.digest.map(hex::encode).unwrap_or_default(),
            input_length: used.input_length.map_or(0, |length| length as u64),
            request: self.facts.request.clone(),
        }
    }
}

/// Records uses of keys, and lets them be judged first.
struct Judging {
    recorder: Arc<Recorder>,
    bench: Arc<Bench>,
}

#[async_trait]
impl Witness for Judging {
    async fn used(&self, used: Used<'_>) -> Result<(), Fault> {
        self.recorder.used(used).await
    }

    async fn may(&self, used: Used<'_>) -> Result<(), String> {
        self.bench.may(used).await
    }
}

/// Who is told of uses of managed keys, and asked before; nobody where nothing is recorded and nothing judged.
pub(crate) fn witness(recorder: &Arc<Recorder>, bench: Option<&Arc<Bench>>) -> Option<Arc<dyn Witness>> {
    match bench.filter(|bench| !bench.judges.is_empty()) {
        Some(bench) => Some(Arc::new(Judging { recorder: Arc::clone(recorder), bench: Arc::clone(bench) })),
        None => recorder.witness(),
    }
}

fn facts(subject: &Subject<'_>, namespaces: Vec<(Id, NamespacePath)>) -> Facts {
    let mount = subject.mount;
    let place = Place {
        namespace: subject.namespace.path.as_str().to_owned(),
        mount_path: mount.map(|mount| mount.path.as_str().to_owned()).unwrap_or_default(),
        mount_type: mount.map(|mount| mount.kind.clone()).unwrap_or_default(),
        mount_accessor: mount.map(|mount| mount.accessor.clone()).unwrap_or_default(),
    };
    let (request_id, trace, deadline) = (subject.id.to_owned(), subject.trace.clone(), subject.deadline);
    let Some((arrival, path, body, known)) = subject.request else {
        return Facts {
            request_id,
            trace,
            principal: None,
            remote_address: None,
            place,
            request: None,
            too_large: false,
            namespaces,
            overrides: false,
            deadline,
        };
    };
    let too_large = body.len() > PARAMETERS_MAX;
    let request = RequestFacts {
        operation: judging::operation(arrival.operation),
        path: path.to_owned(),
        parameters: if too_large { "{}".to_owned() } else { body.text() },
        wrap_ttl: arrival.wrap_ttl.map(|ttl| ttl.as_secs()),
    };
    Facts {
        request_id,
        trace,
        principal: known.map(principal),
        remote_address: Some(arrival.peer.ip().to_canonical().to_string()),
        place,
        request: Some(request),
        too_large,
        namespaces,
        overrides: overrides(arrival),
        deadline,
    }
}

/// Whether a request says that policies which may be overridden are to be.
pub(crate) fn overrides(arrival: &Arrival) -> bool {
    arrival.headers.iter().any(|(name, value)| name == OVERRIDE && value == "true")
}

fn principal(known: &Known) -> Principal {
    let (who, subject) = (known.principal(), known.subject());
    let pairs = |pairs: &std::collections::BTreeMap<String, String>| {
        pairs.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    Principal {
        entity_id: (!who.entity_id.is_empty()).then(|| who.entity_id.clone()),
        entity_metadata: pairs(&subject.metadata),
        entity_name: subject.name,
        groups: subject.groups.into_iter().map(|group| group.name).collect(),
        display_name: who.display_name.clone(),
        policies: known.policies(),
        metadata: pairs(&who.meta),
        token_path: who.path.clone(),
        token_time: who.creation_time,
        namespace: known.home().path.as_str().to_owned(),
    }
}
