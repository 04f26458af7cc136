//! What requests ask for, in the groups that the endpoints share.

use innkeeper_guest::prelude::*;

use crate::x509::algorithm::{Preference, choose};
use crate::x509::key::KeyShape;

body! {
    /// The names of the holder.
    pub(crate) struct NamesWish {
        /// The common name; also becomes an alternative name unless `exclude_cn_from_sans`.
        pub(crate) common_name: String,
        /// DNS names and e-mail addresses.
        pub(crate) alt_names: Vec<String>,
        /// IP addresses.
        pub(crate) ip_sans: Vec<String>,
        /// URIs.
        pub(crate) uri_sans: Vec<String>,
        /// Other names, `oid;UTF8:text`.
        pub(crate) other_sans: Vec<String>,
        /// The serial number attribute of the subject (not that of the certificate).
        pub(crate) serial_number: String,
        /// Leaves the common name out of the alternative names.
        pub(crate) exclude_cn_from_sans: bool,
        /// User ids in the subject.
        pub(crate) user_ids: Vec<String>,
    }

    /// The rest of a CA's subject.
    pub(crate) struct SubjectWish {
        /// Organizational units.
        pub(crate) ou: Vec<String>,
        /// Organizations.
        pub(crate) organization: Vec<String>,
        /// Countries.
        pub(crate) country: Vec<String>,
        /// Localities.
        pub(crate) locality: Vec<String>,
        /// Provinces.
        pub(crate) province: Vec<String>,
        /// Streets.
        pub(crate) street_address: Vec<String>,
        /// Postal codes.
        pub(crate) postal_code: Vec<String>,
    }

    /// When the certificate ends.
    pub(crate) struct TimeWish {
        /// Time to live.
        pub(crate) ttl: Seconds,
        /// The moment of the end, RFC 3339 in UTC. Not together with `ttl`.
        pub(crate) not_after: String,
    }

    /// When a CA's certificate begins.
    pub(crate) struct BeginWish {
        /// How long before now it begins.
        pub(crate) not_before_duration: Seconds = Seconds(30),
    }

    /// In which form certificates and keys are answered.
    pub(crate) struct FormWish {
        /// `pem`, `der` (base64) or `pem_bundle`.
        pub(crate) format: String = "pem".to_owned(),
        /// `der` for the key type's own form, `pkcs8` for PKCS #8.
        pub(crate) private_key_format: String = "der".to_owned(),
        /// Leaves self-signed certificates out of the chain.
        pub(crate) remove_roots_from_chain: bool,
    }

    /// The key of a CA.
    pub(crate) struct KeyWish {
        /// `rsa` (the default), `ec` or `ed25519`.
        pub(crate) key_type: Option<String>,
        /// Bits; 0 means 2048 for rsa and 256 for ec.
        pub(crate) key_bits: Option<u32>,
        /// A name for the key.
        pub(crate) key_name: String,
        /// For type `existing`: id or name of the key, or `default`.
        pub(crate) key_ref: String = "default".to_owned(),
        /// For type `kms`: the managed key's name.
        pub(crate) managed_key_name: String,
        /// For type `kms`: the managed key's UUID.
        pub(crate) managed_key_id: String,
        /// For type `kms`: `config:key`, as external keys are named.
        pub(crate) external_key_ref: String,
    }

    /// What signatures by RSA keys are like.
    pub(crate) struct SignatureWish {
        /// Bits of the hash: 256 (also for 0), 384 or 512.
        pub(crate) signature_bits: u32,
        /// PSS instead of PKCS #1 v1.5.
        pub(crate) use_pss: bool,
    }

    /// The names below which a CA may issue (RFC 5280 section 4.2.1.10).
    pub(crate) struct ConstraintsWish {
        /// DNS domains that are permitted.
        pub(crate) permitted_dns_domains: Vec<String>,
        /// DNS domains that are excluded.
        pub(crate) excluded_dns_domains: Vec<String>,
        /// IP ranges that are permitted, as CIDR.
        pub(crate) permitted_ip_ranges: Vec<String>,
        /// IP ranges that are excluded, as CIDR.
        pub(crate) excluded_ip_ranges: Vec<String>,
        /// E-mail addresses or domains that are permitted.
        pub(crate) permitted_email_addresses: Vec<String>,
        /// E-mail addresses or domains that are excluded.
        pub(crate) excluded_email_addresses: Vec<String>,
        /// Host names of URIs that are permitted.
        pub(crate) permitted_uri_domains: Vec<String>,
        /// Host names of URIs that are excluded.
        pub(crate) excluded_uri_domains: Vec<String>,
    }

    /// A CA's certificate.
    pub(crate) struct CaWish {
        /// How many CAs may follow; -1 for no limit of its own.
        pub(crate) max_path_length: i64 = -1,
    }

    /// A request to be signed.
    pub(crate) struct CsrWish {
        /// The certification request in PEM.
        pub(crate) csr: String,
    }
}

impl SignatureWish {
    /// What was asked for, if it can be had of any RSA key.
    pub(crate) fn preference(&self) -> Result<Preference, Fault> {
        let preference = Preference { bits: self.signature_bits, pss: self.use_pss };
        choose(KeyShape::Rsa(2048), preference, None)?;
        Ok(preference)
    }
}

impl CaWish {
    /// The limit to be written; `None` for none.
    pub(crate) fn path_length(&self) -> Result<Option<u8>, Fault> {
        match self.max_path_length {
            -1 => Ok(None),
            length => u8::try_from(length)
                .map(Some)
                .map_err(|_| Fault::invalid("max_path_length: must be -1 for no limit, or 0 to 255")),
        }
    }
}
