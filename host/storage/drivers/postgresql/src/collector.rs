//! Removes what no snapshot needs any more.
//!
//! Each node notes the number of the last commit from time to time, with its own clock, and when a note is old enough,
//! removes what was ended up to then. Any node may, and several at once are no harm. First it says so in the row `kept`,
//! which every read of history looks at: so a snapshot that is too old, for whatever reason, is refused and never
//! misses something silently. No clock has to be right for that.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_postgres::types::ToSql;

use crate::ask::{Node, number};
use crate::error::Fault;
use crate::links::{ANSWER, discard, within};

/// How many notes are made during the time that history is kept.
const NOTES: u32 = 12;
/// Shortest and longest time between them.
const PACE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60));
/// How long to leave the database alone between two steps.
const REST: Duration = Duration::from_millis(20);

/// Collects for ever.
pub(crate) async fn run(node: Arc<Node>, retention: Duration) {
    let pace = (retention / NOTES).clamp(PACE.0, PACE.1);
    let mut notes = VecDeque::new();
    let mut collected = 0;
    loop {
        sleep(pace).await;
        let last = match node.read(&node.sql.number, &[]).await.and_then(|rows| number(&rows)) {
            Ok(last) => last,
            Err(fault) => {
                tracing::debug!(%fault, "the number of the last commit could not be read");
                continue;
            }
        };
        notes.push_back((Instant::now(), last));
        let mut upto = collected;
        while notes.front().is_some_and(|(at, _)| at.elapsed() >= retention) {
            upto = notes.pop_front().map_or(upto, |(_, number)| number);
        }
        if upto > collected {
            match node.collect(upto).await {
                Ok(()) => collected = upto,
                Err(fault) => tracing::debug!(%fault, "history could not be collected"),
            }
        }
    }
}

impl Node {
    /// Removes what was ended at this commit or before it.
    async fn collect(&self, upto: i64) -> Result<(), Fault> {
        self.change(&self.sql.forget, &[&upto]).await?;
        while self.change(&self.sql.collect, &[&upto]).await? > 0 {
            sleep(REST).await;
        }
        // Marks of nodes are needed for as long as one looks for an outcome: seconds.
        self.change(&self.sql.forget_nodes, &[&upto]).await?;
        Ok(())
    }

    async fn change(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<u64, Fault> {
        let link = self.links.read().await?;
        let asked = within(ANSWER, async {
            let statement = link.prepare_cached(sql).await?;
            link.execute(&statement, parameters).await
        });
        let answer = asked.await;
        if answer.as_ref().is_err_and(|fault| !fault.is_refusal()) {
            discard(link);
        }
        answer
    }
}
