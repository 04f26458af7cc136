use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

fn mode(file: &Path) -> u32 {
    std::fs::metadata(file).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_device_that_cannot_be_used_is_refused_and_not_kept() {
    let house = House::new();
    std::fs::create_dir(house.path("folder")).unwrap();
    std::fs::write(house.path("victim"), "").unwrap();
    std::fs::create_dir(house.path("inside")).unwrap();
    symlink(house.path("victim"), house.path("inside/link")).unwrap();
    let missing = house.path("missing/log");
    let (folder, link) = (house.path("folder"), house.path("inside/link"));
    let full = PathBuf::from("/dev/full");
    for file in [&missing, &folder, &link, &full, &PathBuf::from("relative"), &PathBuf::from("/proc/self/fd/1")] {
        let refused = house.enable_file("bad", file).await.unwrap_err();
        assert_eq!(refused.kind, model::Kind::InvalidRequest, "{}: {refused}", file.display());
    }
    assert_eq!(std::fs::read_to_string(house.path("victim")).unwrap(), "");
    assert!(house.audit.list(&mut house.store.begin().await.unwrap()).await.unwrap().is_empty());
    house.record().await.unwrap();
}

#[tokio::test]
async fn two_devices_have_two_paths_and_two_files() {
    let house = House::new();
    house.enable_file("a", &house.path("log")).await.unwrap();
    let again = house.enable_file("a/", &house.path("other")).await.unwrap_err().to_string();
    assert!(again.contains("already in use"), "{again}");
    let same = house.enable_file("b", &house.path("log")).await.unwrap_err().to_string();
    assert!(same.contains("a/ writes to it"), "{same}");
    for path in ["", "/", "a/../b", "x y"] {
        assert!(house.enable_file(path, &house.path("third")).await.is_err(), "{path:?}");
    }
    let shown = house.audit.list(&mut house.store.begin().await.unwrap()).await.unwrap();
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0].path, "a/");
    let fields = serde_json::json!({
        "type": "file", "description": "", "local": false, "path": "a/",
        "options": {"file_path": house.path("log").to_str().unwrap()},
    });
    assert_eq!(shown[0].fields, fields);
}

#[tokio::test]
async fn there_are_only_so_many_devices() {
    let house = House::new();
    for number in 0..DEVICES_MAX {
        house.enable(&format!("d{number}"), "file", &[("file_path", "discard")]).await.unwrap();
    }
    assert!(house.enable("more", "file", &[("file_path", "discard")]).await.is_err());
    let mut transaction = house.store.begin().await.unwrap();
    assert!(house.audit.disable(&mut transaction, "d0/").await.unwrap());
    assert!(!house.audit.disable(&mut transaction, "d0").await.unwrap());
    transaction.commit().await.unwrap();
    house.enable("more", "file", &[("file_path", "discard")]).await.unwrap();
}

#[tokio::test]
async fn a_file_is_closed_to_others_unless_its_mode_is_left_alone() {
    let house = House::new();
    let (new, old, left) = (house.path("new"), house.path("old"), house.path("left"));
    for file in [&old, &left] {
        std::fs::write(file, "before\n").unwrap();
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    house.enable_file("new", &new).await.unwrap();
    house.enable_file("old", &old).await.unwrap();
    house.enable("left", "file", &[("path", left.to_str().unwrap()), ("mode", "0000")]).await.unwrap();
    assert_eq!((mode(&new), mode(&old), mode(&left)), (0o600, 0o600, 0o644));
    assert!(std::fs::read_to_string(&old).unwrap().starts_with("before\n"), "it is added to");
}

#[tokio::test]
async fn another_node_records_from_the_next_request_on_and_stops_with_it() {
    let house = House::new();
    let other = Audit::new();
    assert!(other.devices(&house.store.begin().await.unwrap()).await.unwrap().is_empty());
    let before = house.store.begin().await.unwrap();
    house.enable_file("file", &house.path("log")).await.unwrap();
    let devices = other.devices(&house.store.begin().await.unwrap()).await.unwrap();
    Recording::new(&devices, || (request(), None)).unwrap().request("", now()).await.unwrap();
    assert_eq!(entries(&house.path("log")).len(), 1);
    // A request that began before sees the newer devices: what is known is used.
    assert!(!other.devices(&before).await.unwrap().is_empty());
    let again = other.devices(&house.store.begin().await.unwrap()).await.unwrap();
    assert!(Arc::ptr_eq(&devices, &again), "nothing is read or opened again");
    let mut transaction = house.store.begin().await.unwrap();
    house.audit.disable(&mut transaction, "file").await.unwrap();
    transaction.commit().await.unwrap();
    assert!(other.devices(&house.store.begin().await.unwrap()).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_transaction_itself_enabled_is_seen_by_it_and_by_nobody_else_before_the_commit() {
    let house = House::new();
    let mut transaction = house.store.begin().await.unwrap();
    let options = BTreeMap::from([("file_path".to_owned(), house.path("log").to_str().unwrap().to_owned())]);
    let wanted = Wanted { kind: "file".into(), options, ..Wanted::default() };
    house.audit.enable(&mut transaction, "file", wanted, now()).await.unwrap();
    assert!(!house.audit.devices(&transaction).await.unwrap().is_empty());
    assert!(house.devices().await.is_empty());
}

#[tokio::test]
async fn enabling_races_are_decided_by_the_store() {
    let house = House::new();
    let mut late = house.store.begin().await.unwrap();
    let wanted = || Wanted {
        kind: "file".into(),
        options: BTreeMap::from([("file_path".to_owned(), "discard".to_owned())]),
        ..Wanted::default()
    };
    house.audit.enable(&mut late, "late", wanted(), now()).await.unwrap();
    house.enable("first", "file", &[("file_path", "discard")]).await.unwrap();
    assert!(matches!(late.commit().await, Err(storage::Error::Conflict)));
}
