//! Everything replaced, all or nothing.
//!
//! The records come over at their own pace into a table that only this session has, without holding anybody up. Then
//! they take the place of all others in one transaction, which is a commit like any other: it has a number, and what was
//! there goes into history, so that older snapshots stay as they were.

use std::time::Duration;

use storage::{Error, Records, Value};
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::ask::{Node, number};
use crate::committer::{find_out, unknown};
use crate::error::Fault;
use crate::links::{ANSWER, within};
use crate::parameters::Bytes;
use crate::statements::STAGING;
use crate::transaction::BEGIN;

/// How long the transaction may take. Commits of others cannot go on meanwhile.
const SWAP: Duration = Duration::from_secs(600);
const SWAP_TIMEOUT: &str = "SET LOCAL statement_timeout = '600s'";
/// Most bytes of values that go over at once.
const STEP_BYTES_MAX: usize = 4 * 1024 * 1024;

impl Node {
    pub(crate) async fn replace(&self, mut records: Box<dyn Records>) -> Result<(), Error> {
        let apart = self.links.apart().await?;
        within(ANSWER, apart.client.batch_execute(STAGING)).await?;
        loop {
            let step = records.next().await?;
            if step.is_empty() {
                break;
            }
            self.stage(&apart.client, &step).await?;
        }
        drop(records);
        // A mark of its own: the node's other one tells about commits that go on beside this.
        let mark = format!("{}:whole", self.mark);
        let commit = self.swap(&apart.client, &mark).await?;
        let asked = timeout(SWAP, apart.client.batch_execute("COMMIT")).await;
        let fault = match asked.map_err(|_| Fault::Silence).and_then(|answer| answer.map_err(Fault::from)) {
            Ok(()) => return Ok(()),
            Err(fault) => fault,
        };
        // The session ends, so that what it holds is free for the question.
        drop(apart);
        match find_out(self, &mark, commit).await {
            Some(true) => Ok(()),
            Some(false) => Err(fault.into()),
            None => Err(Error::Unavailable(unknown(&fault))),
        }
    }

    async fn stage(&self, client: &Client, step: &[(String, Value)]) -> Result<(), Fault> {
        let statement = within(ANSWER, client.prepare(&self.sql.stage)).await?;
        let mut left = step;
        while !left.is_empty() {
            let (mut count, mut bytes) = (0, 0);
            while count < left.len() && bytes < STEP_BYTES_MAX {
                bytes += left[count].1.len();
                count += 1;
            }
            let (now, rest) = left.split_at(count);
            let keys: Vec<Bytes<&[u8]>> = now.iter().map(|(key, _)| Bytes(key.as_bytes())).collect();
            let values: Vec<Bytes<&[u8]>> = now.iter().map(|(_, value)| Bytes(&**value)).collect();
            within(ANSWER, client.execute(&statement, &[&keys, &values])).await?;
            left = rest;
        }
        Ok(())
    }

    /// Everything but the commit; gives its number.
    async fn swap(&self, client: &Client, mark: &str) -> Result<i64, Fault> {
        within(ANSWER, client.batch_execute(BEGIN)).await?;
        within(ANSWER, client.batch_execute(SWAP_TIMEOUT)).await?;
        let commit = number(&within(SWAP, client.query(&self.sql.take_number, &[])).await?)?;
        within(SWAP, client.execute(&self.sql.retire_all, &[&commit])).await?;
        within(SWAP, client.execute(&self.sql.remove_all, &[])).await?;
        within(SWAP, client.execute(&self.sql.put_staged, &[&commit])).await?;
        within(SWAP, client.execute(&self.sql.mark, &[&mark, &commit])).await?;
        Ok(commit)
    }
}
