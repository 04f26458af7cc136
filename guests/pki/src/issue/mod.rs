//! From a request to a certificate, in four steps, each a type: what was asked for (`wish`), what the certificate will
//! say of its holder (`profile`), the bytes that are signed (`tbs`), and the signed certificate.

pub(crate) mod authority;
pub(crate) mod constraints;
pub(crate) mod crl;
pub(crate) mod form;
pub(crate) mod key_source;
pub(crate) mod names;
pub(crate) mod profile;
pub(crate) mod tbs;
pub(crate) mod usages;
pub(crate) mod validity;
pub(crate) mod wish;

pub(crate) use authority::Authority;
pub(crate) use form::Form;
pub(crate) use profile::Profile;
pub(crate) use tbs::Signed;
