//! The tables: made when they are not there, refused when a newer version made them.

use std::time::Duration;

use crate::Error;
use crate::ask::{Node, number};
use crate::error::Fault;
use crate::links::{ANSWER, within};

/// The format that this version reads and writes.
pub(crate) const FORMAT: i64 = 1;

/// How often making the tables is tried: nodes that start at once get in each other's way.
const TRIES: usize = 20;
/// How long to wait in between.
const PAUSE: Duration = Duration::from_millis(100);

/// SQLSTATE of a table that is not there.
const UNDEFINED_TABLE: &str = "42P01";
/// What another node that makes the same tables at the same time causes: duplicates, and changes under one's hands.
const RACES: [&str; 6] = ["23505", "42P07", "42710", "40001", "40P01", "XX000"];

/// Makes the tables unless they are there, and checks their format.
pub(crate) async fn prepare(node: &Node, table: &str) -> Result<(), Error> {
    for _ in 0..TRIES {
        match node.read(&node.sql.format, &[]).await {
            // Another node is making them.
            Ok(rows) if rows.is_empty() => make(node).await?,
            Ok(rows) => return check(table, number(&rows)?),
            Err(fault) if fault.code() == Some(UNDEFINED_TABLE) => make(node).await?,
            Err(fault) => return Err(fault.into()),
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(Error::Unavailable("the tables could not be made in time: another node is at it".into()))
}

fn check(table: &str, found: i64) -> Result<(), Error> {
    if found == FORMAT {
        return Ok(());
    }
    Err(Error::Format { table: table.to_owned(), found, known: FORMAT })
}

/// One statement after the other, each harmless when it has been done: not every database makes tables in transactions.
async fn make(node: &Node) -> Result<(), Fault> {
    let link = node.links.write().await?;
    for statement in &node.sql.create {
        match within(ANSWER, link.batch_execute(statement)).await {
            Err(fault) if fault.code().is_some_and(|code| RACES.contains(&code)) => return Ok(()),
            other => other?,
        }
    }
    Ok(())
}
