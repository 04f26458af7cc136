use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixListener;
use std::time::Instant;

use super::*;

/// A pipe in the file system.
fn pipe(path: &Path) {
    rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
}

/// Its reading end, held without waiting for a writer.
fn reader(path: &Path) -> std::fs::File {
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap();
    std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path).unwrap()
}

#[tokio::test]
async fn without_a_device_nothing_is_recorded_and_nothing_fails() {
    let house = House::new();
    let recording = Recording::new(&*house.devices().await, || unreachable!("nothing is gathered")).unwrap();
    assert!(recording.is_empty());
    recording.request("", now()).await.unwrap();
    recording.response(&Answer::default(), "", now()).await.unwrap();
    recording.key_use(&KeyUse::default(), now()).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_as_the_only_device_fails_the_request_and_tells_the_client_nothing() {
    let house = House::new();
    house.assume("full", "file", &[("file_path", "/dev/full")]).await;
    let failed = house.record().await.unwrap_err();
    assert_eq!((failed.kind, &failed.messages[..]), (model::Kind::Internal, &["internal error".to_owned()][..]));
    let detail = failed.detail.unwrap();
    assert!(detail.contains("full/") && detail.contains("No space"), "{detail}");
}

#[tokio::test]
async fn a_second_device_that_works_is_enough() {
    let house = House::new();
    house.assume("full", "file", &[("file_path", "/dev/full")]).await;
    let file = house.path("log");
    house.enable_file("file", &file).await.unwrap();
    house.record().await.unwrap();
    assert_eq!(entries(&file).len(), 1);
}

#[tokio::test]
async fn a_device_that_blocks_fails_after_its_deadline_and_does_not_hold_the_others_up() {
    let house = House::new();
    let (stuck, file) = (house.path("stuck"), house.path("log"));
    pipe(&stuck);
    let mut held = reader(&stuck);
    house.enable_file("stuck", &stuck).await.unwrap();
    house.enable_file("file", &file).await.unwrap();
    // More than a pipe holds: sooner or later the thread of the device waits in its write.
    let (began, mut longest) = (Instant::now(), Duration::ZERO);
    let mut count = 0;
    while longest < DEADLINE && began.elapsed() < 10 * DEADLINE {
        let one = Instant::now();
        house.record().await.unwrap();
        longest = longest.max(one.elapsed());
        count += 1;
    }
    assert!(longest >= DEADLINE && longest < 2 * DEADLINE, "the blocked device was waited for {longest:?}");
    // It has not kept its time, and nobody waits for it any more.
    let one = Instant::now();
    house.record().await.unwrap();
    assert!(one.elapsed() < DEADLINE / 2);
    assert_eq!(entries(&file).len(), count + 1);
    // Once somebody reads, what waited is written, and it is a device as any other.
    let mut text = String::new();
    let late = Instant::now() + Duration::from_secs(10);
    while text.lines().filter(|line| line.ends_with('}')).count() < count + 2 && Instant::now() < late {
        let mut some = [0; 65536];
        match held.read(&mut some) {
            Ok(length) => text.push_str(std::str::from_utf8(&some[..length]).unwrap()),
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
    assert_eq!(text.lines().count(), count + 2, "the trial, and every entry");
}

#[tokio::test]
async fn a_blocked_device_alone_fails_the_request_after_its_deadline() {
    let house = House::new();
    let stuck = house.path("stuck");
    pipe(&stuck);
    let held = reader(&stuck);
    house.enable_file("stuck", &stuck).await.unwrap();
    let began = Instant::now();
    while house.record().await.is_ok() {
        assert!(began.elapsed() < 10 * DEADLINE, "it never blocked");
    }
    // And the next one is not let through either.
    let one = Instant::now();
    assert!(house.record().await.is_err());
    assert!(one.elapsed() < 2 * DEADLINE);
    drop(held);
}

#[tokio::test]
async fn a_pipe_that_nobody_reads_is_refused_at_once() {
    let house = House::new();
    let nobody = house.path("nobody");
    pipe(&nobody);
    let one = Instant::now();
    assert!(house.enable_file("nobody", &nobody).await.is_err());
    assert!(one.elapsed() < DEADLINE);
}

#[tokio::test]
async fn a_file_that_was_renamed_is_written_on_until_it_is_opened_anew() {
    let house = House::new();
    let (file, old) = (house.path("log"), house.path("log.1"));
    house.enable_file("file", &file).await.unwrap();
    house.record().await.unwrap();
    std::fs::rename(&file, &old).unwrap();
    house.record().await.unwrap();
    assert_eq!(entries(&old).len(), 2);
    house.audit.reopen();
    house.record().await.unwrap();
    assert_eq!((entries(&old).len(), entries(&file).len()), (2, 1));
    // What cannot be opened anew fails its entries until it can.
    std::fs::rename(&file, house.path("log.2")).unwrap();
    std::fs::create_dir(&file).unwrap();
    house.audit.reopen();
    assert!(house.record().await.is_err());
    std::fs::remove_dir(&file).unwrap();
    house.record().await.unwrap();
    assert_eq!(entries(&file).len(), 1);
}

#[tokio::test]
async fn rotated_files_are_made_anew_without_waiting_for_an_entry() {
    let house = House::new();
    let file = house.path("log");
    house.enable_file("file", &file).await.unwrap();
    house.record().await.unwrap();
    std::fs::rename(&file, house.path("log.1")).unwrap();
    house.audit.reopen();
    let late = Instant::now() + Duration::from_secs(5);
    while !file.exists() {
        assert!(Instant::now() < late, "nobody made the file");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_peer_that_went_away_fails_entries_and_is_found_again() {
    let house = House::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    house.enable("tcp", "socket", &[("address", &address.to_string()), ("write_timeout", "1s")]).await.unwrap();
    house.record().await.unwrap();
    // The connection of the trial, and the device's own.
    let (trial, _) = listener.accept().unwrap();
    let (own, _) = listener.accept().unwrap();
    let mut line = String::new();
    BufReader::new(own).read_line(&mut line).unwrap();
    assert!(line.contains("pki/issue/web"), "{line}");
    drop((trial, listener));
    assert!(house.record().await.is_err());
    let listener = TcpListener::bind(address).unwrap();
    house.record().await.unwrap();
    let mut line = String::new();
    BufReader::new(listener.accept().unwrap().0).read_line(&mut line).unwrap();
    assert!(line.contains("pki/issue/web"), "{line}");
}

#[tokio::test]
async fn a_socket_in_the_file_system_is_a_device_too() {
    let house = House::new();
    let path = house.path("socket");
    let options = [("address", path.to_str().unwrap()), ("socket_type", "unix")];
    assert!(house.enable("unix", "socket", &options).await.is_err());
    let listener = UnixListener::bind(&path).unwrap();
    house.enable("unix", "socket", &options).await.unwrap();
    let mut line = String::new();
    BufReader::new(listener.accept().unwrap().0).read_line(&mut line).unwrap();
    assert!(line.contains("sys/audit/test"), "{line}");
}

#[tokio::test]
async fn a_datagram_is_one_entry() {
    let house = House::new();
    let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = peer.local_addr().unwrap().to_string();
    house.enable("udp", "socket", &[("address", &address), ("socket_type", "udp")]).await.unwrap();
    let mut buffer = [0; 65536];
    let length = peer.recv(&mut buffer).unwrap();
    let entry: Value = serde_json::from_slice(&buffer[..length]).unwrap();
    assert_eq!(entry["request"]["path"], "sys/audit/test");
}
