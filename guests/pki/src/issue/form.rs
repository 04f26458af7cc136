//! The form in which certificates and keys are answered.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use innkeeper_guest::keys::PrivateKeyFormat;
use innkeeper_guest::prelude::*;
use innkeeper_guest::serde_json::Value;

use super::Signed;
use super::wish::FormWish;
use crate::text::serial;
use crate::x509::certificate;
use crate::x509::key::KeyShape;
use formats::pem;

/// How certificates are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Pem,
    Der,
    Bundle,
}

/// A form, read from a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    writing: Writing,
    pkcs8: bool,
    without_roots: bool,
}

impl FormWish {
    /// Checks what was asked for.
    pub(crate) fn form(&self) -> Result<Form, Fault> {
        let writing = match self.format.as_str() {
            "pem" => Writing::Pem,
            "der" => Writing::Der,
            "pem_bundle" => Writing::Bundle,
            _ => {
                return Err(Fault::invalid(
                    "the \"format\" path parameter must be \"pem\", \"der\", or \"pem_bundle\"",
                ));
            }
        };
        let pkcs8 = match self.private_key_format.as_str() {
            "" | "der" | "pem" => false,
            "pkcs8" => true,
            _ => return Err(Fault::invalid("private_key_format: must be \"der\" or \"pkcs8\"")),
        };
        Ok(Form { writing, pkcs8, without_roots: self.remove_roots_from_chain })
    }
}

/// A private key that is handed to the client.
pub(crate) struct PrivateKey {
    shape: KeyShape,
    /// PEM, or base64 of DER.
    text: String,
}

impl Form {
    /// Writes one certificate or request.
    pub(crate) fn text(self, label: &str, der: &[u8]) -> String {
        match self.writing {
            Writing::Der => STANDARD.encode(der),
            Writing::Pem | Writing::Bundle => pem::encode(label, der),
        }
    }

    /// Writes a certificate that is kept as PEM.
    fn rewritten(self, pem_text: &str) -> String {
        match self.writing {
            Writing::Der => pem::decode_one(pem_text).map(|der| STANDARD.encode(der)).unwrap_or_default(),
            Writing::Pem | Writing::Bundle => pem_text.to_owned(),
        }
    }

    /// Several texts in one, where the form is a bundle.
    pub(crate) fn bundle<'a>(self, parts: impl IntoIterator<Item = Option<&'a str>>) -> Option<String> {
        (self.writing == Writing::Bundle).then(|| parts.into_iter().flatten().collect::<Vec<_>>().join("\n"))
    }

    /// Takes a private key out, if it was made exportable.
    pub(crate) fn private_key(self, key: &Key, shape: KeyShape) -> Result<PrivateKey, Fault> {
        let (format, label) = if self.pkcs8 {
            (PrivateKeyFormat::Pkcs8, "PRIVATE KEY")
        } else {
            (PrivateKeyFormat::Traditional, shape.private_label())
        };
        let der = key.export(format)?;
        Ok(PrivateKey { shape, text: self.text(label, &der) })
    }

    /// The chain without roots, where that was asked for.
    fn chain(self, chain: &[String]) -> Vec<String> {
        let is_root = |text: &String| {
            pem::decode_one(text)
                .and_then(|der| certificate::read(&der).ok())
                .is_some_and(|facts| facts.is_self_issued())
        };
        chain.iter().filter(|text| !(self.without_roots && is_root(text))).cloned().collect()
    }

    /// The fields of an answer that hold a certificate. `chain` are the certificates above it, its issuer first.
    pub(crate) fn answer(self, signed: &Signed, issuer: &str, chain: &[String], key: Option<&PrivateKey>) -> Map {
        let chain = self.chain(chain);
        let certificate = match self.writing {
            Writing::Bundle => {
                let own = self.text(pem::CERTIFICATE, &signed.der);
                // A root answers itself as its chain: once is enough.
                let above = chain.iter().filter(|text| **text != own).cloned();
                let parts = key.map(|key| key.text.clone()).into_iter().chain([own.clone()]).chain(above);
                parts.collect::<Vec<_>>().join("\n")
            }
            Writing::Pem | Writing::Der => self.text(pem::CERTIFICATE, &signed.der),
        };
        let mut fields = Map::new();
        fields.insert("certificate".into(), json!(certificate));
        fields.insert("issuing_ca".into(), json!(self.rewritten(issuer)));
        if !chain.is_empty() {
            let chain: Vec<String> = chain.iter().map(|text| self.rewritten(text)).collect();
            fields.insert("ca_chain".into(), json!(chain));
        }
        fields.insert("serial_number".into(), json!(serial::colons(&signed.serial)));
        fields.insert("expiration".into(), json!(signed.span.not_after));
        fields.insert("not_before".into(), json!(signed.span.not_before));
        fields.insert("authority_key_id".into(), json!(serial::colons(&signed.authority_key)));
        if let Some(key) = key {
            key.put_into(&mut fields);
        }
        fields
    }
}

impl PrivateKey {
    /// Adds the key to the fields of an answer.
    pub(crate) fn put_into(&self, fields: &mut Map) {
        fields.insert("private_key".into(), Value::String(self.text.clone()));
        fields.insert("private_key_type".into(), json!(self.shape.name()));
    }

    /// The text, for a bundle of a request and its key.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_forms_are_taken() {
        let form = |format: &str, private: &str| {
            FormWish { format: format.into(), private_key_format: private.into(), ..FormWish::default() }.form()
        };
        for format in ["pem", "der", "pem_bundle"] {
            assert!(form(format, "der").is_ok() && form(format, "pkcs8").is_ok());
        }
        assert!(form("PEM", "der").is_err() && form("", "der").is_err() && form("pem", "x").is_err());
    }
}
