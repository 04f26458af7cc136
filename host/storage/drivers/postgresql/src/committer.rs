//! The one task of a node that commits: what waits is put together into groups, and one group follows another.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use storage::{Batch, Error};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use crate::ask::Node;
use crate::error::Fault;
use crate::group::Verdict;
use crate::transaction::Trouble;

/// Most batches that wait.
pub(crate) const QUEUE_MAX: usize = 1024;
/// Most batches in a group.
const GROUP_MAX: usize = 256;
/// When a group has writes or expectations of this weight, it is closed: bytes, and some for each.
const GROUP_WEIGHT_MAX: usize = 16 * 1024 * 1024;
/// What each key and listing weighs beside its bytes.
const ENTRY_WEIGHT: usize = 256;

/// How often a group is tried.
const TRIES: u32 = 8;
/// After what time it is not tried again.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to look for the outcome of a commit whose connection was lost.
const SEARCH: Duration = Duration::from_secs(5);
/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(50);

/// A batch and whom to tell.
pub(crate) struct Waiting {
    pub(crate) batch: Batch,
    pub(crate) answer: oneshot::Sender<Result<(), Error>>,
}

/// Commits until nobody can send anything any more.
pub(crate) async fn run(node: Arc<Node>, mut queue: mpsc::Receiver<Waiting>) {
    let mut waiting = VecDeque::new();
    loop {
        if waiting.is_empty() {
            match queue.recv().await {
                Some(one) => waiting.push_back(one),
                None => return,
            }
        }
        while waiting.len() < GROUP_MAX
            && let Ok(one) = queue.try_recv()
        {
            waiting.push_back(one);
        }
        let group = take_group(&mut waiting);
        let Err(fault) = commit(&node, group, &mut waiting).await else { continue };
        // What waited meanwhile would fare no better, and has waited long enough.
        while let Some(one) = waiting.pop_front().or_else(|| queue.try_recv().ok()) {
            tell(one, Err(Error::Unavailable(fault.clone())));
        }
    }
}

/// Takes from the front what fits into a group. Who no longer listens is left out.
fn take_group(waiting: &mut VecDeque<Waiting>) -> Vec<Waiting> {
    let (mut group, mut weight) = (Vec::new(), 0);
    while weight < GROUP_WEIGHT_MAX
        && let Some(one) = waiting.pop_front()
    {
        if one.answer.is_closed() {
            continue;
        }
        let written: usize = one.batch.writes.values().flatten().map(|value| value.len()).sum();
        weight += written + ENTRY_WEIGHT * (one.batch.writes.len() + one.batch.expectations.len());
        group.push(one);
    }
    group
}

/// Commits a group and tells everybody in it; those that come later go back to the front. An error says why the
/// database cannot be used at present.
async fn commit(node: &Node, group: Vec<Waiting>, waiting: &mut VecDeque<Waiting>) -> Result<(), String> {
    if group.is_empty() {
        return Ok(());
    }
    match apply(node, &group).await {
        Ok(verdicts) => {
            let mut later = Vec::new();
            for (one, verdict) in group.into_iter().zip(verdicts) {
                match verdict {
                    Verdict::Apply => tell(one, Ok(())),
                    Verdict::Conflict => tell(one, Err(Error::Conflict)),
                    Verdict::Later => later.push(one),
                }
            }
            later.into_iter().rev().for_each(|one| waiting.push_front(one));
            Ok(())
        }
        // One of them may be what the database does not take: the others shall not suffer for it.
        Err(Failure { refused: true, .. }) if group.len() > 1 => {
            for one in group {
                match apply(node, std::slice::from_ref(&one)).await {
                    Ok(verdicts) if verdicts == [Verdict::Apply] => tell(one, Ok(())),
                    Ok(_) => tell(one, Err(Error::Conflict)),
                    Err(failure) => tell(one, Err(Error::Unavailable(failure.text))),
                }
            }
            Ok(())
        }
        Err(Failure { text, refused }) => {
            for one in group {
                tell(one, Err(Error::Unavailable(text.clone())));
            }
            if refused { Ok(()) } else { Err(text) }
        }
    }
}

fn tell(one: Waiting, answer: Result<(), Error>) {
    // Who no longer listens does not want to know.
    let _ = one.answer.send(answer);
}

/// Why a group was not applied.
struct Failure {
    text: String,
    /// The database answers, but does not take this.
    refused: bool,
}

/// Applies a group, again if it is certain that it was not applied and it may go better.
async fn apply(node: &Node, group: &[Waiting]) -> Result<Vec<Verdict>, Failure> {
    let batches: Vec<&Batch> = group.iter().map(|one| &one.batch).collect();
    let began = Instant::now();
    let mut tries = 0;
    loop {
        tries += 1;
        let fault = match node.attempt(&batches).await {
            Ok(decision) => return Ok(decision.verdicts),
            Err(Trouble::Not(fault)) => fault,
            Err(Trouble::Unknown(commit, decision, fault)) => match find_out(node, &node.mark, commit).await {
                Some(true) => return Ok(decision.verdicts),
                Some(false) => fault,
                None => return Err(Failure { text: unknown(&fault), refused: false }),
            },
        };
        let lost = matches!(fault, Fault::Database(_)) && !fault.is_refusal();
        if !(lost || fault.is_passing()) || tries >= TRIES || began.elapsed() >= PATIENCE {
            return Err(Failure { text: fault.to_string(), refused: fault.is_refusal() && !fault.is_passing() });
        }
        sleep(PAUSE / TRIES * tries).await;
    }
}

/// What is said when a commit may have been applied or not.
pub(crate) fn unknown(fault: &Fault) -> String {
    format!("the database was lost during a commit, and whether it was applied is unknown: {fault}")
}

/// Whether a commit was applied of which there was no answer; `None`: nobody can say at present.
pub(crate) async fn find_out(node: &Node, mark: &str, commit: i64) -> Option<bool> {
    let until = Instant::now() + SEARCH;
    loop {
        match node.was_applied(mark, commit).await {
            Ok(applied) => {
                tracing::debug!(commit, applied, "found the outcome of a commit whose connection was lost");
                return Some(applied);
            }
            Err(Fault::Silence) => return None,
            Err(_) if Instant::now() >= until => return None,
            Err(_) => sleep(PAUSE).await,
        }
    }
}
