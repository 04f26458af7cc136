//! Rules as this node has them ready, and what clients have used of them.

use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use model::{Fault, Id, Kind};
use quick_cache::sync::Cache;
use storage::Transaction;
use tenancy::Tree;

use super::lease_count::LeaseCount;
use super::record::{Config, PERIOD_MAX, Rate, drawer};
use super::{Asking, Weighed};

/// Most clients whose use is remembered. Of more, those that were not seen for longest begin anew.
const CLIENTS_MAX: usize = 100_000;

/// The rules of one moment, by their paths.
#[derive(Default)]
pub(super) struct Limits {
    /// The version of the record that counts changes.
    stamp: u64,
    rules: BTreeMap<String, Rate>,
    counts: BTreeMap<String, LeaseCount>,
    exempt: HashSet<String>,
    /// Answers say what their client has left.
    headers: bool,
    /// Refusals are recorded by the audit devices.
    recorded: bool,
}

/// The rules, cached by their version, and the clients.
pub(crate) struct Quotas {
    limits: ArcSwap<Limits>,
    clients: Cache<(Id, IpAddr), Arc<Used>>,
}

/// What a client has used of a rule.
struct Used {
    limiter: RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>,
    blocked_until: Mutex<Option<Instant>>,
}

/// Counts a change, in the transaction that makes it.
pub(super) async fn changed(transaction: &mut Transaction) -> Result<(), Fault> {
    let version = transaction.get_json::<u64>(&drawer(), "version").await?.unwrap_or(0) + 1;
    transaction.put_json(&drawer(), "version", &version).map_err(Fault::from)
}

impl Quotas {
    pub(crate) fn new() -> Self {
        let exempt = Config::default().exempt.into_iter().collect();
        let limits = Limits { exempt, ..Limits::default() };
        Self { limits: ArcSwap::from_pointee(limits), clients: Cache::new(CLIENTS_MAX) }
    }

    /// The rules as the transaction's snapshot has them. Costs one read when nothing changed.
    pub(super) async fn limits(&self, transaction: &mut Transaction) -> Result<Arc<Limits>, Fault> {
        let cached = self.limits.load_full();
        let version = transaction.peek_versioned(&drawer(), "version").await?;
        // What this transaction changed itself has no version yet, and nobody else may see it.
        let stamp = version.map_or(Some(0), |(_, stamp)| stamp);
        if stamp.is_some_and(|stamp| stamp <= cached.stamp) {
            return Ok(cached);
        }
        let limits = Arc::new(load(transaction, stamp.unwrap_or(0)).await?);
        if stamp.is_some() {
            self.limits.rcu(|now| if now.stamp < limits.stamp { Arc::clone(&limits) } else { Arc::clone(now) });
        }
        Ok(limits)
    }

    pub(super) fn admit(&self, limits: &Limits, asking: Asking<'_>) -> Weighed {
        let Some(rate) = limits.most_specific(asking) else { return Weighed::default() };
        let used = self.used(rate, client(asking.peer));
        let taken = used.take(Duration::from_secs(rate.block_interval));
        let headers = |left, reset| if limits.headers { rate.headers(left, reset) } else { Vec::new() };
        match taken {
            Ok(left) => Weighed { headers: headers(left, rate.refilled(left)), ..Weighed::default() },
            Err(wait) => {
                let text = format!("request path {:?}: rate limit quota exceeded", asking.path);
                // Rounded up, or whoever waits as told comes too early.
                let wait = Duration::from_secs(wait.as_secs() + 1);
                let refused = Some(Fault::new(Kind::TooMany, text).retry_after(wait));
                Weighed { headers: headers(0, wait.max(rate.refilled(0))), refused, recorded: limits.recorded }
            }
        }
    }

    fn used(&self, rate: &Rate, client: IpAddr) -> Arc<Used> {
        let key = (rate.id, client);
        let made =
            self.clients.get_or_insert_with(&key, || Ok::<_, std::convert::Infallible>(Arc::new(Used::new(rate))));
        match made {
            Ok(used) => used,
            Err(never) => match never {},
        }
    }
}

/// Whoever has one address of a network of 64 bits has all of them.
fn client(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

impl Used {
    fn new(rate: &Rate) -> Self {
        let burst = NonZeroU32::new(rate.burst()).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(rate.period()).unwrap_or_else(|| Quota::per_second(burst)).allow_burst(burst);
        Self { limiter: RateLimiter::direct(quota).with_middleware(), blocked_until: Mutex::new(None) }
    }

    /// Takes one request and says how many more there could be at once, or how long to wait.
    fn take(&self, block: Duration) -> Result<u32, Duration> {
        let now = Instant::now();
        let mut blocked = self.blocked_until.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wait) = blocked.and_then(|until| until.checked_duration_since(now)) {
            return Err(wait);
        }
        let taken = self.limiter.check().map(|state| state.remaining_burst_capacity());
        taken.map_err(|until| {
            if block.is_zero() {
                return until.wait_time_from(DefaultClock::default().now());
            }
            *blocked = Some(now + block);
            block
        })
    }
}

impl Rate {
    /// How many requests may come at once.
    fn burst(&self) -> u32 {
        (self.rate.ceil() as u32).max(1)
    }

    /// How long it takes until there is room for one more.
    fn period(&self) -> Duration {
        let seconds = (self.interval as f64 / self.rate).min(PERIOD_MAX);
        Duration::from_secs_f64(seconds).max(Duration::from_nanos(1))
    }

    /// How long it takes from so many left until there is room for all again.
    fn refilled(&self, left: u32) -> Duration {
        self.period().saturating_mul(self.burst().saturating_sub(left))
    }

    /// The headers that tell a client where it stands, as Vault names them: `reset` is when there is room for all again, in
    /// whole seconds, rounded up.
    fn headers(&self, left: u32, reset: Duration) -> Vec<(String, String)> {
        let reset = reset.as_secs() + u64::from(reset.subsec_nanos() > 0);
        let header = |name: &str, value: u64| (format!("x-ratelimit-{name}"), value.to_string());
        vec![header("limit", self.burst().into()), header("remaining", left.into()), header("reset", reset)]
    }
}

async fn load(transaction: &mut Transaction, stamp: u64) -> Result<Limits, Fault> {
    let mut rules = BTreeMap::new();
    let take = |_: &str, bytes: &[u8], _| {
        let rate: Rate = serde_json::from_slice(bytes)
            .map_err(|e| storage::Error::Damaged { key: "quotas/rate".into(), reason: e.to_string() })?;
        rules.insert(rate.path.clone(), rate);
        Ok::<_, storage::Error>(())
    };
    transaction.peek_each(&drawer(), "rate/", take).await?;
    let mut counts = BTreeMap::new();
    let take = |_: &str, bytes: &[u8], _| {
        let count: LeaseCount = serde_json::from_slice(bytes)
            .map_err(|e| storage::Error::Damaged { key: "quotas/count".into(), reason: e.to_string() })?;
        counts.insert(count.path.clone(), count);
        Ok::<_, storage::Error>(())
    };
    transaction.peek_each(&drawer(), "count/", take).await?;
    let config: Option<Config> = transaction.get_json(&drawer(), "config").await?;
    let Config { exempt, headers, recorded, .. } = config.unwrap_or_default();
    Ok(Limits { stamp, rules, counts, exempt: exempt.into_iter().collect(), headers, recorded })
}

impl Limits {
    pub(super) fn len(&self) -> usize {
        self.rules.len()
    }

    /// The names, in order.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.rules.values().map(|rate| rate.name.clone()).collect();
        names.sort_unstable();
        names
    }

    /// The rule at exactly this path.
    pub(super) fn at(&self, path: &str) -> Option<&Rate> {
        self.rules.get(path)
    }

    /// The rule with the longest path that a request is at or below.
    fn most_specific(&self, asking: Asking<'_>) -> Option<&Rate> {
        let path = asking.path.trim_end_matches('/');
        if self.rules.is_empty() || self.exempt.contains(path) {
            return None;
        }
        most_specific(&self.rules, asking.namespace.as_str(), path, |rate| rate.inheritable)
    }

    /// The rules of leases.
    pub(super) fn counts(&self) -> impl Iterator<Item = &LeaseCount> {
        self.counts.values()
    }

    /// The rule that a lease of a request counts for.
    pub(super) fn lease_count(&self, tree: &Tree, namespace: Id, path: &str) -> Option<&LeaseCount> {
        if self.counts.is_empty() {
            return None;
        }
        // What a namespace lent that is gone is being taken back, and counts for nobody.
        let namespace = tree.namespace_by_id(namespace)?.path.as_str();
        let path = format!("{namespace}{path}");
        most_specific(&self.counts, namespace, path.trim_end_matches('/'), |count| count.inheritable)
    }
}

/// Of rules by their paths, the one with the longest that a path of a namespace is at or below.
fn most_specific<'a, R>(
    rules: &'a BTreeMap<String, R>,
    namespace: &str,
    path: &str,
    inheritable: fn(&R) -> bool,
) -> Option<&'a R> {
    let ends = path.rmatch_indices('/').map(|(at, _)| &path[..at]);
    let namespace = namespace.trim_end_matches('/');
    // A rule for a namespace above holds here only if it says so; the one for everything always does.
    let holds = |at: &str, rule: &R| {
        let below = namespace.strip_prefix(at).is_some_and(|rest| rest.starts_with('/'));
        at.is_empty() || !below || inheritable(rule)
    };
    let found = |at: &str| rules.get(at).filter(|rule| holds(at, rule));
    std::iter::once(path).chain(ends).chain([""]).find_map(found)
}

#[cfg(test)]
mod tests {
    use model::NamespacePath;
    use serde_json::{Value, json};

    use super::*;

    fn rate(name: &str, number: u8, fields: Value) -> Rate {
        let Value::Object(fields) = fields else { panic!("an object") };
        Rate::from_params(name, Id::from_random([number; 16]), None, &fields).unwrap()
    }

    fn limits(rules: Vec<Rate>) -> Limits {
        let rules = rules.into_iter().map(|rate| (rate.path.clone(), rate)).collect();
        Limits { rules, exempt: ["sys/health".to_owned()].into(), ..Limits::default() }
    }

    fn asking<'a>(namespace: &'a NamespacePath, path: &'a str, peer: &str) -> Asking<'a> {
        Asking { namespace, path, peer: peer.parse().unwrap() }
    }

    #[test]
    fn of_two_rules_the_more_specific_one_holds() {
        let limits = limits(vec![
            rate("all", 1, json!({"rate": 1})),
            rate("team", 2, json!({"rate": 1, "path": "team/"})),
            rate("wide", 3, json!({"rate": 1, "path": "wide", "inheritable": true})),
            rate("pki", 4, json!({"rate": 1, "path": "team/pki"})),
            rate("issue", 5, json!({"rate": 1, "path": "team/pki/issue/web"})),
        ]);
        let (root, team, child, wide) = ("", "team", "team/child", "wide/child");
        for (namespace, path, name) in [
            (root, "pki/issue/web", Some("all")),
            (team, "team/sys/mounts", Some("team")),
            (team, "team/pki/issue/other", Some("pki")),
            (team, "team/pki/issue/web", Some("issue")),
            (team, "team/pki/issue/web/", Some("issue")),
            (team, "team/pkix", Some("team")),
            (child, "team/child/sys/mounts", Some("all")),
            (wide, "wide/child/sys/mounts", Some("wide")),
            (root, "sys/health", None),
        ] {
            let namespace = NamespacePath::parse(namespace).unwrap();
            let found = limits.most_specific(asking(&namespace, path, "192.0.2.1"));
            assert_eq!(found.map(|rate| rate.name.as_str()), name, "{path}");
        }
    }

    #[test]
    fn each_client_has_its_own_share_and_is_told_when_to_come_back() {
        let (quotas, root) = (Quotas::new(), NamespacePath::root());
        let limits = limits(vec![rate("all", 1, json!({"rate": 2, "interval": "1h"}))]);
        let ask = |peer: &str| quotas.admit(&limits, asking(&root, "a", peer)).refused;
        assert!(ask("192.0.2.1").is_none() && ask("::ffff:192.0.2.1").is_none());
        let refused = ask("192.0.2.1").unwrap();
        assert_eq!((refused.kind, refused.retry_after.is_some_and(|wait| wait.as_secs() > 60)), (Kind::TooMany, true));
        assert!(ask("192.0.2.2").is_none());
        assert!(ask("2001:db8::1").is_none() && ask("2001:db8::2").is_none() && ask("2001:db8::3").is_some());
    }

    #[test]
    fn headers_say_what_is_left_where_they_are_wanted() {
        let (quotas, root) = (Quotas::new(), NamespacePath::root());
        let rules = vec![rate("all", 1, json!({"rate": 2, "interval": "1h"}))];
        let limits = Limits { headers: true, ..limits(rules) };
        let ask = || quotas.admit(&limits, asking(&root, "a", "192.0.2.1"));
        let told = |headers: Vec<(String, String)>| headers.into_iter().map(|(_, value)| value).collect::<Vec<_>>();
        assert_eq!(told(ask().headers), ["2", "1", "1800"]);
        assert_eq!(told(ask().headers), ["2", "0", "3600"]);
        let Weighed { headers, refused, .. } = ask();
        assert!(refused.is_some());
        assert_eq!(told(headers), ["2", "0", "3600"]);
    }

    #[test]
    fn who_made_too_many_is_blocked_as_long_as_the_rule_says() {
        let (quotas, root) = (Quotas::new(), NamespacePath::root());
        let limits = limits(vec![rate("all", 1, json!({"rate": 1000, "block_interval": 60}))]);
        let ask = || quotas.admit(&limits, asking(&root, "a", "192.0.2.1")).refused;
        let refused = (0..100_000).find_map(|_| ask()).unwrap();
        assert!(refused.retry_after.unwrap().as_secs() >= 60);
        std::thread::sleep(Duration::from_millis(20));
        assert!(ask().is_some(), "there would be room again, but the client is blocked");
    }
}
