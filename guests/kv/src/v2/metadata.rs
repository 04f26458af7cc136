//! `metadata/<path>`: settings of a secret, facts about its versions, and lists of secrets.

use std::collections::BTreeMap;

use innkeeper_guest::prelude::*;
use innkeeper_guest::serde_json::Value;

use super::config::{answered, too_many};
use super::{custom, deletion_time};
use crate::moments::{Moment, Span};
use crate::place::Place;
use crate::records::{self, METADATA, Path, folder};

/// Facts about a secret.
pub(crate) struct Metadata;

body! {
    /// What `metadata/<path>` takes; what is left out stays as it is.
    pub(crate) struct Settings {
        /// How many versions of the secret are kept, if that is more than the mount keeps; 0 leaves it to the mount.
        pub(crate) max_versions: Option<u32>,
        /// Whether writes must name the version that they replace, in `options.cas`.
        pub(crate) cas_required: Option<bool>,
        /// After what time a new version is deleted; 0 leaves it to the mount, less than 0 is never.
        pub(crate) delete_version_after: Option<Span>,
        /// Notes about the secret: at most 64 names of 128 bytes with texts of 512 bytes.
        pub(crate) custom_metadata: Option<BTreeMap<String, String>>,
    }
}

impl Settings {
    fn is_empty(&self) -> bool {
        let Self { max_versions, cas_required, delete_version_after, custom_metadata } = self;
        max_versions.is_none() && cas_required.is_none() && delete_version_after.is_none() && custom_metadata.is_none()
    }
}

impl Place for Metadata {
    const PREFIX: &'static str = "metadata";

    fn read(request: &Request) -> Answer {
        let Some(metadata) = records::Metadata::load(&Path::of(request)?)? else { return Ok(Response::nothing()) };
        let versions: Map = metadata
            .versions
            .iter()
            .map(|(number, facts)| {
                let shown = json!({
                    "created_time": facts.created,
                    "deletion_time": deletion_time(facts),
                    "destroyed": facts.destroyed,
                });
                (number.to_string(), shown)
            })
            .collect();
        Response::data(&json!({
            "created_time": metadata.created,
            "updated_time": metadata.updated,
            "current_version": metadata.current,
            "oldest_version": metadata.oldest,
            "max_versions": metadata.max_versions,
            "cas_required": metadata.cas_required,
            "delete_version_after": metadata.delete_version_after,
            "custom_metadata": custom(&metadata),
            "versions": versions,
        }))
    }

    fn list(request: &Request) -> Answer {
        Response::list(&folder(METADATA, request.capture("path"))?)
    }

    fn update(request: &Request) -> Answer {
        let path = Path::of(request)?;
        let settings: Settings = request.body()?;
        if settings.is_empty() {
            return Ok(Response::nothing());
        }
        let mut metadata = records::Metadata::load(&path)?.unwrap_or_else(|| records::Metadata::new(Moment::now()));
        let warnings = warnings(&settings)?;
        if let Some(notes) = settings.custom_metadata.clone() {
            metadata.custom = notes;
        }
        apply(settings, &mut metadata)?;
        metadata.save(&path)?;
        Ok(answered(warnings))
    }

    fn patch(request: &Request) -> Answer {
        let path = Path::of(request)?;
        let fields = request.json()?;
        let settings: Settings = request.body()?;
        let Some(mut metadata) = records::Metadata::load(&path)? else { return Err(Fault::not_found()) };
        let warnings = warnings(&settings)?;
        let is_null = |name: &str| fields.get(name).is_some_and(Value::is_null);
        if is_null("max_versions") {
            metadata.max_versions = 0;
        }
        if is_null("cas_required") {
            metadata.cas_required = false;
        }
        if is_null("delete_version_after") {
            metadata.delete_version_after = Span::default();
        }
        if is_null("custom_metadata") {
            metadata.custom.clear();
        }
        metadata.custom.extend(settings.custom_metadata.clone().unwrap_or_default());
        if let Some(Value::Object(notes)) = fields.get("custom_metadata") {
            metadata.custom.retain(|name, _| !notes.get(name).is_some_and(Value::is_null));
        }
        apply(settings, &mut metadata)?;
        metadata.save(&path)?;
        Ok(answered(warnings))
    }

    fn delete(request: &Request) -> Answer {
        let path = Path::of(request)?;
        if let Some(metadata) = records::Metadata::load(&path)? {
            metadata.remove(&path)?;
        }
        Ok(Response::nothing())
    }

    fn exists(request: &Request) -> Result<bool, Fault> {
        Ok(records::Metadata::load(&Path::of(request)?)?.is_some())
    }
}

/// Takes over what was sent, but for the notes, and checks the notes as they now are.
fn apply(settings: Settings, metadata: &mut records::Metadata) -> Result<(), Fault> {
    metadata.max_versions = settings.max_versions.unwrap_or(metadata.max_versions);
    metadata.cas_required = settings.cas_required.unwrap_or(metadata.cas_required);
    metadata.delete_version_after = settings.delete_version_after.unwrap_or(metadata.delete_version_after);
    check(&metadata.custom)
}

fn check(notes: &BTreeMap<String, String>) -> Result<(), Fault> {
    let refuse = |text: &str| Err(Fault::invalid(format!("custom_metadata validation failed: {text}")));
    if notes.len() > 64 {
        return refuse("must have at most 64 names");
    }
    for (name, text) in notes {
        if name.is_empty() || name.len() > 128 || text.len() > 512 {
            return refuse("a name must have 1 to 128 bytes and a text at most 512 bytes");
        }
        if name.contains(char::is_control) || text.contains(char::is_control) {
            return refuse("names and texts must be printable");
        }
    }
    Ok(())
}

fn warnings(settings: &Settings) -> Result<Vec<String>, Fault> {
    let config = records::Config::load()?;
    let mut warnings: Vec<String> = too_many(settings.max_versions).into_iter().collect();
    if settings.cas_required == Some(false) && config.cas_required {
        warnings.push("\"cas_required\" set to false, but is mandated by the mount's config: it stays required".into());
    }
    let mount = config.delete_version_after.0;
    if settings.delete_version_after.is_some_and(|span| mount != 0 && span.0 > mount) {
        warnings.push("\"delete_version_after\" is longer than the mount's config allows: the config's holds".into());
    }
    Ok(warnings)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ask, data_of, refusal, state, write};
    use super::*;
    use crate::v2::{config::Config, data::Data};

    fn read() -> Value {
        data_of(Metadata::read(&ask(json!({}))))
    }

    #[test]
    fn the_facts_about_a_secret_name_all_its_versions() {
        assert_eq!(Metadata::read(&ask(json!({}))).unwrap().data_text(), None);
        write(2);
        Data::delete(&ask(json!({}))).unwrap();
        let read = read();
        assert_eq!((&read["current_version"], &read["oldest_version"]), (&json!(2), &json!(0)));
        assert_eq!((&read["max_versions"], &read["cas_required"]), (&json!(0), &json!(false)));
        assert_eq!((&read["delete_version_after"], &read["custom_metadata"]), (&json!("0s"), &Value::Null));
        assert_eq!(read["created_time"], read["versions"]["1"]["created_time"]);
        assert_eq!(read["updated_time"], read["versions"]["2"]["created_time"]);
        assert_eq!(read["versions"]["1"]["deletion_time"], "");
        assert_ne!(read["versions"]["2"]["deletion_time"], "");
        assert!(!read.to_string().contains("\"n\""));
    }

    #[test]
    fn settings_can_be_written_before_the_first_version() {
        let settings = json!({ "max_versions": 3, "cas_required": true, "delete_version_after": "90s",
            "custom_metadata": { "owner": "a", "count": 5 } });
        assert!(!Metadata::exists(&ask(json!({}))).unwrap());
        Metadata::update(&ask(json!({}))).unwrap();
        assert!(!Metadata::exists(&ask(json!({}))).unwrap(), "nothing was set, so there is nothing to keep");
        Metadata::update(&ask(settings)).unwrap();
        assert!(Metadata::exists(&ask(json!({}))).unwrap());
        let read = read();
        assert_eq!((&read["current_version"], &read["versions"]), (&json!(0), &json!({})));
        assert_eq!((&read["max_versions"], &read["cas_required"]), (&json!(3), &json!(true)));
        assert_eq!(read["delete_version_after"], "1m30s");
        assert_eq!(read["custom_metadata"], json!({ "owner": "a", "count": "5" }));
        assert_eq!(state(0), "nothing");
    }

    #[test]
    fn a_write_replaces_the_notes_and_leaves_alone_what_is_not_sent() {
        Metadata::update(&ask(json!({ "max_versions": 3, "custom_metadata": { "a": "1", "b": "2" } }))).unwrap();
        Metadata::update(&ask(json!({ "custom_metadata": { "c": "3" } }))).unwrap();
        assert_eq!((&read()["max_versions"], &read()["custom_metadata"]), (&json!(3), &json!({ "c": "3" })));
        write(1);
        assert_eq!(data_of(Data::read(&ask(json!({}))))["metadata"]["custom_metadata"], json!({ "c": "3" }));
    }

    #[test]
    fn a_patch_merges_and_null_puts_back_the_default() {
        assert_eq!(Metadata::patch(&ask(json!({}))).err().unwrap().kind, FaultKind::NotFound);
        Metadata::update(&ask(json!({ "max_versions": 3, "cas_required": true, "delete_version_after": 5,
            "custom_metadata": { "a": "1", "b": "2" } })))
        .unwrap();
        Metadata::patch(&ask(json!({ "max_versions": null, "custom_metadata": { "a": null, "c": "3" } }))).unwrap();
        let once = read();
        assert_eq!((&once["max_versions"], &once["cas_required"]), (&json!(0), &json!(true)));
        assert_eq!(once["custom_metadata"], json!({ "b": "2", "c": "3" }));
        Metadata::patch(&ask(json!({ "custom_metadata": null, "cas_required": null, "delete_version_after": null })))
            .unwrap();
        let twice = read();
        assert_eq!((&twice["custom_metadata"], &twice["cas_required"]), (&Value::Null, &json!(false)));
        assert_eq!(twice["delete_version_after"], "0s");
    }

    #[test]
    fn wrong_settings_are_refused() {
        let many: BTreeMap<String, String> = (0..65).map(|n| (n.to_string(), String::new())).collect();
        for notes in
            [json!(many), json!({ "x".repeat(129): "" }), json!({ "a": "x".repeat(513) }), json!({ "a": "\u{7}" })]
        {
            let text = refusal(Metadata::update(&ask(json!({ "custom_metadata": notes }))));
            assert!(text.starts_with("custom_metadata validation failed"), "{text}");
        }
        assert!(refusal(Metadata::update(&ask(json!({ "custom_metadata": { "a": [] } })))).contains("custom_metadata"));
        assert!(refusal(Metadata::update(&ask(json!({ "max_versions": "x" })))).starts_with("max_versions"));
        assert!(refusal(Metadata::update(&Request::for_test(&[], &json!({})))).starts_with("path"));
    }

    #[test]
    fn settings_that_the_mount_overrules_are_warned_of() {
        Config::update(&ask(json!({ "cas_required": true, "delete_version_after": "1m" }))).unwrap();
        for body in [json!({ "cas_required": false }), json!({ "delete_version_after": "1h" })] {
            assert_eq!(Metadata::update(&ask(body)).unwrap().data_text(), Some("null"));
        }
        assert_eq!(Metadata::update(&ask(json!({ "cas_required": true }))).unwrap().data_text(), None);
    }

    #[test]
    fn removing_a_secret_leaves_nothing_of_it() {
        write(3);
        Metadata::delete(&ask(json!({}))).unwrap();
        Metadata::delete(&ask(json!({}))).unwrap();
        assert_eq!(state(1), "nothing");
        assert_eq!(storage::names("").count(), 0);
    }

    #[test]
    fn lists_name_secrets_and_folders() {
        let list = |path| Metadata::list(&Request::for_test(&[("path", path)], &json!({})));
        assert_eq!(list("").unwrap().data_text(), None);
        write(1);
        Data::update(&Request::for_test(&[("path", "app")], &json!({ "data": {} }))).unwrap();
        assert_eq!(data_of(list("")), json!({ "keys": ["app", "app/"] }));
        assert_eq!(data_of(list("app")), json!({ "keys": ["db"] }));
        assert!(refusal(list("a/../b")).starts_with("path"));
    }
}
