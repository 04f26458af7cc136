//! `certs/{name}`: which certificates are trusted, what else they must have, and what a login gets.

use const_oid::ObjectIdentifier;
use formats::pem;
use innkeeper_guest::prelude::*;
use innkeeper_guest::serde_json::Value;
use serde::{Deserialize, Serialize};

use crate::certificate::Facts;
use crate::trust::Demand;

/// Where the records lie.
const FOLDER: &str = "cert/";
/// Most certificates of an entry.
const CERTIFICATES_MAX: usize = 32;
/// Longest PEM of them all, in bytes.
const PEM_MAX: usize = 256 << 10;
/// Most entries in a list.
const LIST_MAX: usize = 256;
/// Most extensions that are copied into metadata: a token has 64 pairs, some of them taken.
const METADATA_MAX: usize = 32;
/// Longest text of a list, in bytes.
const TEXT_MAX: usize = 2048;
/// Longest display name, in bytes.
const DISPLAY_MAX: usize = 256;
older! {
    /// Names under which earlier clients send fields.
    pub struct Older {
        policies: token_policies,
        ttl: token_ttl,
        lease: token_ttl,
        max_ttl: token_max_ttl,
        period: token_period,
        bound_cidrs: token_bound_cidrs,
    }
}

body! {
    /// What `certs/{name}` takes beside the fields of tokens. Fields that were not sent stay.
    pub struct EntryParams {
        /// PEM of an authority's certificate, or of several, whose clients are trusted; or of a client's own.
        pub certificate: Option<String>,
        /// What tokens are called; the name of the entry unless given.
        pub display_name: Option<String>,
        /// Patterns with *, one of which the common name, a DNS name or an e-mail address must fit.
        pub allowed_names: Option<Vec<String>>,
        /// Patterns with *, one of which the common name must fit.
        pub allowed_common_names: Option<Vec<String>>,
        /// Patterns with *, one of which a DNS name must fit.
        pub allowed_dns_sans: Option<Vec<String>>,
        /// Patterns with *, one of which an e-mail address must fit.
        pub allowed_email_sans: Option<Vec<String>>,
        /// Patterns with *, one of which a URI must fit.
        pub allowed_uri_sans: Option<Vec<String>>,
        /// Patterns with *, one of which an organizational unit must fit.
        pub allowed_organizational_units: Option<Vec<String>>,
        /// Extensions that must be there, each "oid:pattern" for its text or "hex:oid:pattern" for its DER.
        pub required_extensions: Option<Vec<String>>,
        /// OIDs of extensions whose text is copied into the token's metadata, under the OID with dashes for dots.
        pub allowed_metadata_extensions: Option<Vec<String>>,
        /// Asking the authority about each certificate is not known here: must be false.
        pub ocsp_enabled: bool,
        /// Must be empty, see ocsp_enabled.
        pub ocsp_ca_certificates: String,
        /// Must be empty, see ocsp_enabled.
        pub ocsp_servers_override: Vec<String>,
        /// Must be false, see ocsp_enabled.
        pub ocsp_fail_open: bool,
        /// Must be false, see ocsp_enabled.
        pub ocsp_query_all_servers: bool,
    }
}

/// An entry as it is kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Entry {
    /// Version of this record's shape.
    record: u8,
    certificate: String,
    pub(crate) display_name: String,
    pub(crate) allowed_names: Vec<String>,
    pub(crate) allowed_common_names: Vec<String>,
    pub(crate) allowed_dns_sans: Vec<String>,
    pub(crate) allowed_email_sans: Vec<String>,
    pub(crate) allowed_uri_sans: Vec<String>,
    pub(crate) allowed_organizational_units: Vec<String>,
    pub(crate) required_extensions: Vec<String>,
    pub(crate) allowed_metadata_extensions: Vec<String>,
    #[serde(flatten)]
    pub(crate) token: TokenFields,
}

impl Entry {
    /// The entry of this name.
    pub(crate) fn load(name: &str) -> Result<Option<Self>, Fault> {
        storage::get_json(&key(name))
    }

    /// The entries that a login may be trusted by: one, or all in the order of their names.
    pub(crate) fn candidates(name: &str) -> Box<dyn Iterator<Item = Result<(String, Self), Fault>> + '_> {
        let known = |name: String| Self::load(&name).map(|entry| entry.map(|entry| (name, entry))).transpose();
        if name.is_empty() {
            Box::new(storage::names(FOLDER).filter_map(move |name| known_or(name.map_err(Fault::from), known)))
        } else {
            Box::new(known(name.to_lowercase()).into_iter())
        }
    }

    /// The certificates in it, one at least; in words that follow "certificate", what is wrong with them.
    pub(crate) fn certificates(&self) -> Result<Vec<Facts>, String> {
        if self.certificate.len() > PEM_MAX {
            return Err("has more than 256 KiB".to_owned());
        }
        let mut blocks = pem::decode(&self.certificate)?;
        blocks.retain(|block| block.label == pem::CERTIFICATE);
        if blocks.is_empty() || blocks.len() > CERTIFICATES_MAX {
            return Err("must be PEM of 1 to 32 certificates".to_owned());
        }
        blocks.iter().map(|block| Facts::read(&block.der)).collect()
    }

    /// Takes what was sent over what was there before, and checks the whole.
    fn change(&mut self, name: &str, sent: &Sent) -> Result<(), Fault> {
        let params: EntryParams = sent.read()?;
        refuse_ocsp(&params)?;
        self.record = 1;
        for (mine, new) in [(&mut self.certificate, params.certificate), (&mut self.display_name, params.display_name)]
        {
            *mine = new.unwrap_or_else(|| std::mem::take(mine));
        }
        for (mine, new) in [
            (&mut self.allowed_names, params.allowed_names),
            (&mut self.allowed_common_names, params.allowed_common_names),
            (&mut self.allowed_dns_sans, params.allowed_dns_sans),
            (&mut self.allowed_email_sans, params.allowed_email_sans),
            (&mut self.allowed_uri_sans, params.allowed_uri_sans),
            (&mut self.allowed_organizational_units, params.allowed_organizational_units),
            (&mut self.required_extensions, params.required_extensions),
            (&mut self.allowed_metadata_extensions, params.allowed_metadata_extensions),
        ] {
            *mine = new.unwrap_or_else(|| std::mem::take(mine));
        }
        if self.display_name.is_empty() {
            self.display_name = name.to_lowercase();
        }
        self.token.change(sent, Older::NAMES)?;
        self.check()
    }

    fn check(&self) -> Result<(), Fault> {
        if self.display_name.len() > DISPLAY_MAX || self.display_name.chars().any(char::is_control) {
            return Err(Fault::invalid("display_name: at most 256 bytes, without control characters"));
        }
        for (field, list, most) in [
            ("allowed_names", &self.allowed_names, LIST_MAX),
            ("allowed_common_names", &self.allowed_common_names, LIST_MAX),
            ("allowed_dns_sans", &self.allowed_dns_sans, LIST_MAX),
            ("allowed_email_sans", &self.allowed_email_sans, LIST_MAX),
            ("allowed_uri_sans", &self.allowed_uri_sans, LIST_MAX),
            ("allowed_organizational_units", &self.allowed_organizational_units, LIST_MAX),
            ("required_extensions", &self.required_extensions, LIST_MAX),
            ("allowed_metadata_extensions", &self.allowed_metadata_extensions, METADATA_MAX),
        ] {
            if list.len() > most || list.iter().any(|text| text.len() > TEXT_MAX) {
                return Err(Fault::invalid(format!("{field}: at most {most} texts of 2048 bytes")));
            }
        }
        let is_oid = |text: &str| ObjectIdentifier::new(text).is_ok();
        if !self.required_extensions.iter().all(|text| Demand::parse(text).is_some_and(|demand| is_oid(demand.oid))) {
            let wanted =
                "required_extensions: each must be \"oid:pattern\" or \"hex:oid:pattern\", such as \"1.2.3.4:*\"";
            return Err(Fault::invalid(wanted));
        }
        if !self.allowed_metadata_extensions.iter().all(|text| is_oid(text)) {
            return Err(Fault::invalid("allowed_metadata_extensions: each must be an OID such as \"1.2.3.4\""));
        }
        self.check_certificates()
    }

    fn check_certificates(&self) -> Result<(), Fault> {
        let wrong = |why: String| Fault::invalid(format!("failed to parse certificate: certificate {why}"));
        let certificates = self.certificates().map_err(wrong)?;
        if certificates.iter().any(|other| other.is_ca != certificates.first().is_some_and(|first| first.is_ca)) {
            return Err(Fault::invalid("certificate: must be of authorities only, or of clients only"));
        }
        if certificates.iter().any(|own| !own.is_ca && !own.is_for_clients()) {
            let why = "nonCA certificates should have TLS client authentication set as an extended key usage";
            return Err(Fault::invalid(why));
        }
        Ok(())
    }

    /// The entry as a read shows it.
    fn show(&self) -> Map {
        let mut fields = self.token.show();
        if !self.token.token_policies.is_empty() {
            // Where earlier clients look for them.
            fields.insert("policies".into(), json!(self.token.token_policies));
        }
        let own = json!({
            "certificate": self.certificate, "display_name": self.display_name, "allowed_names": self.allowed_names,
            "allowed_common_names": self.allowed_common_names, "allowed_dns_sans": self.allowed_dns_sans,
            "allowed_email_sans": self.allowed_email_sans, "allowed_uri_sans": self.allowed_uri_sans,
            "allowed_organizational_units": self.allowed_organizational_units,
            "required_extensions": self.required_extensions,
            "allowed_metadata_extensions": self.allowed_metadata_extensions, "ocsp_enabled": false,
            "ocsp_ca_certificates": "", "ocsp_servers_override": [], "ocsp_fail_open": false,
            "ocsp_query_all_servers": false,
        });
        if let Value::Object(own) = own {
            fields.extend(own);
        }
        fields
    }
}

/// The next entry; nothing for one that was removed meanwhile.
fn known_or(
    name: Result<String, Fault>,
    known: impl Fn(String) -> Option<Result<(String, Entry), Fault>>,
) -> Option<Result<(String, Entry), Fault>> {
    match name {
        Ok(name) => known(name),
        Err(fault) => Some(Err(fault)),
    }
}

fn refuse_ocsp(params: &EntryParams) -> Result<(), Fault> {
    for (field, sent) in [
        ("ocsp_enabled", params.ocsp_enabled),
        ("ocsp_ca_certificates", !params.ocsp_ca_certificates.is_empty()),
        ("ocsp_servers_override", !params.ocsp_servers_override.is_empty()),
        ("ocsp_fail_open", params.ocsp_fail_open),
        ("ocsp_query_all_servers", params.ocsp_query_all_servers),
    ] {
        if sent {
            let instead = "authorities are not asked about certificates here; leave it out, and write lists to crls";
            return Err(Fault::invalid(format!("{field}: {instead}")));
        }
    }
    Ok(())
}

pub(crate) fn list(_request: &Request) -> Answer {
    Response::list(&storage::names(FOLDER).collect::<Result<Vec<_>, _>>()?)
}

pub(crate) fn exists(request: &Request) -> Result<bool, Fault> {
    Ok(storage::get(&key(request.capture("name")))?.is_some())
}

pub(crate) fn read(request: &Request) -> Answer {
    match Entry::load(request.capture("name"))? {
        Some(entry) => Response::data(&entry.show()),
        None => Ok(Response::nothing()),
    }
}

pub(crate) fn write(request: &Request) -> Answer {
    let name = request.capture("name");
    let mut entry = Entry::load(name)?.unwrap_or_default();
    entry.change(name, &request.sent()?)?;
    storage::put_json(&key(name), &entry)?;
    let mount = request.mount();
    let mut warnings = Vec::new();
    for (field, seconds, most) in [
        ("ttl", entry.token.token_ttl, mount.default_lease_ttl()),
        ("max_ttl", entry.token.token_max_ttl, mount.max_lease_ttl()),
        ("period", entry.token.token_period, mount.max_lease_ttl()),
    ] {
        if seconds > most {
            warnings
                .push(format!("Given {field} of {seconds} seconds is greater than current mount of {most} seconds"));
        }
    }
    Ok(if warnings.is_empty() { Response::nothing() } else { Response::null().warnings(warnings) })
}

pub(crate) fn remove(request: &Request) -> Answer {
    storage::delete(&key(request.capture("name")))?;
    Ok(Response::nothing())
}

fn key(name: &str) -> String {
    format!("{FOLDER}{}", name.to_lowercase())
}

#[cfg(test)]
pub(crate) mod tests;
