//! Issuers: certificates of CAs, with what is needed to sign in their name read out of them once.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use innkeeper_guest::prelude::*;
use serde::{Deserialize, Serialize};

use super::{CrlState, Defaults, ISSUER_NAMES, KeyLink, KeyRecord, Urls, load, names, save};
use crate::x509::certificate::{self, Facts};
use formats::pem;

/// Most issuers of one mount: chains are recomputed over all of them.
const ISSUERS_MAX: usize = 200;

/// What an issuer may be used for, in the order in which the reference writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Usage {
    ReadOnly,
    IssuingCertificates,
    CrlSigning,
    OcspSigning,
}

impl Usage {
    const ALL: [(Self, &'static str); 4] = [
        (Self::ReadOnly, "read-only"),
        (Self::IssuingCertificates, "issuing-certificates"),
        (Self::CrlSigning, "crl-signing"),
        (Self::OcspSigning, "ocsp-signing"),
    ];

    /// All that an issuer can be used for.
    pub(crate) fn all() -> Vec<Self> {
        Self::ALL.map(|(usage, _)| usage).to_vec()
    }

    /// `read-only,issuing-certificates,…`
    pub(crate) fn join(usages: &[Self]) -> String {
        let named = Self::ALL.iter().filter(|(usage, _)| usages.contains(usage)).map(|(_, name)| *name);
        named.collect::<Vec<_>>().join(",")
    }

    /// Reads names; `read-only` always belongs to them.
    pub(crate) fn parse(texts: &[String]) -> Result<Vec<Self>, Fault> {
        let mut usages = vec![Self::ReadOnly];
        for text in texts {
            match Self::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(text.trim())) {
                Some((usage, _)) => usages.push(*usage),
                None => {
                    let known = Self::join(&Self::all());
                    return Err(Fault::invalid(format!(
                        "Unable to parse specified usages: {texts:?} - valid values are {known}"
                    )));
                }
            }
        }
        usages.sort();
        usages.dedup();
        Ok(usages)
    }
}

/// What happens when a certificate would outlive its issuer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LeafNotAfter {
    /// It is refused.
    #[default]
    Err,
    /// It ends with the issuer.
    Truncate,
    /// It is issued.
    Permit,
    /// It is refused, also when it is a CA's.
    AlwaysEnforceErr,
}

impl LeafNotAfter {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Err, "err"),
        (Self::Truncate, "truncate"),
        (Self::Permit, "permit"),
        (Self::AlwaysEnforceErr, "always_enforce_err"),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(behavior, _)| *behavior == self).map_or("", |(_, name)| name)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        Self::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)).map(|(behavior, _)| *behavior).ok_or_else(|| {
            Fault::invalid(
                "Unknown value for field `leaf_not_after_behavior`. Possible values are `err`, `truncate`, `permit` \
                 and `always_enforce_err`.",
            )
        })
    }
}

/// `issuers/<id>`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Issuer {
    pub(crate) id: String,
    /// Its name, or nothing.
    pub(crate) name: String,
    /// PEM without a newline at its end.
    pub(crate) certificate: String,
    /// In hex with colons.
    pub(crate) serial: String,
    /// The subject, base64 of DER.
    pub(crate) subject: String,
    /// The identifier that certificates below name as their authority's, in hex.
    pub(crate) key_identifier: String,
    pub(crate) common_name: String,
    /// Seconds since 1970.
    pub(crate) not_after: u64,
    /// How many CAs may follow.
    pub(crate) path_length: Option<u8>,
    /// Whether the certificate's key usage allows signing revocation lists.
    pub(crate) may_sign_crls: bool,
    /// Its key, when the mount has it.
    pub(crate) key: Option<KeyLink>,
    /// Certificates from this one up, in PEM.
    pub(crate) chain: Vec<String>,
    /// Ids of the issuers that the operator wants as chain, this one first.
    pub(crate) manual_chain: Option<Vec<String>>,
    pub(crate) leaf_not_after: LeafNotAfter,
    pub(crate) usages: Vec<Usage>,
    /// How revocation lists are signed, by the reference's name; empty for the key's usual way.
    pub(crate) revocation_signature_algorithm: String,
    /// When it was revoked, in seconds since 1970.
    pub(crate) revoked: Option<u64>,
    /// Addresses that win over the mount's.
    pub(crate) urls: Urls,
    /// Under which id the revocation list is kept: issuers with one subject and one key share it.
    pub(crate) crl: String,
}

impl Issuer {
    /// A new issuer under a new id, not yet written.
    pub(crate) fn new(id: String, facts: &Facts, key: Option<KeyLink>, name: &str) -> Self {
        let certificate = pem::encode(pem::CERTIFICATE, &facts.der);
        Self {
            crl: id.clone(),
            id,
            name: name.to_owned(),
            chain: vec![certificate.clone()],
            certificate,
            serial: crate::text::serial::colons(&facts.serial),
            subject: STANDARD.encode(&facts.subject),
            key_identifier: hex::encode(facts.key_identifier()),
            common_name: facts.common_name.clone(),
            not_after: facts.not_after,
            path_length: facts.path_length,
            may_sign_crls: facts.may_sign_crls(),
            key,
            manual_chain: None,
            leaf_not_after: LeafNotAfter::default(),
            usages: Usage::all()
                .into_iter()
                .filter(|usage| *usage != Usage::CrlSigning || facts.may_sign_crls())
                .collect(),
            revocation_signature_algorithm: String::new(),
            revoked: None,
            urls: Urls::default(),
        }
    }

    pub(crate) fn load(id: &str) -> Result<Option<Self>, Fault> {
        load(&record(id))
    }

    /// Writes the record and its name.
    pub(crate) fn save(&self) -> Result<(), Fault> {
        ISSUER_NAMES.take(&self.name, &self.id)?;
        save(&record(&self.id), self)
    }

    /// Gives the issuer another name, or none.
    pub(crate) fn rename(&mut self, name: &str) -> Result<(), Fault> {
        if self.name == name {
            return Ok(());
        }
        Self::check_name(name)?;
        self.release_name()?;
        name.clone_into(&mut self.name);
        Ok(())
    }

    fn release_name(&self) -> Result<(), Fault> {
        ISSUER_NAMES.release(&self.name)
    }

    /// Removes the record, its name, and its revocation list unless another issuer shares it.
    pub(crate) fn delete(&self) -> Result<(), Fault> {
        self.release_name()?;
        storage::delete(&record(&self.id))?;
        if Self::all()?.iter().all(|other| other.crl != self.crl) {
            CrlState::delete(&self.crl)?;
        }
        rebuild_chains()
    }

    /// All issuers of the mount, in the order of their ids.
    pub(crate) fn all() -> Result<Vec<Self>, Fault> {
        let mut all = Vec::new();
        for id in names("issuers/")? {
            all.extend(Self::load(&id)?);
        }
        Ok(all)
    }

    /// The issuer that an id, a name or `default` stands for.
    pub(crate) fn find(reference: &str) -> Result<Option<Self>, Fault> {
        let id = match reference {
            "default" => Some(Defaults::load()?.default).filter(|id| !id.is_empty()),
            other => ISSUER_NAMES.id_of(other)?,
        };
        id.map_or(Ok(None), |id| Self::load(&id))
    }

    /// The same, or the words of the reference.
    pub(crate) fn resolve(reference: &str) -> Result<Self, Fault> {
        Self::find(reference)?
            .ok_or_else(|| Fault::invalid(format!("unable to find PKI issuer for reference: {reference}")))
    }

    /// The issuer that issues under this reference.
    pub(crate) fn for_issuing(reference: &str) -> Result<Self, Fault> {
        let refuse = |why: &str| Fault::invalid(format!("could not fetch the CA certificate (was one set?): {why}"));
        let issuer = Self::find(reference)?
            .ok_or_else(|| refuse(&format!("unable to find PKI issuer for reference: {reference}")))?;
        if issuer.revoked.is_some() {
            return Err(refuse("the issuer is revoked"));
        }
        if !issuer.usages.contains(&Usage::IssuingCertificates) {
            return Err(refuse("the issuer lacks the usage issuing-certificates"));
        }
        if issuer.key.is_none() {
            return Err(refuse("the mount does not have the issuer's key"));
        }
        Ok(issuer)
    }

    /// Checks that a name can be given to a new issuer.
    pub(crate) fn check_name(name: &str) -> Result<(), Fault> {
        ISSUER_NAMES.check(name)
    }

    /// The certificate in DER.
    pub(crate) fn der(&self) -> Result<Vec<u8>, Fault> {
        pem::decode_one(&self.certificate)
            .ok_or_else(|| Fault::internal(format!("the certificate of issuer {} is not PEM", self.id)))
    }

    /// What the certificate says.
    pub(crate) fn facts(&self) -> Result<Facts, Fault> {
        certificate::read(&self.der()?)
    }

    /// The subject in DER.
    pub(crate) fn subject_der(&self) -> Result<Vec<u8>, Fault> {
        STANDARD.decode(&self.subject).map_err(|_| Fault::internal("a stored subject is not base64"))
    }

    /// The key's identifier.
    pub(crate) fn key_identifier(&self) -> Result<Vec<u8>, Fault> {
        hex::decode(&self.key_identifier).map_err(|_| Fault::internal("a stored key identifier is not hex"))
    }

    /// The key, or that the mount does not have it.
    pub(crate) fn key(&self) -> Result<&KeyLink, Fault> {
        self.key
            .as_ref()
            .ok_or_else(|| Fault::invalid(format!("the mount does not have the key of issuer {}", self.id)))
    }

    /// The addresses to be written into certificates: the issuer's own if it has any, else the mount's.
    pub(crate) fn addresses(&self) -> Result<Urls, Fault> {
        let urls = if self.urls.is_empty() { Urls::load()? } else { self.urls.clone() };
        urls.resolved(&self.id)
    }

    /// Adds the issuer to the mount: chains are recomputed, and the defaults follow.
    pub(crate) fn add(mut self) -> Result<Self, Fault> {
        let others = Self::all()?;
        if others.len() >= ISSUERS_MAX {
            return Err(Fault::invalid(format!("a mount may have {ISSUERS_MAX} issuers")));
        }
        // The key itself is compared: a certificate from outside may carry any key identifier.
        let key = self.facts()?.key.der;
        for twin in others.iter().filter(|other| other.subject == self.subject) {
            if twin.facts()?.key.der == key {
                self.crl.clone_from(&twin.crl);
            }
        }
        self.save()?;
        let mut defaults = Defaults::load()?;
        if self.key.is_some() && (defaults.default.is_empty() || defaults.default_follows_latest_issuer) {
            defaults.default.clone_from(&self.id);
            defaults.save()?;
        }
        rebuild_chains()?;
        Self::resolve(&self.id)
    }
}

fn record(id: &str) -> String {
    format!("issuers/{id}")
}

/// Gives issuers without a key the one that was just added, if it is theirs. Answers the ids of those that got it.
pub(crate) fn adopt(key: &KeyRecord) -> Result<Vec<String>, Fault> {
    let mut adopted = Vec::new();
    for mut issuer in Issuer::all()? {
        if issuer.key.is_none() && STANDARD.encode(&issuer.facts()?.key.der) == key.public {
            issuer.key = Some(key.link.clone());
            issuer.save()?;
            adopted.push(issuer.id);
        }
    }
    if let Some(first) = adopted.first() {
        let mut defaults = Defaults::load()?;
        if defaults.default.is_empty() {
            defaults.default.clone_from(first);
            defaults.save()?;
        }
    }
    Ok(adopted)
}

/// Computes the chain of every issuer again: itself, then who issued it, and so on; a chain that was set by hand
/// stays in its order. Only records whose chain changed are written.
pub(crate) fn rebuild_chains() -> Result<(), Fault> {
    let all = Issuer::all()?;
    let facts = all.iter().map(Issuer::facts).collect::<Result<Vec<_>, _>>()?;
    let parents: Vec<Option<usize>> = (0..all.len()).map(|child| parent(&facts, child)).collect();
    let by_id: BTreeMap<&str, usize> = all.iter().enumerate().map(|(at, issuer)| (issuer.id.as_str(), at)).collect();
    for (at, issuer) in all.iter().enumerate() {
        let order = match &issuer.manual_chain {
            Some(ids) => ids.iter().filter_map(|id| by_id.get(id.as_str()).copied()).collect(),
            None => upwards(&parents, at),
        };
        let chain: Vec<String> =
            order.into_iter().filter_map(|at| all.get(at)).map(|i| i.certificate.clone()).collect();
        if chain != issuer.chain && !chain.is_empty() {
            Issuer { chain, ..issuer.clone() }.save()?;
        }
    }
    Ok(())
}

/// Who issued this one, itself excepted. Of several the one that ends last.
fn parent(facts: &[Facts], child: usize) -> Option<usize> {
    let this = facts.get(child)?;
    if this.is_self_issued() && this.is_issued_by(this) {
        return None;
    }
    let others = facts.iter().enumerate().filter(|(at, other)| *at != child && this.is_issued_by(other));
    others.max_by_key(|(_, other)| other.not_after).map(|(at, _)| at)
}

fn upwards(parents: &[Option<usize>], from: usize) -> Vec<usize> {
    let mut chain = vec![from];
    let mut at = from;
    while let Some(Some(next)) = parents.get(at) {
        if chain.contains(next) {
            break;
        }
        chain.push(*next);
        at = *next;
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usages_are_written_in_order_and_always_hold_read_only() {
        let texts = ["crl-signing".to_owned(), "ISSUING-certificates".to_owned()];
        assert_eq!(Usage::join(&Usage::parse(&texts).unwrap()), "read-only,issuing-certificates,crl-signing");
        assert_eq!(Usage::join(&Usage::parse(&[]).unwrap()), "read-only");
        assert!(Usage::parse(&["sign".to_owned()]).is_err());
    }

    #[test]
    fn behaviors_are_read_by_name() {
        for (behavior, name) in LeafNotAfter::ALL {
            assert_eq!(LeafNotAfter::parse(name).unwrap(), behavior);
            assert_eq!(behavior.name(), name);
        }
        assert!(LeafNotAfter::parse("maybe").is_err());
    }

    #[test]
    fn a_chain_climbs_and_does_not_turn_in_circles() {
        assert_eq!(upwards(&[Some(1), Some(2), None], 0), [0, 1, 2]);
        assert_eq!(upwards(&[Some(1), Some(0)], 0), [0, 1]);
        assert_eq!(upwards(&[None], 0), [0]);
    }
}
