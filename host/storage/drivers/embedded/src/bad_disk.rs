//! Disks that fail, and machines that lose power.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use storage::{Batch, Driver, Error, Value};

use crate::{Embedded, QUEUE_BATCHES_MAX, QUEUE_WAIT};

/// What happened to a file.
enum Event {
    Write(u64, Vec<u8>),
    Length(u64),
    Synced,
    Acknowledged,
}

#[derive(Default)]
struct State {
    events: Option<Vec<Event>>,
    /// After so many more calls the next ones fail.
    good: u64,
    bad: u64,
    /// Syncs wait for this.
    stalled: Option<std::sync::mpsc::Receiver<()>>,
}

/// Sees what is done to the file of a test, and lets it fail.
#[derive(Clone, Default)]
pub(crate) struct Probe(Arc<Mutex<State>>);

static PROBES: Mutex<Option<HashMap<String, Probe>>> = Mutex::new(None);

impl Probe {
    fn new(folder: &Path) -> Self {
        let name = format!("{}/records", folder.display());
        PROBES.lock().unwrap().get_or_insert_default().entry(name).or_default().clone()
    }

    pub(crate) fn of(name: &str) -> Option<Self> {
        PROBES.lock().unwrap().as_ref()?.get(name).cloned()
    }

    fn fail(&self, good: u64, bad: u64) {
        let mut state = self.0.lock().unwrap();
        (state.good, state.bad) = (good, bad);
    }

    /// The next sync takes until the other end is dropped.
    fn stall(&self) -> std::sync::mpsc::Sender<()> {
        let (end, stalled) = std::sync::mpsc::channel();
        self.0.lock().unwrap().stalled = Some(stalled);
        end
    }

    fn record(&self) {
        self.0.lock().unwrap().events = Some(Vec::new());
    }

    fn acknowledged(&self) {
        self.0.lock().unwrap().events.as_mut().unwrap().push(Event::Acknowledged);
    }

    pub(crate) fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.event(|| Event::Write(at, bytes.to_vec()))
    }

    pub(crate) fn set_len(&self, len: u64) -> io::Result<()> {
        self.event(|| Event::Length(len))
    }

    /// Recorded before it happens: the power may go while it does.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.event(|| Event::Synced)?;
        let stalled = self.0.lock().unwrap().stalled.take();
        if let Some(stalled) = stalled {
            let _ = stalled.recv();
        }
        Ok(())
    }

    fn event(&self, event: impl FnOnce() -> Event) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        if state.good == 0 && state.bad > 0 {
            state.bad -= 1;
            return Err(io::Error::from_raw_os_error(5));
        }
        state.good = state.good.saturating_sub(1);
        if let Some(events) = &mut state.events {
            events.push(event());
        }
        Ok(())
    }
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("innkeeper-bad-disk-{name}-{}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn three(number: u32) -> Batch {
    let text = number.to_string();
    let value = || Some(Value::from(text.as_bytes()));
    // One key of each batch is new, one changes, and one grows so much that the file does.
    let large = Some(Value::from(text.as_bytes().repeat(3000)));
    let writes = [(format!("n/{number:05}"), value()), ("same".to_owned(), value()), ("large".to_owned(), large)];
    Batch { expectations: Vec::new(), writes: writes.into() }
}

async fn scan(store: &Embedded) -> Result<BTreeMap<String, Value>, Error> {
    let snapshot = store.snapshot().await?;
    let mut found: BTreeMap<String, Value> = BTreeMap::new();
    loop {
        let step = snapshot.scan(found.last_key_value().map(|(key, _)| key.as_str())).await?;
        if step.is_empty() {
            return Ok(found);
        }
        found.extend(step);
    }
}

/// The batches that are there. All of each must be.
async fn whole(store: &Embedded, what: &str) -> Vec<u32> {
    let found = scan(store).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    let numbers: Vec<u32> = found.keys().filter_map(|key| key.strip_prefix("n/")?.parse().ok()).collect();
    let last = numbers.last().map(u32::to_string);
    for (key, times) in [("same", 1), ("large", 3000)] {
        let value = found.get(key).map(|value| value.to_vec());
        assert_eq!(value, last.as_ref().map(|last| last.as_bytes().repeat(times)), "{what}: {key}");
    }
    numbers
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_call_fails_nothing_is_acknowledged_falsely_and_nothing_refused_comes_up_later() {
    let folder = Folder::new("failing");
    let probe = Probe::new(&folder.0);
    let store = Embedded::open(&folder.0).unwrap();
    let (mut kept, mut refused) = (Vec::new(), 0);
    for round in 0..300 {
        // One call, some calls, or so many that opening again fails as well.
        probe.fail(u64::from(round % 60), [1, 2, 5, 200][round as usize % 4]);
        match store.commit(three(round)).await {
            Ok(()) => kept.push(round),
            Err(Error::Unavailable(_)) => refused += 1,
            Err(error) => panic!("{error}"),
        }
        probe.fail(0, 0);
        assert_eq!(whole(&store, &format!("round {round}")).await, kept);
    }
    assert!(refused > 50 && kept.len() > 50, "{refused} refused, {} kept", kept.len());
    drop(store);
    assert_eq!(whole(&Embedded::open(&folder.0).unwrap(), "opened again").await, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_loses_power_at_any_moment_has_every_acknowledged_batch_whole() {
    let folder = Folder::new("power");
    let probe = Probe::new(&folder.0);
    drop(Embedded::open(&folder.0).unwrap());
    let before = std::fs::read(folder.0.join("records")).unwrap();
    probe.record();
    let store = Embedded::open(&folder.0).unwrap();
    for number in 0..60 {
        store.commit(three(number)).await.unwrap();
        probe.acknowledged();
    }
    drop(store);
    let events = probe.0.lock().unwrap().events.take().unwrap();
    let mut random = 7;
    for round in 0..400 {
        let cut = draw(&mut random, events.len() as u64 + 1) as usize;
        let (image, acknowledged) = after_power_loss(&before, &events[..cut], &mut random);
        std::fs::write(folder.0.join("records"), image).unwrap();
        let what = format!("round {round}, cut at {cut} of {}", events.len());
        let store = Embedded::open(&folder.0).unwrap_or_else(|error| panic!("{what}: {error}"));
        let found = whole(&store, &what).await;
        let expected: Vec<u32> = (0..found.len() as u32).collect();
        assert_eq!(found, expected, "{what}");
        assert!(found.len() >= acknowledged && found.len() <= acknowledged + 1, "{what}: {acknowledged} of {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_disk_that_hangs_the_queue_fills_up_and_more_is_refused_after_a_while() {
    let folder = Folder::new("hanging");
    let probe = Probe::new(&folder.0);
    let store = Arc::new(Embedded::open(&folder.0).unwrap());
    store.commit(three(0)).await.unwrap();
    let end = probe.stall();
    let hanging = tokio::spawn(commit(Arc::clone(&store), 1));
    while probe.0.lock().unwrap().stalled.is_some() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let waiting: Vec<_> =
        (0..QUEUE_BATCHES_MAX as u32).map(|n| tokio::spawn(commit(Arc::clone(&store), n + 2))).collect();
    while store.room_in_queue() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let start = Instant::now();
    let refused = commit(Arc::clone(&store), 100_000).await;
    assert!(matches!(&refused, Err(Error::Unavailable(text)) if text.contains("waiting")), "{refused:?}");
    assert!(start.elapsed() >= QUEUE_WAIT && start.elapsed() < QUEUE_WAIT * 2);
    assert!(store.snapshot().await.unwrap().get("same").await.unwrap().is_some(), "reading does not wait");
    drop(end);
    hanging.await.unwrap().unwrap();
    for waiting in waiting {
        waiting.await.unwrap().unwrap();
    }
    let found = scan(&store).await.unwrap();
    assert_eq!(found.keys().filter(|key| key.starts_with("n/")).count(), QUEUE_BATCHES_MAX + 2);
}

async fn commit(store: Arc<Embedded>, number: u32) -> Result<(), Error> {
    store.commit(three(number)).await
}

/// What the disk may hold: everything up to the last sync that ended, and any pieces of what came after it.
fn after_power_loss(before: &[u8], events: &[Event], random: &mut u64) -> (Vec<u8>, usize) {
    // Cut after the event of a sync, it may not have ended; what follows one proves that it has.
    let ended = events.iter().take(events.len().saturating_sub(1)).rposition(|event| matches!(event, Event::Synced));
    let mut image = before.to_vec();
    let mut acknowledged = 0;
    for (number, event) in events.iter().enumerate() {
        let certain = ended.is_some_and(|ended| number < ended);
        match event {
            Event::Length(length) if certain || draw(random, 2) == 0 => image.resize(*length as usize, 0),
            Event::Write(at, bytes) => {
                for (piece, bytes) in bytes.chunks(64).enumerate() {
                    let at = *at as usize + piece * 64;
                    if at + bytes.len() <= image.len() && (certain || draw(random, 2) == 0) {
                        image[at..at + bytes.len()].copy_from_slice(bytes);
                    }
                }
            }
            Event::Acknowledged => acknowledged += 1,
            Event::Length(_) | Event::Synced => {}
        }
    }
    (image, acknowledged)
}

fn draw(random: &mut u64, below: u64) -> u64 {
    *random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
    (*random >> 33) % below
}
