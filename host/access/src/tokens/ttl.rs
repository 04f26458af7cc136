//! How long a token, or a secret, may live. Pure: whole seconds in and out.

/// The bounds of the system, or of a mount within them.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// When nobody names a time.
    pub default_ttl: u64,
    /// The longest.
    pub max_ttl: u64,
}

/// What is wanted. 0 always means: not named.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Time to live from now on.
    pub ttl: u64,
    /// Each renewal extends by this, without a longest time but the explicit one.
    pub period: u64,
    /// The longest, counted from when it was issued: what the login method says.
    pub max_ttl: u64,
    /// The same, and nothing that is tuned later extends it.
    pub explicit_max_ttl: u64,
}

/// What is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// From now on; at least 1.
    pub ttl: u64,
    /// Where it is less than was wanted, why.
    pub warnings: Vec<String>,
}

/// There is no time left to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("past the max TTL, cannot renew")]
pub struct PastMax;

/// How long something that was issued then may live from now on.
pub fn give(bounds: Bounds, wanted: Wanted, issued: u64, now: u64) -> Result<Given, PastMax> {
    let mut warnings = Vec::new();
    let max =
        [wanted.max_ttl, wanted.explicit_max_ttl].into_iter().filter(|max| *max > 0).fold(bounds.max_ttl, u64::min);
    let (ttl, end) = if wanted.period > 0 {
        if wanted.period > max {
            warnings.push(format!(
                "Period of {} seconds is greater than current mount/system default of {max} seconds, value will be truncated.",
                wanted.period
            ));
        }
        let end = (wanted.explicit_max_ttl > 0).then(|| issued.saturating_add(wanted.explicit_max_ttl));
        (wanted.period.min(max), end)
    } else {
        let ttl = if wanted.ttl > 0 { wanted.ttl } else { bounds.default_ttl };
        (ttl, Some(issued.saturating_add(max)))
    };
    let left = end.map_or(u64::MAX, |end| end.saturating_sub(now));
    if left == 0 || ttl == 0 {
        return Err(PastMax);
    }
    if ttl > left {
        warnings.push(format!(
            "TTL of \"{}\" exceeded the effective max_ttl of \"{}\"; TTL value is capped accordingly",
            shown(ttl),
            shown(left)
        ));
    }
    Ok(Given { ttl: ttl.min(left), warnings })
}

/// A duration as clients of the API print them: `1h0m0s`, `1m30s`, `5s`.
fn shown(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, m, s) => format!("{h}h{m}m{s}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;
    const DAY: u64 = 24 * HOUR;
    const SYSTEM: Bounds = Bounds { default_ttl: 32 * DAY, max_ttl: 32 * DAY };
    const NOON: u64 = 1_800_000_000;

    fn wanted(ttl: u64, period: u64, max_ttl: u64, explicit_max_ttl: u64) -> Wanted {
        Wanted { ttl, period, max_ttl, explicit_max_ttl }
    }

    #[test]
    fn a_new_token_lives_as_long_as_is_wanted_and_no_longer_than_any_bound() {
        for (want, ttl, warned) in [
            (wanted(0, 0, 0, 0), 32 * DAY, false),
            (wanted(HOUR, 0, 0, 0), HOUR, false),
            (wanted(33 * DAY, 0, 0, 0), 32 * DAY, true),
            (wanted(2 * HOUR, 0, HOUR, 0), HOUR, true),
            (wanted(2 * HOUR, 0, 0, HOUR), HOUR, true),
            (wanted(0, 0, 0, HOUR), HOUR, true),
            (wanted(2 * HOUR, 0, 90 * 60, HOUR), HOUR, true),
            (wanted(HOUR, 0, 64 * DAY, 64 * DAY), HOUR, false),
            (wanted(5 * HOUR, HOUR, 0, 0), HOUR, false),
            (wanted(0, 40 * DAY, 0, 0), 32 * DAY, true),
            (wanted(0, 2 * HOUR, 0, HOUR), HOUR, true),
        ] {
            let given = give(SYSTEM, want, NOON, NOON).unwrap();
            assert_eq!((given.ttl, !given.warnings.is_empty()), (ttl, warned), "{want:?}");
        }
    }

    #[test]
    fn renewals_end_at_the_longest_time_and_those_of_a_period_do_not() {
        let after = |want, hours: u64| give(SYSTEM, want, NOON, NOON + hours * HOUR).map(|given| given.ttl);
        assert_eq!(after(wanted(2 * HOUR, 0, 0, 3 * HOUR), 0), Ok(2 * HOUR));
        assert_eq!(after(wanted(2 * HOUR, 0, 0, 3 * HOUR), 2), Ok(HOUR));
        assert_eq!(after(wanted(2 * HOUR, 0, 0, 3 * HOUR), 3), Err(PastMax));
        assert_eq!(after(wanted(0, HOUR, 0, 0), 24 * 365), Ok(HOUR));
        assert_eq!(after(wanted(0, 2 * HOUR, 0, 3 * HOUR), 2), Ok(HOUR));
        assert_eq!(after(wanted(0, 2 * HOUR, 0, 3 * HOUR), 3), Err(PastMax));
    }

    #[test]
    fn a_cap_is_told_in_the_words_that_clients_show() {
        let given = give(SYSTEM, wanted(90, 0, 0, 65), NOON, NOON).unwrap();
        assert_eq!(
            given.warnings,
            ["TTL of \"1m30s\" exceeded the effective max_ttl of \"1m5s\"; TTL value is capped accordingly"]
        );
        assert_eq!((shown(59), shown(768 * HOUR)), ("59s".into(), "768h0m0s".into()));
    }

    #[test]
    fn numbers_of_any_size_are_borne() {
        let given = give(SYSTEM, wanted(u64::MAX, 0, u64::MAX, u64::MAX), u64::MAX - 5, NOON).unwrap();
        assert!(given.ttl > 0);
        assert_eq!(give(SYSTEM, wanted(1, 0, 1, 0), NOON, u64::MAX), Err(PastMax));
    }
}
