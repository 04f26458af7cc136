//! Logins, and renewals of what they got.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use innkeeper_guest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::certificate::{Facts, Verify, verified_by_the_host};
use crate::config::Config;
use crate::entry::Entry;
use crate::{serial, text, trust};

/// Longest value of metadata, in bytes: the contract's.
const VALUE_MAX: usize = 512;

body! {
    /// What `login` takes.
    pub struct Login {
        /// The entry to log in by; the first that trusts the certificate unless given.
        pub name: String,
    }
}

/// What comes back when the token is to be renewed.
#[derive(Serialize, Deserialize)]
struct Issued {
    entry: String,
    policies: Vec<String>,
    /// Whose certificate it was, and the public key in it (SubjectPublicKeyInfo, base64).
    common_name: String,
    key: String,
}

pub(crate) fn login(request: &Request) -> Answer {
    let_in(request, &verified_by_the_host)
}

fn let_in(request: &Request, verify: Verify<'_>) -> Answer {
    let Login { name } = request.body()?;
    let now = clock::seconds();
    let client = trust::shown(request.client_certificate(), now)?;
    let (name, entry) = trust::find(&client, Entry::candidates(&name), now, verify)?;
    entry.token.admit(request)?;
    if client.common_name.is_empty() {
        return Err(Fault::invalid("missing name in alias: the certificate's subject has no common name"));
    }
    let policies = entry.token.token_policies.clone();
    let issued = Issued {
        entry: name.clone(),
        policies: policies.clone(),
        common_name: client.common_name.clone(),
        key: STANDARD.encode(&client.key),
    };
    let mut auth = Auth::new(&client.common_name, policies, entry.token.wishes()).display_name(&entry.display_name);
    for (name, value) in metadata(&name, &entry, &client)? {
        auth = auth.metadata(&name, value);
    }
    let keeps_metadata = Config::load()?.enable_identity_alias_metadata;
    if let Some(alias) = auth.alias.as_mut().filter(|_| !keeps_metadata) {
        alias.metadata.clear();
    }
    Ok(Response::auth(auth.internal(&issued)))
}

/// What the token knows of the certificate.
fn metadata(name: &str, entry: &Entry, client: &Facts) -> Result<Vec<(String, String)>, Fault> {
    let mut metadata = vec![
        ("cert_name".to_owned(), name.to_owned()),
        ("common_name".to_owned(), client.common_name.clone()),
        ("serial_number".to_owned(), serial::decimal(&client.serial)),
        ("subject_key_id".to_owned(), serial::colons(&client.subject_key)),
        ("authority_key_id".to_owned(), serial::colons(&client.authority_key)),
    ];
    for (oid, value) in &client.extensions {
        if entry.allowed_metadata_extensions.contains(oid) {
            metadata.push((oid.replace('.', "-"), text::in_extension(value).unwrap_or_default()));
        }
    }
    let unfit = |value: &str| value.len() > VALUE_MAX || value.chars().any(char::is_control);
    match metadata.iter().find(|(_, value)| unfit(value)) {
        Some((name, _)) => {
            Err(Fault::invalid(format!("the certificate's {name} has more than 512 bytes, or control characters")))
        }
        None => Ok(metadata),
    }
}

pub(crate) fn renew(context: &Context, internal: &str) -> Result<TokenWishes, Fault> {
    renewed(context, internal, &verified_by_the_host)
}

/// A token may be renewed as long as its entry is there with the same policies, by whoever shows a certificate of the same
/// name and key that the entry still trusts.
fn renewed(context: &Context, internal: &str, verify: Verify<'_>) -> Result<TokenWishes, Fault> {
    let issued: Issued = Auth::from_internal(internal)?;
    let entry =
        Entry::load(&issued.entry)?.ok_or_else(|| Fault::invalid("certificate no longer exists, not renewing"))?;
    if !Config::load()?.disable_binding {
        let now = clock::seconds();
        let client = trust::shown(context.client_certificate(), now)?;
        trust::find(&client, Entry::candidates(&issued.entry), now, verify)?;
        if client.common_name != issued.common_name || STANDARD.encode(&client.key) != issued.key {
            let why = "client identity during renewal not matching client identity used during login";
            return Err(Fault::invalid(why));
        }
    }
    if entry.token.token_policies != issued.policies {
        return Err(Fault::invalid("policies have changed, not renewing"));
    }
    Ok(entry.token.wishes())
}

#[cfg(test)]
mod tests {
    use formats::pem;
    use innkeeper_guest::serde_json::Value;

    use super::*;
    use crate::certificate::tests::{made, trusting};
    use crate::{config, entry};

    const EXTENSIONS: [&str; 2] = ["basicConstraints=CA:FALSE", "1.3.6.1.4.1.55555.1=ASN1:UTF8String:blue"];

    fn keep(name: &str, der: &[u8], fields: Value) {
        let mut fields = fields;
        fields["certificate"] = json!(pem::encode(pem::CERTIFICATE, der));
        assert!(entry::write(&Request::for_test(&[("name", name)], &fields)).is_ok());
    }

    fn shows(der: &[u8], body: Value) -> Request {
        Request::for_test(&[], &body).with_client_certificate(der)
    }

    fn said<T>(answer: Result<T, Fault>) -> String {
        answer.map(drop).unwrap_err().messages.concat()
    }

    #[test]
    fn a_trusted_certificate_gives_what_its_entry_says() {
        let der = made("/CN=ann", &EXTENSIONS, &["-set_serial", "0x0100"]);
        let fields = json!({
            "token_policies": "p", "token_ttl": 60, "display_name": "people",
            "allowed_metadata_extensions": "1.3.6.1.4.1.55555.1,1.2.3",
        });
        keep("a-other", &made("/CN=ann", &EXTENSIONS, &[]), json!({}));
        keep("staff", &der, fields);
        let answer = let_in(&shows(&der, json!({})), &trusting).unwrap();
        let auth = answer.login().unwrap();
        assert_eq!((auth.display_name.as_str(), auth.token.ttl), ("people", 60));
        assert_eq!(auth.policies, ["p"]);
        let alias = auth.alias.as_ref().unwrap();
        assert_eq!((alias.name.as_str(), alias.metadata.len()), ("ann", 0));
        let of = |name: &str| auth.metadata.iter().find(|(key, _)| key == name).unwrap().1.as_str();
        assert_eq!((of("cert_name"), of("common_name"), of("serial_number")), ("staff", "ann", "256"));
        assert_eq!((of("subject_key_id").len(), of("1-3-6-1-4-1-55555-1")), (59, "blue"));
        assert!(config::write(&Request::for_test(&[], &json!({"enable_identity_alias_metadata": true}))).is_ok());
        let answer = let_in(&shows(&der, json!({"name": "STAFF"})), &trusting).unwrap();
        let auth = answer.login().unwrap();
        assert_eq!(auth.alias.as_ref().unwrap().metadata, auth.metadata);
    }

    #[test]
    fn a_certificate_that_is_not_trusted_by_the_entry_that_was_named_is_refused() {
        let der = made("/CN=ann", &EXTENSIONS, &[]);
        keep("staff", &der, json!({}));
        keep("other", &made("/CN=bob", &EXTENSIONS, &[]), json!({}));
        let refused = "invalid certificate or no client certificate supplied";
        for name in ["other", "none"] {
            assert_eq!(said(let_in(&shows(&der, json!({ "name": name })), &trusting)), refused);
        }
        let nameless = made("/O=x", &EXTENSIONS, &[]);
        keep("nameless", &nameless, json!({}));
        assert!(said(let_in(&shows(&nameless, json!({})), &trusting)).starts_with("missing name in alias"));
    }

    #[test]
    fn a_login_from_outside_the_entrys_networks_is_refused() {
        let der = made("/CN=ann", &EXTENSIONS, &[]);
        keep("staff", &der, json!({"token_bound_cidrs": "10.0.0.0/8"}));
        let from = |address: &str| let_in(&shows(&der, json!({})).with_remote_address(address), &trusting);
        assert!(from("10.1.1.1").is_ok());
        assert_eq!(from("11.1.1.1").map(drop).unwrap_err().kind, FaultKind::Denied);
    }

    #[test]
    fn a_token_is_renewed_by_who_shows_its_certificate_while_the_entry_is_as_it_was() {
        let der = made("/CN=ann", &EXTENSIONS, &[]);
        let other = made("/CN=ann", &EXTENSIONS, &[]);
        let both = format!("{}\n{}", pem::encode(pem::CERTIFICATE, &der), pem::encode(pem::CERTIFICATE, &other));
        let keep = |fields: Value| {
            let mut fields = fields;
            fields["certificate"] = json!(both);
            assert!(entry::write(&Request::for_test(&[("name", "staff")], &fields)).is_ok());
        };
        keep(json!({"token_policies": "p"}));
        let answer = let_in(&shows(&der, json!({})), &trusting).unwrap();
        let internal = answer.login().unwrap().internal.clone();
        let renew = |certificate: Option<&[u8]>| {
            let request = Request::for_test(&[], &json!({}));
            let request = match certificate {
                Some(der) => request.with_client_certificate(der),
                None => request,
            };
            renewed(&request.renewing(), &internal, &trusting)
        };
        assert!(renew(Some(&der)).is_ok());
        assert!(said(renew(Some(&other))).contains("not matching client identity"));
        assert_eq!(said(renew(None)), "client certificate must be supplied");
        keep(json!({"token_policies": "q"}));
        assert!(said(renew(Some(&der))).contains("policies have changed"));
        keep(json!({"token_policies": "p", "token_ttl": 9}));
        assert!(config::write(&Request::for_test(&[], &json!({"disable_binding": true}))).is_ok());
        assert_eq!(renew(None).unwrap().ttl, 9);
        assert!(entry::remove(&Request::for_test(&[("name", "staff")], &json!({}))).is_ok());
        assert!(said(renew(None)).contains("no longer exists"));
    }
}
