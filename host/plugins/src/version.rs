//! Versions of plugins: semantic ones (semver.org), written with a `v`, or none.

use std::fmt;

use semver::Version as Semantic;
use serde::{Deserialize, Serialize};

use crate::Error;

/// Longest version, in bytes.
const VERSION_MAX: usize = 64;

/// A version that a plugin is registered with; none sorts before all others.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(Option<Semantic>);

impl Version {
    /// Reads a version; empty means none. Metadata that says `builtin` is for built-in guests only, as in Vault.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        let wrong = || Error::Invalid("version: must be a semantic version, as v1.2.3".to_owned());
        if text.len() > VERSION_MAX {
            return Err(wrong());
        }
        let read = Semantic::parse(text.strip_prefix('v').unwrap_or(text)).map_err(|_| wrong())?;
        if read.build.as_str().split('.').any(|part| part == "builtin") {
            let text = "version: the metadata \"builtin\" is reserved for built-in plugins".to_owned();
            return Err(Error::Invalid(text));
        }
        Ok(Self(Some(read)))
    }

    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a component that says this of itself is of this version. What is registered without one may be of any.
    pub fn fits(&self, said: &str) -> bool {
        self.0.as_ref().is_none_or(|version| Semantic::parse(said).is_ok_and(|said| said == *version))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |version| write!(f, "v{version}"))
    }
}

impl TryFrom<String> for Version {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_sort_by_meaning_and_not_by_their_letters() {
        let mut all: Vec<Version> =
            ["v1.10.0", "1.9.0", "", "v1.10.0-rc1"].iter().map(|text| Version::parse(text).unwrap()).collect();
        all.sort();
        let all: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(all, ["", "v1.9.0", "v1.10.0-rc1", "v1.10.0"]);
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in ["1", "v1.2", "latest", "v1.2.3/..", "1.0.0+builtin", "v1.0.0+builtin.x", &"1".repeat(65)] {
            assert!(Version::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_component_must_be_of_the_version_that_it_is_registered_with() {
        assert!(Version::parse("v1.2.3").unwrap().fits("1.2.3"));
        assert!(!Version::parse("v1.2.3").unwrap().fits("1.2.4"));
        assert!(Version::parse("").unwrap().fits("whatever"));
    }
}
