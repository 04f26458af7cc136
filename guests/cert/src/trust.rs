//! Whether a client's certificate is trusted: by which entry.

use formats::glob;
use innkeeper_guest::prelude::*;

use crate::certificate::{Facts, Verify};
use crate::entry::Entry;
use crate::{crl, text};

/// The certificate of a client's handshake, once it may be one of a client at this time.
pub(crate) fn shown(certificate: Option<&[u8]>, now: u64) -> Result<Facts, Fault> {
    let der = certificate.ok_or_else(|| Fault::invalid("client certificate must be supplied"))?;
    let refused = |why: &str| Fault::invalid(format!("failed to verify client's certificate: it {why}"));
    let facts = Facts::read(der).map_err(|why| refused(&why))?;
    facts.check_time(now).map_err(refused)?;
    if !facts.is_for_clients() {
        return Err(refused("is not for client authentication"));
    }
    Ok(facts)
}

/// The first of the entries that trusts a certificate and whose demands it meets.
pub(crate) fn find(
    client: &Facts,
    entries: impl Iterator<Item = Result<(String, Entry), Fault>>,
    now: u64,
    verify: Verify<'_>,
) -> Result<(String, Entry), Fault> {
    let mut trusted = false;
    for entry in entries {
        let (name, entry) = entry?;
        let Some(serials) = trusts(&name, &entry, client, now, verify) else { continue };
        trusted = true;
        if meets(&entry, client) && !crl::any_revoked(&serials)? {
            return Ok((name, entry));
        }
    }
    Err(Fault::invalid(if trusted {
        "no chain matching all constraints could be found for this login certificate"
    } else {
        "invalid certificate or no client certificate supplied"
    }))
}

/// The serial numbers of the certificates that trust goes through, if an entry trusts a client's: because it names it, or
/// an authority that issued it.
fn trusts(name: &str, entry: &Entry, client: &Facts, now: u64, verify: Verify<'_>) -> Option<Vec<Vec<u8>>> {
    let known = match entry.certificates() {
        Ok(known) => known,
        // It could once be read, by another version: no reason to keep everybody else out.
        Err(why) => {
            log::error("an entry cannot be read and trusts nobody", &[("entry", name), ("certificate", &why)]);
            return None;
        }
    };
    if known.first().is_some_and(|first| !first.is_ca) {
        return known.iter().any(|own| own.der == client.der).then(|| vec![client.serial.clone()]);
    }
    let able =
        |authority: &&Facts| authority.may_issue() && authority.is_for_clients() && authority.check_time(now).is_ok();
    let issuer = known.iter().filter(able).find(|authority| client.is_issued_by(authority, verify));
    issuer.map(|authority| vec![client.serial.clone(), authority.serial.clone()])
}

/// Whether a certificate has what an entry demands.
fn meets(entry: &Entry, client: &Facts) -> bool {
    let common = std::slice::from_ref(&client.common_name);
    let named = |names: &[String], patterns: &[String]| {
        patterns.iter().any(|pattern| names.iter().any(|name| glob::matches(pattern, name)))
    };
    let any = |patterns: &[String], names: &[String]| patterns.is_empty() || named(names, patterns);
    let listed = &entry.allowed_names;
    let in_list =
        listed.is_empty() || [common, &client.dns_names, &client.emails].iter().any(|names| named(names, listed));
    in_list
        && any(&entry.allowed_common_names, common)
        && any(&entry.allowed_dns_sans, &client.dns_names)
        && any(&entry.allowed_email_sans, &client.emails)
        && any(&entry.allowed_uri_sans, &client.uris)
        && any(&entry.allowed_organizational_units, &client.units)
        && entry.required_extensions.iter().all(|required| has_extension(client, required))
}

/// Whether a certificate has an extension: `oid:pattern` for the text that it holds, `hex:oid:pattern` for its DER.
fn has_extension(client: &Facts, required: &str) -> bool {
    let Some(demand) = Demand::parse(required) else { return false };
    let value = client.extensions.iter().find(|(oid, _)| *oid == demand.oid).map(|(_, value)| value);
    value.is_some_and(|value| match demand.as_hex {
        true => glob::matches(&demand.pattern.to_lowercase(), &hex::encode(value)),
        // What is no text counts as an empty one.
        false => glob::matches(demand.pattern, &text::in_extension(value).unwrap_or_default()),
    })
}

/// One of the extensions that an entry demands.
pub(crate) struct Demand<'a> {
    pub(crate) oid: &'a str,
    pattern: &'a str,
    as_hex: bool,
}

impl<'a> Demand<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (as_hex, rest) = text.strip_prefix("hex:").map_or((false, text), |rest| (true, rest));
        let (oid, pattern) = rest.split_once(':')?;
        Some(Self { oid, pattern, as_hex })
    }
}

#[cfg(test)]
mod tests {
    use innkeeper_guest::serde_json::Value;

    use super::*;
    use crate::certificate::tests::{aged, made, trusting};
    use crate::entry::tests::entry;

    fn verdict(client: &Facts, entries: &[Value]) -> Result<String, String> {
        let entries = entries.iter().enumerate().map(|(at, fields)| Ok((format!("e{at}"), entry(fields))));
        let now = clock::seconds();
        find(client, entries, now, &trusting).map(|(name, _)| name).map_err(|fault| fault.messages.concat())
    }

    fn pem(der: &[u8]) -> String {
        formats::pem::encode(formats::pem::CERTIFICATE, der)
    }

    #[test]
    fn a_certificate_is_trusted_by_name_or_by_its_issuer() {
        let own = made("/CN=a", &["basicConstraints=CA:FALSE"], &[]);
        let other = made("/CN=a", &["basicConstraints=CA:FALSE"], &[]);
        let authority = made("/CN=a", &["basicConstraints=critical,CA:TRUE"], &[]);
        let stranger = made("/CN=z", &["basicConstraints=critical,CA:TRUE"], &[]);
        let facts = Facts::read(&own).unwrap();
        let of = |der: &[u8]| json!({ "certificate": pem(der) });
        let untrusted = Err("invalid certificate or no client certificate supplied".to_owned());
        assert_eq!(verdict(&facts, &[]), untrusted);
        assert_eq!(verdict(&facts, &[of(&other), of(&stranger)]), untrusted);
        assert_eq!(verdict(&facts, &[of(&other), of(&own)]), Ok("e1".to_owned()));
        // The name of the authority is that of the issuer, and the certificate names no key: only the signature could tell.
        assert_eq!(verdict(&facts, &[of(&stranger), of(&authority)]), Ok("e1".to_owned()));
        let bundle = json!({ "certificate": format!("{}\n{}", pem(&stranger), pem(&authority)) });
        assert_eq!(verdict(&facts, &[bundle]), Ok("e0".to_owned()));
    }

    #[test]
    fn authorities_that_have_expired_or_may_not_issue_give_no_trust() {
        let client = Facts::read(&made("/CN=a", &[], &[])).unwrap();
        let made = |extensions: &[&str]| made("/CN=a", extensions, &[]);
        for authority in [
            made(&["basicConstraints=critical,CA:TRUE", "keyUsage=critical,cRLSign"]),
            made(&["basicConstraints=critical,CA:TRUE", "extendedKeyUsage=serverAuth"]),
            aged(made(&["basicConstraints=critical,CA:TRUE"])),
        ] {
            assert!(verdict(&client, &[json!({ "certificate": pem(&authority) })]).is_err());
        }
        let authority = made(&["basicConstraints=critical,CA:TRUE"]);
        assert!(verdict(&client, &[json!({ "certificate": pem(&authority) })]).is_ok());
    }

    #[test]
    fn what_an_entry_demands_must_be_in_the_certificate() {
        let der = made(
            "/OU=red/OU=blue/CN=web-1.example",
            &[
                "subjectAltName=DNS:a.example,email:a@b.example,URI:spiffe://x/y",
                "1.3.6.1.4.1.55555.1=ASN1:UTF8String:blue moon",
                "1.3.6.1.4.1.55555.2=DER:0402BEEF",
                "basicConstraints=CA:FALSE",
            ],
            &[],
        );
        let facts = Facts::read(&der).unwrap();
        for (field, value, meets) in [
            ("allowed_names", "web-*", true),
            ("allowed_names", "*@b.example", true),
            ("allowed_names", "spiffe://*", false),
            ("allowed_common_names", "x,web-?.example,web-*.example", true),
            ("allowed_common_names", "web-", false),
            ("allowed_dns_sans", "*.example", true),
            ("allowed_dns_sans", "web-1.example", false),
            ("allowed_email_sans", "a@*", true),
            ("allowed_email_sans", "b@*", false),
            ("allowed_uri_sans", "spiffe://x/*", true),
            ("allowed_uri_sans", "spiffe://z/*", false),
            ("allowed_organizational_units", "blue", true),
            ("allowed_organizational_units", "green", false),
            ("required_extensions", "1.3.6.1.4.1.55555.1:blue*", true),
            ("required_extensions", "1.3.6.1.4.1.55555.1:blue*,1.3.6.1.4.1.55555.2:", true),
            ("required_extensions", "1.3.6.1.4.1.55555.1:red", false),
            ("required_extensions", "1.3.6.1.4.1.55555.1:blue*,1.3.6.1.4.1.55555.9:*", false),
            ("required_extensions", "hex:1.3.6.1.4.1.55555.2:0402BE*", true),
            ("required_extensions", "hex:1.3.6.1.4.1.55555.2:beef", false),
        ] {
            let found = verdict(&facts, &[json!({ "certificate": pem(&der), field: value })]);
            let refused = "no chain matching all constraints could be found for this login certificate".to_owned();
            assert_eq!(found, if meets { Ok("e0".to_owned()) } else { Err(refused) }, "{field} {value}");
        }
    }

    #[test]
    fn a_certificate_that_is_not_a_clients_now_is_not_looked_for() {
        let now = clock::seconds();
        let refused = |der: Option<&[u8]>| shown(der, now).map(drop).unwrap_err().messages.concat();
        assert_eq!(refused(None), "client certificate must be supplied");
        assert!(refused(Some(b"\x30\x00")).contains("is malformed"));
        let servers = made("/CN=a", &["extendedKeyUsage=serverAuth"], &[]);
        assert!(refused(Some(&servers)).contains("not for client authentication"));
        let old = aged(made("/CN=a", &[], &[]));
        assert!(refused(Some(&old)).contains("has expired or is not yet valid"));
    }
}
