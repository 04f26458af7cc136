//! One suite, every driver. A new driver joins with one line at the end: a name, and how to make an empty store.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "conformance/batches.rs"]
mod batches;
#[path = "conformance/in_a_database.rs"]
mod in_a_database;
#[path = "conformance/in_folder.rs"]
mod in_folder;
#[path = "conformance/listings.rs"]
mod listings;
#[path = "conformance/transactions.rs"]
mod transactions;
#[path = "conformance/whole.rs"]
mod whole;

use std::sync::Arc;

use async_trait::async_trait;
use storage::barrier::{Barrier, Keyring, SecretKey};
use storage::{Batch, Driver, Error, Expectation, Listing, Page, Records, Store, Value};

/// Makes a test of each case for each driver.
macro_rules! suite {
    (cases { $($module:ident: $($case:ident),+ $(,)?;)+ } drivers { $($driver:ident => $make:expr;)+ }) => {
        suite!(@drivers { $($driver => $make;)+ } $({ $module: $($case),+ })+);
    };
    (@drivers { $driver:ident => $make:expr; $($rest:tt)* } $($cases:tt)+) => {
        mod $driver {
            suite!(@cases $make; $($cases)+);
        }
        suite!(@drivers { $($rest)* } $($cases)+);
    };
    (@drivers { } $($cases:tt)+) => {};
    (@cases $make:expr; $({ $module:ident: $($case:ident),+ })+) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                crate::$module::$case($make).await;
            }
        )+)+
    };
}

suite! {
    cases {
    batches:
        what_is_written_is_read_and_what_is_removed_is_gone,
        a_snapshot_does_not_move,
        a_version_changes_with_every_write,
        a_batch_whose_expectation_fails_changes_nothing,
        a_key_that_appeared_since_it_was_missed_is_a_conflict,
        a_key_that_vanished_or_came_again_is_a_conflict,
        a_name_that_appeared_in_a_listing_is_a_conflict,
        a_name_that_vanished_from_a_listing_is_a_conflict,
        a_change_outside_what_was_read_is_no_conflict,
        only_one_of_many_writers_wins_each_version;
    listings:
        folders_are_named_once_and_not_walked,
        names_come_in_byte_order,
        after_may_name_anything,
        every_page_size_gives_the_same_names,
        neighbours_of_a_prefix_are_not_below_it;
    transactions:
        own_writes_are_seen_and_others_are_not,
        own_writes_are_seen_in_listings_of_any_page_size,
        what_is_dropped_is_not_applied,
        a_checkpoint_keeps_what_came_before_it,
        what_is_expected_holds_behind_a_checkpoint_too,
        what_follows_a_checkpoint_that_failed_is_not_written_either,
        a_restart_forgets_and_sees_the_present,
        reading_alone_never_conflicts,
        what_was_only_peeked_at_does_not_conflict,
        each_record_below_a_prefix_is_visited_once_in_order_with_own_writes,
        values_and_transactions_are_bounded_from_both_sides,
        a_purge_removes_its_drawer_and_nothing_else,
        counters_survive_many_writers_at_once;
    }
    drivers {
        memory => storage::memory::Memory::new();
        embedded => crate::in_folder::Embedded::new();
        postgresql => crate::in_a_database::new().await;
        barrier => crate::behind_a_barrier(storage::memory::Memory::new()).await;
    }
}

/// The drivers themselves: the barrier cannot replace what lies below it.
mod as_a_whole {
    suite! {
    cases {
    whole:
        a_scan_gives_every_record_once_in_order,
        steps_of_a_scan_are_bounded_in_records_and_bytes,
        what_is_replaced_is_gone_and_what_came_has_a_new_version,
        a_replacement_that_fails_changes_nothing;
    }
    drivers {
        memory => storage::memory::Memory::new();
        embedded => crate::in_folder::Embedded::new();
        postgresql => crate::in_a_database::new().await;
    }
    }
}

async fn behind_a_barrier(driver: impl Driver) -> Arc<Barrier> {
    let (root, ring) = (SecretKey::random().unwrap(), Keyring::new(0).unwrap());
    let barrier = Arc::new(Barrier::found(Arc::new(driver), root.clone(), ring.clone()));
    let mut founding = Store::new(Arc::clone(&barrier)).begin().await.unwrap();
    Barrier::write_keys(&mut founding, &root, &ring).unwrap();
    founding.commit().await.unwrap();
    barrier
}

fn bytes(text: &str) -> Option<Value> {
    Some(text.as_bytes().into())
}

/// A batch that expects nothing and writes these; `None` removes.
fn writes(pairs: &[(&str, Option<&str>)]) -> Batch {
    let writes = pairs.iter().map(|(key, value)| ((*key).to_owned(), value.and_then(bytes))).collect();
    Batch { expectations: Vec::new(), writes }
}

async fn write(driver: &impl Driver, pairs: &[(&str, Option<&str>)]) {
    driver.commit(writes(pairs)).await.unwrap();
}

async fn value(driver: &impl Driver, key: &str) -> Option<String> {
    let record = driver.snapshot().await.unwrap().get(key).await.unwrap();
    record.map(|record| String::from_utf8(record.value.to_vec()).unwrap())
}

async fn version(driver: &impl Driver, key: &str) -> Option<u64> {
    driver.snapshot().await.unwrap().get(key).await.unwrap().map(|record| record.version)
}

fn listing(prefix: &str, after: Option<&str>, limit: usize) -> Listing {
    Listing { prefix: prefix.to_owned(), after: after.map(str::to_owned), limit }
}

async fn page(driver: &impl Driver, prefix: &str, after: Option<&str>, limit: usize) -> Page {
    driver.snapshot().await.unwrap().list(&listing(prefix, after, limit)).await.unwrap()
}

/// Commits a write of `mark` that expects this.
async fn expecting(driver: &impl Driver, expected: Expectation) -> Result<(), Error> {
    let mut batch = writes(&[("mark", Some("set"))]);
    batch.expectations.push(expected);
    driver.commit(batch).await
}

/// Steps of records, then perhaps a failure.
struct Given {
    steps: std::vec::IntoIter<Vec<(String, Value)>>,
    fails: bool,
}

impl Given {
    fn boxed(steps: Vec<Vec<(String, Value)>>, fails: bool) -> Box<dyn Records> {
        Box::new(Self { steps: steps.into_iter(), fails })
    }
}

#[async_trait]
impl Records for Given {
    async fn next(&mut self) -> Result<Vec<(String, Value)>, Error> {
        match self.steps.next() {
            None if self.fails => Err(Error::Unavailable("the source broke off".into())),
            step => Ok(step.unwrap_or_default()),
        }
    }
}
