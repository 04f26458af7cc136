//! Connections that break, servers that end, hang and come back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use postgresql::{Postgresql, Settings};
use postgresql_testing::Cluster;
use storage::{Driver, Error};

use crate::{get, names, open, put, writes};

/// What became of a batch: each has a number that is its own.
#[derive(Default)]
struct Outcome {
    applied: BTreeSet<String>,
    refused: BTreeSet<String>,
    unknown: BTreeSet<String>,
}

/// Writers over two nodes that write pairs of keys, each pair once, until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<Outcome>>,
}

impl Load {
    fn start(nodes: [&Arc<Postgresql>; 2]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let start = |task: usize| {
            let (node, stop) = (Arc::clone(nodes[task % 2]), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut outcome = Outcome::default();
                for turn in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let name = format!("{task:02}-{turn:06}");
                    let (left, right) = (format!("left/{name}"), format!("right/{name}"));
                    match node.commit(writes(&[(&left, Some("x")), (&right, Some("x"))])).await {
                        Ok(()) => drop(outcome.applied.insert(name)),
                        Err(Error::Unavailable(text)) if text.contains("unknown") => {
                            outcome.unknown.insert(name);
                        }
                        Err(Error::Unavailable(_)) => {
                            outcome.refused.insert(name);
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
                outcome
            })
        };
        let tasks = (0..16).map(start).collect();
        Self { stop, tasks }
    }

    async fn end(self) -> Outcome {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Outcome::default();
        for task in self.tasks {
            let one = task.await.unwrap();
            all.applied.extend(one.applied);
            all.refused.extend(one.refused);
            all.unknown.extend(one.unknown);
        }
        all
    }
}

/// Every batch that was answered `Ok` is there, every one that was refused is not, none is there by half, and none was
/// applied twice: then the second time would have put the first into history.
async fn check(node: &Postgresql, outcome: &Outcome, cluster: &Cluster, table: &str) {
    let left: BTreeSet<String> = names(node, "left/").await.into_iter().collect();
    let right: BTreeSet<String> = names(node, "right/").await.into_iter().collect();
    assert_eq!(left, right, "a batch is there by half");
    let lost: Vec<_> = outcome.applied.difference(&left).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let risen: Vec<_> = outcome.refused.intersection(&left).collect();
    assert!(risen.is_empty(), "refused and there: {risen:?}");
    let twice = format!("SELECT count(*) FROM {table}_past WHERE key >= 'left/'");
    assert_eq!(cluster.sql("postgres", &twice).trim(), "0", "a batch was applied twice");
}

/// Asks until it works again.
async fn recovers(node: &Postgresql) {
    let until = Instant::now() + Duration::from_secs(30);
    while let Err(error) = put(node, "alive", "yes").await {
        assert!(matches!(error, Error::Unavailable(_)), "{error}");
        assert!(Instant::now() < until, "it does not go on by itself: {error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(get(node, "alive").await.as_deref(), Some("yes"));
}

async fn two_nodes(cluster: &Cluster) -> (Settings, Arc<Postgresql>, Arc<Postgresql>) {
    let settings =
        Settings { max_parallel: 8, connect_timeout: Duration::from_secs(2), ..Settings::new(cluster.url()) };
    let (one, other) = (open(&settings).await, open(&settings).await);
    (settings, Arc::new(one), Arc::new(other))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_restarts_under_load_loses_nothing_and_is_found_again() {
    let cluster = Arc::new(Cluster::start());
    let (settings, one, other) = two_nodes(&cluster).await;
    let load = Load::start([&one, &other]);
    for turn in 0..3 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let server = Arc::clone(&cluster);
        let ending = move || if turn % 2 == 0 { server.kill() } else { server.stop() };
        tokio::task::spawn_blocking(ending).await.unwrap();
        let began = Instant::now();
        assert!(matches!(one.snapshot().await.map(drop), Err(Error::Unavailable(_))));
        assert!(matches!(put(&one, "now", "x").await, Err(Error::Unavailable(_))));
        assert!(began.elapsed() < Duration::from_secs(8), "refused only after {:?}", began.elapsed());
        let server = Arc::clone(&cluster);
        tokio::task::spawn_blocking(move || server.restart()).await.unwrap();
        recovers(&one).await;
        recovers(&other).await;
    }
    let outcome = load.end().await;
    assert!(outcome.applied.len() > 100 && !outcome.refused.is_empty(), "{}", outcome.applied.len());
    check(&one, &outcome, &cluster, &settings.table).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_break_in_the_middle_of_commits_never_make_a_false_answer() {
    let cluster = Arc::new(Cluster::start());
    let (settings, one, other) = two_nodes(&cluster).await;
    let load = Load::start([&one, &other]);
    let server = Arc::clone(&cluster);
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'innkeeper'";
    let killing = move || (0..60).map(|_| server.sql("postgres", kill).trim().parse::<usize>().unwrap()).sum();
    let killed: usize = tokio::task::spawn_blocking(killing).await.unwrap();
    recovers(&one).await;
    recovers(&other).await;
    let outcome = load.end().await;
    let (applied, refused, unknown) = (outcome.applied.len(), outcome.refused.len(), outcome.unknown.len());
    println!("{killed} connections ended: {applied} applied, {refused} refused, {unknown} unknown");
    assert!(killed >= 60 && applied > 100);
    check(&one, &outcome, &cluster, &settings.table).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_is_given_up_within_bounds() {
    let cluster = Cluster::start();
    let (_, one, other) = two_nodes(&cluster).await;
    put(&one, "key", "x").await.unwrap();
    let snapshot = other.snapshot().await.unwrap();
    cluster.freeze();
    let began = Instant::now();
    let many =
        futures_util::future::join_all((0..8).map(async |number| put(&one, &format!("many/{number}"), "x").await));
    let (fresh, read, many) = tokio::join!(other.snapshot(), snapshot.get("key"), many);
    assert!(matches!(fresh.map(drop), Err(Error::Unavailable(_))));
    assert!(matches!(read, Err(Error::Unavailable(_))));
    for written in many {
        assert!(matches!(written, Err(Error::Unavailable(_))), "{written:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(30), "given up only after {:?}", began.elapsed());
    cluster.thaw();
    recovers(&one).await;
    recovers(&other).await;
}
