//! `data/<path>`: reads, writes, patches and deletes the value of a secret.

use innkeeper_guest::prelude::*;
use innkeeper_guest::serde_json::Value;
use innkeeper_guest::{Field, FieldKind};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{Found, absent, find, shown};
use crate::moments::Moment;
use crate::place::Place;
use crate::records::{Config, Kept, Metadata, Path};

/// The versions of a secret.
pub(crate) struct Data;

body! {
    /// Which version is read.
    pub(crate) struct Which {
        /// Number of the version; 0 is the latest.
        pub(crate) version: u64,
    }
}

/// What a write takes. It is not read through a struct, because in values `null` is kept as it is.
pub(crate) const FIELDS: &[Field] = &[
    Field { name: "data", kind: FieldKind::Any, about: "The value, a JSON object.", default: "" },
    Field {
        name: "options",
        kind: FieldKind::Any,
        about: "`cas`: the write is refused unless this is the number of the latest version; 0 if there must be none.",
        default: "",
    },
];

impl Place for Data {
    const PREFIX: &'static str = "data";

    fn read(request: &Request) -> Answer {
        let Which { version } = request.body()?;
        match find(&Path::of(request)?, version)? {
            Found::Nothing => Ok(Response::nothing()),
            Found::Gone(facts) => Ok(absent(request, json!({ "data": null, "metadata": facts }), &[])),
            Found::There(data, metadata) => Response::data(&Version { data, metadata }),
        }
    }

    fn update(request: &Request) -> Answer {
        let path = Path::of(request)?;
        let Write { data, cas } = Write::of(request)?;
        let config = Config::load()?;
        let now = Moment::now();
        let mut metadata = Metadata::load(&path)?.unwrap_or_else(|| Metadata::new(now));
        check(cas, &config, &metadata)?;
        let number = metadata.add(&path, &config, now, data)?;
        written(number, &metadata)
    }

    fn patch(request: &Request) -> Answer {
        let path = Path::of(request)?;
        let Write { data: changes, cas } = Write::of(request)?;
        let config = Config::load()?;
        let Some(mut metadata) = Metadata::load(&path)? else { return Err(Fault::not_found()) };
        check(cas, &config, &metadata)?;
        match find(&path, 0)? {
            Found::Nothing => Err(Fault::not_found()),
            Found::Gone(facts) => Ok(absent(request, facts, &[])),
            Found::There(mut value, _) => {
                merge(&mut value, changes)?;
                let number = metadata.add(&path, &config, Moment::now(), value)?;
                written(number, &metadata)
            }
        }
    }

    fn delete(request: &Request) -> Answer {
        let path = Path::of(request)?;
        let now = Moment::now();
        let Some(mut metadata) = Metadata::load(&path)? else { return Ok(Response::nothing()) };
        if let Some(latest) = metadata.versions.get_mut(&metadata.current)
            && !latest.gone(now)
        {
            latest.deleted = Some(now);
            metadata.save(&path)?;
        }
        Ok(Response::nothing())
    }

    fn exists(request: &Request) -> Result<bool, Fault> {
        Ok(Metadata::load(&Path::of(request)?)?.is_some())
    }
}

/// A version as it is read.
#[derive(Serialize)]
struct Version {
    data: Kept,
    metadata: Value,
}

/// What a write or patch was sent.
struct Write {
    data: Kept,
    cas: Option<u64>,
}

/// The same, as it comes.
#[derive(Deserialize)]
struct Sent {
    data: Option<Box<RawValue>>,
    options: Option<Value>,
}

impl Write {
    fn of(request: &Request) -> Result<Self, Fault> {
        let sent: Sent = request.exact()?;
        let data = sent.data.ok_or_else(|| Fault::invalid("no data provided"))?;
        let data = object(&data).ok_or_else(|| Fault::invalid("data: must be an object"))?;
        let cas = match &sent.options {
            None | Some(Value::Null) => None,
            Some(Value::Object(options)) => options.get("cas").filter(|cas| !cas.is_null()).map(number).transpose()?,
            Some(_) => return Err(Fault::invalid("options: must be an object")),
        };
        Ok(Self { data, cas })
    }
}

fn number(cas: &Value) -> Result<u64, Fault> {
    let number = cas.as_str().map_or_else(|| cas.as_u64(), |text| text.trim().parse().ok());
    number.ok_or_else(|| Fault::invalid("options.cas: must be the number of a version"))
}

fn check(cas: Option<u64>, config: &Config, metadata: &Metadata) -> Result<(), Fault> {
    match cas {
        None if config.cas_required || metadata.cas_required => {
            Err(Fault::invalid("check-and-set parameter required for this call"))
        }
        Some(cas) if cas != metadata.current => {
            Err(Fault::invalid("check-and-set parameter did not match the current version"))
        }
        _ => Ok(()),
    }
}

fn written(number: u64, metadata: &Metadata) -> Answer {
    match metadata.versions.get(&number) {
        Some(facts) => Response::data(&shown(number, facts, metadata)),
        None => Err(Fault::internal("a version that was just written is not there")),
    }
}

/// What is an object, taken apart by one level.
fn object(value: &RawValue) -> Option<Kept> {
    serde_json::from_str(value.get()).ok()
}

/// JSON merge patch (RFC 7396). It goes no deeper than the changes do.
fn merge(value: &mut Kept, changes: Kept) -> Result<(), Fault> {
    for (name, change) in changes {
        if change.get() == "null" {
            value.remove(&name);
            continue;
        }
        let merged = match object(&change) {
            Some(changes) => {
                let mut inner = value.get(&name).and_then(|old| object(old)).unwrap_or_default();
                merge(&mut inner, changes)?;
                to_raw_value(&inner).map_err(|e| Fault::internal(format!("a patched value does not serialise: {e}")))?
            }
            None => change,
        };
        value.insert(name, merged);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ask, data_of, refusal, state, write};
    use super::super::versions::{Destroy, Undelete};
    use super::*;
    use crate::v2::{config, metadata};

    #[test]
    fn a_write_answers_the_facts_about_the_new_version() {
        let first = data_of(Data::update(&ask(json!({ "data": { "a": 1 } }))));
        assert_eq!(first["version"], 1);
        assert_eq!((&first["deletion_time"], &first["destroyed"]), (&json!(""), &json!(false)));
        assert_eq!(first["custom_metadata"], Value::Null);
        assert!(first["created_time"].as_str().unwrap().ends_with('Z'));
        assert_eq!(data_of(Data::update(&ask(json!({ "data": {} }))))["version"], 2);
    }

    #[test]
    fn every_version_is_read_back_as_it_was_written() {
        let value = json!({ "null": null, "nested": { "none": null, "list": [1, "2", { "x": null }] } });
        Data::update(&ask(json!({ "data": value }))).unwrap();
        write(1);
        let latest = data_of(Data::read(&ask(json!({}))));
        assert_eq!((&latest["data"], &latest["metadata"]["version"]), (&json!({ "n": 1 }), &json!(2)));
        for version in [json!(1), json!("1")] {
            assert_eq!(data_of(Data::read(&ask(json!({ "version": version }))))["data"], value);
        }
        assert_eq!(data_of(Data::read(&ask(json!({ "version": 0 }))))["metadata"]["version"], 2);
    }

    #[test]
    fn a_secret_or_version_that_never_was_is_not_found() {
        assert_eq!(state(0), "nothing");
        assert!(!Data::exists(&ask(json!({}))).unwrap());
        write(1);
        assert_eq!(state(2), "nothing");
        assert!(Data::exists(&ask(json!({}))).unwrap());
        assert_eq!(refusal(Data::read(&ask(json!({ "version": "latest" })))).split(':').next(), Some("version"));
    }

    #[test]
    fn a_deleted_version_is_gone_but_its_facts_are_told() {
        write(2);
        Data::delete(&ask(json!({}))).unwrap();
        assert_eq!((state(0), state(1)), ("gone".into(), r#"{"n":1}"#.into()));
        let Found::Gone(facts) = find(&Path::parse("app/db").unwrap(), 0).unwrap() else { panic!("not gone") };
        assert_ne!(facts["deletion_time"], "");
        assert_eq!((&facts["version"], &facts["destroyed"]), (&json!(2), &json!(false)));
        assert_eq!(Data::read(&ask(json!({}))).unwrap().data_text(), None);
    }

    #[test]
    fn deleting_what_is_not_there_or_is_gone_already_changes_nothing() {
        assert!(Data::delete(&ask(json!({}))).is_ok());
        write(1);
        Data::delete(&ask(json!({}))).unwrap();
        let path = Path::parse("app/db").unwrap();
        let before = Metadata::load(&path).unwrap().unwrap().versions;
        Data::delete(&ask(json!({}))).unwrap();
        assert_eq!(Metadata::load(&path).unwrap().unwrap().versions, before);
    }

    #[test]
    fn check_and_set_lets_only_the_expected_write_through() {
        let with = |cas: Value| Data::update(&ask(json!({ "data": {}, "options": { "cas": cas } })));
        let mismatch = "check-and-set parameter did not match the current version";
        assert_eq!(refusal(with(json!(1))), mismatch);
        assert_eq!(data_of(with(json!(0)))["version"], 1);
        assert_eq!(refusal(with(json!(0))), mismatch);
        assert_eq!(data_of(with(json!("1")))["version"], 2);
        for bad in [json!("x"), json!(-1), json!([]), json!(1.5)] {
            assert!(refusal(with(bad)).starts_with("options.cas:"));
        }
    }

    #[test]
    fn check_and_set_can_be_required_by_the_mount_or_the_secret() {
        let required = "check-and-set parameter required for this call";
        config::Config::update(&ask(json!({ "cas_required": true }))).unwrap();
        assert_eq!(refusal(Data::update(&ask(json!({ "data": {} })))), required);
        config::Config::update(&ask(json!({ "cas_required": false }))).unwrap();
        write(1);
        metadata::Metadata::update(&ask(json!({ "cas_required": true }))).unwrap();
        assert_eq!(refusal(Data::update(&ask(json!({ "data": {} })))), required);
        assert_eq!(refusal(Data::patch(&ask(json!({ "data": {} })))), required);
        assert!(Data::update(&ask(json!({ "data": {}, "options": { "cas": 1 } }))).is_ok());
    }

    #[test]
    fn a_write_without_a_value_is_refused() {
        for body in [json!({}), json!({ "data": null }), json!({ "n": 1 })] {
            assert_eq!(refusal(Data::update(&ask(body.clone()))), "no data provided");
            assert_eq!(refusal(Data::patch(&ask(body))), "no data provided");
        }
        assert_eq!(refusal(Data::update(&ask(json!({ "data": "text" })))), "data: must be an object");
        assert_eq!(refusal(Data::update(&ask(json!({ "data": {}, "options": 5 })))), "options: must be an object");
        assert!(refusal(Data::update(&Request::for_test(&[], &json!({ "data": {} })))).starts_with("path:"));
    }

    #[test]
    fn a_patch_merges_into_the_latest_version() {
        Data::update(&ask(json!({ "data": { "a": 1, "b": { "c": 2, "d": 3 }, "e": "text" } }))).unwrap();
        let changes = json!({ "b": { "c": null, "x": [1] }, "e": { "f": { "g": null } }, "h": null, "i": 4 });
        assert_eq!(data_of(Data::patch(&ask(json!({ "data": changes }))))["version"], 2);
        assert_eq!(state(0), json!({ "a": 1, "b": { "d": 3, "x": [1] }, "e": { "f": {} }, "i": 4 }).to_string());
        assert_eq!(state(1), json!({ "a": 1, "b": { "c": 2, "d": 3 }, "e": "text" }).to_string());
    }

    #[test]
    fn a_patch_leaves_the_digits_of_numbers_alone() {
        let kept = |text: &str| serde_json::from_str::<Kept>(text).unwrap();
        let mut value = kept(r#"{"a":123456789012345678901,"b":{"c":1.10,"d":2}}"#);
        merge(&mut value, kept(r#"{"b":{"d":0.30,"e":{"f":null}}}"#)).unwrap();
        let merged = serde_json::to_string(&value).unwrap();
        assert_eq!(merged, r#"{"a":123456789012345678901,"b":{"c":1.10,"d":0.30,"e":{}}}"#);
    }

    #[test]
    fn a_patch_of_what_is_not_there_is_not_found_and_writes_nothing() {
        assert_eq!(Data::patch(&ask(json!({ "data": {} }))).err().unwrap().kind, FaultKind::NotFound);
        write(1);
        Data::delete(&ask(json!({}))).unwrap();
        assert_eq!(Data::patch(&ask(json!({ "data": { "x": 1 } }))).unwrap().data_text(), None);
        assert_eq!((state(0), state(2)), ("gone".into(), "nothing".into()));
        assert!(
            refusal(Data::patch(&ask(json!({ "data": {}, "options": { "cas": 7 } })))).starts_with("check-and-set")
        );
    }

    #[test]
    fn only_the_newest_versions_are_kept() {
        write(12);
        assert_eq!((state(2), state(3)), ("nothing".into(), r#"{"n":3}"#.into()));
        assert_eq!(storage::get("versions/app/db/2").unwrap(), None);
        metadata::Metadata::update(&ask(json!({ "max_versions": 2 }))).unwrap();
        write(1);
        assert_eq!((state(11), state(12)), ("nothing".into(), r#"{"n":12}"#.into()));
        let read = data_of(metadata::Metadata::read(&ask(json!({}))));
        assert_eq!((&read["oldest_version"], &read["current_version"]), (&json!(12), &json!(13)));
    }

    #[test]
    fn versions_that_have_their_end_set_can_be_read_until_then() {
        metadata::Metadata::update(&ask(json!({ "delete_version_after": "1h" }))).unwrap();
        write(1);
        let read = data_of(Data::read(&ask(json!({}))));
        assert_ne!(read["metadata"]["deletion_time"], "");
        let path = Path::parse("app/db").unwrap();
        let mut metadata = Metadata::load(&path).unwrap().unwrap();
        if let Some(facts) = metadata.versions.get_mut(&1) {
            facts.deleted = Some(facts.created);
        }
        metadata.save(&path).unwrap();
        assert_eq!(state(1), "gone");
    }

    #[test]
    fn a_path_may_look_like_a_version_of_another() {
        let other = |body| Request::for_test(&[("path", "app/db/1")], &body);
        write(1);
        Data::update(&other(json!({ "data": { "other": true } }))).unwrap();
        assert_eq!(state(1), r#"{"n":1}"#);
        metadata::Metadata::delete(&ask(json!({}))).unwrap();
        assert_eq!(data_of(Data::read(&other(json!({}))))["data"], json!({ "other": true }));
    }

    #[test]
    fn undeleting_brings_the_value_back_and_destroying_does_not_let_it() {
        write(1);
        Data::delete(&ask(json!({}))).unwrap();
        Undelete::update(&ask(json!({ "versions": [1] }))).unwrap();
        assert_eq!(state(1), r#"{"n":1}"#);
        Destroy::update(&ask(json!({ "versions": [1] }))).unwrap();
        Undelete::update(&ask(json!({ "versions": [1] }))).unwrap();
        assert_eq!(state(1), "gone");
    }
}
