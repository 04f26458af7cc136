//! What the parts of the driver share, and how a question is asked.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::error::Fault;
use crate::links::{ANSWER, Links, discard, within};
use crate::statements::Statements;

/// How often a read is asked again when its connection turns out to be gone: those that were idle when the server
/// restarted are noticed only then.
const READ_TRIES: usize = 3;

/// One node's side of the store.
pub(crate) struct Node {
    pub(crate) links: Links,
    pub(crate) sql: Statements,
    /// The row in which this node marks the last commit it made.
    pub(crate) mark: String,
}

impl Node {
    /// Reads: one round trip on any connection.
    pub(crate) async fn read(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Fault> {
        self.read_and(sql, parameters, None).await.map(|(rows, _)| rows)
    }

    /// Reads, and then up to which commit history is gone, in the same round trip. Who collects it says so before
    /// removing anything, so that a read that missed something is followed by an answer that shows it.
    pub(crate) async fn read_history(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<(Vec<Row>, i64), Fault> {
        let (rows, kept) = self.read_and(sql, parameters, Some(&self.sql.kept)).await?;
        Ok((rows, number(&kept)?))
    }

    async fn read_and(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
        then: Option<&str>,
    ) -> Result<(Vec<Row>, Vec<Row>), Fault> {
        let mut tries = 0;
        loop {
            tries += 1;
            let link = self.links.read().await?;
            let asked = within(ANSWER, async {
                let statement = link.prepare_cached(sql).await?;
                let Some(then) = then else { return Ok((link.query(&statement, parameters).await?, Vec::new())) };
                let then = link.prepare_cached(then).await?;
                let (first, second) = tokio::join!(biased; link.query(&statement, parameters), link.query(&then, &[]));
                Ok::<_, tokio_postgres::Error>((first?, second?))
            });
            match asked.await {
                Ok(rows) => return Ok(rows),
                Err(fault) if fault.is_refusal() => {
                    if !fault.is_passing() || tries >= READ_TRIES {
                        return Err(fault);
                    }
                }
                Err(fault) => {
                    discard(link);
                    if matches!(fault, Fault::Silence) || tries >= READ_TRIES {
                        return Err(fault);
                    }
                }
            }
        }
    }
}

/// The one number that was asked for.
pub(crate) fn number(rows: &[Row]) -> Result<i64, Fault> {
    match rows.first() {
        Some(row) => Ok(row.try_get(0)?),
        None => Err(Fault::NoLink("the table of the store's numbers lacks a row".into())),
    }
}
