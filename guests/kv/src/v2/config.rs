//! `config`: what holds for every secret of the mount.

use innkeeper_guest::prelude::*;

use crate::moments::Span;
use crate::place::Place;
use crate::records::{self, VERSIONS_MAX};

/// The settings of the mount.
pub(crate) struct Config;

body! {
    /// What `config` takes; what is left out stays as it is.
    pub(crate) struct Body {
        /// How many versions of each secret are kept, unless the secret wants more; 0 is 10.
        pub(crate) max_versions: Option<u32>,
        /// Whether every write must name the version that it replaces, in `options.cas`.
        pub(crate) cas_required: Option<bool>,
        /// After what time a version is deleted; 0 is never, less than 0 is never whatever a secret says.
        pub(crate) delete_version_after: Option<Span>,
    }
}

impl Place for Config {
    const PREFIX: &'static str = "config";

    fn read(_request: &Request) -> Answer {
        let config = records::Config::load()?;
        Response::data(&json!({
            "max_versions": config.max_versions,
            "cas_required": config.cas_required,
            "delete_version_after": config.delete_version_after,
        }))
    }

    fn update(request: &Request) -> Answer {
        let body: Body = request.body()?;
        let mut config = records::Config::load()?;
        config.max_versions = body.max_versions.unwrap_or(config.max_versions);
        config.cas_required = body.cas_required.unwrap_or(config.cas_required);
        config.delete_version_after = body.delete_version_after.unwrap_or(config.delete_version_after);
        config.save()?;
        Ok(answered(too_many(body.max_versions)))
    }
}

/// 204, or 200 with the warnings that there are.
pub(crate) fn answered(warnings: impl IntoIterator<Item = String>) -> Response {
    let mut warnings = warnings.into_iter().peekable();
    if warnings.peek().is_none() { Response::nothing() } else { Response::null().warnings(warnings) }
}

/// Says so when more versions are asked for than are ever kept.
pub(crate) fn too_many(max_versions: Option<u32>) -> Option<String> {
    let more = max_versions.is_some_and(|max| max > VERSIONS_MAX);
    more.then(|| format!("max_versions: no more than {VERSIONS_MAX} versions are ever kept"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ask, data_of, refusal, state, write};
    use super::*;
    use crate::v2::metadata::Metadata;

    #[test]
    fn settings_begin_unset_and_change_one_by_one() {
        let unset = json!({ "max_versions": 0, "cas_required": false, "delete_version_after": "0s" });
        assert_eq!(data_of(Config::read(&ask(json!({})))), unset);
        Config::update(&ask(json!({ "max_versions": "5", "delete_version_after": "3h25m19s" }))).unwrap();
        Config::update(&ask(json!({ "cas_required": "true" }))).unwrap();
        let set = json!({ "max_versions": 5, "cas_required": true, "delete_version_after": "3h25m19s" });
        assert_eq!(data_of(Config::read(&ask(json!({})))), set);
    }

    #[test]
    fn the_mount_says_how_many_versions_are_kept() {
        Config::update(&ask(json!({ "max_versions": 1 }))).unwrap();
        write(2);
        assert_eq!((state(1), state(2)), ("nothing".into(), r#"{"n":2}"#.into()));
    }

    #[test]
    fn a_secret_can_have_more_versions_kept_than_the_mount_but_not_fewer() {
        Config::update(&ask(json!({ "max_versions": 2 }))).unwrap();
        Metadata::update(&ask(json!({ "max_versions": 1 }))).unwrap();
        write(3);
        assert_eq!((state(1), state(2)), ("nothing".into(), r#"{"n":2}"#.into()));
        Metadata::update(&ask(json!({ "max_versions": 3 }))).unwrap();
        write(1);
        assert_eq!(state(2), r#"{"n":2}"#);
    }

    #[test]
    fn wrong_values_are_refused_with_the_name_of_the_field() {
        for (body, field) in [
            (json!({ "max_versions": -1 }), "max_versions"),
            (json!({ "max_versions": "many" }), "max_versions"),
            (json!({ "cas_required": "perhaps" }), "cas_required"),
            (json!({ "delete_version_after": "soon" }), "delete_version_after"),
        ] {
            let text = refusal(Config::update(&ask(body)));
            assert!(text.starts_with(field), "{text}");
        }
    }

    #[test]
    fn asking_for_more_versions_than_are_kept_is_warned_of() {
        assert_eq!(Config::update(&ask(json!({ "max_versions": 100_000 }))).unwrap().data_text(), Some("null"));
        assert_eq!(Config::update(&ask(json!({ "max_versions": 100 }))).unwrap().data_text(), None);
    }
}
