//! Several nodes on one table.

use std::sync::Arc;

use postgresql::Postgresql;
use storage::{Driver, Error, Expectation, Value};

use crate::{fresh, get, listing, names, open, put, reading, writes};

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_commits_the_next_snapshot_of_another_sees() {
    let settings = fresh();
    let (one, other) = (open(&settings).await, open(&settings).await);
    for turn in 0..50 {
        let text = turn.to_string();
        put(&one, "key", &text).await.unwrap();
        assert_eq!(get(&other, "key").await, Some(text.clone()));
        let before = one.snapshot().await.unwrap();
        other.commit(writes(&[("key", None)])).await.unwrap();
        assert_eq!(get(&one, "key").await, None);
        assert_eq!(&*before.get("key").await.unwrap().unwrap().value, text.as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_conflicting_commits_on_two_nodes_exactly_one_wins() {
    let settings = fresh();
    let nodes = [open(&settings).await, open(&settings).await];
    put(&nodes[0], "key", "start").await.unwrap();
    for _ in 0..50 {
        let (mut first, _) = reading(&nodes[0], "key").await.unwrap();
        let (mut second, _) = reading(&nodes[1], "key").await.unwrap();
        first.writes = writes(&[("key", Some("first")), ("by-first", Some("x"))]).writes;
        second.writes = writes(&[("key", Some("second")), ("by-second", Some("x"))]).writes;
        let (first, second) = tokio::join!(nodes[0].commit(first), nodes[1].commit(second));
        let winner = match (first, second) {
            (Ok(()), Err(Error::Conflict)) => "first",
            (Err(Error::Conflict), Ok(())) => "second",
            other => panic!("{other:?}"),
        };
        assert_eq!(get(&nodes[0], "key").await.as_deref(), Some(winner));
        assert_eq!(names(&nodes[1], "").await, [format!("by-{winner}").as_str(), "key"]);
        nodes[0].commit(writes(&[("by-first", None), ("by-second", None)])).await.unwrap();
    }
}

async fn increment(node: &Postgresql, key: &str) {
    loop {
        let (mut batch, value) = reading(node, key).await.unwrap();
        let count: u64 = value.map_or(0, |value| std::str::from_utf8(&value).unwrap().parse().unwrap());
        batch.writes.insert(key.to_owned(), Some(Value::from((count + 1).to_string().into_bytes())));
        match node.commit(batch).await {
            Ok(()) => return,
            Err(Error::Conflict) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_that_two_nodes_increment_lose_nothing() {
    const TASKS: usize = 64;
    const TURNS: usize = 10;
    let settings = fresh();
    let nodes = [Arc::new(open(&settings).await), Arc::new(open(&settings).await)];
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let node = Arc::clone(&nodes[task % 2]);
            tokio::spawn(async move {
                for turn in 0..TURNS {
                    increment(&node, &format!("counter/{}", (task + turn) % 8)).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let mut sum = 0;
    for counter in 0..8 {
        sum += get(&nodes[0], &format!("counter/{counter}")).await.unwrap().parse::<usize>().unwrap();
    }
    assert_eq!(sum, TASKS * TURNS);
}

/// Each reads the listing and takes the name that follows; folders and removals are in between.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_listed_is_still_so_at_commit_whoever_writes_at_the_same_time() {
    const TASKS: usize = 16;
    const TURNS: usize = 6;
    let settings = fresh();
    let nodes = [Arc::new(open(&settings).await), Arc::new(open(&settings).await)];
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let node = Arc::clone(&nodes[task % 2]);
            tokio::spawn(async move {
                let mut done = 0;
                while done < TURNS {
                    let listing = listing("taken/", None, 1000);
                    let page = node.snapshot().await.unwrap().list(&listing).await.unwrap();
                    let name = format!("taken/{:03}/by", page.names.len());
                    let mut batch = writes(&[(&name, Some("x")), ("noise/a/b", (done % 2 == 0).then_some("x"))]);
                    batch.expectations.push(Expectation::Listing { listing, page });
                    match node.commit(batch).await {
                        Ok(()) => done += 1,
                        Err(Error::Conflict) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let all: Vec<String> = (0..TASKS * TURNS).map(|number| format!("{number:03}/")).collect();
    assert_eq!(names(&nodes[0], "taken/").await, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_at_once_share_one_new_store() {
    for _ in 0..3 {
        let settings = fresh();
        let starts: Vec<_> = (0..4)
            .map(|_| {
                let settings = settings.clone();
                tokio::spawn(async move { Postgresql::open(settings).await })
            })
            .collect();
        let mut nodes = Vec::new();
        for start in starts {
            nodes.push(start.await.unwrap().unwrap());
        }
        for (number, node) in nodes.iter().enumerate() {
            put(node, &format!("from/{number}"), "x").await.unwrap();
        }
        assert_eq!(names(&nodes[3], "from/").await, ["0", "1", "2", "3"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_in_other_tables_are_others() {
    let (one, other) = (open(&fresh()).await, open(&fresh()).await);
    put(&one, "key", "x").await.unwrap();
    assert_eq!(get(&other, "key").await, None);
}
