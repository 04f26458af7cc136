//! Where a lease lies, and how its id is read.

use aws_lc_rs::digest;
use model::Id;

use crate::{Error, Lease};

/// Longest id of a lease, in bytes: the longest path, and what tells its leases apart.
pub const ID_MAX: usize = model::PATH_MAX + 128;
/// Longest key of a token, in bytes.
const TOKEN_KEY_MAX: usize = 128;
/// As much of an id stands in its key as it is, in bytes; the drawers' bound is beyond it.
const PLAIN_MAX: usize = 440;
/// The same where a hash stands for the rest.
const PLAIN_BEFORE_HASH_MAX: usize = 370;
/// Longest segment that stands as it is, in bytes: the drawers' own bound.
const SEGMENT_MAX: usize = 255;

/// Leases by namespace and path: the records themselves.
pub(crate) const AT: &str = "at/";
/// Where leases lie, by when they are due.
pub(crate) const EXPIRY: &str = "expiry/";
/// Where leases lie, by the token they end with.
pub(crate) const TOKEN: &str = "token/";
/// Where leases of secrets lie, by the mount that gave them.
pub(crate) const MOUNT: &str = "mount/";
/// Where leases lie that were given up, by their namespace.
pub(crate) const IRREVOCABLE: &str = "irrevocable/";

/// What an id ends in; nothing in the root namespace.
pub(crate) fn suffix(namespace: Id) -> String {
    if namespace == Id::nil() { String::new() } else { format!(".{namespace}") }
}

/// The namespace that an id names; the root's when it names none. `None`: it names what can be none.
pub fn namespace_of(id: &str) -> Option<Id> {
    let leaf = id.rsplit('/').next().unwrap_or(id);
    match leaf.split_once('.') {
        None => Some(Id::nil()),
        Some((_, suffix)) => Id::parse(suffix).filter(|namespace| *namespace != Id::nil()),
    }
}

/// Checks an id: a path of at least two segments that could have been one of [`Lease::id`].
pub(crate) fn check_id(id: &str) -> Result<(), Error> {
    if id.len() > ID_MAX {
        return Err(Error::Invalid("lease ID: is longer than 1152 bytes"));
    }
    check_path(id)?;
    if !id.contains('/') {
        return Err(Error::Invalid("lease ID: must be a path and what tells its leases apart"));
    }
    Ok(())
}

/// Checks a path of whole segments.
pub(crate) fn check_path(path: &str) -> Result<(), Error> {
    if path.chars().any(char::is_control) {
        return Err(Error::Invalid("lease ID: must not hold control characters"));
    }
    if path.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err(Error::Invalid("lease ID: must not hold an empty segment, '.' or '..'"));
    }
    Ok(())
}

/// Checks the key of a token: one segment of a storage key.
pub(crate) fn check_token(key: &str) -> Result<(), Error> {
    let sound = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    if key.is_empty() || key.len() > TOKEN_KEY_MAX || !key.bytes().all(sound) {
        return Err(Error::Invalid("lease: a token's key has 1 to 128 letters, digits, '-' and '_'"));
    }
    Ok(())
}

/// The key of the record of a lease.
pub(crate) fn record(namespace: Id, id: &str) -> String {
    format!("{AT}{namespace}/{}", shortened(id))
}

/// The folder in which the records of all leases below a path lie, ending in `/`: those of others may lie there as well
/// when the path is very long.
pub(crate) fn folder(namespace: Id, path: &str) -> String {
    let path = path.trim_matches('/');
    if path.is_empty() {
        return format!("{AT}{namespace}/");
    }
    let plain = leading(path);
    if plain.is_empty() { format!("{AT}{namespace}/") } else { format!("{AT}{namespace}/{plain}/") }
}

/// The id as storage takes it: as it is, or its beginning and a hash of the whole when it is very long.
fn shortened(id: &str) -> String {
    if id.len() <= PLAIN_MAX && id.split('/').all(|segment| segment.len() <= SEGMENT_MAX) {
        return id.to_owned();
    }
    let plain = leading(id);
    let hash = hash(id, 32);
    if plain.is_empty() { format!("~{hash}") } else { format!("{plain}/~{hash}") }
}

/// As many leading segments as stand plain in the key of every id that begins with them.
fn leading(path: &str) -> &str {
    let mut end = 0;
    for segment in path.split('/') {
        let next = if end == 0 { segment.len() } else { end + 1 + segment.len() };
        if segment.len() > SEGMENT_MAX || next > PLAIN_BEFORE_HASH_MAX {
            break;
        }
        end = next;
    }
    &path[..end]
}

/// Names a lease in indexes: a hash of where its record lies.
pub(crate) fn short(lease: &Lease) -> String {
    hash(&record(lease.namespace, &lease.id), 16)
}

/// The key in the index by time.
pub(crate) fn expiry(due: u64, lease: &Lease) -> String {
    format!("{EXPIRY}{due:020}/{}", short(lease))
}

/// The key in the index by token.
pub(crate) fn token(key: &str, lease: &Lease) -> String {
    format!("{TOKEN}{key}/{}", short(lease))
}

/// The key in the index by mount.
pub(crate) fn mount(id: Id, lease: &Lease) -> String {
    format!("{MOUNT}{id}/{}", short(lease))
}

/// The key in the index of those that were given up.
pub(crate) fn irrevocable(lease: &Lease) -> String {
    format!("{IRREVOCABLE}{}/{}", lease.namespace, short(lease))
}

/// Which of so many parts a lease falls on, always the same one.
pub(crate) fn part(lease: &Lease, parts: u8) -> u8 {
    let whole = digest::digest(&digest::SHA256, record(lease.namespace, &lease.id).as_bytes());
    whole.as_ref().last().map_or(0, |byte| byte % parts.max(1))
}

fn hash(text: &str, bytes: usize) -> String {
    let whole = digest::digest(&digest::SHA256, text.as_bytes());
    hex::encode(&whole.as_ref()[..bytes])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_its_namespace_behind_the_last_dot_of_its_leaf() {
        let id = Id::from_random([7; 16]);
        assert_eq!(namespace_of("pki/issue/a.b/x1"), Some(Id::nil()));
        assert_eq!(namespace_of(&format!("pki/issue/a.b/x1.{id}")), Some(id));
        assert_eq!(namespace_of("pki/issue/a/x1.rubbish"), None);
        assert_eq!(namespace_of(&format!("pki/x1.{}", Id::nil())), None, "one lease has one id");
    }

    #[test]
    fn every_id_has_a_key_that_a_drawer_takes_and_lies_in_the_folder_of_its_path() {
        let namespace = Id::from_random([7; 16]);
        for path in ["a", "pki/issue/web", &"x".repeat(1000), &"y/".repeat(400), &format!("m/{}/r", "z".repeat(300))] {
            let path = path.trim_matches('/');
            let id = format!("{path}/abcdefghijklmnopqrstuvwx.{namespace}");
            check_id(&id).unwrap();
            let key = record(namespace, &id);
            assert!(key.len() <= storage::KEY_MAX && key.split('/').all(|segment| segment.len() <= SEGMENT_MAX));
            assert!(key.starts_with(&folder(namespace, path)), "{key}");
        }
    }

    #[test]
    fn ids_that_climb_or_hide_are_refused() {
        for bad in ["", "a", "a//b", "/a/b", "a/b/", "a/../b", "a/./b", "a/b\n", &"a/".repeat(ID_MAX)] {
            assert!(check_id(bad).is_err(), "{bad:?}");
        }
    }
}
