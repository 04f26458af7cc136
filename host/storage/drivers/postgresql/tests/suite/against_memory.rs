//! Whatever is done to it, it answers what the memory driver answers.

use std::collections::BTreeMap;

use storage::memory::Memory;
use storage::{Batch, Driver, Expectation, Listing, Snapshot, Value};

use crate::{fresh, open};

/// Numbers that are the same in every run.
struct Dice {
    last: u64,
    /// How many different segments paths are made of.
    segments: usize,
}

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.last = self.last.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.last >> 33) as usize % bound
    }

    /// Segments that SQL could take for something else, and ones around the slash in order.
    fn segment(&mut self) -> &'static str {
        const SEGMENTS: [&str; 12] =
            ["a", "a-", "a0", "%", "_", "\\", "'", "$1", "\\x2f", "ä€𝄞", "\u{10FFFF}", "'; DROP TABLE x; --"];
        SEGMENTS[self.below(self.segments)]
    }

    fn path(&mut self, deepest: usize) -> String {
        let segments: Vec<_> = (0..=self.below(deepest)).map(|_| self.segment()).collect();
        segments.join("/")
    }

    fn listing(&mut self) -> Listing {
        let prefix = if self.below(3) == 0 { String::new() } else { format!("{}/", self.path(2)) };
        let slash = ["", "/"][self.below(2)];
        let after = (self.below(3) > 0).then(|| format!("{}{slash}", self.path(2)));
        Listing { prefix, after, limit: [1, 2, 3, 5, 1000][self.below(5)] }
    }
}

async fn same(one: &dyn Snapshot, other: &dyn Snapshot, dice: &mut Dice) {
    for _ in 0..30 {
        let listing = dice.listing();
        assert_eq!(one.list(&listing).await.unwrap(), other.list(&listing).await.unwrap(), "{listing:?}");
        let key = dice.path(4);
        let value = |record: Option<storage::Record>| record.map(|record| record.value);
        assert_eq!(value(one.get(&key).await.unwrap()), value(other.get(&key).await.unwrap()), "{key}");
    }
    let after = dice.path(2);
    for after in [None, Some(after.as_str())] {
        assert_eq!(one.scan(after).await.unwrap(), other.scan(after).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_snapshot_shows_what_the_memory_driver_shows() {
    let (memory, postgresql) = (Memory::new(), open(&fresh()).await);
    let mut dice = Dice { last: 7, segments: 12 };
    let mut snapshots = Vec::new();
    for _ in 0..40 {
        let mut writes = BTreeMap::new();
        for _ in 0..=dice.below(40) {
            let (key, keep) = (dice.path(4), dice.below(3) > 0);
            writes.insert(key, keep.then(|| Value::from(vec![dice.below(256) as u8; dice.below(50)])));
        }
        let batch = Batch { expectations: Vec::new(), writes };
        memory.commit(batch.clone()).await.unwrap();
        postgresql.commit(batch).await.unwrap();
        snapshots.push((memory.snapshot().await.unwrap(), postgresql.snapshot().await.unwrap()));
        let (one, other) = &snapshots[dice.below(snapshots.len())];
        same(&**one, &**other, &mut dice).await;
    }
    for (one, other) in &snapshots {
        same(&**one, &**other, &mut dice).await;
    }
}

/// Batches that come at once are put into groups; each still sees what came before it.
#[tokio::test(flavor = "multi_thread")]
async fn whichever_of_many_batches_at_once_are_applied_some_order_explains_it() {
    let postgresql = open(&fresh()).await;
    let mut dice = Dice { last: 11, segments: 3 };
    for _ in 0..100 {
        let snapshot = postgresql.snapshot().await.unwrap();
        let mut batches = Vec::new();
        for _ in 0..6 {
            let mut batch = Batch::default();
            for _ in 0..=dice.below(2) {
                let listing = dice.listing();
                let page = snapshot.list(&listing).await.unwrap();
                batch.expectations.push(Expectation::Listing { listing, page });
            }
            for _ in 0..=dice.below(3) {
                let keep = dice.below(2) == 0;
                batch.writes.insert(dice.path(3), keep.then(|| Value::from(&b"x"[..])));
            }
            batches.push(batch);
        }
        // The same content in memory, and the batches that were applied in the order of the queue.
        let memory = Memory::new();
        let records = snapshot.scan(None).await.unwrap();
        let writes = records.into_iter().map(|(key, value)| (key, Some(value))).collect();
        memory.commit(Batch { expectations: Vec::new(), writes }).await.unwrap();
        let answers =
            futures_util::future::join_all(batches.iter().map(|batch| postgresql.commit(batch.clone()))).await;
        explain(&memory, &postgresql, &batches, &answers).await;
    }
}

/// Those that were applied, in some order, each hold in turn and give what is there now.
async fn explain(
    memory: &Memory,
    postgresql: &postgresql::Postgresql,
    batches: &[Batch],
    answers: &[Result<(), storage::Error>],
) {
    let applied: Vec<&Batch> =
        batches.iter().zip(answers).filter(|(_, answer)| answer.is_ok()).map(|(b, _)| b).collect();
    assert!(!applied.is_empty(), "somebody must win: {answers:?}");
    let now = postgresql.snapshot().await.unwrap().scan(None).await.unwrap();
    let start = memory.snapshot().await.unwrap().scan(None).await.unwrap();
    let mut orders = vec![Vec::new()];
    for index in 0..applied.len() {
        orders = orders
            .into_iter()
            .flat_map(|order: Vec<usize>| {
                (0..=order.len()).map(move |at| {
                    let mut longer = order.clone();
                    longer.insert(at, index);
                    longer
                })
            })
            .collect();
    }
    for order in orders {
        let trial = Memory::new();
        let writes = start.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
        trial.commit(Batch { expectations: Vec::new(), writes }).await.unwrap();
        let mut holds = true;
        for index in order {
            holds = holds && trial.commit(applied[index].clone()).await.is_ok();
        }
        if holds && trial.snapshot().await.unwrap().scan(None).await.unwrap() == now {
            return;
        }
    }
    panic!("no order of the applied batches explains what is stored: {applied:?}");
}
