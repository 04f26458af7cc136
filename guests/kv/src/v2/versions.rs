//! `delete/<path>`, `undelete/<path>` and `destroy/<path>`: what happens to single versions.

use innkeeper_guest::prelude::*;

use crate::moments::Moment;
use crate::place::Place;
use crate::records::{Metadata, Path};

/// Marks versions as deleted.
pub(crate) struct Delete;

/// Takes the mark off.
pub(crate) struct Undelete;

/// Removes values for good.
pub(crate) struct Destroy;

body! {
    /// What is done to which versions.
    pub(crate) struct Body {
        /// Numbers of the versions. Those that are not there are passed over.
        pub(crate) versions: Vec<String>,
    }
}

impl Place for Delete {
    const PREFIX: &'static str = "delete";

    fn update(request: &Request) -> Answer {
        let now = Moment::now();
        each(request, |metadata, _, number| {
            if let Some(facts) = metadata.versions.get_mut(&number)
                && !facts.gone(now)
            {
                facts.deleted = Some(now);
            }
            Ok(())
        })
    }
}

impl Place for Undelete {
    const PREFIX: &'static str = "undelete";

    fn update(request: &Request) -> Answer {
        each(request, |metadata, _, number| {
            if let Some(facts) = metadata.versions.get_mut(&number)
                && !facts.destroyed
            {
                facts.deleted = None;
            }
            Ok(())
        })
    }
}

impl Place for Destroy {
    const PREFIX: &'static str = "destroy";

    fn update(request: &Request) -> Answer {
        each(request, |metadata, path, number| metadata.destroy(path, number))
    }
}

fn each(request: &Request, change: impl Fn(&mut Metadata, &Path, u64) -> Result<(), Fault>) -> Answer {
    let path = Path::of(request)?;
    let Body { versions } = request.body()?;
    if versions.is_empty() {
        return Err(Fault::invalid("No version number provided"));
    }
    let numbers: Result<Vec<u64>, _> = versions.iter().map(|number| number.parse()).collect();
    let numbers = numbers.map_err(|_| Fault::invalid("versions: must be a list of numbers of versions"))?;
    let Some(mut metadata) = Metadata::load(&path)? else { return Ok(Response::nothing()) };
    for number in numbers {
        change(&mut metadata, &path, number)?;
    }
    metadata.save(&path)?;
    Ok(Response::nothing())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ask, refusal, state, write};
    use super::*;

    #[test]
    fn versions_are_deleted_and_undeleted_one_by_one() {
        write(3);
        Delete::update(&ask(json!({ "versions": [1, "3", 99] }))).unwrap();
        assert_eq!((state(1), state(2), state(3)), ("gone".into(), r#"{"n":2}"#.into(), "gone".into()));
        Undelete::update(&ask(json!({ "versions": "1,3" }))).unwrap();
        assert_eq!((state(1), state(3)), (r#"{"n":1}"#.into(), r#"{"n":3}"#.into()));
    }

    #[test]
    fn a_destroyed_version_leaves_facts_but_no_value() {
        write(2);
        Destroy::update(&ask(json!({ "versions": [1] }))).unwrap();
        assert_eq!((state(1), state(2)), ("gone".into(), r#"{"n":2}"#.into()));
        assert_eq!(storage::get("versions/app/db/1").unwrap(), None);
        assert!(Metadata::load(&Path::parse("app/db").unwrap()).unwrap().unwrap().versions[&1].destroyed);
    }

    #[test]
    fn what_is_not_there_is_passed_over() {
        for update in [Delete::update, Undelete::update, Destroy::update] {
            assert!(update(&ask(json!({ "versions": [1] }))).is_ok());
            assert_eq!(storage::names("").count(), 0);
        }
    }

    #[test]
    fn a_request_without_numbers_is_refused() {
        for update in [Delete::update, Undelete::update, Destroy::update] {
            for body in [json!({}), json!({ "versions": [] }), json!({ "versions": "" })] {
                assert_eq!(refusal(update(&ask(body))), "No version number provided");
            }
            for body in [json!({ "versions": ["x"] }), json!({ "versions": [-1] }), json!({ "versions": {} })] {
                assert!(refusal(update(&ask(body))).starts_with("versions:"));
            }
        }
    }
}
