//! Times for people: seconds as `1h30m`.

use serde_json::Value;

/// `5400` is `1h30m`, `768` hours stay hours, as in Go.
pub(super) fn human(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = String::new();
    if hours > 0 {
        text.push_str(&format!("{hours}h"));
    }
    if minutes > 0 {
        text.push_str(&format!("{minutes}m"));
    }
    if rest > 0 || text.is_empty() {
        text.push_str(&format!("{rest}s"));
    }
    text
}

/// Whether a field of this name holds seconds.
pub(super) fn is_duration(field: &str) -> bool {
    const NAMES: [&str; 5] = ["period", "ttl", "duration", "lease_max", "ttl_max"];
    NAMES.contains(&field) || ["_period", "_ttl", "_duration"].iter().any(|end| field.ends_with(end))
}

/// The value for people, if it is a number of seconds.
pub(super) fn of(value: &Value) -> Option<String> {
    value.as_u64().map(human)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_hours_minutes_and_seconds_without_those_that_are_none() {
        let shown = [0, 59, 60, 3600, 5400, 2_764_800, 90_061].map(human);
        assert_eq!(shown, ["0s", "59s", "1m", "1h", "1h30m", "768h", "25h1m1s"]);
    }

    #[test]
    fn names_tell_what_is_a_time() {
        assert!(["ttl", "max_ttl", "period", "token_duration"].iter().all(|name| is_duration(name)));
        assert!(!["version", "ttls", "creation_time"].iter().any(|name| is_duration(name)));
    }
}
