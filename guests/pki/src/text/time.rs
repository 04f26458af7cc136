//! Moments and durations as text, and moments as X.509 writes them.

use std::time::Duration;

use der::DateTime;
use innkeeper_guest::prelude::*;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use x509_cert::time::Time;

/// 9999-12-31T23:59:59Z: "no well-defined expiration date" (RFC 5280 section 4.1.2.5), and the last moment that a
/// certificate can say.
pub(crate) const FOREVER: u64 = 253_402_300_799;

/// A duration as Go writes it: `72h0m0s`.
pub(crate) fn go_duration(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}

/// `2030-01-02T03:04:05Z`
pub(crate) fn rfc3339(seconds: u64) -> String {
    DateTime::from_unix_duration(Duration::from_secs(seconds.min(FOREVER)))
        .map_or_else(|_| String::new(), |t| t.to_string())
}

/// Reads RFC 3339 with any offset, to the second; `None` outside the years 1970 to 9999.
pub(crate) fn parse_rfc3339(text: &str) -> Option<u64> {
    let seconds = OffsetDateTime::parse(text.trim(), &Rfc3339).ok()?.unix_timestamp();
    u64::try_from(seconds).ok().filter(|seconds| *seconds <= FOREVER)
}

/// A moment as RFC 5280 section 4.1.2.5 wants it: UTCTime until 2049, GeneralizedTime from then on.
pub(crate) fn x509(seconds: u64) -> Result<Time, Fault> {
    DateTime::from_unix_duration(Duration::from_secs(seconds.min(FOREVER)))
        .map(Time::from)
        .map_err(|e| Fault::internal(format!("a time cannot be encoded: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_writes_them() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m0s"),
            (3600, "1h0m0s"),
            (259_200, "72h0m0s"),
            (3_661, "1h1m1s"),
            (2_764_800, "768h0m0s"),
        ] {
            assert_eq!(go_duration(seconds), text);
        }
    }

    #[test]
    fn moments_are_read_and_written() {
        assert_eq!(parse_rfc3339("9999-12-31T23:59:59Z"), Some(FOREVER));
        assert_eq!(rfc3339(FOREVER), "9999-12-31T23:59:59Z");
        assert_eq!(parse_rfc3339("2030-01-02T04:04:05+01:00"), parse_rfc3339("2030-01-02T03:04:05Z"));
        for bad in ["", "tomorrow", "2030-01-02", "1900-01-01T00:00:00Z", "99999-01-01T00:00:00Z"] {
            assert_eq!(parse_rfc3339(bad), None, "{bad}");
        }
    }

    #[test]
    fn years_from_2050_are_generalized_time() {
        assert!(matches!(x509(2_524_607_999), Ok(Time::UtcTime(_))));
        assert!(matches!(x509(2_524_608_000), Ok(Time::GeneralTime(_))));
        assert!(x509(u64::MAX).is_ok());
    }
}
