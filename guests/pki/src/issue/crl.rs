//! Building revocation lists.

use innkeeper_guest::prelude::*;

use super::authority;
use crate::records::{CrlConfig, CrlState, Defaults, Issuer, RevokedList, Usage};
use crate::x509::algorithm::{self, Preference};
use crate::x509::certificate::assemble;
use crate::x509::crl::{Entry, Head, to_be_signed};

/// Builds the list of an issuer again, with the next number. An issuer that cannot sign lists has none.
pub(crate) fn rebuild(issuer: &Issuer) -> Result<(), Fault> {
    let Some(link) = issuer.key.as_ref().filter(|_| issuer.usages.contains(&Usage::CrlSigning)) else { return Ok(()) };
    let config = CrlConfig::load()?;
    let entries = if config.disable { Vec::new() } else { entries(issuer, &config)? };
    let key = link.open()?;
    let scheme = match algorithm::from_label(&issuer.revocation_signature_algorithm) {
        Some(scheme) => scheme,
        None => authority::scheme(&key, link.shape, Preference::default())?,
    };
    let signature = algorithm::identifier(scheme)?;
    let before = CrlState::load(&issuer.crl)?.unwrap_or_default();
    let now = clock::now().seconds;
    let state = CrlState {
        number: before.number + 1,
        this_update: now,
        next_update: now.saturating_add(config.lifetime()),
        pieces: 0,
    };
    let head = Head {
        issuer: &issuer.subject_der()?,
        key_identifier: &issuer.key_identifier()?,
        signature: signature.clone(),
        this_update: state.this_update,
        next_update: state.next_update,
        number: state.number,
    };
    let body = to_be_signed(&head, entries)?;
    let signed = key.sign(scheme, &body).map_err(|error| Fault::from(error).context("signing the revocation list"))?;
    state.save(&issuer.crl, before.pieces, &assemble(&body, signature, &signed)?)
}

/// Builds the lists of all issuers again, each once.
pub(crate) fn rebuild_all() -> Result<(), Fault> {
    let mut built = Vec::new();
    for issuer in Issuer::all()? {
        let signs = issuer.key.is_some() && issuer.usages.contains(&Usage::CrlSigning);
        if signs && !built.contains(&issuer.crl) {
            rebuild(&issuer)?;
            built.push(issuer.crl);
        }
    }
    Ok(())
}

/// The entries of an issuer's list, and, on the default issuer's list, those of issuers that are no more.
fn entries(issuer: &Issuer, config: &CrlConfig) -> Result<Vec<Entry>, Fault> {
    let mut lists = vec![issuer.crl.clone()];
    if Defaults::load()?.default == issuer.id {
        let issuers = Issuer::all()?;
        let orphaned = |list: &String| issuers.iter().all(|issuer| issuer.crl != *list);
        lists.extend(RevokedList::all()?.into_iter().filter(orphaned));
    }
    let mut entries = Vec::new();
    for list in lists {
        for (serial, moment) in RevokedList::entries(&list)? {
            entries.push(Entry::new(&serial, moment)?);
        }
    }
    let most = usize::try_from(config.max_crl_entries).unwrap_or(usize::MAX);
    if entries.len() > most {
        return Err(Fault::invalid(format!(
            "the revocation list would have {} entries, more than max_crl_entries allows ({most}); raise it in \
             config/crl",
            entries.len()
        )));
    }
    Ok(entries)
}
