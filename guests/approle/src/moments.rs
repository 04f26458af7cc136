//! Moments as the API shows them.

use innkeeper_guest::prelude::*;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Nanoseconds since 1970.
pub(crate) fn now() -> i128 {
    let now = clock::now();
    i128::from(now.seconds) * 1_000_000_000 + i128::from(now.nanoseconds)
}

/// RFC 3339 in UTC; what never comes as clients expect it.
pub(crate) fn show(nanoseconds: Option<i128>) -> String {
    let moment = nanoseconds.and_then(|moment| OffsetDateTime::from_unix_timestamp_nanos(moment).ok());
    moment.and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_else(|| "0001-01-01T00:00:00Z".to_owned())
}
