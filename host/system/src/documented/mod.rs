//! What the native endpoints are for: one line for each path and operation, of which help and OpenAPI are made.
//!
//! A path that [`crate::routes`] knows and no page tells of fails a test, and the other way round.

mod pages;

use std::cmp::Reverse;

use model::Operation;

pub(crate) use pages::ALL;

/// What one operation does, and the fields that it takes: names with spaces between, `!` behind those that must be
/// there, and `:` with a shape where it is no text: `b` true or false, `n` number, `d` duration, `l` list of texts, `o`
/// object.
pub(crate) type Does = (Operation, &'static str, &'static str);

/// A path below `/v1/`, and what can be done there.
pub(crate) struct Documented {
    pub(crate) path: &'static str,
    pub(crate) does: &'static [Does],
}

const fn path(path: &'static str, does: &'static [Does]) -> Documented {
    Documented { path, does }
}

/// The shape of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    Boolean,
    Number,
    Duration,
    List,
    Object,
}

/// One field of a body.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
}

/// The fields as [`Does`] writes them.
pub(crate) fn fields(text: &'static str) -> impl Iterator<Item = Field> {
    text.split_whitespace().map(|word| {
        let (name, shape) = word.split_once(':').unwrap_or((word, ""));
        let shape = match shape.trim_end_matches('!') {
            "b" => Shape::Boolean,
            "n" => Shape::Number,
            "d" => Shape::Duration,
            "l" => Shape::List,
            "o" => Shape::Object,
            _ => Shape::Text,
        };
        Field { name: name.trim_end_matches('!'), shape, required: word.ends_with('!') }
    })
}

/// What is said about a path below `/v1/`: the page whose segments match, where captures match any.
pub(crate) fn find(path: &str) -> Option<&'static Documented> {
    let path = path.trim_end_matches('/');
    // What is said of just this many segments comes first, then what is said literally, then what is said of more.
    let rank = |documented: &'static Documented| {
        let said = documented.path;
        let spans = covers(said, path)?;
        Some((spans, said.matches('{').count(), Reverse(said.matches('/').count())))
    };
    let ranked = ALL.iter().filter_map(|documented| rank(documented).map(|rank| (rank, documented)));
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, documented)| documented)
}

/// Whether a path with captures is that of a path, and whether one of its captures stands for several segments: one that
/// is called `path`, or stands at the end.
fn covers(documented: &str, path: &str) -> Option<bool> {
    let segments = documented.split('/').count();
    let more = path.split('/').count().checked_sub(segments)?;
    let (mut asked, mut spanned) = (path.split('/'), more == 0);
    for (at, own) in documented.split('/').enumerate() {
        let taken = asked.next()?;
        if !own.starts_with('{') {
            if own != taken {
                return None;
            }
        } else if !spanned && (own == "{path}" || at + 1 == segments) {
            asked.by_ref().take(more).for_each(drop);
            spanned = true;
        }
    }
    spanned.then_some(more > 0)
}

/// The fields of a native path, whatever the operation, and the names of what the path captures. `path` below `/v1/` of a
/// namespace; none where it is not documented.
pub fn parameters(path: &str) -> (Vec<&'static str>, Vec<&'static str>) {
    let Some(documented) = find(path) else { return Default::default() };
    let fields = documented.does.iter().flat_map(|(_, _, text)| fields(text)).map(|field| field.name);
    (fields.collect(), captures(documented.path).collect())
}

/// The names between braces in a path.
pub(crate) fn captures(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|rest| rest.split('}').next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::Routes;

    /// Answered by the front.
    const ELSEWHERE: [&str; 5] = ["sys/health", "sys/init", "sys/leader", "sys/seal-status", "sys/unseal"];

    fn example(path: &str) -> String {
        path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect::<Vec<_>>().join("/")
    }

    #[test]
    fn whatever_is_documented_is_there() {
        let routes = Routes::new().unwrap();
        for documented in ALL.iter().filter(|documented| !ELSEWHERE.contains(&documented.path)) {
            let (room, below) = documented.path.split_once('/').unwrap();
            let found = match room {
                "sys" => routes.find(&example(below)).is_some(),
                "auth" => routes.find_token(&example(below.strip_prefix("token/").unwrap())).is_some(),
                // Their paths are taken apart where they are answered.
                _ => ["cubbyhole", "identity"].contains(&room),
            };
            assert!(found, "nothing answers at {}", documented.path);
            assert_eq!(find(&example(documented.path)).unwrap().path, documented.path);
        }
        assert!(ALL.is_sorted_by_key(|documented| documented.path), "the paths are in order");
    }

    #[test]
    fn whatever_is_there_is_documented() {
        let source = include_str!("../routes.rs");
        let lines = source.lines().filter_map(|line| line.trim().strip_prefix("(\""));
        let templates: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once('"')).collect();
        assert!(templates.len() > 20, "the routes are written otherwise than this test reads them");
        for (template, rest) in templates {
            let room = if rest.starts_with(", At::") { "auth/token" } else { "sys" };
            let start = format!("{room}/{}", template.split("{*").next().unwrap_or_default());
            let named = |documented: &&Documented| example(documented.path).starts_with(&example(&start));
            assert!(ALL.iter().any(|documented| named(&documented)), "{template} has no page");
        }
    }

    #[test]
    fn every_field_that_is_read_stands_on_a_page() {
        let known: Vec<&str> =
            ALL.iter().flat_map(|page| page.does).flat_map(|does| fields(does.2)).map(|f| f.name).collect();
        let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
        let mut read = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let source = std::fs::read_to_string(&path).unwrap();
                for rest in source.split("body, \"").skip(1) {
                    let name = rest.split('"').next().unwrap();
                    assert!(known.contains(&name), "{name}, which {} reads, stands on no page", path.display());
                    read += 1;
                }
            }
        }
        assert!(read > 100, "{read}: fields are read otherwise than this test looks for");
    }

    #[test]
    fn a_path_is_found_by_the_closest_page() {
        for (path, page) in [
            ("sys/mounts/a", "sys/mounts/{path}"),
            ("sys/mounts/a/b/", "sys/mounts/{path}"),
            ("sys/mounts/a/b/tune", "sys/mounts/{path}/tune"),
            ("sys/mounts/tune", "sys/mounts/{path}"),
            ("sys/leases/renew/pki/issue/a/b.c", "sys/leases/renew/{url_lease_id}"),
            ("sys/leases/revoke-prefix/a/b", "sys/leases/revoke-prefix/{prefix}"),
            ("sys/managed-keys/health", "sys/managed-keys/health"),
            ("sys/managed-keys/pkcs11/a", "sys/managed-keys/{type}/{name}"),
            ("sys/tools/random/platform/16", "sys/tools/random/{source}/{urlbytes}"),
            ("identity/entity/id", "identity/entity/id"),
            ("cubbyhole/a/b/c", "cubbyhole/{path}"),
        ] {
            assert_eq!(find(path).map(|documented| documented.path), Some(page), "{path}");
        }
        assert!(find("sys/nothing").is_none() && find("sys/leases").is_some() && find("x/a/b").is_none());
    }

    #[test]
    fn fields_say_their_shape_and_whether_they_must_be_there() {
        let all: Vec<_> =
            fields("type! config:o limit:n!").map(|field| (field.name, field.shape, field.required)).collect();
        assert_eq!(
            all,
            [("type", Shape::Text, true), ("config", Shape::Object, false), ("limit", Shape::Number, true)]
        );
        let known: Vec<_> = ALL.iter().flat_map(|documented| documented.does).flat_map(|does| fields(does.2)).collect();
        let clean = |field: &Field| {
            field.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        };
        assert!(known.iter().all(clean));
    }
}
