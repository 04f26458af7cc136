//! Numbers for the README: `cargo test --release -p postgresql measure -- --ignored --nocapture`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use postgresql::{Postgresql, Settings};
use postgresql_testing::{Cluster, PASSWORD};
use storage::{Batch, Driver, Expectation, Value};

use crate::{listing, open, reading};

const TIME: Duration = Duration::from_secs(4);
const VALUE: usize = 1024;

/// How often writers got done what they do, per second.
async fn rate<F>(writers: usize, write: impl Fn(usize, usize) -> F + Send + Sync + 'static) -> f64
where
    F: Future<Output = ()> + Send + 'static,
{
    let (write, began) = (Arc::new(write), Instant::now());
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let write = Arc::clone(&write);
            tokio::spawn(async move {
                let mut done = 0;
                while began.elapsed() < TIME {
                    write(writer, done).await;
                    done += 1;
                }
                done
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += task.await.unwrap();
    }
    done as f64 / began.elapsed().as_secs_f64()
}

/// A request as it is: a snapshot, one read that must still hold, one write.
async fn commit(driver: &Postgresql, key: String) {
    let (mut batch, _) = reading(driver, &key).await.unwrap();
    batch.writes.insert(key, Some(Value::from(vec![7; VALUE])));
    driver.commit(batch).await.unwrap();
}

async fn bare(cluster: &Cluster, writers: usize, round: usize) -> f64 {
    cluster.sql("postgres", &format!("CREATE TABLE bare{round} (key bytea PRIMARY KEY, value bytea NOT NULL)"));
    let mut clients = Vec::new();
    for _ in 0..writers {
        let url = format!("host=127.0.0.1 port={} user=postgres password={PASSWORD}", cluster.port());
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        drop(tokio::spawn(connection));
        let insert = client.prepare(&format!("INSERT INTO bare{round} VALUES ($1, $2)")).await.unwrap();
        clients.push((client, insert));
    }
    let clients = Arc::new(clients);
    rate(writers, move |writer, turn| {
        let clients = Arc::clone(&clients);
        async move {
            let (client, insert) = &clients[writer];
            let key = format!("{writer}/{turn}").into_bytes();
            client.execute(insert, &[&key, &vec![7_u8; VALUE]]).await.unwrap();
        }
    })
    .await
}

async fn median(turns: usize, mut once: impl AsyncFnMut()) -> Duration {
    let mut times = Vec::new();
    for _ in 0..turns {
        let began = Instant::now();
        once().await;
        times.push(began.elapsed());
    }
    times.sort();
    times[turns / 2]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn measure() {
    let cluster = Cluster::start();
    let settings = Settings::new(cluster.url());
    let driver = Arc::new(open(&settings).await);
    for (round, writers) in [1, 8, 64].into_iter().enumerate() {
        let bare = bare(&cluster, writers, round).await;
        let blind = Arc::clone(&driver);
        let blind = rate(writers, move |writer, turn| {
            let driver = Arc::clone(&blind);
            async move {
                let writes = [(format!("blind/{round}/{writer}/{turn}"), Some(Value::from(vec![7; VALUE])))];
                driver.commit(Batch { expectations: Vec::new(), writes: writes.into() }).await.unwrap();
            }
        })
        .await;
        let whole = Arc::clone(&driver);
        let whole = rate(writers, move |writer, turn| {
            let driver = Arc::clone(&whole);
            async move { commit(&driver, format!("whole/{round}/{writer}/{turn}")).await }
        })
        .await;
        println!(
            "{writers} writers: bare INSERT {bare:.0}/s, commit {blind:.0}/s ({:.2}), snapshot + read + commit {whole:.0}/s ({:.2})",
            blind / bare,
            whole / bare
        );
    }
    reads(&driver).await;
}

async fn reads(driver: &Postgresql) {
    for part in 0..100 {
        let key = |number: usize| format!("many/{:06}", part * 1200 + number);
        let folder = |number: usize| format!("folders/{:06}/{:02}", (part * 1200 + number) / 40, number % 40);
        let value = || Some(Value::from(vec![7; 100]));
        let writes = (0..1200).flat_map(|number| [(key(number), value()), (folder(number), value())]).collect();
        driver.commit(Batch { expectations: Vec::new(), writes }).await.unwrap();
    }
    let snapshot = driver.snapshot().await.unwrap();
    let mut number = 0;
    let point = median(2000, async || {
        number = (number * 7919 + 13) % 120_000;
        assert!(snapshot.get(&format!("many/{number:06}")).await.unwrap().is_some());
    });
    println!("point read {:?}", point.await);
    let taken = median(2000, async || drop(driver.snapshot().await.unwrap()));
    println!("snapshot {:?}", taken.await);
    for (what, listing) in [
        ("page of 1000 of 120000 keys", listing("many/", Some("050000"), 1000)),
        ("page of 1000 of 3000 folders with 40 keys each", listing("folders/", Some("001000/"), 1000)),
        ("two folders with 120000 keys each", listing("", Some("m"), 1000)),
    ] {
        let time = median(21, async || drop(snapshot.list(&listing).await.unwrap()));
        println!("{what}: {:?}", time.await);
        let page = snapshot.list(&listing).await.unwrap();
        let checked = median(21, async || {
            let mut batch = crate::writes(&[("mark", Some("x"))]);
            batch.expectations.push(Expectation::Listing { listing: listing.clone(), page: page.clone() });
            let _ = driver.commit(batch).await;
        });
        println!("  and a commit that expects it: {:?}", checked.await);
    }
}
