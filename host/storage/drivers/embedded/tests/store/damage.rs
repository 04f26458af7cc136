//! Bytes that change on the disk: found, named, never served.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;

use embedded::Embedded;
use storage::{Driver, Error};

use crate::folder::{Dice, Folder, batch, get, put, scan};

const FRONT: usize = 8192;
const STRIDE: usize = 4096 + 8;

/// Some hundred records, some of them large, some gone again.
async fn filled(folder: &Folder) -> BTreeMap<String, Vec<u8>> {
    let store = folder.open();
    let mut records = BTreeMap::new();
    for number in 0..400_u32 {
        let length = if number % 80 == 0 { 100_000 } else { number as usize };
        records.insert(format!("m/{}/{number:04}", number % 7), number.to_le_bytes().repeat(length / 4 + 1));
    }
    store.commit(batch(records.clone())).await.unwrap();
    let gone: Vec<String> = records.keys().filter(|key| key.ends_with('3')).cloned().collect();
    for key in gone {
        records.remove(&key);
        store.commit(storage::Batch { expectations: Vec::new(), writes: [(key, None)].into() }).await.unwrap();
    }
    records
}

/// Every way of reading gives what was written, or an error that names the file. True if there was such an error.
async fn is_right_or_refused(folder: &Folder, records: &BTreeMap<String, Vec<u8>>, what: &str) -> bool {
    let named = folder.records().to_str().unwrap().to_owned();
    let store = match folder.try_open() {
        Ok(store) => store,
        Err(error) => {
            assert!(error.to_string().contains(&named), "{what}: {error}");
            return true;
        }
    };
    let refused = |error: Error| match error {
        Error::Damaged { key, .. } => assert!(key.contains(&named), "{what}: {key}"),
        error => panic!("{what}: {error}"),
    };
    let mut found_damage = false;
    match scan(&store).await {
        Ok(found) => {
            assert_eq!(found.len(), records.len(), "{what}: records are missing or too many");
            assert!(found.iter().all(|(key, value)| records[key] == **value), "{what}: a wrong value");
        }
        Err(error) => {
            refused(error);
            found_damage = true;
        }
    }
    for (key, value) in records {
        match get(&store, key).await {
            Ok(found) => assert_eq!(found.as_deref(), Some(&value[..]), "{what}: {key}"),
            Err(error) => {
                refused(error);
                found_damage = true;
            }
        }
    }
    // Writing goes on, or is refused; what is acknowledged is there.
    match put(&store, "written/after", "x").await {
        Ok(()) => assert_eq!(get(&store, "written/after").await.unwrap().as_deref(), Some(&b"x"[..]), "{what}"),
        Err(error) => {
            refused(error);
            found_damage = true;
        }
    }
    found_damage
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_found_or_touches_nothing() {
    let folder = Folder::new();
    let records = filled(&folder).await;
    let whole = fs::read(folder.records()).unwrap();
    let mut dice = Dice::new();
    let mut found = 0;
    for round in 0..300 {
        // Every third in the first blocks, which are the front and the engine's own records.
        let length = if round % 3 == 0 { FRONT + 12 * STRIDE } else { whole.len() };
        let bit = dice.below(8 * length as u64) as usize;
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(folder.records(), bytes).unwrap();
        found += u32::from(is_right_or_refused(&folder, &records, &format!("bit {bit}")).await);
    }
    assert!(found > 30, "only {found} of 300 flipped bits were found");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bit_of_the_front_may_flip_without_a_loss() {
    let folder = Folder::new();
    let mut records = filled(&folder).await;
    let store = folder.open();
    put(&store, "last", "x").await.unwrap();
    records.insert("last".to_owned(), b"x".to_vec());
    // As a killed process leaves it: the front that was written last is the only one that knows the last record.
    let whole = fs::read(folder.records()).unwrap();
    drop(store);
    for byte in (0..512).step_by(5).flat_map(|at| [at, 4096 + at]) {
        let mut bytes = whole.clone();
        bytes[byte] ^= 1 << (byte % 8);
        fs::write(folder.records(), bytes).unwrap();
        let found = is_right_or_refused(&folder, &records, &format!("byte {byte}")).await;
        assert!(!found, "the other copy of the front has the same content");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_front_that_flips_in_both_copies_is_refused() {
    let folder = Folder::new();
    let records = filled(&folder).await;
    let whole = fs::read(folder.records()).unwrap();
    for at in [3, 17, 25, 40, 50, 120, 505] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes[4096 + at] ^= 1;
        fs::write(folder.records(), bytes).unwrap();
        assert!(is_right_or_refused(&folder, &records, &format!("byte {at} twice")).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_change_places_are_found() {
    let folder = Folder::new();
    let records = filled(&folder).await;
    let whole = fs::read(folder.records()).unwrap();
    let blocks = (whole.len() - FRONT) / STRIDE;
    let at = |block: usize| FRONT + block * STRIDE..FRONT + (block + 1) * STRIDE;
    let mut dice = Dice::new();
    for _ in 0..40 {
        let (one, other) = (dice.below(blocks as u64) as usize, dice.below(blocks as u64) as usize);
        let mut bytes = whole.clone();
        bytes[at(one)].copy_from_slice(&whole[at(other)]);
        bytes[at(other)].copy_from_slice(&whole[at(one)]);
        fs::write(folder.records(), bytes).unwrap();
        is_right_or_refused(&folder, &records, &format!("blocks {one} and {other}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_cut_is_found() {
    let folder = Folder::new();
    let records = filled(&folder).await;
    let whole = fs::read(folder.records()).unwrap();
    let mut dice = Dice::new();
    for round in 0..30 {
        let any = dice.below(whole.len() as u64) as usize;
        let even = if any < FRONT { FRONT } else { any - (any - FRONT) % STRIDE };
        let length = if round % 2 == 0 { any } else { even };
        fs::write(folder.records(), &whole[..length]).unwrap();
        assert!(is_right_or_refused(&folder, &records, &format!("cut to {length}")).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_damaged_record_the_store_goes_on() {
    let folder = Folder::new();
    let store = folder.open();
    let marked = b"the one that will be damaged ".repeat(2000);
    for number in 0..2000 {
        put_part(&store, number).await;
    }
    put(&store, "large", &marked).await.unwrap();
    drop(store);
    let bytes = fs::read(folder.records()).unwrap();
    let hits: Vec<usize> =
        bytes.windows(29).enumerate().filter(|(_, at)| *at == &marked[..29]).map(|(at, _)| at).collect();
    let hit = hits[hits.len() / 2];
    let file = fs::OpenOptions::new().write(true).open(folder.records()).unwrap();
    file.write_all_at(&[bytes[hit] ^ 0x10], hit as u64).unwrap();

    let store = folder.open();
    for _ in 0..3 {
        match get(&store, "large").await {
            Err(Error::Damaged { key, reason }) => {
                let block = (hit - FRONT) / STRIDE + 1;
                assert!(key.contains(&format!("block {block} ")) && reason.contains("checksum"), "{key}: {reason}");
            }
            other => panic!("{other:?}"),
        }
        assert!(get(&store, "part/0007").await.unwrap().is_some());
        put(&store, "part/0007", "new").await.unwrap();
    }
    assert_eq!(get(&store, "part/0007").await.unwrap().as_deref(), Some(&b"new"[..]));
    assert_eq!(store.snapshot().await.unwrap().scan(Some("part/")).await.unwrap().len(), 1000);
}

async fn put_part(store: &Embedded, number: u32) {
    if number.is_multiple_of(500) {
        let pairs = (number..number + 500).map(|number| (format!("part/{number:04}"), [7; 100]));
        store.commit(batch(pairs)).await.unwrap();
    }
}
