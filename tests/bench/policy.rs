//! The decision alone: how long compiled policies of 1, 100 and 10 000 rules take for one question. A third of the rules
//! are exact, a third prefixes, a third have pluses; questions fit one of each sort, or none.

use std::hint::black_box;
use std::time::{Duration, Instant};

use access::policy::{Acl, Policy, Question, Source, Subject};
use model::{Id, NamespacePath, Operation};

use crate::measure::spread;

const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_millis(200);
const SIZES: [usize; 3] = [1, 100, 10_000];

pub(crate) fn run() {
    for rules in SIZES {
        let text: String = (0..rules).map(rule).collect();
        let started = Instant::now();
        // Texts are bounded, so many rules are in several policies.
        let policies: Vec<Policy> = pieces(&text).map(|piece| Policy::parse(piece).expect("a policy")).collect();
        let read = started.elapsed();
        let root = NamespacePath::root();
        let source = |policy| Source { policy, name: "p", namespace: Id::nil(), path: &root };
        let started = Instant::now();
        let acl = Acl::new(policies.iter().map(source), &Subject::default(), 0);
        let compiled = started.elapsed();
        println!("{rules:>12} rules: read in {:.1} ms, compiled in {:.1} ms", ms(read), ms(compiled));
        for (what, path) in paths(rules) {
            let (middle, low, high) = spread((0..ROUNDS).map(|_| nanoseconds(&acl, &path)).collect());
            println!("{what:>12}: {middle:8.0} ns per decision ({low:.0} to {high:.0})");
        }
    }
    println!("      target: at most 1000 ns, however many rules");
}

fn rule(number: usize) -> String {
    let path = match number % 3 {
        0 => format!("secret/data/team-{number}/app"),
        1 => format!("secret/data/team-{number}/*"),
        _ => format!("secret/+/team-{number}/+/config"),
    };
    format!("path \"{path}\" {{ capabilities = [\"read\", \"update\"] }}\n")
}

/// A path that an exact rule, a prefix and a rule with pluses fit, and one that none fits.
fn paths(rules: usize) -> Vec<(&'static str, String)> {
    let last = |sort: usize| (0..rules).rev().find(|number| number % 3 == sort);
    let mut found = vec![("none", "secret/data/team-x/nothing/here".to_owned())];
    found.extend(last(0).map(|number| ("exact", format!("secret/data/team-{number}/app"))));
    found.extend(last(1).map(|number| ("prefix", format!("secret/data/team-{number}/a/b/c"))));
    found.extend(last(2).map(|number| ("pluses", format!("secret/metadata/team-{number}/web/config"))));
    found
}

/// Whole lines of at most a quarter of a mebibyte.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = rest.len().min(256 * 1024);
        let end = rest[..end].rfind('\n').map(|end| end + 1)?;
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

fn nanoseconds(acl: &Acl, path: &str) -> f64 {
    let question = Question { operation: Operation::Read, path, parameters: None, wrap_ttl: None, sudo: false };
    let (started, mut count) = (Instant::now(), 0_u32);
    while started.elapsed() < ROUND {
        for _ in 0..1000 {
            black_box(acl.decide(black_box(&question)));
        }
        count += 1000;
    }
    started.elapsed().as_secs_f64() * 1e9 / f64::from(count)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
