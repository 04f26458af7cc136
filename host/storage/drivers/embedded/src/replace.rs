//! Writing a whole new store beside the old one.

use std::sync::Arc;

use storage::{Error, Records, Value};
use tokio::sync::{OwnedMutexGuard, mpsc};

use crate::apply::put;
use crate::engine::{Engine, RECORD_TABLE};
use crate::folder::{Folder, NEXT};

/// After how many bytes of records they are handed to the disk.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// How many steps of the source may wait for the disk.
const STEPS_WAITING: usize = 1;

/// Held by the one replacement that is going on.
pub(crate) type Turn = OwnedMutexGuard<()>;

enum Step {
    Records(Vec<(String, Value)>),
    End,
}

/// Writes all records into the next store. The turn comes back, for who promotes it.
pub(crate) async fn build(
    folder: Arc<Folder>,
    version: u64,
    mut records: Box<dyn Records>,
    turn: Turn,
) -> Result<Turn, Error> {
    let (steps, waiting) = mpsc::channel(STEPS_WAITING);
    let building = tokio::task::spawn_blocking(move || {
        let built = write_all(&folder, version, waiting);
        if built.is_err() {
            // Also when who asked for it is gone: the steps then end without their end.
            let _ = folder.remove(NEXT);
        }
        built.map(|()| turn)
    });
    let fed = feed(&mut *records, steps).await;
    let built = building.await.unwrap_or_else(|_| Err(Error::Unavailable("writing was broken off".to_owned())));
    fed.and(built)
}

/// Hands everything over. An error of the source ends it without the end.
async fn feed(records: &mut dyn Records, steps: mpsc::Sender<Step>) -> Result<(), Error> {
    loop {
        let step = records.next().await?;
        let end = step.is_empty();
        // Refused only when writing has failed, and then it says itself why.
        if steps.send(if end { Step::End } else { Step::Records(step) }).await.is_err() || end {
            return Ok(());
        }
    }
}

fn write_all(folder: &Arc<Folder>, version: u64, mut steps: mpsc::Receiver<Step>) -> Result<(), Error> {
    let engine = Engine::create(folder, version).map_err(|error| error.into_storage())?;
    loop {
        let (part, ended) = gather(&mut steps)?;
        let written = engine.with(|database| {
            let mut transaction = database.begin_write()?;
            transaction.set_quick_repair(ended);
            let mut table = transaction.open_table(RECORD_TABLE)?;
            for (key, value) in &part {
                put(&mut table, key, value, version)?;
            }
            drop(table);
            Ok(transaction.commit()?)
        });
        written.map_err(|fault| fault.error)?;
        if ended {
            return Ok(());
        }
    }
}

/// Takes steps until they fill a part, or all have come.
fn gather(steps: &mut mpsc::Receiver<Step>) -> Result<(Vec<(String, Value)>, bool), Error> {
    let (mut part, mut bytes) = (Vec::new(), 0);
    while bytes < PART_BYTES {
        match steps.blocking_recv() {
            Some(Step::Records(step)) => {
                bytes += step.iter().map(|(key, value)| key.len() + value.len() + 64).sum::<usize>();
                part.extend(step);
            }
            Some(Step::End) => return Ok((part, true)),
            None => return Err(Error::Unavailable("the records broke off".to_owned())),
        }
    }
    Ok((part, false))
}
