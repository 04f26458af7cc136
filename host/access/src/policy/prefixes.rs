//! The longest of many prefixes.

/// Prefixes in order, each with the next shorter one that it begins with.
#[derive(Debug, Default)]
pub(crate) struct Prefixes(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    text: Box<str>,
    rule: usize,
    within: Option<usize>,
}

impl Prefixes {
    /// From prefixes and their rules. No prefix may come twice.
    pub(crate) fn new(mut all: Vec<(String, usize)>) -> Self {
        all.sort_unstable();
        let mut entries: Vec<Entry> = Vec::with_capacity(all.len());
        for (text, rule) in all {
            let mut within = entries.len().checked_sub(1);
            while let Some(at) = within {
                if text.starts_with(&*entries[at].text) {
                    break;
                }
                within = entries[at].within;
            }
            entries.push(Entry { text: text.into(), rule, within });
        }
        Self(entries)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them with their rules, in order.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, usize)> {
        self.0.iter().map(|entry| (&*entry.text, entry.rule))
    }

    /// The longest prefix that a text begins with, and its rule.
    ///
    /// The last prefix that does not come after the text in order either is that prefix, or begins with it: whatever
    /// lies between a text and its own beginning begins the same.
    pub(crate) fn longest(&self, text: &str) -> Option<(&str, usize)> {
        let mut at = self.0.partition_point(|entry| &*entry.text <= text).checked_sub(1);
        while let Some(entry) = at.and_then(|at| self.0.get(at)) {
            if text.starts_with(&*entry.text) {
                return Some((&entry.text, entry.rule));
            }
            at = entry.within;
        }
        None
    }

    /// Whether one of the prefixes that begin with `text` has a rule of that sort.
    pub(crate) fn any_below(&self, text: &str, mut wanted: impl FnMut(usize) -> bool) -> bool {
        let start = self.0.partition_point(|entry| &*entry.text < text);
        self.0[start..].iter().take_while(|entry| entry.text.starts_with(text)).any(|entry| wanted(entry.rule))
    }
}
