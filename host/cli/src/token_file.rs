//! `~/.vault-token`: where `login` leaves a token for the commands after it.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use crate::Error;
use crate::environment::Environment;
use crate::part;

const NAME: &str = ".vault-token";
/// Largest file that is read for a token, in bytes.
const SIZE_MAX: u64 = 64 * 1024;

fn path(environment: &Environment) -> Option<PathBuf> {
    environment.home().map(|home| home.join(NAME))
}

/// The token that is kept; nothing if there is no file.
pub(crate) fn read(environment: &Environment) -> Result<Option<SecretString>, Error> {
    let Some(path) = path(environment) else { return Ok(None) };
    match std::fs::metadata(&path) {
        Ok(data) if data.len() <= SIZE_MAX => {}
        Ok(_) => return Err(Error::Usage(format!("{} is too large to hold a token", path.display()))),
        Err(_) => return Ok(None),
    }
    let text = std::fs::read_to_string(&path).map_err(|error| Error::File { path, error })?;
    Ok(Some(text.trim().to_owned()).filter(|token| !token.is_empty()).map(SecretString::from))
}

/// Keeps a token, for nobody but its owner; the file is complete at any time.
pub(crate) fn write(environment: &Environment, token: &SecretString) -> Result<(), Error> {
    let path = path(environment).ok_or_else(|| {
        Error::Usage("there is no home to keep the token in: set HOME, or say -no-store and keep it yourself".into())
    })?;
    part::save(&path, true, part::OWN, token.expose_secret().as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::testing::Folder;

    #[test]
    fn a_token_is_kept_for_its_owner_only_and_replaced() {
        let home = Folder::new();
        let environment = Environment::of(&[], Some(home.path().to_owned()));
        assert!(read(&environment).unwrap().is_none());
        for token in ["s.first-and-longer", "s.second"] {
            write(&environment, &SecretString::from(token)).unwrap();
            assert_eq!(read(&environment).unwrap().unwrap().expose_secret(), token);
        }
        let file = home.path().join(NAME);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1, "nothing is left beside it");
    }
}
