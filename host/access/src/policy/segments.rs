//! Patterns with `+`: a tree of segments, so that only those are looked at whose segments fit so far.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::prefixes::Prefixes;

/// How well a pattern fits; the greatest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank<'a> {
    /// Where its first wildcard is, in bytes: the later, the better.
    first_wildcard: usize,
    /// One without `*` at its end is better.
    without_glob: bool,
    /// The fewer `+`, the better.
    pluses: Reverse<usize>,
    /// The longer, the better, without `*`.
    length: usize,
    /// To have an order in any case.
    text: &'a str,
}

impl<'a> Rank<'a> {
    /// Of a pattern with nothing but a `*` at its end, which is not in the text.
    pub(crate) fn of_prefix(text: &'a str) -> Self {
        Self { first_wildcard: text.len(), without_glob: false, pluses: Reverse(0), length: text.len(), text }
    }
}

/// The tree. The first node is its root.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    nodes: Vec<Node>,
    patterns: Vec<Known>,
}

#[derive(Debug, Default)]
struct Node {
    literal: HashMap<Box<str>, usize>,
    plus: Option<usize>,
    /// The pattern that ends here.
    here: Option<usize>,
    /// Patterns that end here with the beginning of one more segment and `*`; of these the longest ranks highest.
    globs: Prefixes,
}

#[derive(Debug)]
struct Known {
    /// Without `*`.
    text: Box<str>,
    glob: bool,
    first_wildcard: usize,
    pluses: usize,
    rule: usize,
}

impl Known {
    fn rank(&self) -> Rank<'_> {
        Rank {
            first_wildcard: self.first_wildcard,
            without_glob: !self.glob,
            pluses: Reverse(self.pluses),
            length: self.text.len(),
            text: &self.text,
        }
    }
}

impl Segments {
    /// From patterns, with their `*`, and their rules. No pattern may come twice.
    pub(crate) fn new(all: Vec<(String, usize)>) -> Self {
        if all.is_empty() {
            return Self::default();
        }
        let mut tree = Self { nodes: vec![Node::default()], patterns: Vec::with_capacity(all.len()) };
        let mut globs: HashMap<usize, Vec<(String, usize)>> = HashMap::new();
        for (written, rule) in all {
            let (text, glob) = written.strip_suffix('*').map_or((written.as_str(), false), |text| (text, true));
            let pattern = tree.patterns.len();
            tree.patterns.push(Known {
                text: text.into(),
                glob,
                first_wildcard: text.find('+').unwrap_or(text.len()),
                pluses: text.split('/').filter(|segment| *segment == "+").count(),
                rule,
            });
            if glob {
                let (above, last) = text.rsplit_once('/').map_or((None, text), |(above, last)| (Some(above), last));
                let node = above.map_or(0, |above| tree.grow(above));
                globs.entry(node).or_default().push((last.to_owned(), pattern));
            } else {
                let node = tree.grow(text);
                tree.nodes[node].here = Some(pattern);
            }
        }
        for (node, ends) in globs {
            tree.nodes[node].globs = Prefixes::new(ends);
        }
        tree
    }

    /// All patterns as they were written, with their rules.
    pub(crate) fn all(&self) -> impl Iterator<Item = (String, usize)> {
        self.patterns.iter().map(|known| (format!("{}{}", known.text, if known.glob { "*" } else { "" }), known.rule))
    }

    /// The node after all segments of a pattern.
    fn grow(&mut self, segments: &str) -> usize {
        let mut node = 0;
        for segment in segments.split('/') {
            let next =
                if segment == "+" { self.nodes[node].plus } else { self.nodes[node].literal.get(segment).copied() };
            let next = next.unwrap_or_else(|| {
                self.nodes.push(Node::default());
                let new = self.nodes.len() - 1;
                if segment == "+" {
                    self.nodes[node].plus = Some(new);
                } else {
                    self.nodes[node].literal.insert(segment.into(), new);
                }
                new
            });
            node = next;
        }
        node
    }

    /// The pattern that fits a path best, and its rule.
    pub(crate) fn best(&self, path: &str) -> Option<(Rank<'_>, usize)> {
        let mut best: Option<&Known> = None;
        let mut take = |pattern: usize| {
            if let Some(known) = self.patterns.get(pattern)
                && best.is_none_or(|best| best.rank() < known.rank())
            {
                best = Some(known);
            }
        };
        // A node, and the path that is left for it; `None` when no segment is left.
        let mut ways = vec![(0, Some(path))];
        while let Some((node, left)) = ways.pop() {
            let Some(node) = self.nodes.get(node) else { continue };
            let Some(left) = left else {
                node.here.into_iter().for_each(&mut take);
                continue;
            };
            let (segment, after) = left.split_once('/').map_or((left, None), |(one, after)| (one, Some(after)));
            if !node.globs.is_empty() {
                node.globs.longest(segment).map(|(_, pattern)| pattern).into_iter().for_each(&mut take);
            }
            ways.extend(node.literal.get(segment).map(|next| (*next, after)));
            ways.extend(node.plus.map(|next| (next, after)));
        }
        best.map(|known| (known.rank(), known.rule))
    }

    /// Whether a pattern that fits a mount's path (ending in `/`), or something below it, has a rule of that sort.
    pub(crate) fn any_below(&self, mount: &str, mut wanted: impl FnMut(usize) -> bool) -> bool {
        let above: Vec<&str> = mount.trim_end_matches('/').split('/').collect();
        self.patterns.iter().any(|known| reaches(known, &above) && wanted(known.rule))
    }
}

/// Whether a pattern's first segments fit those of a mount.
fn reaches(known: &Known, mount: &[&str]) -> bool {
    let mut segments = known.text.split('/').peekable();
    for wanted in mount {
        let Some(segment) = segments.next() else { return false };
        if known.glob && segments.peek().is_none() {
            return wanted.starts_with(segment);
        }
        if segment != "+" && segment != *wanted {
            return false;
        }
    }
    true
}
