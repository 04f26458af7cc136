//! Variables of the environment: each as `INNKEEPER_NAME`, else as `VAULT_NAME`.

use std::path::PathBuf;

use secrecy::SecretString;

use crate::Error;

/// Finds a variable by its whole name.
type Look = dyn Fn(&str) -> Option<String>;

/// What a process was started with. Tests bring their own.
pub(crate) struct Environment {
    look: Box<Look>,
    home: Option<PathBuf>,
}

impl Environment {
    /// This process's own.
    pub(crate) fn of_the_process() -> Self {
        Self { look: Box::new(|name| std::env::var(name).ok()), home: std::env::home_dir() }
    }

    #[cfg(test)]
    pub(crate) fn of(variables: &[(&str, &str)], home: Option<PathBuf>) -> Self {
        let variables: std::collections::HashMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { look: Box::new(move |name| variables.get(name).cloned()), home }
    }

    /// The variable of this name, `ADDR` for instance; an empty one is none.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let given = |prefix: &str| (self.look)(&format!("{prefix}_{name}")).filter(|value| !value.is_empty());
        given("INNKEEPER").or_else(|| given("VAULT"))
    }

    /// The variable of exactly this name, in capitals or in small letters: one that other programs know too.
    pub(crate) fn common(&self, name: &str) -> Option<String> {
        let given = |name: &str| (self.look)(name).filter(|value| !value.is_empty());
        given(name).or_else(|| given(&name.to_ascii_lowercase()))
    }

    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    /// A token, without the line end that a file may have left in it.
    pub(crate) fn token(&self) -> Option<SecretString> {
        let token = self.get("TOKEN")?.trim().to_owned();
        (!token.is_empty()).then(|| SecretString::from(token))
    }

    /// `1`, `t`, `true` and so on.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Error> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value.to_ascii_lowercase().as_str() {
            "1" | "t" | "true" | "y" | "yes" | "on" => Ok(Some(true)),
            "0" | "f" | "false" | "n" | "no" | "off" => Ok(Some(false)),
            _ => Err(Error::Usage(format!("VAULT_{name} must be true or false, and is {value:?}"))),
        }
    }

    /// The home of whoever started the process.
    pub(crate) fn home(&self) -> Option<PathBuf> {
        self.home.clone()
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_products_own_variables_win_and_empty_ones_are_none() {
        let environment = Environment::of(
            &[("VAULT_ADDR", "a"), ("INNKEEPER_ADDR", "b"), ("VAULT_FORMAT", "json"), ("INNKEEPER_FORMAT", "")],
            None,
        );
        assert_eq!(environment.get("ADDR").as_deref(), Some("b"));
        assert_eq!(environment.get("FORMAT").as_deref(), Some("json"));
        assert_eq!(environment.get("CACERT"), None);
    }

    #[test]
    fn a_token_loses_its_line_end_and_a_flag_is_a_word_for_yes_or_no() {
        let environment =
            Environment::of(&[("VAULT_TOKEN", "s.1\n"), ("VAULT_SKIP_VERIFY", "T"), ("VAULT_ODD", "maybe")], None);
        assert_eq!(environment.token().unwrap().expose_secret(), "s.1");
        assert_eq!(environment.flag("SKIP_VERIFY").unwrap(), Some(true));
        assert_eq!(environment.flag("NONE").unwrap(), None);
        assert!(environment.flag("ODD").is_err());
    }
}
