//! A disk that is full, and then is not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use embedded::Embedded;
use storage::{Driver, Error, Value};

use crate::folder::{FOLDER, Folder, Made, batch, child_arguments, get, put};
const BALLAST: &str = "ballast";

#[test]
fn a_full_disk_refuses_writes_loses_nothing_and_works_again_when_there_is_space() {
    let folder = Folder::new();
    let script = r#"mount -t tmpfs -o mode=700,size=6m tmpfs "$1" || exit 77; shift; exec "$@""#;
    let on_a_small_disk = Command::new("unshare")
        .args(["-Urm", "sh", "-c", script, "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args(child_arguments("full::child_fills_the_disk"))
        .env(FOLDER, folder.path())
        .output();
    match on_a_small_disk {
        Ok(ran) if String::from_utf8_lossy(&ran.stdout).contains("running 1 test") => check(&ran),
        // No namespaces here: a bound on the size of files instead, which the child lifts.
        _ => {
            let script = r#"trap "" XFSZ; exec prlimit --fsize=3000000:unlimited "$@""#;
            let ran = Command::new("sh")
                .args(["-c", script, "sh"])
                .arg(std::env::current_exe().unwrap())
                .args(child_arguments("full::child_fills_the_disk"))
                .env(FOLDER, folder.path())
                .env("INNKEEPER_TEST_FSIZE", "1")
                .output()
                .unwrap();
            check(&ran);
        }
    }
}

fn check(ran: &std::process::Output) {
    let (said, cried) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success() && said.contains("1 passed"), "{said}\n{cried}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs as a child of the test above"]
async fn child_fills_the_disk() {
    let Ok(folder) = std::env::var(FOLDER).map(PathBuf::from) else { return };
    let bounded_by_size = std::env::var("INNKEEPER_TEST_FSIZE").is_ok();
    if !bounded_by_size {
        fs::write(folder.join(BALLAST), vec![1; 2_000_000]).unwrap();
    }
    let path = folder.join("store");
    let store = Embedded::open(&path).unwrap();
    let mut acknowledged = Vec::new();
    let refusal = loop {
        let pair = (0..2).map(|half| (format!("k/{}/{half}", acknowledged.len()), vec![7; 20_000]));
        match store.commit(batch(pair)).await {
            Ok(()) => acknowledged.push(acknowledged.len()),
            Err(error) => break error,
        }
        assert!(acknowledged.len() < 10_000, "the disk never filled up");
    };
    assert!(acknowledged.len() > 5);
    let Error::Unavailable(text) = refusal else { panic!("{refusal}") };
    assert!(text.contains("disk is full") && text.contains("nothing was lost"), "{text}");
    // As long as it is full, whatever does not fit is refused, and everything can be read.
    for _ in 0..5 {
        let refused = put(&store, "more", vec![7; 900_000]).await;
        assert!(matches!(&refused, Err(Error::Unavailable(text)) if text.contains("full")), "{refused:?}");
        all_there(&store, &acknowledged).await;
    }
    let too_much = (0..200_000).map(|number| (format!("r/{number:06}"), Value::from(&[7; 100][..]))).collect();
    let mut too_much = vec![too_much].into_iter();
    let refused = store.replace(Box::new(Made(move || Ok(too_much.next().unwrap_or_default())))).await;
    assert!(matches!(&refused, Err(Error::Unavailable(text)) if text.contains("full")), "{refused:?}");
    assert!(!path.join("records.next").exists(), "what did not fit still takes space");
    all_there(&store, &acknowledged).await;
    make_room(&folder, bounded_by_size);
    put(&store, "more", vec![8; 900_000]).await.unwrap();
    all_there(&store, &acknowledged).await;
    drop(store);
    let store = Embedded::open(&path).unwrap();
    all_there(&store, &acknowledged).await;
    assert_eq!(get(&store, "more").await.unwrap().unwrap().len(), 900_000);
}

async fn all_there(store: &Embedded, acknowledged: &[usize]) {
    for number in acknowledged {
        for half in 0..2 {
            assert_eq!(get(store, &format!("k/{number}/{half}")).await.unwrap().unwrap().len(), 20_000);
        }
    }
    for half in 0..2 {
        let key = format!("k/{}/{half}", acknowledged.len());
        assert_eq!(get(store, &key).await.unwrap(), None, "a refused write is there");
    }
}

fn make_room(folder: &Path, bounded_by_size: bool) {
    if bounded_by_size {
        let own = std::process::id().to_string();
        let lifted = Command::new("prlimit").args(["--pid", &own, "--fsize=unlimited"]).status();
        assert!(lifted.unwrap().success());
    } else {
        fs::remove_file(folder.join(BALLAST)).unwrap();
    }
}
