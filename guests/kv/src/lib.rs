//! The key/value secrets engine, versions 1 and 2.
//!
//! A mount's option `version` says which: `1` (also when absent) keeps one value per path, `2` keeps versions of each
//! value and facts about them. Routes are fixed and serve both. What lies below `data/`, `metadata/` and so on has a
//! meaning of its own only in version 2; in version 1 `data/x` is a path like any other. [`place`] decides between
//! the two, request by request.
//!
//! Values are JSON that the engine never looks into, except to merge a patch and to name subkeys.

mod moments;
mod place;
mod records;
mod v1;
mod v2;

use innkeeper_guest::prelude::*;

use place::{deletes, lists, patches, reads, updates};
use v2::config::{self, Config};
use v2::data::{self, Data};
use v2::metadata::{Metadata, Settings};
use v2::stray::{Root, Stray};
use v2::subkeys::{self, Subkeys};
use v2::versions::{self, Delete, Destroy, Undelete};

struct Kv;

impl Engine for Kv {
    const NAME: &'static str = "kv";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Keeps secrets as they are given: one value per path, or versions of it.";
    const ROUTES: &'static [&'static [Route]] = &[ROUTES];
}

innkeeper_guest::export!(Kv);

const ROUTES: &[Route] = &[
    Route::new("", "The mount itself.", &[lists::<Root>("Names the secrets and folders of a version 1 mount.")]),
    Route::new(
        "{*path}",
        "A secret of a version 1 mount.",
        &[
            reads::<Stray>("Reads the secret."),
            lists::<Stray>("Names the secrets and folders below the path."),
            updates::<Stray>("Writes the secret: the whole body is kept."),
            deletes::<Stray>("Removes the secret."),
        ],
    ),
    Route::new(
        "config",
        "What holds for every secret of a version 2 mount.",
        &[
            reads::<Config>("Reads the settings."),
            lists::<Config>(ONLY_ONE),
            updates::<Config>("Changes the settings that are sent.").fields(config::Body::FIELDS),
            deletes::<Config>(ONLY_ONE),
        ],
    ),
    Route::new(
        "data/{*path}",
        "The versions of a secret.",
        &[
            reads::<Data>("Reads the latest version, or the one asked for.").fields(data::Which::FIELDS),
            lists::<Data>(ONLY_ONE),
            updates::<Data>("Writes a new version.").fields(data::FIELDS),
            patches::<Data>("Writes a new version: the latest one with changes (RFC 7396).").fields(data::FIELDS),
            deletes::<Data>("Marks the latest version as deleted; it can be undeleted."),
        ],
    ),
    Route::new("metadata", "All secrets.", METADATA),
    Route::new("metadata/{*path}", "Facts about a secret, without its values.", METADATA),
    Route::new(
        "delete/{*path}",
        "Deletes versions.",
        &[
            reads::<Delete>(ONLY_ONE),
            lists::<Delete>(ONLY_ONE),
            updates::<Delete>("Marks versions as deleted; they can be undeleted.").fields(versions::Body::FIELDS),
            deletes::<Delete>(ONLY_ONE),
        ],
    ),
    Route::new(
        "undelete/{*path}",
        "Brings deleted versions back.",
        &[
            reads::<Undelete>(ONLY_ONE),
            lists::<Undelete>(ONLY_ONE),
            updates::<Undelete>("Takes the mark of deletion off versions.").fields(versions::Body::FIELDS),
            deletes::<Undelete>(ONLY_ONE),
        ],
    ),
    Route::new(
        "destroy/{*path}",
        "Destroys versions.",
        &[
            reads::<Destroy>(ONLY_ONE),
            lists::<Destroy>(ONLY_ONE),
            updates::<Destroy>("Removes the values of versions for good.").fields(versions::Body::FIELDS),
            deletes::<Destroy>(ONLY_ONE),
        ],
    ),
    Route::new(
        "subkeys/{*path}",
        "The names inside a secret.",
        &[
            reads::<Subkeys>("Reads the names inside a secret, without the values.").fields(subkeys::Body::FIELDS),
            lists::<Subkeys>(ONLY_ONE),
            updates::<Subkeys>(ONLY_ONE),
            deletes::<Subkeys>(ONLY_ONE),
        ],
    ),
];

const METADATA: &[Action] = &[
    reads::<Metadata>("Reads the settings of a secret and the facts about its versions."),
    lists::<Metadata>("Names the secrets and folders below the path."),
    updates::<Metadata>("Changes the settings that are sent.").fields(Settings::FIELDS),
    patches::<Metadata>("Changes the settings that are sent; null puts back the default.").fields(Settings::FIELDS),
    deletes::<Metadata>("Removes the secret with all its versions for good."),
];

/// Help for what version 2 has no meaning for.
const ONLY_ONE: &str = "Only on version 1 mounts, where this is a path like any other.";

#[cfg(test)]
mod tests {
    /// The templates of [`super::ROUTES`], in order.
    const TEMPLATES: [&str; 10] = [
        "",
        "{*path}",
        "config",
        "data/{*path}",
        "metadata",
        "metadata/{*path}",
        "delete/{*path}",
        "undelete/{*path}",
        "destroy/{*path}",
        "subkeys/{*path}",
    ];

    #[test]
    fn routes_of_both_versions_stand_side_by_side() {
        assert_eq!(super::ROUTES.len(), TEMPLATES.len());
        let mut router = matchit::Router::new();
        for template in TEMPLATES {
            router.insert(template, template).unwrap();
        }
        for (path, template, capture) in [
            ("", "", None),
            ("a", "{*path}", Some("a")),
            ("a/b/c", "{*path}", Some("a/b/c")),
            ("config", "config", None),
            ("config/a", "{*path}", Some("config/a")),
            ("configure", "{*path}", Some("configure")),
            ("data", "{*path}", Some("data")),
            ("database/a", "{*path}", Some("database/a")),
            ("data/a", "data/{*path}", Some("a")),
            ("data/data/a", "data/{*path}", Some("data/a")),
            ("de", "{*path}", Some("de")),
            ("delete", "{*path}", Some("delete")),
            ("metadata", "metadata", None),
            ("metadata/a/b", "metadata/{*path}", Some("a/b")),
            ("metadata-of", "{*path}", Some("metadata-of")),
            ("subkeys/a", "subkeys/{*path}", Some("a")),
        ] {
            let found = router.at(path).unwrap_or_else(|_| panic!("{path} is not matched"));
            assert_eq!((*found.value, found.params.get("path")), (template, capture), "{path}");
        }
    }
}
