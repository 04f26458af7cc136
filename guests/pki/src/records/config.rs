//! The mount's settings: defaults, addresses, revocation lists.

use innkeeper_guest::prelude::*;
use serde::{Deserialize, Serialize};

use super::{load, save};

/// `config/issuers`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Defaults {
    /// The issuer that `default` stands for; empty when there is none.
    pub(crate) default: String,
    /// Whether a newly added issuer becomes the default.
    pub(crate) default_follows_latest_issuer: bool,
}

impl Defaults {
    pub(crate) fn load() -> Result<Self, Fault> {
        Ok(load("config/issuers")?.unwrap_or_default())
    }

    pub(crate) fn save(&self) -> Result<(), Fault> {
        save("config/issuers", self)
    }
}

/// `config/keys`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct KeyDefaults {
    /// The key that `default` stands for; empty when there is none.
    pub(crate) default: String,
}

impl KeyDefaults {
    pub(crate) fn load() -> Result<Self, Fault> {
        Ok(load("config/keys")?.unwrap_or_default())
    }

    pub(crate) fn save(&self) -> Result<(), Fault> {
        save("config/keys", self)
    }
}

/// `config/urls`, and the same of one issuer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Urls {
    /// Where the issuer's certificate is.
    pub(crate) issuing_certificates: Vec<String>,
    /// Where the revocation list is.
    pub(crate) crl_distribution_points: Vec<String>,
    /// Where the OCSP responder is.
    pub(crate) ocsp_servers: Vec<String>,
    /// Whether `{{issuer_id}}` and the like are replaced.
    pub(crate) enable_templating: bool,
}

impl Urls {
    /// Those of the mount.
    pub(crate) fn load() -> Result<Self, Fault> {
        Ok(load("config/urls")?.unwrap_or_default())
    }

    pub(crate) fn save(&self) -> Result<(), Fault> {
        save("config/urls", self)
    }

    /// Whether no address is set.
    pub(crate) fn is_empty(&self) -> bool {
        self.issuing_certificates.is_empty() && self.crl_distribution_points.is_empty() && self.ocsp_servers.is_empty()
    }

    /// The same with the issuer's id filled in. What cannot be filled in is refused when a certificate is issued.
    pub(crate) fn resolved(mut self, issuer_id: &str) -> Result<Self, Fault> {
        if !self.enable_templating {
            return Ok(self);
        }
        for list in [&mut self.issuing_certificates, &mut self.crl_distribution_points, &mut self.ocsp_servers] {
            for url in list.iter_mut() {
                *url = url.replace("{{issuer_id}}", issuer_id);
                if url.contains("{{") {
                    return Err(Fault::invalid(format!(
                        "unable to resolve the template in the URL {url:?}: only {{{{issuer_id}}}} is known here"
                    )));
                }
            }
        }
        Ok(self)
    }

    /// Checks that every address is one.
    pub(crate) fn check(&self, what: &str) -> Result<(), Fault> {
        let lists = [
            ("issuing_certificates", &self.issuing_certificates),
            ("crl_distribution_points", &self.crl_distribution_points),
            ("ocsp_servers", &self.ocsp_servers),
        ];
        for (field, urls) in lists {
            for url in urls.iter().filter(|url| !(self.enable_templating && url.contains("{{"))) {
                if !is_url(url) {
                    return Err(Fault::invalid(format!("invalid URL found in {what} parameter {field}: {url}")));
                }
            }
        }
        Ok(())
    }
}

/// Whether a text is an address with a scheme and something behind it, in visible ASCII.
pub(crate) fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && !rest.is_empty()
        && text.chars().all(|c| c.is_ascii_graphic())
}

/// `config/crl`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CrlConfig {
    pub(crate) expiry: String,
    pub(crate) disable: bool,
    pub(crate) ocsp_disable: bool,
    pub(crate) ocsp_expiry: String,
    pub(crate) auto_rebuild: bool,
    pub(crate) auto_rebuild_grace_period: String,
    pub(crate) enable_delta: bool,
    pub(crate) delta_rebuild_interval: String,
    pub(crate) max_crl_entries: i64,
}

impl Default for CrlConfig {
    fn default() -> Self {
        Self {
            expiry: "72h".into(),
            disable: false,
            ocsp_disable: false,
            ocsp_expiry: "12h".into(),
            auto_rebuild: false,
            auto_rebuild_grace_period: "12h".into(),
            enable_delta: false,
            delta_rebuild_interval: "15m".into(),
            max_crl_entries: 100_000,
        }
    }
}

impl CrlConfig {
    pub(crate) fn load() -> Result<Self, Fault> {
        Ok(load("config/crl")?.unwrap_or_default())
    }

    pub(crate) fn save(&self) -> Result<(), Fault> {
        save("config/crl", self)
    }

    /// How long a list is valid, in seconds.
    pub(crate) fn lifetime(&self) -> u64 {
        Seconds::parse(&self.expiry).map(|seconds| seconds.0).filter(|seconds| *seconds > 0).unwrap_or(72 * 3600)
    }

    /// Checks that the durations are ones, and that nothing is asked for that this build does not do.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let read = |field: &str, text: &str| {
            Seconds::parse(text)
                .map(|seconds| seconds.0)
                .ok_or_else(|| Fault::invalid(format!("given {field} could not be decoded: {text:?} is no duration")))
        };
        let expiry = read("expiry", &self.expiry)?;
        read("ocsp_expiry", &self.ocsp_expiry)?;
        read("auto_rebuild_grace_period", &self.auto_rebuild_grace_period)?;
        read("delta_rebuild_interval", &self.delta_rebuild_interval)?;
        if expiry == 0 {
            return Err(Fault::invalid("given expiry could not be decoded: must be longer than zero"));
        }
        // Nothing runs here between requests: with either of these, lists would go stale and nobody would notice.
        if self.auto_rebuild {
            return Err(Fault::invalid(
                "auto_rebuild: this build has no periodic work and builds the list at each revocation; leave it false, \
                 and call crl/rotate before a list ends",
            ));
        }
        if self.enable_delta {
            return Err(Fault::invalid(
                "enable_delta: this build has no delta lists, because the complete list is built at each revocation; \
                 leave it false",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_need_a_scheme_and_visible_ascii() {
        for url in ["http://a", "https://a.b/c?d=e", "ldap://a/cn=x,dc=y", "http://[::1]:8200/v1/pki/ca"] {
            assert!(is_url(url), "{url}");
        }
        for url in ["", "a", "://a", "http://", "http://a b", "http://é", "1http://a"] {
            assert!(!is_url(url), "{url}");
        }
    }

    #[test]
    fn templates_are_filled_in_or_refused() {
        let mut urls = Urls { crl_distribution_points: vec!["http://a/{{issuer_id}}".into()], ..Urls::default() };
        assert_eq!(urls.clone().resolved("x").unwrap(), urls, "templating is off");
        urls.enable_templating = true;
        assert_eq!(urls.clone().resolved("x").unwrap().crl_distribution_points, ["http://a/x"]);
        urls.ocsp_servers = vec!["{{cluster_path}}/ocsp".into()];
        assert!(urls.resolved("x").is_err());
    }

    #[test]
    fn crl_settings_that_cannot_be_kept_are_refused_by_name() {
        assert!(CrlConfig::default().check().is_ok());
        for (config, says) in [
            (CrlConfig { expiry: "soon".into(), ..CrlConfig::default() }, "given expiry could not be decoded"),
            (CrlConfig { expiry: "0s".into(), ..CrlConfig::default() }, "given expiry could not be decoded"),
            (CrlConfig { ocsp_expiry: "x".into(), ..CrlConfig::default() }, "given ocsp_expiry could not"),
            (CrlConfig { auto_rebuild: true, ..CrlConfig::default() }, "auto_rebuild: this build has no periodic work"),
            (CrlConfig { enable_delta: true, ..CrlConfig::default() }, "enable_delta: this build has no delta lists"),
        ] {
            let fault = config.check().unwrap_err();
            assert!(fault.messages.concat().starts_with(says), "{:?}", fault.messages);
        }
    }
}
