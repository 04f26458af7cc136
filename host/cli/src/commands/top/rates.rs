//! What engines used between two looks.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::counts::{Count, Counts};
use crate::output::table;

/// Names of the columns.
const COLUMNS: [&str; 9] =
    ["Engine", "Requests/s", "In guest ms/s", "Waiting ms/s", "Memory p50", "Memory max", "Traps", "Late", "Refusals"];

/// Of all engines, the busiest first.
#[derive(Debug)]
pub(super) struct Rates(Vec<Rate>);

/// Of one engine.
#[derive(Debug)]
struct Rate {
    engine: String,
    /// Entries in a second.
    requests: f64,
    /// Seconds in a second: of all its entries together, so that there can be more than one.
    busy: f64,
    waiting: f64,
    /// Bytes that half of the entries, and that all of them kept to; infinite beyond the largest bound that is counted.
    memory: Option<(f64, f64)>,
    traps: f64,
    late: f64,
    refusals: BTreeMap<String, f64>,
}

impl Rates {
    /// What was used from one look to the next. A server that was started anew in between counts from nothing.
    pub(super) fn between(before: &Counts, now: &Counts, took: Duration) -> Self {
        let nothing = Count::default();
        let seconds = took.as_secs_f64().max(f64::MIN_POSITIVE);
        let rate = |(engine, now): (&String, &Count)| {
            let before = before.0.get(engine).unwrap_or(&nothing);
            Rate::between(engine, before, now, seconds)
        };
        let mut rates: Vec<Rate> = now.0.iter().map(rate).collect();
        rates.sort_by(|a, b| b.busy.total_cmp(&a.busy).then_with(|| a.engine.cmp(&b.engine)));
        Self(rates)
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        self.0.iter().map(Rate::json).collect()
    }

    /// For people.
    pub(super) fn table(&self) -> String {
        table(&COLUMNS, &self.0.iter().map(Rate::cells).collect::<Vec<_>>())
    }
}

impl Rate {
    fn between(engine: &str, before: &Count, now: &Count, seconds: f64) -> Self {
        let calls = more(&before.calls, &now.calls);
        let ended = |how: &str| calls.get(how).copied().unwrap_or_default();
        Self {
            engine: engine.to_owned(),
            // The sum of no numbers is -0.
            requests: calls.values().fold(0.0, |sum, calls| sum + calls) / seconds,
            busy: grown(before.busy, now.busy) / seconds,
            waiting: grown(before.waiting, now.waiting) / seconds,
            memory: memory(&before.memory, &now.memory),
            traps: ended("trapped"),
            late: ended("late"),
            refusals: more(&before.refusals, &now.refusals),
        }
    }

    fn json(&self) -> Value {
        // JSON has no infinity: beyond the largest bound there is none.
        let bytes = |bytes: f64| bytes.is_finite().then_some(bytes);
        json!({
            "engine": self.engine,
            "requests_per_second": self.requests,
            "guest_seconds_per_second": self.busy,
            "waiting_seconds_per_second": self.waiting,
            "memory_p50_bytes": self.memory.and_then(|(half, _)| bytes(half)),
            "memory_max_bytes": self.memory.and_then(|(_, all)| bytes(all)),
            "traps": self.traps,
            "late": self.late,
            "refusals": self.refusals,
        })
    }

    fn cells(&self) -> Vec<String> {
        let memory = |pick: fn((f64, f64)) -> f64| self.memory.map(pick).map_or(String::new(), size);
        let refusals: Vec<String> = self.refusals.iter().map(|(bound, number)| format!("{bound} {number}")).collect();
        vec![
            self.engine.clone(),
            format!("{:.1}", self.requests),
            format!("{:.1}", self.busy * 1000.0),
            format!("{:.1}", self.waiting * 1000.0),
            memory(|(half, _)| half),
            memory(|(_, all)| all),
            self.traps.to_string(),
            self.late.to_string(),
            if refusals.is_empty() { "none".to_owned() } else { refusals.join(", ") },
        ]
    }
}

/// How much a counter grew.
fn grown(before: f64, now: f64) -> f64 {
    if now < before { now } else { now - before }
}

/// What counters grew by, those that did.
fn more(before: &BTreeMap<String, f64>, now: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let grown =
        |(name, now): (&String, &f64)| (name.clone(), grown(before.get(name).copied().unwrap_or_default(), *now));
    now.iter().map(grown).filter(|(_, grown)| *grown > 0.0).collect()
}

/// The bounds that half of the entries and all of them kept to; nothing where there were no entries.
fn memory(before: &[(f64, f64)], now: &[(f64, f64)]) -> Option<(f64, f64)> {
    let known = |bound: f64| before.iter().find(|(at, _)| *at == bound).map_or(0.0, |(_, count)| *count);
    let anew = now.iter().any(|(bound, count)| *count < known(*bound));
    let buckets: Vec<(f64, f64)> =
        now.iter().map(|(bound, count)| (*bound, if anew { *count } else { count - known(*bound) })).collect();
    let all = buckets.last().map(|(_, count)| *count).filter(|count| *count > 0.0)?;
    let kept =
        |least: f64| buckets.iter().find(|(_, count)| *count >= least).map_or(f64::INFINITY, |(bound, _)| *bound);
    Some((kept(all / 2.0), kept(all)))
}

/// A bound as people say it.
fn size(bytes: f64) -> String {
    const KIB: f64 = 1024.0;
    match bytes {
        _ if bytes.is_infinite() => "more".to_owned(),
        _ if bytes < KIB * KIB => format!("{} KiB", (bytes / KIB).round()),
        _ => format!("{} MiB", (bytes / KIB / KIB).round()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: f64 = 1_048_576.0;

    fn count(calls: &[(&str, f64)], busy: f64, memory: &[f64]) -> Count {
        let calls = calls.iter().map(|(how, number)| ((*how).to_owned(), *number)).collect();
        let bounds = [MIB, 4.0 * MIB, f64::INFINITY];
        let memory = bounds.into_iter().zip(memory.iter().copied()).collect();
        Count { calls, busy, waiting: busy * 2.0, memory, refusals: BTreeMap::from([("memory".to_owned(), busy)]) }
    }

    fn counts(all: &[(&str, Count)]) -> Counts {
        Counts(all.iter().map(|(engine, count)| ((*engine).to_owned(), count.clone())).collect())
    }

    #[test]
    fn rates_are_of_the_time_between_two_looks_and_the_busiest_is_first() {
        let before = counts(&[
            ("kv", count(&[("answered", 5.0)], 1.0, &[5.0, 5.0, 5.0])),
            ("pki", count(&[("answered", 10.0)], 2.0, &[10.0, 10.0, 10.0])),
        ]);
        let now = counts(&[
            ("kv", count(&[("answered", 9.0)], 2.0, &[9.0, 9.0, 9.0])),
            ("new", count(&[], 0.0, &[0.0, 0.0, 0.0])),
            ("pki", count(&[("answered", 18.0), ("trapped", 2.0)], 6.0, &[11.0, 19.0, 20.0])),
        ]);
        let rates = Rates::between(&before, &now, Duration::from_secs(2));
        let json = rates.json();
        assert_eq!([&json[0]["engine"], &json[1]["engine"], &json[2]["engine"]], ["pki", "kv", "new"]);
        assert_eq!(json[0]["requests_per_second"], 5.0);
        assert_eq!(json[0]["guest_seconds_per_second"], 2.0);
        assert_eq!(json[0]["waiting_seconds_per_second"], 4.0);
        assert_eq!((&json[0]["memory_p50_bytes"], &json[0]["memory_max_bytes"]), (&json!(4.0 * MIB), &Value::Null));
        assert_eq!((&json[0]["traps"], &json[0]["refusals"]["memory"]), (&json!(2.0), &json!(4.0)));
        assert_eq!(json[2]["memory_max_bytes"], Value::Null);
        let shown = rates.table();
        let cells = |line: usize| shown.lines().nth(line).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(cells(2), "pki 5.0 2000.0 4000.0 4 MiB more 2 0 memory 4");
        assert_eq!(cells(3), "kv 2.0 500.0 1000.0 1 MiB 1 MiB 0 0 memory 1");
        assert_eq!(cells(4), "new 0.0 0.0 0.0 n/a n/a 0 0 none");
    }

    #[test]
    fn a_server_that_was_started_anew_counts_from_nothing() {
        let before = counts(&[("kv", count(&[("answered", 100.0)], 50.0, &[90.0, 100.0, 100.0]))]);
        let now = counts(&[("kv", count(&[("answered", 4.0)], 1.0, &[4.0, 4.0, 4.0]))]);
        let json = Rates::between(&before, &now, Duration::from_secs(1)).json();
        assert_eq!((&json[0]["requests_per_second"], &json[0]["guest_seconds_per_second"]), (&json!(4.0), &json!(1.0)));
        assert_eq!(json[0]["memory_max_bytes"], MIB);
    }
}
