//! What a server counted of its engines since it was started.

use std::collections::BTreeMap;

use prometheus_parse::{Sample, Scrape, Value};

use crate::Error;

/// Largest answer that is read, in bytes: a server has some kilobytes for each engine.
const TEXT_MAX: usize = 4 << 20;
/// What the series begin with.
const PREFIX: &str = "innkeeper_engine_";

/// By engine.
#[derive(Debug, Default)]
pub(super) struct Counts(pub(super) BTreeMap<String, Count>);

/// Of one engine.
#[derive(Clone, Debug, Default)]
pub(super) struct Count {
    /// Entries, by how they ended.
    pub(super) calls: BTreeMap<String, f64>,
    /// Seconds in the guest.
    pub(super) busy: f64,
    /// Seconds that it waited.
    pub(super) waiting: f64,
    /// How many entries had at most so many bytes of memory, smallest first.
    pub(super) memory: Vec<(f64, f64)>,
    /// Entries that ran into a bound, by the bound.
    pub(super) refusals: BTreeMap<String, f64>,
}

impl Counts {
    /// Reads the text of `sys/metrics`. What is not about engines is not looked at.
    pub(super) fn read(text: &[u8]) -> Result<Self, Error> {
        let unreadable = |why: &str| Error::Unreadable(format!("what the server says of its metrics {why}"));
        if text.len() > TEXT_MAX {
            return Err(unreadable("is longer than 4 MiB"));
        }
        let text = std::str::from_utf8(text).map_err(|_| unreadable("is no text"))?;
        let about = |line: &&str| line.trim_start_matches("# TYPE ").starts_with(PREFIX);
        let lines = text.lines().filter(about).map(|line| Ok(line.to_owned()));
        let scrape = Scrape::parse(lines).map_err(|_| unreadable("cannot be read"))?;
        let mut counts = Self::default();
        for sample in &scrape.samples {
            counts.add(sample);
        }
        Ok(counts)
    }

    fn add(&mut self, sample: &Sample) {
        let label = |name: &str| sample.labels.get(name).unwrap_or_default().to_owned();
        let (engine, of) = (label("engine"), sample.metric.strip_prefix(PREFIX).unwrap_or_default());
        if engine.is_empty() {
            return;
        }
        let count = self.0.entry(engine).or_default();
        match (of, &sample.value) {
            ("memory_bytes", Value::Histogram(buckets)) => {
                count.memory = buckets.iter().map(|bucket| (bucket.less_than, bucket.count)).collect();
                count.memory.sort_by(|a, b| a.0.total_cmp(&b.0));
            }
            (_, Value::Counter(number) | Value::Gauge(number) | Value::Untyped(number)) if number.is_finite() => {
                match of {
                    "calls_total" => drop(count.calls.insert(label("outcome"), *number)),
                    "busy_seconds_sum" => count.busy = *number,
                    "waiting_seconds_sum" => count.waiting = *number,
                    "refusals_total" => drop(count.refusals.insert(label("bound"), *number)),
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# HELP innkeeper_engine_calls Entries into engines.
# TYPE innkeeper_engine_calls counter
innkeeper_engine_calls_total{engine=\"pki\",outcome=\"answered\"} 12
innkeeper_engine_calls_total{engine=\"pki\",outcome=\"trapped\"} 1
innkeeper_requests_total{operation=\"read\",mount_type=\"pki\",status=\"200\"} 99
# TYPE innkeeper_engine_busy_seconds histogram
innkeeper_engine_busy_seconds_sum{engine=\"pki\"} 0.25
innkeeper_engine_busy_seconds_count{engine=\"pki\"} 13
innkeeper_engine_busy_seconds_bucket{engine=\"pki\",le=\"0.1\"} 13
# TYPE innkeeper_engine_waiting_seconds histogram
innkeeper_engine_waiting_seconds_sum{engine=\"pki\"} 1.5
# TYPE innkeeper_engine_memory_bytes histogram
innkeeper_engine_memory_bytes_bucket{engine=\"pki\",le=\"+Inf\"} 13
innkeeper_engine_memory_bytes_bucket{engine=\"pki\",le=\"4.194304e+06\"} 11
innkeeper_engine_memory_bytes_bucket{engine=\"pki\",le=\"65536\"} 0
# TYPE innkeeper_engine_refusals counter
innkeeper_engine_refusals_total{engine=\"pki\",bound=\"memory\"} 2
# EOF
";

    #[test]
    fn what_the_meter_says_of_engines_is_read() {
        let counts = Counts::read(TEXT.as_bytes()).unwrap();
        assert_eq!(counts.0.len(), 1);
        let pki = &counts.0["pki"];
        assert_eq!((pki.calls["answered"], pki.calls["trapped"]), (12.0, 1.0));
        assert_eq!((pki.busy, pki.waiting, pki.refusals["memory"]), (0.25, 1.5, 2.0));
        assert_eq!(pki.memory, [(65536.0, 0.0), (4_194_304.0, 11.0), (f64::INFINITY, 13.0)]);
    }

    #[test]
    fn what_is_no_such_text_is_an_error_or_nothing() {
        assert!(Counts::read(&[0xff]).is_err());
        assert!(Counts::read(&vec![b'a'; TEXT_MAX + 1]).is_err());
        for odd in ["", "{}", "innkeeper_engine_", "innkeeper_engine_calls_total{engine=\"a\"", "a\nb{c=\"d\"} e"] {
            assert!(Counts::read(odd.as_bytes()).unwrap().0.is_empty(), "{odd}");
        }
        let odd = "innkeeper_engine_calls_total{engine=\"a\",outcome=\"b\"} NaN";
        assert!(Counts::read(odd.as_bytes()).unwrap().0["a"].calls.is_empty());
    }
}
