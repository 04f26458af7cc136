//! What a certificate will say of its holder: decided, not yet encoded.

use const_oid::ObjectIdentifier;
use der::flagset::FlagSet;
use innkeeper_guest::prelude::*;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::KeyUsages;
use x509_cert::name::Name;

use super::validity::Span;
use super::wish::{BeginWish, NamesWish, SubjectWish};
use super::{names, usages};
use crate::records::Role;
use crate::x509::certificate::FROM_THE_ISSUER;
use crate::x509::extensions::{self, Policy};
use crate::x509::names::Names;
use crate::x509::request;

/// The basic constraints of a certificate (RFC 5280 section 4.2.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Basic {
    /// None.
    Absent,
    /// Not a CA.
    Leaf,
    /// A CA, below which so many more may follow.
    Ca(Option<u8>),
}

/// The profile.
pub(crate) struct Profile {
    pub(crate) subject: Name,
    pub(crate) names: Names,
    pub(crate) span: Span,
    pub(crate) key_usage: FlagSet<KeyUsages>,
    pub(crate) extended: Vec<ObjectIdentifier>,
    pub(crate) basic: Basic,
    pub(crate) policies: Vec<Policy>,
    /// Instead of the identifier that is made of the key.
    pub(crate) subject_key: Option<Vec<u8>>,
    /// Extensions that are taken as they are; they win over those made of the fields above.
    pub(crate) more: Vec<Extension>,
}

impl Profile {
    /// What a role gives to a leaf whose names it granted.
    pub(crate) fn of_a_leaf(role: &Role, granted: names::Granted, span: Span) -> Result<Self, Fault> {
        Ok(Self {
            subject: granted.subject.name()?,
            names: granted.names,
            span,
            key_usage: usages::key_usage(&role.key_usage),
            extended: usages::extended(role)?,
            basic: if role.basic_constraints_valid_for_non_ca { Basic::Leaf } else { Basic::Absent },
            policies: role.policies()?,
            subject_key: None,
            more: Vec::new(),
        })
    }

    /// What a CA is given: the names as asked for, certificate and list signing, and how many CAs may follow.
    pub(crate) fn of_a_ca(granted: names::Granted, span: Span, path_length: Option<u8>) -> Result<Self, Fault> {
        Ok(Self {
            subject: granted.subject.name()?,
            names: granted.names,
            span,
            key_usage: usages::of_a_ca(),
            extended: Vec::new(),
            basic: Basic::Ca(path_length),
            policies: Vec::new(),
            subject_key: None,
            more: Vec::new(),
        })
    }

    /// Takes subject, names and extensions from a certification request as they are, but for those that only an
    /// issuer decides and those that are `kept` as this profile has them.
    pub(crate) fn take_from(&mut self, csr: &request::Request, kept: &[ObjectIdentifier]) {
        self.subject = csr.subject.clone();
        self.names = Names::default();
        let decided = |oid| FROM_THE_ISSUER.contains(oid) || kept.contains(oid);
        let taken = csr.extensions.iter().filter(|extension| !decided(&extension.extn_id));
        self.more.extend(taken.cloned());
    }

    /// All extensions that do not depend on the issuer, in the order in which the reference writes them. The caller
    /// puts those of the issuer between `before` and `after`.
    pub(crate) fn extensions(&self) -> Result<(Vec<Extension>, Vec<Extension>), Fault> {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        if !self.key_usage.is_empty() {
            before.push(extensions::key_usage(self.key_usage)?);
        }
        if !self.extended.is_empty() {
            before.push(extensions::extended_key_usage(&self.extended)?);
        }
        match self.basic {
            Basic::Absent => {}
            Basic::Leaf => before.push(extensions::basic_constraints(false, None)?),
            Basic::Ca(path_length) => before.push(extensions::basic_constraints(true, path_length)?),
        }
        if !self.names.is_empty() {
            after.push(extensions::alternative_names(&self.names, self.subject.is_empty())?);
        }
        if !self.policies.is_empty() {
            after.push(extensions::policies(&self.policies)?);
        }
        for list in [&mut before, &mut after] {
            list.retain(|made| self.more.iter().all(|taken| taken.extn_id != made.extn_id));
        }
        after.extend(self.more.iter().cloned());
        Ok((before, after))
    }
}

/// The names of a CA, taken as they are asked for.
pub(crate) fn ca_names(
    sent: &Sent,
    csr: Option<&request::Request>,
    display_name: &str,
) -> Result<(Role, names::Granted), Fault> {
    let wish: NamesWish = sent.read()?;
    let subject: SubjectWish = sent.read()?;
    let begin: BeginWish = sent.read()?;
    let role = Role {
        ou: subject.ou,
        organization: subject.organization,
        country: subject.country,
        locality: subject.locality,
        province: subject.province,
        street_address: subject.street_address,
        postal_code: subject.postal_code,
        not_before_duration: begin.not_before_duration,
        use_csr_sans: false,
        // The request's own common name wins; that of the certification request is what is left.
        use_csr_common_name: wish.common_name.is_empty(),
        ..Role::unrestricted()
    };
    let granted = names::grant(&role, &wish, csr, display_name)?;
    Ok((role, granted))
}
