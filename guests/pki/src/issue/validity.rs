//! From when to when a certificate is valid.

use innkeeper_guest::prelude::*;

use super::wish::TimeWish;
use crate::records::{Issuer, LeafNotAfter, Role};
use crate::text::time::{FOREVER, go_duration, parse_rfc3339, rfc3339};

/// A span, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
}

/// A span with what is to be said about it.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) span: Span,
    pub(crate) warnings: Vec<String>,
}

/// Plans the span: the time to live of the request, else the role's, else the mount's, but no longer than the role's
/// longest, else the mount's. A moment that is named wins, and is bounded by the issuer only.
pub(crate) fn plan(role: &Role, wish: &TimeWish, mount: Mount<'_>, now: u64) -> Result<Planned, Fault> {
    let mut warnings = Vec::new();
    let moment = if role.not_after.is_empty() { wish.not_after.as_str() } else { role.not_after.as_str() };
    if !moment.is_empty() && wish.ttl.0 > 0 {
        return Err(Fault::invalid(
            "Either ttl or not_after should be provided. Both should not be provided in the same request.",
        ));
    }
    let longest = if role.max_ttl.0 > 0 { role.max_ttl.0 } else { mount.max_lease_ttl() };
    let wanted = [wish.ttl.0, role.ttl.0].into_iter().find(|ttl| *ttl > 0).unwrap_or(mount.default_lease_ttl());
    let not_after = if moment.is_empty() {
        if wanted > longest {
            warnings.push(format!(
                "TTL {:?} is longer than permitted maxTTL {:?}, so maxTTL is being used",
                go_duration(wanted),
                go_duration(longest)
            ));
        }
        now.saturating_add(wanted.min(longest)).min(FOREVER)
    } else {
        parse_rfc3339(moment)
            .ok_or_else(|| Fault::invalid("not_after: must be a time such as 2030-12-31T23:59:59Z (RFC 3339)"))?
    };
    let not_before = now.saturating_sub(role.not_before_duration.0);
    if not_after <= not_before {
        return Err(Fault::invalid("the certificate would end before it begins"));
    }
    Ok(Planned { span: Span { not_before, not_after }, warnings })
}

impl Planned {
    /// Bounds a leaf by its issuer, as the issuer wants it.
    pub(crate) fn within(self, issuer: &Issuer) -> Result<Self, Fault> {
        self.bounded(issuer, issuer.leaf_not_after)
    }

    /// Bounds a CA below an issuer: it ends with the issuer, unless the issuer (or the request) enforces an error.
    pub(crate) fn within_ca(self, issuer: &Issuer, enforce: bool) -> Result<Self, Fault> {
        match issuer.leaf_not_after {
            LeafNotAfter::AlwaysEnforceErr => self.bounded(issuer, LeafNotAfter::Err),
            behavior if enforce => self.bounded(issuer, behavior),
            LeafNotAfter::Permit => self.bounded(issuer, LeafNotAfter::Permit),
            LeafNotAfter::Err | LeafNotAfter::Truncate => self.bounded(issuer, LeafNotAfter::Truncate),
        }
    }

    fn bounded(mut self, issuer: &Issuer, behavior: LeafNotAfter) -> Result<Self, Fault> {
        if self.span.not_after <= issuer.not_after {
            return Ok(self);
        }
        match behavior {
            LeafNotAfter::Permit => Ok(self),
            LeafNotAfter::Truncate => {
                self.span.not_after = issuer.not_after;
                self.warnings.push(format!(
                    "the certificate ends with its issuer, at {}, which is earlier than was asked for",
                    rfc3339(issuer.not_after)
                ));
                if self.span.not_after <= self.span.not_before {
                    return Err(Fault::invalid("the issuer's certificate has expired"));
                }
                Ok(self)
            }
            LeafNotAfter::Err | LeafNotAfter::AlwaysEnforceErr => Err(Fault::invalid(format!(
                "cannot satisfy request, as TTL would result in notAfter of {} that is beyond the expiration of the CA \
                 certificate at {}",
                rfc3339(self.span.not_after),
                rfc3339(issuer.not_after)
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_900_000_000;

    fn planned(role: &Role, wish: &TimeWish) -> Result<Planned, Fault> {
        let request = Request::for_test(&[], &json!({}));
        plan(role, wish, request.mount(), NOW)
    }

    fn wish(ttl: u64, not_after: &str) -> TimeWish {
        TimeWish { ttl: Seconds(ttl), not_after: not_after.to_owned() }
    }

    #[test]
    fn the_request_wins_over_the_role_and_the_role_over_the_mount() {
        let role = Role { ttl: Seconds(100), ..Role::default() };
        assert_eq!(planned(&role, &wish(7, "")).unwrap().span, Span { not_before: NOW - 30, not_after: NOW + 7 });
        assert_eq!(planned(&role, &wish(0, "")).unwrap().span.not_after, NOW + 100);
        assert_eq!(planned(&Role::default(), &wish(0, "")).unwrap().span.not_after, NOW + 2_764_800);
    }

    #[test]
    fn too_long_a_time_is_cut_with_a_warning_but_a_moment_is_not() {
        let role = Role { max_ttl: Seconds(3600), ..Role::default() };
        let cut = planned(&role, &wish(7200, "")).unwrap();
        assert_eq!(cut.span.not_after, NOW + 3600);
        let warning = "TTL \"2h0m0s\" is longer than permitted maxTTL \"1h0m0s\", so maxTTL is being used";
        assert_eq!(cut.warnings, [warning]);
        let moment = planned(&role, &wish(0, "9999-12-31T23:59:59Z")).unwrap();
        assert_eq!((moment.span.not_after, moment.warnings.len()), (FOREVER, 0));
    }

    #[test]
    fn a_time_and_a_moment_contradict_also_when_the_moment_is_the_roles() {
        assert!(planned(&Role::default(), &wish(1, "2099-01-01T00:00:00Z")).is_err());
        let role = Role { not_after: "2099-01-01T00:00:00Z".into(), ..Role::default() };
        assert!(planned(&role, &wish(1, "")).is_err());
        assert!(planned(&role, &wish(0, "2098-01-01T00:00:00Z")).is_ok());
        assert!(planned(&Role::default(), &wish(0, "soon")).is_err());
        assert!(planned(&Role::default(), &wish(0, "2001-01-01T00:00:00Z")).is_err());
    }
}
