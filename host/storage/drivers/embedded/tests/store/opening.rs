//! Opening: what is made, what is repaired, and what is refused with which words.

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use embedded::{Embedded, FORMAT, OpenError};

use crate::folder::{FOLDER, Folder, child_arguments, get, put};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn refusal(path: &Path) -> OpenError {
    match Embedded::open(path) {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn what_was_committed_is_there_when_it_is_opened_again() {
    let folder = Folder::new();
    for round in 0..3 {
        let store = folder.open();
        for earlier in 0..round {
            assert_eq!(get(&store, &format!("k/{earlier}")).await.unwrap().as_deref(), Some(&b"kept"[..]));
        }
        put(&store, &format!("k/{round}"), "kept").await.unwrap();
    }
}

#[tokio::test]
async fn a_new_folder_and_its_files_are_closed_to_other_users() {
    let folder = Folder::new();
    let _store = folder.open();
    assert_eq!(mode(&folder.store()), 0o700);
    for file in fs::read_dir(folder.store()).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
}

#[tokio::test]
async fn permissions_that_became_too_wide_are_narrowed() {
    let folder = Folder::new();
    drop(folder.open());
    fs::set_permissions(folder.store(), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(folder.records(), Permissions::from_mode(0o644)).unwrap();
    let _store = folder.open();
    assert_eq!((mode(&folder.store()), mode(&folder.records())), (0o700, 0o600));
}

#[test]
fn a_folder_of_others_is_refused_and_left_alone() {
    let folder = Folder::new();
    fs::create_dir(folder.store()).unwrap();
    fs::write(folder.store().join("letter"), "dear").unwrap();
    fs::set_permissions(folder.store(), Permissions::from_mode(0o755)).unwrap();
    let error = refusal(&folder.store()).to_string();
    assert!(error.contains("store") && error.contains("chmod 700") && error.contains("755"), "{error}");
    assert_eq!(mode(&folder.store()), 0o755);
}

#[tokio::test]
async fn a_second_process_is_refused_while_the_first_has_it() {
    let folder = Folder::new();
    let store = folder.open();
    let second = Command::new(std::env::current_exe().unwrap())
        .args(child_arguments("opening::child_tries_to_open"))
        .env(FOLDER, folder.store())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&second.stdout).into_owned();
    assert!(said.contains("refused: the store in") && said.contains("in use by another process"), "{said}");
    put(&store, "k", "still mine").await.unwrap();
    drop(store);
    folder.open();
}

#[test]
#[ignore = "runs as a child of the test above"]
fn child_tries_to_open() {
    let Ok(path) = std::env::var(FOLDER) else { return };
    println!("refused: {}", refusal(Path::new(&path)));
}

#[test]
fn a_foreign_file_is_refused_and_left_alone() {
    for content in [&b""[..], b"# notes\n", &[b'x'; 20_000]] {
        let folder = Folder::new();
        drop(folder.open());
        fs::write(folder.records(), content).unwrap();
        let error = refusal(&folder.store()).to_string();
        assert!(error.contains(folder.records().to_str().unwrap()), "{error}");
        assert!(error.contains("is not a store of innkeeper"), "{error}");
        assert_eq!(fs::read(folder.records()).unwrap(), content);
    }
}

#[tokio::test]
async fn a_newer_format_is_refused_by_both_numbers() {
    let folder = Folder::new();
    put(&folder.open(), "k", "v").await.unwrap();
    let newer = FORMAT + 41;
    let file = fs::OpenOptions::new().write(true).open(folder.records()).unwrap();
    for copy in [0, 4096] {
        file.write_all_at(&newer.to_le_bytes(), copy + 16).unwrap();
    }
    let error = folder.try_open().err().expect("a refusal").to_string();
    for named in [&newer.to_string(), &FORMAT.to_string(), folder.records().to_str().unwrap()] {
        assert!(error.contains(named), "{error}");
    }
}

#[test]
fn a_path_that_cannot_be_a_folder_is_refused_by_name() {
    let folder = Folder::new();
    fs::write(folder.store(), "a file").unwrap();
    let error = refusal(&folder.store()).to_string();
    assert!(error.contains(folder.store().to_str().unwrap()), "{error}");
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_by_name() {
    let folder = Folder::new();
    drop(folder.open());
    fs::remove_file(folder.store().join("lock")).unwrap();
    fs::set_permissions(folder.store(), Permissions::from_mode(0o500)).unwrap();
    if fs::File::create(folder.store().join("probe")).is_ok() {
        // The superuser may write everywhere but on a disk that is read-only.
        return refused_on_a_read_only_disk();
    }
    let error = refusal(&folder.store()).to_string();
    assert!(error.contains(folder.store().to_str().unwrap()) && error.contains("denied"), "{error}");
    fs::set_permissions(folder.store(), Permissions::from_mode(0o700)).unwrap();
}

fn refused_on_a_read_only_disk() {
    let folder = Folder::new();
    let script = r#"mount -t tmpfs -o mode=700,ro tmpfs "$1" || exit 77; shift; exec "$@""#;
    let ran = Command::new("unshare")
        .args(["-Urm", "sh", "-c", script, "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args(child_arguments("opening::child_tries_to_open"))
        .env(FOLDER, folder.path())
        .output();
    let Ok(ran) = ran else { return eprintln!("not tried: no unshare here") };
    if ran.status.code() == Some(77) || !ran.status.success() {
        return eprintln!("not tried: mounting is not allowed here");
    }
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(said.contains("Read-only file system") && said.contains(folder.path().to_str().unwrap()), "{said}");
}
