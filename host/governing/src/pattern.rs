//! The places that a policy lies on.

/// Whether a path of a request is one that the pattern means: a `*` at its end stands for whatever comes, a segment `+` for any
/// one segment.
pub(crate) fn fits_path(pattern: &str, path: &str) -> bool {
    let (pattern, open) = pattern.strip_suffix('*').map_or((pattern, false), |pattern| (pattern, true));
    let mut wanted = pattern.split('/').peekable();
    let mut found = path.split('/');
    while let Some(segment) = wanted.next() {
        let Some(given) = found.next() else { return false };
        let last = wanted.peek().is_none();
        let fits = match (segment, last && open) {
            (begins, true) => given.starts_with(begins),
            ("+", false) => !given.is_empty(),
            (whole, false) => given == whole,
        };
        if !fits {
            return false;
        }
        if last && open {
            return true;
        }
    }
    found.next().is_none()
}

/// Whether a key's name is one that the pattern means: a `*` at its end stands for whatever comes.
pub(crate) fn fits_name(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(begins) => name.starts_with(begins),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_ends_a_path_and_a_plus_stands_for_one_segment() {
        for (pattern, path, fits) in [
            ("*", "anything/at/all", true),
            ("*", "", true),
            ("pki/issue/web", "pki/issue/web", true),
            ("pki/issue/web", "pki/issue/web2", false),
            ("pki/issue/web", "pki/issue", false),
            ("pki/*", "pki/issue/web", true),
            ("pki/*", "pki/", true),
            ("pki/*", "pki", false),
            ("pki/is*", "pki/issue/web", true),
            ("pki*", "pki2/issue", true),
            ("+/issue/*", "pki/issue/web", true),
            ("+/issue/*", "a/b/issue/web", false),
            ("+/issue/+", "pki/issue/web", true),
            ("+/issue/+", "pki/issue/", false),
            ("secret/+/x", "secret/a/x", true),
            ("secret/+/x", "secret/a/y", false),
        ] {
            assert_eq!(fits_path(pattern, path), fits, "{pattern} and {path}");
        }
    }

    #[test]
    fn a_star_ends_the_name_of_a_key() {
        assert!(fits_name("root-*", "root-2026") && fits_name("*", "any") && fits_name("a", "a"));
        assert!(!fits_name("root-*", "my-root-1") && !fits_name("a", "ab"));
    }
}
