//! Roles: what may be issued, and what it is like.

use innkeeper_guest::prelude::*;
use innkeeper_guest::serde_json::Value;
use serde::Serialize;

use super::{load, save};
use crate::issue::usages;
use crate::records::Issuer;
use crate::text::time::parse_rfc3339;
use crate::x509::algorithm::{self, Preference};
use crate::x509::extensions::{self, Policy};
use crate::x509::key::KeyShape;
use crate::x509::names::OtherText;

/// Most entries in one list of a role.
const LIST_MAX: usize = 1000;

body! {
    /// `roles/<name>`: the fields of the request are those of the record.
    #[derive(Serialize, Debug)]
    pub(crate) struct Role {
        /// The issuer that signs: an id, a name, or `default`.
        pub(crate) issuer_ref: String = "default".to_owned(),
        /// Time to live when the request names none; 0 means the mount's default.
        pub(crate) ttl: Seconds,
        /// Longest time to live; 0 means the mount's.
        pub(crate) max_ttl: Seconds,
        /// Allows `localhost` and `localdomain`.
        pub(crate) allow_localhost: bool = true,
        /// Domains that the next toggles speak of.
        pub(crate) allowed_domains: Vec<String>,
        /// Whether `allowed_domains` may hold identity templates.
        pub(crate) allowed_domains_template: bool,
        /// Allows the domains themselves.
        pub(crate) allow_bare_domains: bool,
        /// Allows names below the domains, wildcards among them.
        pub(crate) allow_subdomains: bool,
        /// Lets `*` in `allowed_domains` stand for any text.
        pub(crate) allow_glob_domains: bool,
        /// Allows wildcard certificates where the name rules would; `false` forbids them even with `allow_any_name`.
        pub(crate) allow_wildcard_certificates: bool = true,
        /// Allows any name.
        pub(crate) allow_any_name: bool,
        /// Takes only names that are host names.
        pub(crate) enforce_hostnames: bool = true,
        /// Allows IP addresses as alternative names.
        pub(crate) allow_ip_sans: bool = true,
        /// Patterns of URIs that are allowed as alternative names.
        pub(crate) allowed_uri_sans: Vec<String>,
        /// Whether `allowed_uri_sans` may hold identity templates.
        pub(crate) allowed_uri_sans_template: bool,
        /// Other alternative names that are allowed, `oid;UTF8:pattern`, or `*` for any.
        pub(crate) allowed_other_sans: Vec<String>,
        /// Patterns of the subject's serial number attribute that are allowed.
        pub(crate) allowed_serial_numbers: Vec<String>,
        /// Patterns of user ids that are allowed in the subject.
        pub(crate) allowed_user_ids: Vec<String>,
        /// For TLS servers.
        pub(crate) server_flag: bool = true,
        /// For TLS clients.
        pub(crate) client_flag: bool = true,
        /// For signing code.
        pub(crate) code_signing_flag: bool,
        /// For protecting e-mail.
        pub(crate) email_protection_flag: bool,
        /// Type of the keys: rsa, ec, ed25519, or any (for signing only).
        pub(crate) key_type: String = "rsa".to_owned(),
        /// Bits of the keys; 0 means 2048 for rsa, 256 for ec.
        pub(crate) key_bits: u32,
        /// Bits of the hash of signatures by RSA issuers: 256, 384 or 512; 0 means 256.
        pub(crate) signature_bits: u32,
        /// Signs with PSS when the issuer's key is RSA.
        pub(crate) use_pss: bool,
        /// Key usages, DigitalSignature, KeyAgreement and KeyEncipherment unless said; an empty list leaves the extension
        /// out.
        pub(crate) key_usage: Vec<String> = default_key_usage(),
        /// Extended key usages by name.
        pub(crate) ext_key_usage: Vec<String>,
        /// Extended key usages by object identifier.
        pub(crate) ext_key_usage_oids: Vec<String>,
        /// When signing a request, takes the common name from it.
        pub(crate) use_csr_common_name: bool = true,
        /// When signing a request, takes the alternative names from it.
        pub(crate) use_csr_sans: bool = true,
        /// Organizational units of the subject.
        pub(crate) ou: Vec<String>,
        /// Organizations of the subject.
        pub(crate) organization: Vec<String>,
        /// Countries of the subject.
        pub(crate) country: Vec<String>,
        /// Localities of the subject.
        pub(crate) locality: Vec<String>,
        /// Provinces of the subject.
        pub(crate) province: Vec<String>,
        /// Streets of the subject.
        pub(crate) street_address: Vec<String>,
        /// Postal codes of the subject.
        pub(crate) postal_code: Vec<String>,
        /// Gives each certificate a lease that ends with it.
        pub(crate) generate_lease: bool,
        /// Does not keep issued certificates. They cannot be revoked by serial number then.
        pub(crate) no_store: bool,
        /// Accepted and shown again.
        pub(crate) no_store_metadata: bool,
        /// Refuses requests without a common name.
        pub(crate) require_cn: bool = true,
        /// What a common name may be: email, hostname, or disabled.
        pub(crate) cn_validations: Vec<String> = vec!["email".to_owned(), "hostname".to_owned()],
        /// Policies: object identifiers, or objects with oid, notice and cps.
        pub(crate) policy_identifiers: Value = Value::Array(Vec::new()),
        /// Marks certificates as not of a CA.
        pub(crate) basic_constraints_valid_for_non_ca: bool,
        /// How long before now certificates begin.
        pub(crate) not_before_duration: Seconds = Seconds(30),
        /// When certificates end, RFC 3339 in UTC; wins over what requests say.
        pub(crate) not_after: String,
        /// Allows the display name of the caller's token, and names below it.
        pub(crate) allow_token_displayname: bool,
    }
}

fn default_key_usage() -> Vec<String> {
    ["DigitalSignature", "KeyAgreement", "KeyEncipherment"].map(str::to_owned).to_vec()
}

impl Role {
    /// The role that requests for a CA are checked against: any name, no defaults of its own.
    pub(crate) fn unrestricted() -> Self {
        let any = || vec!["*".to_owned()];
        Self {
            allow_any_name: true,
            enforce_hostnames: false,
            allowed_uri_sans: any(),
            allowed_other_sans: any(),
            allowed_serial_numbers: any(),
            allowed_user_ids: any(),
            require_cn: false,
            cn_validations: vec!["disabled".to_owned()],
            key_type: "any".to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn load(name: &str) -> Result<Option<Self>, Fault> {
        load(&key(name))
    }

    pub(crate) fn save(&self, name: &str) -> Result<(), Fault> {
        save(&key(name), self)
    }

    pub(crate) fn delete(name: &str) -> Result<(), Fault> {
        Ok(storage::delete(&key(name))?)
    }

    /// Checks a role as it was sent and fills in what follows from it. Answers warnings.
    pub(crate) fn settle(&mut self, mount: Mount<'_>) -> Result<Vec<String>, Fault> {
        let mut warnings = Vec::new();
        self.bounded()?;
        if self.max_ttl.0 > 0 && self.ttl.0 > self.max_ttl.0 {
            return Err(Fault::invalid("\"ttl\" value must be less than \"max_ttl\" value"));
        }
        if self.ttl.0 > mount.max_lease_ttl() || self.max_ttl.0 > mount.max_lease_ttl() {
            warnings.push(format!(
                "the role's ttl or max_ttl is longer than the mount's max_lease_ttl of {} seconds",
                mount.max_lease_ttl()
            ));
        }
        self.settle_key()?;
        self.settle_validations()?;
        let (policies, kept): (Vec<_>, Vec<_>) = policies(&self.policy_identifiers)?.into_iter().unzip();
        extensions::policies(&policies).map_err(|fault| fault.context("policy_identifiers"))?;
        self.policy_identifiers = Value::Array(kept);
        for oid in &self.ext_key_usage_oids {
            usages::oid(oid)?;
        }
        for allowed in self.allowed_other_sans.iter().filter(|allowed| *allowed != "*") {
            OtherText::parse(allowed).map_err(|fault| fault.context("error parsing allowed_other_sans"))?;
        }
        if !self.not_after.is_empty() && parse_rfc3339(&self.not_after).is_none() {
            return Err(Fault::invalid("not_after: must be a time such as 2030-12-31T23:59:59Z (RFC 3339)"));
        }
        if self.no_store && self.generate_lease {
            self.generate_lease = false;
            warnings.push(
                "mutually exclusive values no_store=true and generate_lease=true were both specified; \
                           no_store=true takes priority"
                    .into(),
            );
        }
        if self.generate_lease {
            warnings.push(
                "it is encouraged to disable generate_lease and rely on PKI's native capabilities when \
                           possible; this option can cause many leases"
                    .into(),
            );
        }
        if self.issuer_ref.is_empty() {
            "default".clone_into(&mut self.issuer_ref);
        }
        if Issuer::find(&self.issuer_ref)?.is_none() {
            warnings.push(format!(
                "Issuing Certificate was set to {:?}, which could not be resolved: issuing will fail until it can",
                self.issuer_ref
            ));
        }
        Ok(warnings)
    }

    fn settle_key(&mut self) -> Result<(), Fault> {
        self.key_type = self.key_type.to_ascii_lowercase();
        if self.key_type == "any" {
            if !matches!(self.key_bits, 0 | 256 | 384 | 521 | 2048 | 3072 | 4096 | 8192) {
                return Err(Fault::invalid(format!("unsupported key_bits {} for key_type any", self.key_bits)));
            }
        } else {
            self.key_bits = KeyShape::wanted(&self.key_type, self.key_bits)?.bits();
        }
        let preference = Preference { bits: self.signature_bits, pss: self.use_pss };
        algorithm::choose(KeyShape::Rsa(2048), preference, None)?;
        if self.signature_bits == 0 && self.key_type != "ed25519" {
            self.signature_bits = match (self.key_type.as_str(), self.key_bits) {
                ("ec", 384) => 384,
                ("ec", 521) => 512,
                _ => 256,
            };
        }
        Ok(())
    }

    fn settle_validations(&mut self) -> Result<(), Fault> {
        for validation in &mut self.cn_validations {
            *validation = validation.to_ascii_lowercase();
        }
        let known = self.cn_validations.iter().all(|v| matches!(v.as_str(), "email" | "hostname" | "disabled"));
        let alone = self.cn_validations.len() == 1 || !self.cn_validations.iter().any(|v| v == "disabled");
        if !known || !alone {
            return Err(Fault::invalid(
                "cn_validations: must be any of \"email\" and \"hostname\", or \"disabled\" alone",
            ));
        }
        if self.cn_validations.is_empty() {
            self.cn_validations = Self::default().cn_validations;
        }
        Ok(())
    }

    fn bounded(&self) -> Result<(), Fault> {
        let lists = [
            ("allowed_domains", &self.allowed_domains),
            ("allowed_uri_sans", &self.allowed_uri_sans),
            ("allowed_other_sans", &self.allowed_other_sans),
            ("allowed_serial_numbers", &self.allowed_serial_numbers),
            ("allowed_user_ids", &self.allowed_user_ids),
            ("ext_key_usage", &self.ext_key_usage),
            ("ext_key_usage_oids", &self.ext_key_usage_oids),
            ("key_usage", &self.key_usage),
        ];
        match lists.into_iter().find(|(_, list)| list.len() > LIST_MAX) {
            Some((field, _)) => Err(Fault::invalid(format!("{field}: at most {LIST_MAX} entries"))),
            None => Ok(()),
        }
    }

    /// The policies to be written into certificates.
    pub(crate) fn policies(&self) -> Result<Vec<Policy>, Fault> {
        Ok(policies(&self.policy_identifiers)?.into_iter().map(|(policy, _)| policy).collect())
    }

    /// What signatures are to be like.
    pub(crate) fn preference(&self) -> Preference {
        Preference { bits: self.signature_bits, pss: self.use_pss }
    }
}

/// Reads policies, each with the form in which it is kept: identifiers in a list or a text with commas, or objects
/// with `oid`, `notice` and `cps`, also as JSON in a text.
fn policies(value: &Value) -> Result<Vec<(Policy, Value)>, Fault> {
    let wrong = || Fault::invalid("policy_identifiers: must be a list of object identifiers, or of {oid, notice, cps}");
    let entries: Vec<Value> = match value {
        Value::Null => Vec::new(),
        Value::Array(entries) => entries.clone(),
        Value::Object(_) => vec![value.clone()],
        Value::String(text) if text.trim_start().starts_with(['[', '{']) => {
            match innkeeper_guest::serde_json::from_str(text).map_err(|_| wrong())? {
                Value::Array(entries) => entries,
                single => vec![single],
            }
        }
        Value::String(text) => {
            text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(|part| json!(part)).collect()
        }
        Value::Bool(_) | Value::Number(_) => return Err(wrong()),
    };
    if entries.len() > LIST_MAX {
        return Err(Fault::invalid(format!("policy_identifiers: at most {LIST_MAX} entries")));
    }
    let read = |entry: Value| {
        let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let oid = entry.as_str().map_or_else(|| text("oid"), str::to_owned);
        let oid = const_oid::ObjectIdentifier::new(oid.trim())
            .map_err(|_| Fault::invalid(format!("policy_identifiers: {oid:?} is no object identifier")))?;
        Ok((Policy { oid, notice: text("notice"), cps: text("cps") }, entry))
    };
    entries.into_iter().map(read).collect()
}

fn key(name: &str) -> String {
    format!("roles/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(body: Value) -> Result<(Role, Vec<String>), Fault> {
        let request = Request::for_test(&[], &body);
        let mut role: Role = request.body()?;
        let warnings = role.settle(request.mount())?;
        Ok((role, warnings))
    }

    #[test]
    fn defaults_are_those_of_the_reference() {
        let (role, warnings) = role(json!({})).unwrap();
        assert_eq!((role.key_type.as_str(), role.key_bits, role.signature_bits), ("rsa", 2048, 256));
        assert_eq!(role.key_usage, ["DigitalSignature", "KeyAgreement", "KeyEncipherment"]);
        assert!(role.allow_localhost && role.enforce_hostnames && role.require_cn && role.allow_ip_sans);
        assert!(role.use_csr_common_name && role.use_csr_sans && role.server_flag && role.client_flag);
        assert!(role.allow_wildcard_certificates && !role.allow_any_name && !role.no_store && !role.generate_lease);
        assert_eq!((role.ttl, role.not_before_duration), (Seconds(0), Seconds(30)));
        assert!(warnings[0].contains("could not be resolved"), "{warnings:?}");
        let kept = innkeeper_guest::serde_json::to_value(&role).unwrap();
        assert_eq!((&kept["not_before_duration"], &kept["policy_identifiers"]), (&json!(30), &json!([])));
    }

    #[test]
    fn contradictions_are_refused_by_field() {
        for (body, says) in [
            (json!({"ttl": "2h", "max_ttl": "1h"}), "ttl"),
            (json!({"key_type": "dsa"}), "key type"),
            (json!({"key_type": "rsa", "key_bits": 1024}), "RSA keys < 2048"),
            (json!({"signature_bits": 224}), "signature"),
            (json!({"cn_validations": ["email", "disabled"]}), "cn_validations"),
            (json!({"cn_validations": "dns"}), "cn_validations"),
            (json!({"ext_key_usage_oids": "1.2.x"}), "ext_key_usage_oids"),
            (json!({"allowed_other_sans": "1.2.3"}), "allowed_other_sans"),
            (json!({"policy_identifiers": ["x"]}), "policy_identifiers"),
            (json!({"policy_identifiers": "{"}), "policy_identifiers"),
            (json!({"not_after": "tomorrow"}), "not_after"),
        ] {
            let fault = role(body.clone()).err().unwrap_or_else(|| panic!("{body} was accepted"));
            assert!(fault.messages.concat().contains(says), "{body}: {:?}", fault.messages);
        }
    }

    #[test]
    fn policies_are_read_in_every_form() {
        for body in
            [json!("1.2.3,1.2.4"), json!(["1.2.3", "1.2.4"]), json!("[{\"oid\":\"1.2.3\"},{\"oid\":\"1.2.4\"}]")]
        {
            let (role, _) = role(json!({ "policy_identifiers": body })).unwrap();
            let oids: Vec<String> = role.policies().unwrap().iter().map(|policy| policy.oid.to_string()).collect();
            assert_eq!(oids, ["1.2.3", "1.2.4"]);
        }
    }
}
