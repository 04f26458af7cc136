//! The names of resources. They become paths of URLs, so each part is checked, whatever wrote the record.

use crate::Error;

use super::{GcpCkmsLocator, GcpCkmsProvider};

/// Longest name of a key ring or a key, by the service's own rule.
const ID_MAX: usize = 63;
/// Longest project or location.
const PLACE_MAX: usize = 100;
/// Most digits of a version.
const VERSION_DIGITS_MAX: usize = 18;

impl GcpCkmsProvider {
    /// `projects/…/locations/…/keyRings/…`. [`Error::Invalid`] names the part that cannot be one.
    pub fn resource(&self) -> Result<String, Error> {
        let (project, region, ring) = (&self.project, &self.region, &self.key_ring);
        if !is_project(project) {
            return Err(wrong(
                "project",
                project,
                "a project's id (my-project-1, example.com:my-project) or its number",
            ));
        }
        if !is_label(region) {
            return Err(wrong("region", region, "a location of Cloud KMS, such as europe-west3 or global"));
        }
        id("key_ring", ring)?;
        Ok(format!("projects/{project}/locations/{region}/keyRings/{ring}"))
    }
}

impl GcpCkmsLocator {
    /// The name of the version in a ring. [`Error::Invalid`] names the part that cannot be one.
    pub fn resource(&self, ring: &str) -> Result<String, Error> {
        self.check()?;
        Ok(format!("{ring}/cryptoKeys/{}/cryptoKeyVersions/{}", self.crypto_key, self.crypto_key_version))
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        id("crypto_key", &self.crypto_key)?;
        let version = &self.crypto_key_version;
        let digits = version.len() <= VERSION_DIGITS_MAX && version.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || version.is_empty() || version.starts_with('0') {
            return Err(wrong("crypto_key_version", version, "a number from 1 on"));
        }
        Ok(())
    }
}

fn id(field: &str, text: &str) -> Result<(), Error> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if text.is_empty() || text.len() > ID_MAX || !text.bytes().all(allowed) {
        return Err(wrong(field, text, "a name of 1 to 63 letters, digits, hyphens and underscores, not a path"));
    }
    Ok(())
}

/// Small letters, digits and hyphens, a letter first, no hyphen last.
fn is_label(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= PLACE_MAX
        && text.bytes().all(allowed)
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
        && !text.ends_with('-')
}

fn is_project(text: &str) -> bool {
    let domain = |text: &str| text.split('.').all(|label| !label.is_empty() && is_label(&format!("x{label}")));
    match text.split_once(':') {
        Some((before, id)) => text.len() <= PLACE_MAX && domain(before) && is_label(id),
        None => is_label(text) || is_number(text),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn wrong(field: &str, given: &str, right: &str) -> Error {
    Error::invalid(format!("{field}: {given:?} is not {right}"))
}
