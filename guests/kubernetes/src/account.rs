//! Service accounts, as their tokens name them.

use innkeeper_guest::Map;
use innkeeper_guest::serde_json::Value;

/// Longest name, in bytes: that of Kubernetes.
const NAME_MAX: usize = 253;

/// A service account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    /// The secret that the token lies in; empty for tokens that lie in none.
    pub(crate) secret: String,
}

impl Account {
    /// Whom a token says that it is for: in `kubernetes.io`, as tokens that end do, or in claims of long names, as those
    /// that do not. `None` when it does not say it whole.
    pub(crate) fn claimed(claims: &Map) -> Option<Self> {
        let flat = |name: &str| claims.get(&format!("kubernetes.io/serviceaccount/{name}")).and_then(Value::as_str);
        let account = match claims.get("kubernetes.io") {
            Some(own) => {
                let text = |pointer: &str| own.pointer(pointer).and_then(Value::as_str);
                Self {
                    namespace: text("/namespace")?.to_owned(),
                    name: text("/serviceaccount/name")?.to_owned(),
                    uid: text("/serviceaccount/uid")?.to_owned(),
                    secret: text("/secret/name").unwrap_or_default().to_owned(),
                }
            }
            None => Self {
                namespace: flat("namespace")?.to_owned(),
                name: flat("service-account.name")?.to_owned(),
                uid: flat("service-account.uid")?.to_owned(),
                secret: flat("secret.name").unwrap_or_default().to_owned(),
            },
        };
        // Names go into paths of questions to the cluster: no more than Kubernetes itself takes (RFC 1123).
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
        let named = |text: &str| (1..=NAME_MAX).contains(&text.len()) && text.bytes().all(plain);
        let identified =
            (1..=NAME_MAX).contains(&account.uid.len()) && account.uid.bytes().all(|b| b.is_ascii_graphic());
        let kept = account.secret.is_empty() || named(&account.secret);
        (named(&account.namespace) && named(&account.name) && identified && kept).then_some(account)
    }

    /// Whether this is whom the cluster means by a user's name and identifier.
    pub(crate) fn is(&self, username: &str, uid: &str) -> bool {
        username == format!("system:serviceaccount:{}:{}", self.namespace, self.name) && uid == self.uid
    }
}

#[cfg(test)]
mod tests {
    use innkeeper_guest::prelude::json;

    use super::*;

    fn claimed(claims: Value) -> Option<Account> {
        let Value::Object(claims) = claims else { return None };
        Account::claimed(&claims)
    }

    #[test]
    fn both_shapes_of_tokens_name_their_account() {
        let bound = json!({"kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "web", "uid": "u1"}}});
        let account = claimed(bound).unwrap();
        assert_eq!((account.namespace.as_str(), account.name.as_str(), account.secret.as_str()), ("shop", "web", ""));
        assert!(account.is("system:serviceaccount:shop:web", "u1"));
        for (user, uid) in [
            ("system:serviceaccount:shop:web", "u2"),
            ("system:serviceaccount:web:shop", "u1"),
            ("serviceaccount:shop:web", "u1"),
            ("system:serviceaccount:shop:web:x", "u1"),
        ] {
            assert!(!account.is(user, uid), "{user} {uid}");
        }
        let legacy = json!({
            "kubernetes.io/serviceaccount/namespace": "shop", "kubernetes.io/serviceaccount/service-account.name": "web",
            "kubernetes.io/serviceaccount/service-account.uid": "u1", "kubernetes.io/serviceaccount/secret.name": "web-1",
        });
        assert_eq!(claimed(legacy), Some(Account { secret: "web-1".into(), ..account }));
    }

    #[test]
    fn a_token_that_names_nobody_whole_is_nobodys() {
        let with = |namespace: Value, name: Value, uid: Value| json!({"kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name, "uid": uid}}});
        for claims in [
            json!({}),
            json!({"kubernetes.io": 7}),
            json!({"kubernetes.io": {"namespace": "shop"}}),
            with(json!("shop"), json!("web"), json!("")),
            with(json!("shop"), json!("web"), json!("a\nb")),
            with(json!(""), json!("web"), json!("u1")),
            with(json!("shop"), json!("../x"), json!("u1")),
            with(json!("a:b"), json!("web"), json!("u1")),
            with(json!("shop"), json!("x".repeat(254)), json!("u1")),
            with(json!(["shop"]), json!("web"), json!("u1")),
        ] {
            assert_eq!(claimed(claims.clone()), None, "{claims}");
        }
    }
}
