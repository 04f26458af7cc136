//! Guests that judge: a question in, a verdict out, in a fresh instance that has nothing else in reach.

use std::sync::Arc;
use std::time::Duration;

use meter::{Bound, Entry, Meter, Used};
use tokio::runtime::Handle;
use tokio::time::Instant;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store, Trap};

use crate::bindings::judging::PolicyPre;
use crate::bindings::judging::exports::innkeeper::engine::evaluation::{self as wit, Guest as Exports};
use crate::descriptor::check_title;
use crate::entry::{self, Called, Entered, Taken};
use crate::error::LoadError;
use crate::grant::Limits;
use crate::guest::why;
use crate::limits::{JUDGING_CPU, JUDGING_MEMORY_MAX, REASON_MAX, TEXT_MAX};
use crate::state::{Ended, State};

/// The words that questions are made of, as `wit/evaluation.wit` explains them.
pub mod judging {
    pub use crate::bindings::innkeeper::engine::types::Operation;
    pub use crate::bindings::judging::exports::innkeeper::engine::evaluation::{
        Act, KeyUse, Place, Principal, Question, RequestFacts,
    };
    pub use crate::services::convert::operation_to as operation;
}

/// How long such a guest may take to say what it is, or to read a policy that is about to be kept.
const READING_MAX: Duration = Duration::from_secs(2);

/// A guest that judges, compiled, linked and described.
pub struct PolicyGuest {
    /// The name that policies are written for.
    pub name: String,
    /// A semantic version.
    pub version: String,
    /// One or two sentences.
    pub about: String,
    /// The interfaces that it imports, as the component names them.
    pub imports: Vec<String>,
    instance: PolicyPre<State>,
    engine: Engine,
    aside: Handle,
    meter: Meter,
}

/// What came of judging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing speaks against it.
    Allow,
    /// Why not: on one line, at most [`REASON_MAX`] bytes.
    Deny(String),
}

/// Why there is no verdict, in words for whoever wrote the policy: on one line, at most [`REASON_MAX`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unjudged(pub String);

/// An entry that came to nothing.
struct Lost {
    why: Unjudged,
    /// It used more of a processor than it had.
    of_time: bool,
}

impl PolicyGuest {
    /// The same, telling this meter how entries end.
    #[must_use]
    pub(crate) fn observed(self, meter: Meter) -> Self {
        Self { meter, ..self }
    }

    pub(crate) async fn describe(
        (engine, aside): (&Engine, Handle),
        linker: &Linker<State>,
        component: &Component,
        imports: Vec<String>,
    ) -> Result<Self, LoadError> {
        let misfit = |e: wasmtime::Error| LoadError::misfit(&format!("{e:#}"));
        let pre = linker.instantiate_pre(component).map_err(misfit)?;
        let instance = PolicyPre::new(pre).map_err(misfit)?;
        let (name, version, about) = (String::new(), String::new(), String::new());
        let (engine, meter) = (engine.clone(), Meter::default());
        let mut guest = Self { name, version, about, imports, instance, engine, aside, meter };
        let said = guest.said().await?;
        if said != guest.said().await? {
            return Err(LoadError::descriptor("it says something else each time it is asked"));
        }
        (guest.name, guest.version, guest.about) = said;
        check_title(&guest.name, &guest.version, &guest.about)?;
        Ok(guest)
    }

    async fn said(&self) -> Result<(String, String, String), LoadError> {
        let said = self.enter("", Limits::default(), Instant::now() + READING_MAX, |exports, store| {
            Box::pin(async move { exports.call_describe(store).await })
        });
        let said = said.await.map_err(|lost| LoadError::silent(&lost.why.0))?;
        Ok((said.name, said.version, said.about))
    }

    /// Reads a policy that is about to be kept. The error says what is wrong with it, at most [`TEXT_MAX`] bytes.
    pub async fn check(&self, text: &str) -> Result<(), Unjudged> {
        let text = text.to_owned();
        let limits = limits(READING_MAX);
        let checked = self.enter(&self.name, limits, Instant::now() + READING_MAX, |exports, store| {
            Box::pin(async move { exports.call_check(store, &text).await })
        });
        checked.await.map_err(|lost| lost.why)?.map_err(|wrong| Unjudged(told(&wrong, TEXT_MAX)))
    }

    /// Judges by a policy that was checked, in the time of a processor that is given for it. One that takes longer is tried
    /// once more: on a machine that shares its processors with others, the kernel now and then counts what those took.
    pub async fn evaluate(
        &self,
        text: &str,
        question: &Arc<wit::Question>,
        cpu: Option<Duration>,
        deadline: Instant,
    ) -> Result<Verdict, Unjudged> {
        let limits = limits(cpu.unwrap_or(JUDGING_CPU));
        let judged = match self.judged(text, question, limits.clone(), deadline).await {
            Err(lost) if lost.of_time => self.judged(text, question, limits, deadline).await,
            judged => judged,
        };
        match judged.map_err(|lost| lost.why)? {
            Ok(wit::Verdict::Allow) => Ok(Verdict::Allow),
            Ok(wit::Verdict::Deny(reason)) => Ok(Verdict::Deny(told(&reason, REASON_MAX))),
            Err(why) => Err(Unjudged(told(&why, REASON_MAX))),
        }
    }

    async fn judged(
        &self,
        text: &str,
        question: &Arc<wit::Question>,
        limits: Limits,
        deadline: Instant,
    ) -> Result<Result<wit::Verdict, String>, Lost> {
        let (text, question) = (text.to_owned(), Arc::clone(question));
        let judged = self.enter(&self.name, limits, deadline, |exports, store| {
            Box::pin(async move { exports.call_evaluate(store, &text, &question).await })
        });
        judged.await
    }

    /// One entry, in a fresh instance without any powers.
    async fn enter<T: Send + 'static>(
        &self,
        kind: &str,
        limits: Limits,
        deadline: Instant,
        call: impl for<'a> FnOnce(&'a Exports, &'a mut Store<State>) -> Called<'a, T> + Send + 'static,
    ) -> Result<T, Lost> {
        let (state, instance) = (State::alone(limits, deadline), self.instance.clone());
        let entered = entry::enter((&self.engine, &self.aside), state, |store| {
            Box::pin(async move {
                let guest = instance.instantiate_async(&mut *store).await?;
                call(guest.innkeeper_engine_evaluation(), store).await
            })
        });
        let Some(Entered { ending, taken: Taken { busy, all, .. }, mut state }) = entered.await else {
            return Err(Lost { why: Unjudged("the server is about to end".to_owned()), of_time: false });
        };
        let (entry, ended) = match ending {
            Ok(Ok(value)) => (Entry::Answered, Ok(value)),
            Ok(Err(trap)) => {
                let of_time = matches!(trap.downcast_ref(), Some(Ended::Cpu(_)));
                (Entry::Trapped, Err(Lost { why: trapped(&trap, &state), of_time }))
            }
            Err(_elapsed) => {
                state.met(Bound::Deadline);
                (Entry::Late, Err(Lost { why: Unjudged(Ended::Deadline.to_string()), of_time: false }))
            }
        };
        if !kind.is_empty() {
            let (waiting, bounds) = (all.saturating_sub(busy), std::mem::take(&mut state.bounds));
            self.meter.entered(kind, entry, &Used { busy, waiting, memory: state.memory, bounds });
        }
        ended
    }
}

fn limits(cpu: Duration) -> Limits {
    Limits { cpu, memory: JUDGING_MEMORY_MAX, ..Limits::default() }
}

fn trapped(trap: &wasmtime::Error, state: &State) -> Unjudged {
    if trap.is::<wasmtime::PoolConcurrencyLimitError>() {
        return Unjudged("too many requests are being answered at once".to_owned());
    }
    let memory = if state.memory_refused { "the guest ran out of memory: " } else { "" };
    let trapped = if trap.is::<Trap>() { "the guest trapped: " } else { "" };
    Unjudged(told(&format!("{memory}{trapped}{}", why(trap)), REASON_MAX))
}

/// The beginning of what a guest says, on one line.
fn told(text: &str, most: usize) -> String {
    let mut told = String::new();
    for c in text.chars() {
        if told.len() >= most {
            told.push('…');
            break;
        }
        told.push(if c.is_control() { ' ' } else { c });
    }
    told
}
