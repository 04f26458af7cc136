//! References to images.

use oci_client::Reference;

use crate::{Failure, Reason};

/// Longest reference, in bytes: a registry, a repository of 255, a tag of 128 and a digest.
pub const IMAGE_MAX: usize = 768;

/// What a reference names: a repository of a registry, and a tag or a digest in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image(Reference);

impl Image {
    /// Reads a reference. One without a tag and without a digest gets the tag that is given, and is refused where none is:
    /// nobody means whatever is `latest`.
    pub fn read(text: &str, tag: Option<&str>) -> Result<Self, Failure> {
        let wrong = |text: &str| Failure::new(Reason::Invalid, text);
        if text.len() > IMAGE_MAX {
            return Err(wrong("at most 768 bytes"));
        }
        let malformed = |_| wrong("must name a registry and a repository, as registry.example/org/engine");
        let complete = text.contains('@') || text.rsplit('/').next().is_some_and(|last| last.contains(':'));
        let read = match (complete, tag.filter(|tag| !tag.is_empty())) {
            (true, _) => Reference::try_from(text).map_err(malformed)?,
            (false, None) => return Err(wrong("must have a tag or a digest, unless a version is given")),
            (false, Some(tag)) => {
                Reference::try_from(text).map_err(malformed)?;
                let no_tag = |_| wrong("the version cannot be a tag: give the reference a tag or a digest");
                Reference::try_from(format!("{text}:{tag}")).map_err(no_tag)?
            }
        };
        // The digest of the manifest is checked here, by one hash only.
        if read.digest().is_some_and(|digest| !digest.starts_with("sha256:")) {
            return Err(wrong("a digest must be one of sha256"));
        }
        Ok(Self(read))
    }

    /// The registry, as the operator must have named it.
    pub fn registry(&self) -> String {
        self.0.registry().to_ascii_lowercase()
    }

    pub(crate) fn reference(&self) -> &Reference {
        &self.0
    }
}

impl std::fmt::Display for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_without_tag_and_digest_gets_the_version_for_its_tag() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, tag, whole) in [
            ("r.example/org/engine", Some("1.2.3"), "r.example/org/engine:1.2.3".to_owned()),
            ("r.example/org/engine:own", Some("1.2.3"), "r.example/org/engine:own".to_owned()),
            ("r.example/org/engine:own", None, "r.example/org/engine:own".to_owned()),
            ("127.0.0.1:5000/engine", Some("1.2.3"), "127.0.0.1:5000/engine:1.2.3".to_owned()),
            (&format!("r.example/engine@{digest}"), Some("1.2.3"), format!("r.example/engine@{digest}")),
        ] {
            assert_eq!(Image::read(text, tag).unwrap().to_string(), whole);
        }
        assert_eq!(Image::read("R.Example:5000/a:b", None).unwrap().registry(), "r.example:5000");
    }

    #[test]
    fn what_is_no_reference_is_refused_and_says_what_would_be_right() {
        let long = format!("r.example/{}:1", "a".repeat(IMAGE_MAX));
        let sha512 = format!("r.example/a@sha512:{}", "a".repeat(128));
        for (text, tag, says) in [
            ("r.example/engine", None, "must have a tag"),
            ("r.example/engine", Some(""), "must have a tag"),
            ("r.example/engine", Some("1.0.0+build"), "the version cannot be a tag"),
            ("", Some("1"), "must name a registry"),
            ("https://r.example/engine", Some("1"), "must name a registry"),
            ("r.example/Engine", Some("1"), "must name a registry"),
            ("r.example/../engine:1", None, "must name a registry"),
            ("r.example/engine:1?x=y", None, "must name a registry"),
            ("user@r.example/engine:1", None, "must name a registry"),
            ("r.example/engine@sha256:abc", None, "must name a registry"),
            (&sha512, None, "sha256"),
            (&long, None, "at most"),
        ] {
            let failure = Image::read(text, tag).unwrap_err();
            assert_eq!(failure.reason, Reason::Invalid);
            assert!(failure.text.contains(says), "{text}: {failure}");
        }
    }
}
