//! Roles: whose tokens are taken, and what a login gets.

use formats::glob;
use innkeeper_guest::Field;
use innkeeper_guest::prelude::*;
use innkeeper_guest::serde_json::Value;
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::selector::Selector;

const FOLDER: &str = "role/";
/// Most entries in a list of a role.
const LIST_MAX: usize = 256;
/// Longest text of a list, in bytes.
const TEXT_MAX: usize = 256;
/// Longest selector or audience, in bytes.
const LONG_MAX: usize = 4096;
/// Where the name of an alias may come from.
const SOURCES: [&str; 2] = ["serviceaccount_uid", "serviceaccount_name"];
/// What `role/{name}` takes.
pub(crate) const FIELDS: &[Field] = fields!(RoleParams, TokenParams, OlderTokenParams);

body! {
    /// What `role/{name}` takes beside the fields of tokens. Fields that were not sent stay.
    pub struct RoleParams {
        /// Names of service accounts, with * for any text; "*" alone for all. Required.
        pub bound_service_account_names: Option<Vec<String>>,
        /// Namespaces that the accounts are in, with * for any text; "*" alone for all.
        pub bound_service_account_namespaces: Option<Vec<String>>,
        /// Selector of the labels of other namespaces that the accounts may be in, in JSON.
        pub bound_service_account_namespace_selector: Option<String>,
        /// The audience that tokens must be for.
        pub audience: Option<String>,
        /// What accounts are known by: "serviceaccount_uid", or "serviceaccount_name" for namespace/name.
        pub alias_name_source: Option<String>,
    }
}

/// A role as it is kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Role {
    /// Version of this record's shape.
    record: u8,
    names: Vec<String>,
    namespaces: Vec<String>,
    selector: String,
    pub(crate) audience: String,
    alias_name_source: String,
    #[serde(flatten)]
    pub(crate) token: TokenFields,
}

impl Role {
    /// The role of this name.
    pub(crate) fn load(name: &str) -> Result<Option<Self>, Fault> {
        storage::get_json(&key(name))
    }

    /// Whether accounts of this name are taken.
    pub(crate) fn takes_name(&self, name: &str) -> bool {
        self.names.iter().any(|pattern| glob::matches(pattern, name))
    }

    /// Whether accounts in this namespace are taken for its name.
    pub(crate) fn takes_namespace(&self, namespace: &str) -> bool {
        self.namespaces.iter().any(|pattern| glob::matches(pattern, namespace))
    }

    /// What the labels of a namespace must be whose name is not enough.
    pub(crate) fn selector(&self) -> Option<Result<Selector, Fault>> {
        (!self.selector.is_empty()).then(|| Selector::parse(&self.selector))
    }

    /// What an account is known by.
    pub(crate) fn alias(&self, account: &Account) -> String {
        if self.alias_name_source == SOURCES[1] {
            format!("{}/{}", account.namespace, account.name)
        } else {
            account.uid.clone()
        }
    }

    /// Takes what was sent over what was there before, and checks the whole.
    fn change(&mut self, sent: &Sent) -> Result<(), Fault> {
        let params: RoleParams = sent.read()?;
        self.record = 1;
        for (mine, new) in [
            (&mut self.names, params.bound_service_account_names),
            (&mut self.namespaces, params.bound_service_account_namespaces),
        ] {
            *mine = new.unwrap_or_else(|| std::mem::take(mine));
        }
        for (mine, new) in [
            (&mut self.selector, params.bound_service_account_namespace_selector),
            (&mut self.audience, params.audience),
            (&mut self.alias_name_source, params.alias_name_source),
        ] {
            *mine = new.unwrap_or_else(|| std::mem::take(mine)).trim().to_owned();
        }
        if self.alias_name_source.is_empty() {
            SOURCES[0].clone_into(&mut self.alias_name_source);
        }
        self.token.change(sent, OlderTokenParams::NAMES)?;
        self.check()
    }

    fn check(&self) -> Result<(), Fault> {
        if self.names.is_empty() {
            return Err(Fault::invalid("\"bound_service_account_names\" can not be empty"));
        }
        if self.namespaces.is_empty() && self.selector.is_empty() {
            let why = "\"bound_service_account_namespaces\" can not be empty if \
                       \"bound_service_account_namespace_selector\" is not set";
            return Err(Fault::invalid(why));
        }
        for (field, list) in
            [("bound_service_account_names", &self.names), ("bound_service_account_namespaces", &self.namespaces)]
        {
            if list.len() > 1 && list.iter().any(|one| one == "*") {
                return Err(Fault::invalid(format!("{field}: can not mix \"*\" with values")));
            }
            if list.len() > LIST_MAX || list.iter().any(|one| one.len() > TEXT_MAX) {
                return Err(Fault::invalid(format!("{field}: at most 256 names of 256 bytes")));
            }
        }
        for (field, text) in
            [("bound_service_account_namespace_selector", &self.selector), ("audience", &self.audience)]
        {
            if text.len() > LONG_MAX {
                return Err(Fault::invalid(format!("{field}: at most 4096 bytes")));
            }
        }
        if let Some(selector) = self.selector() {
            selector?;
        }
        if !SOURCES.contains(&self.alias_name_source.as_str()) {
            return Err(Fault::invalid(format!("invalid alias_name_source, must be one of: {}", SOURCES.join(", "))));
        }
        Ok(())
    }

    /// The role as a read shows it.
    fn show(&self) -> Map {
        let mut fields = self.token.show();
        let own = json!({
            "bound_service_account_names": self.names, "bound_service_account_namespaces": self.namespaces,
            "bound_service_account_namespace_selector": self.selector, "alias_name_source": self.alias_name_source,
        });
        if let Value::Object(own) = own {
            fields.extend(own);
        }
        if !self.audience.is_empty() {
            fields.insert("audience".into(), json!(self.audience));
        }
        if !self.token.token_policies.is_empty() {
            // Where earlier clients look for them.
            fields.insert("policies".into(), json!(self.token.token_policies));
        }
        fields
    }
}

pub(crate) fn list(_request: &Request) -> Answer {
    Response::list(&storage::names(FOLDER).collect::<Result<Vec<_>, _>>()?)
}

pub(crate) fn exists(request: &Request) -> Result<bool, Fault> {
    Ok(storage::get(&key(request.capture("name")))?.is_some())
}

pub(crate) fn read(request: &Request) -> Answer {
    match Role::load(request.capture("name"))? {
        Some(role) => Response::data(&role.show()),
        None => Ok(Response::nothing()),
    }
}

pub(crate) fn write(request: &Request) -> Answer {
    let mut role = Role::load(request.capture("name"))?.unwrap_or_default();
    role.change(&request.sent()?)?;
    storage::put_json(&key(request.capture("name")), &role)?;
    if role.audience.is_empty() {
        let why = "This role does not specify an audience: tokens for any audience that the cluster takes are taken.";
        return Ok(Response::null().warning(why));
    }
    Ok(Response::nothing())
}

pub(crate) fn remove(request: &Request) -> Answer {
    storage::delete(&key(request.capture("name")))?;
    Ok(Response::nothing())
}

fn key(name: &str) -> String {
    format!("{FOLDER}{}", name.to_lowercase())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Makes a role.
    pub(crate) fn set(name: &str, body: &Value) -> Result<(), String> {
        write(&Request::for_test(&[("name", name)], body)).map(drop).map_err(|fault| fault.messages.concat())
    }

    #[test]
    fn a_role_takes_what_stock_clients_send_and_keeps_what_is_not_sent_again() {
        let sent = json!({
            "bound_service_account_names": "web,api-*", "bound_service_account_namespaces": ["shop"], "policies": "p",
            "ttl": "1h", "audience": "vault",
        });
        set("Web", &sent).unwrap();
        set("web", &json!({"max_ttl": 7200, "alias_name_source": "serviceaccount_name"})).unwrap();
        let role = Role::load("WEB").unwrap().unwrap();
        let shown = role.show();
        assert_eq!(shown["bound_service_account_names"], json!(["web", "api-*"]));
        assert_eq!((&shown["token_policies"], &shown["policies"]), (&json!(["p"]), &json!(["p"])));
        assert_eq!((&shown["token_ttl"], &shown["token_max_ttl"]), (&json!(3600), &json!(7200)));
        assert_eq!((&shown["audience"], &shown["alias_name_source"]), (&json!("vault"), &json!("serviceaccount_name")));
        assert!(role.takes_name("api-1") && !role.takes_name("webs") && !role.takes_namespace("shops"));
        let account = Account { namespace: "shop".into(), name: "web".into(), uid: "u".into(), secret: String::new() };
        assert_eq!(role.alias(&account), "shop/web");
    }

    #[test]
    fn a_role_that_takes_nobody_or_cannot_be_kept_to_is_refused() {
        for (field, value, says) in [
            ("bound_service_account_names", json!(""), "\"bound_service_account_names\" can not be empty"),
            ("bound_service_account_namespaces", json!([]), "\"bound_service_account_namespaces\" can not be empty"),
            ("bound_service_account_names", json!("*,web"), "bound_service_account_names: can not mix"),
            ("bound_service_account_namespaces", json!("*,web"), "bound_service_account_namespaces: can not mix"),
            ("bound_service_account_names", json!(vec!["a"; 257]), "bound_service_account_names: at most"),
            ("bound_service_account_namespace_selector", json!("a: b"), "invalid \"bound_service_account_namespace"),
            ("audience", json!("x".repeat(4097)), "audience: at most"),
            ("alias_name_source", json!("x"), "invalid alias_name_source, must be one of"),
            ("token_policies", json!("root"), "token_policies:"),
            ("token_ttl", json!("soon"), "token_ttl"),
        ] {
            let mut body = json!({"bound_service_account_names": "web", "bound_service_account_namespaces": "shop"});
            body[field] = value;
            let refused = set("web", &body).unwrap_err();
            assert!(refused.starts_with(says), "{field}: {refused}");
        }
    }
}
