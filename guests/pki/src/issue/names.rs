//! Which names a role allows.
//!
//! The rules are those of the reference, step by step, because operators rely on them: a certificate must be refused
//! here exactly when it is refused there.

use std::borrow::Cow;
use std::net::IpAddr;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use innkeeper_guest::prelude::*;

use super::wish::NamesWish;
use crate::records::Role;
use crate::x509::name::{self, Subject};
use crate::x509::names::{Names, OtherText};
use crate::x509::request;
use formats::glob;

/// Most names of one kind in one certificate.
const NAMES_MAX: usize = 1000;

/// Subject and alternative names that passed the role, with warnings.
pub(crate) struct Granted {
    pub(crate) subject: Subject,
    pub(crate) names: Names,
    pub(crate) warnings: Vec<String>,
}

/// Takes the names from the request, or from the certification request where the role says so, and checks each.
pub(crate) fn grant(
    role: &Role,
    wish: &NamesWish,
    csr: Option<&request::Request>,
    display_name: &str,
) -> Result<Granted, Fault> {
    let mut warnings = Vec::new();
    let common_name = common_name(role, wish, csr)?;
    let from_csr = csr.filter(|_| role.use_csr_sans);
    let names = match from_csr {
        Some(csr) => {
            if !wish.alt_names.is_empty() {
                warnings.push(
                    "the role does not allow alternate names in the request when use_csr_sans is set: alt_names is \
                     ignored"
                        .into(),
                );
            }
            with_common_name(csr.names.clone(), wish, &common_name)
        }
        None => asked(wish, &common_name)?,
    };
    bounded(&names)?;
    check_common_name(role, &common_name, display_name)?;
    check_names(role, &names, display_name)?;
    let serial_number = match csr {
        Some(csr) if wish.serial_number.is_empty() => name::serial_number(&csr.subject),
        _ => wish.serial_number.clone(),
    };
    if !serial_number.is_empty() && !any_glob(&role.allowed_serial_numbers, &serial_number) {
        return Err(Fault::invalid(format!("serial_number {serial_number} not allowed by this role")));
    }
    let user_ids = match csr {
        Some(csr) if wish.user_ids.is_empty() => name::user_ids(&csr.subject),
        _ => wish.user_ids.clone(),
    };
    if let Some(refused) = user_ids.iter().find(|id| !any_glob(&role.allowed_user_ids, id)) {
        return Err(Fault::invalid(format!("user_id {refused} is not allowed by this role")));
    }
    let subject = Subject {
        common_name,
        serial_number,
        country: role.country.clone(),
        organization: role.organization.clone(),
        unit: role.ou.clone(),
        locality: role.locality.clone(),
        province: role.province.clone(),
        street: role.street_address.clone(),
        postal_code: role.postal_code.clone(),
        user_ids,
    };
    Ok(Granted { subject, names: names.tidied(), warnings })
}

fn common_name(role: &Role, wish: &NamesWish, csr: Option<&request::Request>) -> Result<String, Fault> {
    let from_csr = csr.filter(|_| role.use_csr_common_name).map(|csr| name::common_name(&csr.subject));
    let common_name = from_csr.filter(|name| !name.is_empty()).unwrap_or_else(|| wish.common_name.clone());
    if common_name.is_empty() && role.require_cn {
        return Err(Fault::invalid(
            "the common_name field is required, or must be provided in a CSR with \"use_csr_common_name\" set to true, \
             unless \"require_cn\" is set to false",
        ));
    }
    Ok(common_name)
}

/// The names that the request's own fields ask for.
fn asked(wish: &NamesWish, common_name: &str) -> Result<Names, Fault> {
    let mut names = Names::default();
    let common = (!wish.exclude_cn_from_sans && !common_name.is_empty()).then_some(common_name);
    for name in common.into_iter().chain(wish.alt_names.iter().map(|name| name.trim())) {
        add(&mut names, name);
    }
    for text in &wish.ip_sans {
        let ip: Result<IpAddr, _> = text.trim().parse();
        names.ips.push(ip.map_err(|_| Fault::invalid(format!("the value {text:?} is not a valid IP address")))?);
    }
    names.uris.extend(wish.uri_sans.iter().cloned());
    for text in &wish.other_sans {
        names.others.push(OtherText::parse(text)?);
    }
    Ok(names)
}

/// Adds an e-mail address, or a DNS name. What is neither is passed over.
fn add(names: &mut Names, name: &str) {
    if name.contains('@') {
        names.emails.push(name.to_owned());
    } else if let Some(dns) = dns_form(name) {
        names.dns.push(dns.into_owned());
    }
}

/// The common name is an alternative name too, also where the others come from a certification request.
fn with_common_name(mut names: Names, wish: &NamesWish, common_name: &str) -> Names {
    if !wish.exclude_cn_from_sans && !common_name.is_empty() {
        add(&mut names, common_name);
    }
    names
}

fn bounded(names: &Names) -> Result<(), Fault> {
    let lengths = [names.dns.len(), names.emails.len(), names.ips.len(), names.uris.len(), names.others.len()];
    if lengths.iter().any(|length| *length > NAMES_MAX) {
        return Err(Fault::invalid(format!("a certificate may have {NAMES_MAX} alternative names of each kind")));
    }
    Ok(())
}

fn check_common_name(role: &Role, name: &str, display_name: &str) -> Result<(), Fault> {
    let disabled = role.cn_validations.iter().any(|validation| validation == "disabled");
    if name.is_empty() || disabled {
        return Ok(());
    }
    let wanted = if name.contains('@') { "email" } else { "hostname" };
    if allows(role, name, display_name) && role.cn_validations.iter().any(|validation| validation == wanted) {
        return Ok(());
    }
    Err(Fault::invalid(format!("common name {name} not allowed by this role")))
}

fn check_names(role: &Role, names: &Names, display_name: &str) -> Result<(), Fault> {
    if let Some(refused) = names.dns.iter().find(|name| !allows(role, name, display_name)) {
        return Err(Fault::invalid(format!("subject alternate name {refused} not allowed by this role")));
    }
    if let Some(refused) = names.emails.iter().find(|name| !allows(role, name, display_name)) {
        return Err(Fault::invalid(format!("email address {refused} not allowed by this role")));
    }
    if !role.allow_ip_sans && !names.ips.is_empty() {
        return Err(Fault::invalid(format!(
            "IP Subject Alternative Names are not allowed in this role, but was provided {:?}",
            names.ips.iter().map(ToString::to_string).collect::<Vec<_>>()
        )));
    }
    check_uris(role, &names.uris)?;
    names.others.iter().try_for_each(|other| check_other(role, other))
}

fn check_uris(role: &Role, uris: &[String]) -> Result<(), Fault> {
    if !uris.is_empty() && role.allowed_uri_sans.is_empty() {
        return Err(Fault::invalid(
            "URI Subject Alternative Names are not allowed in this role, but were provided via the API",
        ));
    }
    // A template that cannot be filled in allows nothing: callers have no identity to fill it with.
    let allowed: Vec<String> = role
        .allowed_uri_sans
        .iter()
        .filter(|pattern| !(role.allowed_uri_sans_template && pattern.contains("{{")))
        .cloned()
        .collect();
    for uri in uris {
        if !any_glob(&allowed, uri) {
            return Err(Fault::invalid(format!(
                "URI Subject Alternative Names were provided via the API which are not valid for this role: {uri}"
            )));
        }
        if !uri.contains(':') || uri.chars().any(|c| !c.is_ascii_graphic()) {
            return Err(Fault::invalid(format!(
                "the provided URI Subject Alternative Name {uri:?} is not a valid URI"
            )));
        }
    }
    Ok(())
}

fn check_other(role: &Role, other: &OtherText) -> Result<(), Fault> {
    if role.allowed_other_sans.iter().any(|allowed| allowed == "*") {
        return Ok(());
    }
    let allowed: Vec<OtherText> =
        role.allowed_other_sans.iter().filter_map(|allowed| OtherText::parse(allowed).ok()).collect();
    if !allowed.iter().any(|allowed| allowed.oid == other.oid) {
        return Err(Fault::invalid(format!("other SAN OID {} not allowed by this role", other.oid)));
    }
    if allowed.iter().any(|allowed| allowed.oid == other.oid && glob::matches(&allowed.text, &other.text)) {
        return Ok(());
    }
    Err(Fault::invalid(format!("other SAN {} not allowed for OID {} by this role", other.text, other.oid)))
}

fn any_glob(patterns: &[String], text: &str) -> bool {
    patterns.iter().any(|pattern| glob::matches(pattern, text))
}

/// A name taken apart: the host it speaks of, whether it is an e-mail address, and the label with the wildcard.
struct Parts<'a> {
    host: &'a str,
    is_email: bool,
    wildcard: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(name: &'a str, role: &Role) -> Option<Self> {
        let (host, is_email) = match name.split_once('@') {
            Some((_, host)) if host.contains('@') => return None,
            Some((_, host)) => (host, true),
            None => (name, false),
        };
        if !host.contains('*') {
            return Some(Self { host, is_email, wildcard: None });
        }
        let (label, rest) = host.split_once('.')?;
        let well_placed = host.matches('*').count() == 1 && label.contains('*');
        (role.allow_wildcard_certificates && !is_email && well_placed).then_some(Self {
            host: rest,
            is_email,
            wildcard: Some(label),
        })
    }

    fn is_hostname(&self) -> bool {
        let host = self.host.is_empty() || ascii(self.host).is_some_and(|host| is_hostname(&host));
        host && self.wildcard.is_none_or(is_wildcard_label)
    }

    fn is_below(&self, domain: &str) -> bool {
        let suffix = self.host.strip_suffix(domain).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'));
        suffix || (self.wildcard.is_some() && self.host == domain)
    }
}

/// Whether a role allows a DNS name, an e-mail address or a common name.
pub(crate) fn allows(role: &Role, name: &str, display_name: &str) -> bool {
    let Some(parts) = Parts::of(name, role) else { return false };
    if role.enforce_hostnames && !parts.is_hostname() {
        return false;
    }
    role.allow_any_name
        || (role.allow_localhost && is_local(role, &parts))
        || (role.allow_token_displayname && is_display_name(role, name, &parts, display_name))
        || role.allowed_domains.iter().any(|domain| is_in_domain(role, name, &parts, domain))
}

fn is_local(role: &Role, parts: &Parts<'_>) -> bool {
    ["localhost", "localdomain"].iter().any(|local| {
        (parts.wildcard.is_none() && parts.host == *local) || (role.allow_subdomains && parts.is_below(local))
    })
}

fn is_display_name(role: &Role, name: &str, parts: &Parts<'_>, display_name: &str) -> bool {
    !display_name.is_empty() && (name == display_name || (role.allow_subdomains && parts.is_below(display_name)))
}

fn is_in_domain(role: &Role, name: &str, parts: &Parts<'_>, domain: &str) -> bool {
    // A template that cannot be filled in allows nothing: callers have no identity to fill it with.
    if domain.is_empty() || (role.allowed_domains_template && domain.contains("{{")) {
        return false;
    }
    let bare = name.eq_ignore_ascii_case(domain) || (parts.is_email && parts.host.eq_ignore_ascii_case(domain));
    (role.allow_bare_domains && bare)
        || (role.allow_subdomains && parts.is_below(domain))
        || (role.allow_glob_domains && domain.contains('*') && glob::matches(domain, name))
}

/// A DNS name as certificates hold it, or `None` for what is no DNS name.
fn dns_form(name: &str) -> Option<Cow<'_, str>> {
    let (star, rest) = match name.strip_prefix("*.") {
        Some(rest) => ("*.", rest),
        None => ("", name),
    };
    let host = ascii(rest).filter(|host| is_hostname(host))?;
    Some(if star.is_empty() { host } else { Cow::Owned(format!("{star}{host}")) })
}

/// The name in ASCII: as it is, or as IDNA writes it (UTS 46, strict, but for a dot at the end).
fn ascii(name: &str) -> Option<Cow<'_, str>> {
    let rules = (AsciiDenyList::STD3, Hyphens::Check, DnsLength::VerifyAllowRootDot);
    let converted = Uts46::new().to_ascii(name.as_bytes(), rules.0, rules.1, rules.2).ok()?;
    Some(if name.is_ascii() { Cow::Borrowed(name) } else { converted })
}

fn is_hostname(name: &str) -> bool {
    name.strip_suffix('.').unwrap_or(name).split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    let word = |c: u8| c.is_ascii_alphanumeric();
    let bytes = label.as_bytes();
    bytes.first().copied().is_some_and(word)
        && bytes.last().copied().is_some_and(word)
        && bytes.iter().all(|&c| word(c) || c == b'-')
}

/// `*`, `a*`, `*a` or `a*b`.
fn is_wildcard_label(label: &str) -> bool {
    label
        .split_once('*')
        .is_some_and(|(before, after)| [before, after].iter().all(|part| part.is_empty() || is_label(part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(domains: &[&str]) -> Role {
        Role {
            allow_localhost: false,
            allowed_domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
            ..Role::default()
        }
    }

    fn check(role: &Role, good: &[&str], bad: &[&str]) {
        for name in good {
            assert!(allows(role, name, ""), "{name} was refused");
        }
        for name in bad {
            assert!(!allows(role, name, ""), "{name} was allowed");
        }
    }

    #[test]
    fn a_bare_domain_is_allowed_in_any_case_and_nothing_below_it() {
        let role = Role { allow_bare_domains: true, ..role(&["example.com"]) };
        check(
            &role,
            &["example.com", "EXAMPLE.com", "a@example.com"],
            &["a.example.com", "*.example.com", "xexample.com"],
        );
    }

    #[test]
    fn subdomains_are_compared_with_their_case_and_take_wildcards() {
        let role = Role { allow_subdomains: true, ..role(&["example.com"]) };
        check(
            &role,
            &["a.example.com", "a.b.example.com", "*.example.com", "f*o.example.com", "a@b.example.com"],
            &[
                "example.com",
                "a.EXAMPLE.com",
                ".example.com",
                "a.example.com.evil",
                "*.*.example.com",
                "a.*.example.com",
            ],
        );
        let strict = Role { allow_wildcard_certificates: false, ..role.clone() };
        check(&strict, &["a.example.com"], &["*.example.com"]);
    }

    #[test]
    fn globs_cross_dots_and_only_when_they_are_switched_on() {
        let role = role(&["ftp*.example.com"]);
        check(&role, &[], &["ftp1.example.com"]);
        let role = Role { allow_glob_domains: true, ..role };
        check(&role, &["ftp1.example.com", "ftp.a.b.example.com"], &["www.example.com"]);
    }

    #[test]
    fn any_name_is_still_a_host_name_unless_that_is_switched_off() {
        let role = Role { allow_any_name: true, ..role(&[]) };
        check(
            &role,
            &["host", "a.b", "a.b.", "bücher.example", "a@b.c"],
            &["a b", "-a", "a_b", "a@b@c", "*", "*a*.b", "a..b", "."],
        );
        let loose = Role { enforce_hostnames: false, ..role.clone() };
        check(&loose, &["a b", "a_b"], &["a@b@c", "*.*.b"]);
        let no_wildcards = Role { allow_wildcard_certificates: false, ..role };
        check(&no_wildcards, &["a.b"], &["*.b"]);
    }

    #[test]
    fn localhost_is_allowed_unless_switched_off() {
        let open = Role { allow_localhost: true, ..role(&[]) };
        check(&open, &["localhost", "localdomain"], &["a.localhost", "example.com"]);
        check(&Role { allow_subdomains: true, ..open }, &["a.localhost", "*.localdomain"], &[]);
        check(&role(&[]), &[], &["localhost"]);
    }

    #[test]
    fn a_template_that_cannot_be_filled_in_allows_nothing() {
        let role = Role {
            allow_bare_domains: true,
            allow_glob_domains: true,
            allowed_domains_template: true,
            ..role(&["{{identity.entity.name}}", "{{x}}*"])
        };
        check(&role, &[], &["{{identity.entity.name}}", "a"]);
    }

    #[test]
    fn what_is_no_name_is_left_out_of_the_alternative_names() {
        let wish = NamesWish {
            common_name: "John Doe".into(),
            alt_names: vec!["a.b".into(), "not a name".into(), "x@y".into(), "*.c".into(), "bücher.d".into()],
            ..NamesWish::default()
        };
        let names = asked(&wish, &wish.common_name).unwrap();
        assert_eq!(
            (names.dns, names.emails),
            (vec!["a.b".into(), "*.c".into(), "xn--bcher-kva.d".into()], vec!["x@y".into()])
        );
    }

    #[test]
    fn each_kind_of_name_is_refused_in_its_own_words() {
        let role = Role { allow_ip_sans: false, ..role(&["example.com"]) };
        let fine = || NamesWish { common_name: "x".into(), ..NamesWish::default() };
        let role = Role { cn_validations: vec!["disabled".into()], ..role };
        for (wish, says) in [
            (NamesWish { common_name: String::new(), ..fine() }, "the common_name field is required"),
            (
                NamesWish { alt_names: vec!["a.org".into()], exclude_cn_from_sans: true, ..fine() },
                "subject alternate name a.org",
            ),
            (NamesWish { alt_names: vec!["a@b".into()], exclude_cn_from_sans: true, ..fine() }, "email address a@b"),
            (NamesWish { ip_sans: vec!["1.1.1.1".into()], exclude_cn_from_sans: true, ..fine() }, "IP Subject"),
            (
                NamesWish { ip_sans: vec!["1.1.1".into()], exclude_cn_from_sans: true, ..fine() },
                "not a valid IP address",
            ),
            (NamesWish { uri_sans: vec!["a:b".into()], exclude_cn_from_sans: true, ..fine() }, "URI Subject"),
            (
                NamesWish { other_sans: vec!["1.2;UTF8:x".into()], exclude_cn_from_sans: true, ..fine() },
                "other SAN OID 1.2",
            ),
            (NamesWish { serial_number: "1".into(), exclude_cn_from_sans: true, ..fine() }, "serial_number 1"),
            (NamesWish { user_ids: vec!["u".into()], exclude_cn_from_sans: true, ..fine() }, "user_id u"),
        ] {
            let fault = grant(&role, &wish, None, "").err().unwrap_or_else(|| panic!("{says}: it was granted"));
            assert!(fault.messages.concat().contains(says), "{says}: {:?}", fault.messages);
        }
    }

    #[test]
    fn a_common_name_is_what_the_role_validates() {
        let only_email = Role { allow_any_name: true, cn_validations: vec!["email".into()], ..role(&[]) };
        assert!(check_common_name(&only_email, "a@b.c", "").is_ok());
        assert!(check_common_name(&only_email, "a.b", "").is_err());
    }
}
