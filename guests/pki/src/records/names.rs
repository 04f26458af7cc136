//! The names of issuers and keys: each has a folder in which its names lead to ids.

use innkeeper_guest::prelude::*;

use super::is_name;

/// The names of one kind of thing.
pub(crate) struct Names {
    /// Where they are kept.
    folder: &'static str,
    /// What the thing is called in refusals.
    what: &'static str,
}

/// Issuers.
pub(crate) const ISSUER_NAMES: Names = Names { folder: "issuer-names", what: "issuer" };
/// Keys.
pub(crate) const KEY_NAMES: Names = Names { folder: "key-names", what: "key" };

impl Names {
    /// Lets a name lead to an id; an empty name is none.
    pub(crate) fn take(&self, name: &str, id: &str) -> Result<(), Fault> {
        if name.is_empty() { Ok(()) } else { Ok(storage::put(&self.place(name), id.as_bytes())?) }
    }

    /// Frees a name; an empty name is none.
    pub(crate) fn release(&self, name: &str) -> Result<(), Fault> {
        if name.is_empty() { Ok(()) } else { Ok(storage::delete(&self.place(name))?) }
    }

    /// Checks that a name can be given to a new thing; an empty one always can.
    pub(crate) fn check(&self, name: &str) -> Result<(), Fault> {
        let what = self.what;
        if name.is_empty() {
            return Ok(());
        }
        if name == "default" {
            return Err(Fault::invalid(format!("reserved keyword 'default' can not be used as {what} name")));
        }
        if !is_name(name) || uuid::Uuid::try_parse(name).is_ok() {
            return Err(Fault::invalid(format!("{what} name contained invalid characters")));
        }
        if storage::get(&self.place(name))?.is_some() {
            return Err(Fault::invalid(format!("{what} name already in use")));
        }
        Ok(())
    }

    /// The id that an id or a name stands for.
    pub(crate) fn id_of(&self, reference: &str) -> Result<Option<String>, Fault> {
        if uuid::Uuid::try_parse(reference).is_ok() {
            return Ok(Some(reference.to_ascii_lowercase()));
        }
        if !is_name(reference) {
            return Ok(None);
        }
        let id = storage::get(&self.place(reference))?;
        Ok(id.map(|id| String::from_utf8_lossy(&id).into_owned()))
    }

    fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_its_id_until_it_is_released() {
        ISSUER_NAMES.take("root", "some-id").unwrap();
        assert_eq!(ISSUER_NAMES.id_of("root").unwrap().as_deref(), Some("some-id"));
        assert_eq!(KEY_NAMES.id_of("root").unwrap(), None);
        assert_eq!(ISSUER_NAMES.check("root").unwrap_err().messages, ["issuer name already in use"]);
        ISSUER_NAMES.release("root").unwrap();
        assert_eq!(ISSUER_NAMES.id_of("root").unwrap(), None);
        assert!(ISSUER_NAMES.check("root").is_ok());
    }

    #[test]
    fn what_could_be_taken_for_something_else_is_no_name() {
        let id = "00000000-0000-4000-8000-000000000000";
        assert_eq!(KEY_NAMES.check(id).unwrap_err().messages, ["key name contained invalid characters"]);
        assert!(KEY_NAMES.check("default").is_err() && KEY_NAMES.check("../x").is_err());
        assert_eq!(KEY_NAMES.id_of(&id.to_ascii_uppercase()).unwrap().as_deref(), Some(id));
        assert_eq!(KEY_NAMES.id_of("../x").unwrap(), None);
    }
}
