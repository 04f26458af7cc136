//! Disks that fill up, that cannot be written, and that forget, as operators and clients see them.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use harness::{Answer, Folder, Node, binary, file_storage, plain_listener};
use serde_json::{Value, json};

/// Longest wait until a node goes on by itself.
const GOES_ON_MAX: Duration = Duration::from_secs(30);
/// The user `nobody`.
const NOBODY: u32 = 65534;

/// A text of some KiB that tells which one it is, and does not compress to nothing.
fn text(number: usize) -> String {
    (0..500).map(|part| format!("{number}-{part:05}-")).collect()
}

fn write(node: &Node, number: usize) -> Answer {
    node.call("POST", &format!("kv/number-{number:04}"), json!({"is": text(number)}))
}

fn read(node: &Node, number: usize) -> Answer {
    node.call("GET", &format!("kv/number-{number:04}"), Value::Null)
}

fn assert_kept(node: &Node, numbers: impl IntoIterator<Item = usize>) {
    for number in numbers {
        let found = read(node, number);
        assert_eq!(found.json["data"]["is"], text(number), "{number}: {} {}", found.status, found.text);
    }
}

fn with_kv(node: &mut Node) -> harness::Keys {
    let keys = node.init(1, 1);
    node.unseal(&keys);
    assert_eq!(node.call("POST", "sys/mounts/kv", json!({"type": "kv"})).status, 204);
    keys
}

#[test]
fn a_full_disk_answers_503_with_when_to_come_back_and_goes_on_by_itself_when_there_is_room() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    let mut node = Node::on_a_small_disk(&file_storage(&data));
    let keys = with_kv(&mut node);
    let size = std::fs::metadata(data.join("records")).unwrap().len();
    node.process.limit_files(Some(size + (1 << 20)));
    let mut kept = 0;
    let refused = loop {
        match write(&node, kept) {
            answer if answer.status == 204 => kept += 1,
            answer => break answer,
        }
        assert!(kept < 5000, "the disk never filled up");
    };
    assert!(kept > 10, "{kept}");
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(refused.header("retry-after").is_some(), "{:?}", refused.headers);
    assert!(!refused.text.contains("data/records"), "clients learn nothing of the disk: {}", refused.text);
    assert!(node.process.log().contains("the disk is full"), "{}", node.process.log());
    assert_kept(&node, 0..kept);
    assert_ne!(read(&node, kept).json["data"]["is"], text(kept), "what was refused is not there");
    assert_eq!(node.send("GET", "sys/health", &[], Value::Null).status, 200);

    node.process.limit_files(None);
    let until = Instant::now() + GOES_ON_MAX;
    while write(&node, kept).status != 204 {
        assert!(Instant::now() < until, "{}", node.process.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_kept(&node, 0..=kept);
    drop(node);
    let mut node = Node::start(&file_storage(&data), &[]);
    node.unseal(&keys);
    assert_kept(&node, 0..=kept);
}

/// Starts a server on this folder as somebody who has no more rights than its permissions give, and waits until it ends.
fn start_unprivileged(folder: &Folder, data: &Path) -> Output {
    let file = folder.write("innkeeper.hcl", &(plain_listener("") + &file_storage(data)));
    // Where root has built it, others may not reach it.
    let copy = folder.path().join("innkeeper");
    std::fs::copy(binary(), &copy).unwrap();
    let mut command = Command::new("timeout");
    command.arg("20").arg(copy).args(["server", &format!("-config={file}")]).current_dir("/");
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.output().unwrap()
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

#[test]
fn a_data_folder_that_cannot_be_written_is_one_clear_line_at_the_start() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    let mut node = Node::start(&file_storage(&data), &[]);
    with_kv(&mut node);
    drop(node);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.push(data.clone());
    let before = std::fs::read(data.join("records")).unwrap();
    for path in &paths {
        let mode = if path.is_dir() { 0o500 } else { 0o400 };
        if is_root() {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let ended = start_unprivileged(&folder, &data);
    let said = String::from_utf8_lossy(&ended.stderr);
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("storage \"file\"")).collect();
    assert!(!ended.status.success() && lines.len() == 1, "{said}");
    for part in [data.to_str().unwrap(), "Permission denied"] {
        assert!(lines[0].contains(part), "{said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(std::fs::read(data.join("records")).unwrap(), before);
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_bit_that_flipped_on_the_disk_is_found_named_and_never_served() {
    const COUNT: usize = 300;
    const LOST: usize = 150;
    let folder = Folder::new();
    let data = folder.path().join("data");
    let mut node = Node::start(&file_storage(&data), &[]);
    let keys = with_kv(&mut node);
    for number in 0..COUNT {
        assert_eq!(write(&node, number).status, 204);
    }
    drop(node);
    // In the middle of the value: it stands behind its name, which is readable.
    let file = data.join("records");
    let mut bytes = std::fs::read(&file).unwrap();
    let name = format!("number-{LOST:04}").into_bytes();
    let places: Vec<usize> =
        bytes.windows(name.len()).enumerate().filter(|(_, part)| *part == name).map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "the name of the secret is not in the file");
    for place in places {
        bytes[place + name.len() + 2000] ^= 0x10;
    }
    std::fs::write(&file, bytes).unwrap();

    let mut node = Node::start(&file_storage(&data), &[]);
    node.unseal(&keys);
    let found = read(&node, LOST);
    assert_eq!(found.status, 500, "{}", found.text);
    assert!(!found.text.contains("records"), "clients learn nothing of the disk: {}", found.text);
    let log = node.process.log();
    let named = log.lines().any(|line| line.contains("data/records") && line.contains("block"));
    assert!(named, "{log}");
    let whole = (0..COUNT).filter(|number| {
        let found = read(&node, *number);
        let is = &found.json["data"]["is"];
        assert!(*is == text(*number) || found.status == 500, "{number}: {} {}", found.status, found.text);
        *is == text(*number)
    });
    assert!(whole.count() > COUNT / 2, "the rest can still be read");
    assert_eq!(write(&node, COUNT).status, 204, "and writing goes on");
}
