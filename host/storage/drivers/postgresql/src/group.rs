//! Which batches of a group may be applied: in their order, each seeing what those before it write.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use storage::{Batch, Expectation, Listing, Page, Value};

use crate::page::first;

/// What is to become of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Applied with the group.
    Apply,
    /// Something that it read has changed.
    Conflict,
    /// Only the database can tell, after the group: it comes first in the next one.
    Later,
}

/// What the database says about a group's expectations.
#[derive(Default)]
pub(crate) struct Facts {
    /// The keys that are there, of those that are expected.
    pub(crate) versions: HashMap<Vec<u8>, i64>,
    /// One page for each listing, in order of batches and their expectations.
    pub(crate) pages: Vec<Page>,
}

/// A group after the decision.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) verdicts: Vec<Verdict>,
    /// What the batches to apply write, all in one; the last one wins.
    pub(crate) writes: BTreeMap<String, Option<Value>>,
}

/// Keys that a group expects something of.
pub(crate) fn expected_keys<'a>(batches: impl Iterator<Item = &'a Batch>) -> BTreeSet<&'a str> {
    batches
        .flat_map(|batch| &batch.expectations)
        .filter_map(|expected| match expected {
            Expectation::Key { key, .. } => Some(key.as_str()),
            Expectation::Listing { .. } => None,
        })
        .collect()
}

/// Listings that a group expects an answer of.
pub(crate) fn expected_listings<'a>(batches: impl Iterator<Item = &'a Batch>) -> Vec<&'a Listing> {
    batches
        .flat_map(|batch| &batch.expectations)
        .filter_map(|expected| match expected {
            Expectation::Key { .. } => None,
            Expectation::Listing { listing, .. } => Some(listing),
        })
        .collect()
}

/// Decides about each batch in turn.
pub(crate) fn decide<'a>(batches: impl Iterator<Item = &'a Batch>, facts: &Facts) -> Decision {
    let mut pages = facts.pages.iter();
    let mut decision = Decision { verdicts: Vec::new(), writes: BTreeMap::new() };
    for batch in batches {
        let mut verdict = Verdict::Apply;
        for expected in &batch.expectations {
            let one = match expected {
                Expectation::Key { key, version } => key_holds(key, *version, facts, &decision.writes),
                Expectation::Listing { listing, page } => match pages.next() {
                    Some(now) if now == page => listing_holds(listing, page, &decision.writes),
                    _ => Verdict::Conflict,
                },
            };
            // A conflict stays one whatever else there is.
            if one == Verdict::Conflict || verdict == Verdict::Apply {
                verdict = one;
            }
        }
        if verdict == Verdict::Apply {
            decision.writes.extend(batch.writes.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        decision.verdicts.push(verdict);
    }
    decision
}

/// A key that the group writes has a version that nobody can have read, or none.
fn key_holds(key: &str, version: Option<u64>, facts: &Facts, written: &BTreeMap<String, Option<Value>>) -> Verdict {
    let holds = match written.get(key) {
        Some(value) => value.is_none() && version.is_none(),
        None => facts.versions.get(key.as_bytes()).map(|version| version.unsigned_abs()) == version,
    };
    if holds { Verdict::Apply } else { Verdict::Conflict }
}

/// Whether a page that the database still gives stays as it is with what the group writes below its prefix.
fn listing_holds(listing: &Listing, page: &Page, written: &BTreeMap<String, Option<Value>>) -> Verdict {
    let (prefix, from) = (listing.prefix.as_str(), first(listing));
    let mut verdict = Verdict::Apply;
    for (key, value) in written.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix)) {
        if key.as_bytes() < from.as_slice() {
            continue;
        }
        let rest = &key[prefix.len()..];
        let name = rest.find('/').map_or(rest, |slash| &rest[..=slash]);
        let shown = page.names.binary_search_by(|shown| shown.as_str().cmp(name)).is_ok();
        let behind = page.more && page.names.last().is_none_or(|last| name > last.as_str());
        match (value.is_some(), shown, behind) {
            // What is behind the page, or shown already, may be written.
            (true, true, _) | (true, _, true) => {}
            (true, false, false) => return Verdict::Conflict,
            // What is not shown, and not behind the page, was not there.
            (false, false, false) => {}
            (false, true, _) if !name.ends_with('/') => return Verdict::Conflict,
            // Whether the folder, or all that is behind the page, is empty now, is not known here.
            (false, _, _) => verdict = Verdict::Later,
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Facts, Verdict, decide};
    use storage::{Batch, Expectation, Listing, Page, Value};

    /// What becomes of a batch that saw this page of `f/`, which the database still gives, behind one that writes this.
    fn behind(write: (&str, bool), after: Option<&str>, names: &[&str], more: bool) -> Verdict {
        let value = write.1.then(|| Value::from(&b"x"[..]));
        let first = Batch { expectations: Vec::new(), writes: BTreeMap::from([(write.0.to_owned(), value)]) };
        let page = Page { names: names.iter().map(|name| (*name).to_owned()).collect(), more };
        let listing = Listing { prefix: "f/".into(), after: after.map(str::to_owned), limit: names.len().max(1) };
        let expectations = vec![Expectation::Listing { listing, page: page.clone() }];
        let facts = Facts { pages: vec![page], ..Facts::default() };
        let decision = decide([&first, &Batch { expectations, ..Batch::default() }].into_iter(), &facts);
        assert_eq!(decision.verdicts[0], Verdict::Apply);
        decision.verdicts[1]
    }

    #[test]
    fn a_listing_sees_what_earlier_batches_of_the_group_write() {
        use Verdict::{Apply, Conflict, Later};
        for (write, after, names, more, verdict) in [
            (("f/b", true), None, &["a", "b"][..], false, Apply),
            (("f/d/e", true), None, &["a", "d/"], false, Apply),
            (("f/c", true), None, &["a", "b"], true, Apply),
            (("f/c", true), None, &["a", "b"], false, Conflict),
            (("f/aa", true), None, &["a", "b"], true, Conflict),
            (("f/a", false), None, &["a", "b"], true, Conflict),
            (("f/aa", false), None, &["a", "b"], true, Apply),
            (("f/d/e", false), None, &["a", "d/"], false, Later),
            (("f/c", false), None, &["a", "b"], true, Later),
            (("f/c", false), None, &["a", "b"], false, Apply),
            (("f/a", false), Some("a"), &["b"], false, Apply),
            (("f/d/e", false), Some("d/"), &["e"], false, Apply),
            (("g/a", false), None, &["a"], false, Apply),
        ] {
            assert_eq!(behind(write, after, names, more), verdict, "{write:?} {after:?} {names:?} {more}");
        }
    }

    #[test]
    fn a_key_sees_what_earlier_batches_of_the_group_write() {
        let expects = |version| vec![Expectation::Key { key: "k".into(), version }];
        let facts = Facts { versions: [(b"k".to_vec(), 7)].into(), ..Facts::default() };
        let batch = |version, value: Option<&str>| Batch {
            expectations: expects(version),
            writes: BTreeMap::from([("k".into(), value.map(|text| text.as_bytes().into()))]),
        };
        let (changes, removes) = (batch(Some(7), Some("x")), batch(Some(7), None));
        let verdicts = |batches: &[&Batch]| decide(batches.iter().copied(), &facts).verdicts;
        assert_eq!(verdicts(&[&changes, &changes]), [Verdict::Apply, Verdict::Conflict]);
        assert_eq!(verdicts(&[&removes, &changes]), [Verdict::Apply, Verdict::Conflict]);
        assert_eq!(verdicts(&[&removes, &batch(None, Some("y"))]), [Verdict::Apply, Verdict::Apply]);
        assert_eq!(verdicts(&[&batch(Some(6), None), &changes]), [Verdict::Conflict, Verdict::Apply]);
    }
}
