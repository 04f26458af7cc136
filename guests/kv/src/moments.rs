//! Points and lengths of time as Vault writes them.

use std::fmt;

use innkeeper_guest::serde_json::Value;
use innkeeper_guest::{FieldKind, Seconds, Shape, clock};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

/// A point in time; RFC 3339 in UTC with as many digits of a second as matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(OffsetDateTime);

impl Moment {
    /// By the host's clock.
    pub(crate) fn now() -> Self {
        let now = clock::now();
        let seconds = i64::try_from(now.seconds).unwrap_or(i64::MAX);
        let start = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Self(start.saturating_add(Duration::nanoseconds(now.nanoseconds.into())))
    }

    /// That much later; `None` after the year 9999.
    pub(crate) fn after(self, seconds: u64) -> Option<Self> {
        self.0.checked_add(Duration::seconds(i64::try_from(seconds).ok()?)).map(Self)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        OffsetDateTime::parse(&text, &Rfc3339).map(Self).map_err(de::Error::custom)
    }
}

/// After how many seconds a version is deleted: 0 is unset, less than 0 is never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) i64);

impl Shape for Span {
    const KIND: FieldKind = FieldKind::Duration;
}

impl Span {
    /// What holds for a version, when the mount says one thing and the secret another: the shorter, and never as soon
    /// as one of them says never.
    pub(crate) fn shorter(self, other: Self) -> Option<u64> {
        match (u64::try_from(self.0), u64::try_from(other.0)) {
            (Ok(0), Ok(0)) | (Err(_), _) | (_, Err(_)) => None,
            (Ok(0), Ok(seconds)) | (Ok(seconds), Ok(0)) => Some(seconds),
            (Ok(a), Ok(b)) => Some(a.min(b)),
        }
    }
}

/// As Go writes durations: `1h30m0s`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let seconds = self.0.unsigned_abs();
        match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
            (0, 0, s) => write!(f, "{sign}{s}s"),
            (0, m, s) => write!(f, "{sign}{m}m{s}s"),
            (h, m, s) => write!(f, "{sign}{h}h{m}m{s}s"),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let (sign, length) = text.trim().strip_prefix('-').map_or((1, text.trim()), |rest| (-1, rest));
        let seconds = Seconds::parse(length).and_then(|seconds| i64::try_from(seconds.0).ok());
        let wanted = "must be a duration: seconds, or a number with a unit such as \"90s\" or \"72h\"";
        seconds.map(|seconds| Self(sign * seconds)).ok_or_else(|| de::Error::custom(wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use innkeeper_guest::serde_json::{from_value, json, to_value};

    #[test]
    fn moments_are_written_as_rfc_3339_in_utc_and_read_back() {
        let moment = Moment(OffsetDateTime::from_unix_timestamp_nanos(1_528_732_799_120_000_000).unwrap());
        assert_eq!(moment.to_string(), "2018-06-11T15:59:59.12Z");
        assert_eq!(from_value::<Moment>(to_value(moment).unwrap()).unwrap(), moment);
        assert_eq!(moment.after(1).unwrap().to_string(), "2018-06-11T16:00:00.12Z");
        assert_eq!(moment.after(u64::MAX), None);
        assert!(Moment::now() > moment);
    }

    #[test]
    fn spans_are_read_and_written_as_go_does() {
        for (sent, text) in [
            (json!("3h25m19s"), "3h25m19s"),
            (json!("90s"), "1m30s"),
            (json!(3600), "1h0m0s"),
            (json!("0"), "0s"),
            (json!(""), "0s"),
            (json!("-1s"), "-1s"),
            (json!(-1), "-1s"),
            (json!("30d"), "720h0m0s"),
        ] {
            assert_eq!(from_value::<Span>(sent).unwrap().to_string(), text);
        }
        for bad in [json!("soon"), json!("--1s"), json!([1]), json!({}), json!(true)] {
            assert!(from_value::<Span>(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_shorter_span_holds_and_never_wins() {
        for (mount, secret, holds) in [
            (0, 0, None),
            (5, 0, Some(5)),
            (0, 5, Some(5)),
            (5, 3, Some(3)),
            (3, 5, Some(3)),
            (-1, 5, None),
            (5, -1, None),
        ] {
            assert_eq!(Span(mount).shorter(Span(secret)), holds);
        }
    }
}
