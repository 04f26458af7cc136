//! One group of batches in one transaction of the database, in two round trips.
//!
//! The first takes the next commit number, which is a lock: who has it is alone until the end, and everything that
//! committed before is seen by the questions that follow in the same round trip. The second writes and commits. So the
//! isolation `READ COMMITTED` is enough, and unlike `SERIALIZABLE`, it lets nodes wait for each other instead of
//! failing; a database that gives more isolation refuses the later one, which tries again.

use std::collections::BTreeMap;

use deadpool_postgres::Object;
use futures_util::future::join_all;
use storage::{Batch, Value};
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::ask::{Node, number};
use crate::error::Fault;
use crate::group::{Decision, Facts, decide, expected_keys, expected_listings};
use crate::links::{ANSWER, discard, within};
use crate::page::Question;
use crate::parameters::Bytes;

/// Begins at the isolation that the above needs, whatever the database does by itself.
pub(crate) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
type Parameters<'a, const N: usize> = [&'a (dyn ToSql + Sync); N];

/// Most questions on their way at once.
const PIPELINE_MAX: usize = 64;

/// Why a group was not applied, or perhaps was.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It was not applied.
    Not(Fault),
    /// The answer to the commit with this number is missing.
    Unknown(i64, Decision, Fault),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Not(fault)
    }
}

impl Node {
    /// Applies what may be applied of these batches.
    pub(crate) async fn attempt(&self, batches: &[&Batch]) -> Result<Decision, Trouble> {
        let link = self.links.write().await?;
        let looked = within(ANSWER, self.look(&link, batches)).await;
        let (commit, facts) = match looked {
            Ok(found) => found,
            Err(fault) => {
                give_up(link, &fault).await;
                return Err(fault.into());
            }
        };
        let decision = decide(batches.iter().copied(), &facts);
        if decision.writes.is_empty() {
            end(link).await;
            return Ok(decision);
        }
        let written = timeout(ANSWER, self.write(&link, commit, &decision.writes)).await;
        match written.unwrap_or(Err(Wrong::Unclear(Fault::Silence))) {
            Ok(()) => Ok(decision),
            Err(Wrong::Refused(fault)) => {
                give_up(link, &fault).await;
                Err(fault.into())
            }
            Err(Wrong::Unclear(fault)) => {
                discard(link);
                Err(Trouble::Unknown(commit, decision, fault))
            }
        }
    }

    /// Takes the next number and looks at what is expected.
    async fn look(&self, link: &Object, batches: &[&Batch]) -> Result<(i64, Facts), Fault> {
        let keys = expected_keys(batches.iter().copied());
        let keys: Vec<Bytes<&[u8]>> = keys.into_iter().map(|key| Bytes(key.as_bytes())).collect();
        let questions: Vec<Question> =
            expected_listings(batches.iter().copied()).into_iter().map(Question::new).collect();
        let take = link.prepare_cached(&self.sql.take_number).await?;
        let versions = link.prepare_cached(&self.sql.versions).await?;
        let list = link.prepare_cached(&self.sql.list).await?;
        // All that is there now: nothing has a later number.
        let ask = async |question: &Question| link.query(&list, &question.parameters(&i64::MAX)).await;
        let expected: Parameters<'_, 1> = [&keys];
        let (begun, taken, found) =
            tokio::join!(biased; link.batch_execute(BEGIN), link.query(&take, &[]), link.query(&versions, &expected));
        begun?;
        let commit = number(&taken?)?;
        let mut facts = Facts::default();
        for row in found? {
            facts.versions.insert(row.try_get(0)?, row.try_get(1)?);
        }
        for some in questions.chunks(PIPELINE_MAX) {
            for (question, rows) in some.iter().zip(join_all(some.iter().map(ask)).await) {
                facts.pages.push(question.page(&rows?).map_err(|error| Fault::NoLink(error.to_string()))?);
            }
        }
        Ok((commit, facts))
    }

    /// Writes and commits. When anything before the commit was refused, the commit does nothing.
    async fn write(&self, link: &Object, commit: i64, writes: &BTreeMap<String, Option<Value>>) -> Result<(), Wrong> {
        let prepare = async |sql: &str| link.prepare_cached(sql).await.map_err(|error| Wrong::Refused(error.into()));
        let (retire, remove) = (prepare(&self.sql.retire).await?, prepare(&self.sql.remove).await?);
        let (put, mark) = (prepare(&self.sql.put).await?, prepare(&self.sql.mark).await?);
        let all: Vec<Bytes<&[u8]>> = writes.keys().map(|key| Bytes(key.as_bytes())).collect();
        let gone: Vec<Bytes<&[u8]>> =
            writes.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| Bytes(key.as_bytes())).collect();
        let (keys, values): (Vec<_>, Vec<_>) = writes
            .iter()
            .filter_map(|(key, value)| value.as_ref().map(|value| (Bytes(key.as_bytes()), Bytes(&**value))))
            .unzip();
        let (old, new): (Parameters<'_, 2>, Parameters<'_, 3>) = ([&all, &commit], [&keys, &values, &commit]);
        let (dead, own): (Parameters<'_, 1>, Parameters<'_, 2>) = ([&gone], [&self.mark, &commit]);
        let (retired, removed, stored, marked, committed) = tokio::join!(biased;
            link.execute(&retire, &old),
            async { if gone.is_empty() { Ok(0) } else { link.execute(&remove, &dead).await } },
            async { if keys.is_empty() { Ok(0) } else { link.execute(&put, &new).await } },
            link.execute(&mark, &own),
            link.batch_execute("COMMIT"),
        );
        for written in [retired, removed, stored, marked] {
            written.map_err(|error| wrong(error.into()))?;
        }
        committed.map_err(|error| {
            let fault = Fault::from(error);
            // Only these say that nothing was applied; 40003 says the contrary.
            if fault.is_passing() { Wrong::Refused(fault) } else { Wrong::Unclear(fault) }
        })
    }

    /// Finds out whether the commit with this number, of which there was no answer, was applied. The session that made
    /// it may still be at it: it has the lock until its end, and only then is the mark looked at.
    pub(crate) async fn was_applied(&self, mark: &str, commit: i64) -> Result<bool, Fault> {
        let link = self.links.write().await?;
        let own: Parameters<'_, 1> = [&mark];
        let asked = within(ANSWER, async {
            let wait = link.prepare_cached(&self.sql.await_number).await?;
            let marked = link.prepare_cached(&self.sql.marked).await?;
            let (begun, waited, marked) = tokio::join!(biased;
                link.batch_execute(BEGIN), link.query(&wait, &[]), link.query(&marked, &own));
            begun?;
            number(&waited?)?;
            let marked: Vec<Row> = marked?;
            Ok::<_, Fault>(!marked.is_empty() && number(&marked)? == commit)
        });
        let answer = asked.await;
        match &answer {
            Ok(_) => end(link).await,
            Err(fault) => give_up(link, fault).await,
        }
        answer
    }
}

/// What went wrong in the second round trip.
enum Wrong {
    /// The transaction is not applied.
    Refused(Fault),
    /// Nobody knows.
    Unclear(Fault),
}

fn wrong(fault: Fault) -> Wrong {
    if fault.is_refusal() { Wrong::Refused(fault) } else { Wrong::Unclear(fault) }
}

/// Ends the transaction without applying it, unless the connection is beyond that: then closing it ends it too.
async fn give_up(link: Object, fault: &Fault) {
    if fault.is_refusal() { end(link).await } else { discard(link) }
}

/// Ends the transaction without applying it.
async fn end(link: Object) {
    if within(ANSWER, link.batch_execute("ROLLBACK")).await.is_err() {
        discard(link);
    }
}
