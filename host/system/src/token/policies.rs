//! Which policies a new token gets. Pure.

use access::policy::is_assignable;
use model::{Fault, TokenKind};

use super::role::{Role, matches, quoted};

/// What the choice depends on.
pub(super) struct Asked<'a> {
    /// The policies that were named.
    pub(super) named: Vec<String>,
    /// Without the policy `default`.
    pub(super) no_default: bool,
    pub(super) role: Option<&'a Role>,
    /// The policies of the token that asks.
    pub(super) parent: &'a [String],
    /// Whether it asks for a token in a namespace below its own.
    pub(super) elsewhere: bool,
    pub(super) sudo: bool,
    pub(super) kind: TokenKind,
}

/// The policies, in order, or why not.
pub(super) fn choose(asked: &Asked<'_>) -> Result<Vec<String>, Fault> {
    let named = tidied(asked.named.clone(), false);
    let mut chosen = match asked.role.filter(|role| restricts(role)) {
        Some(role) => by_role(asked, role, named)?,
        None if asked.elsewhere => tidied(named, !asked.no_default),
        None if named.is_empty() => tidied(asked.parent.to_vec(), false),
        None if !asked.sudo => {
            let parent = tidied(asked.parent.to_vec(), false);
            if !named.iter().all(|policy| parent.contains(policy)) {
                return Err(Fault::invalid("child policies must be subset of parent"));
            }
            tidied(named, !asked.no_default && parent.iter().any(|policy| policy == "default"))
        }
        None => tidied(named, !asked.no_default),
    };
    if asked.no_default {
        chosen.retain(|policy| policy != "default");
    }
    check(asked, &chosen)?;
    Ok(chosen)
}

fn check(asked: &Asked<'_>, chosen: &[String]) -> Result<(), Fault> {
    if let Some(refused) = chosen.iter().find(|policy| !is_assignable(policy)) {
        return Err(Fault::invalid(format!("cannot assign policy {}", quoted(refused))));
    }
    let is_root = |policies: &[String]| policies.iter().any(|policy| policy == "root");
    if !is_root(chosen) {
        return Ok(());
    }
    if asked.elsewhere {
        return Err(Fault::invalid("root tokens may not be created from a parent namespace"));
    }
    if !is_root(asked.parent) {
        return Err(Fault::invalid("root tokens may not be created without parent token being root"));
    }
    match asked.kind {
        TokenKind::Batch => Err(Fault::invalid("batch tokens cannot be root tokens")),
        TokenKind::Service => Ok(()),
    }
}

/// Whether the role says which policies its tokens may have, whatever the token has that asks.
fn restricts(role: &Role) -> bool {
    let lists = [
        &role.allowed_policies,
        &role.allowed_policies_glob,
        &role.disallowed_policies,
        &role.disallowed_policies_glob,
    ];
    lists.iter().any(|list| !list.is_empty())
}

fn by_role(asked: &Asked<'_>, role: &Role, named: Vec<String>) -> Result<Vec<String>, Fault> {
    let among = |patterns: &[String], policy: &str| patterns.iter().any(|pattern| matches(pattern, policy));
    let disallowed = |policy: &str| {
        role.disallowed_policies.iter().any(|name| name == policy) || among(&role.disallowed_policies_glob, policy)
    };
    let default = !asked.no_default && !role.token_no_default_policy && !disallowed("default");
    let mut chosen = if named.is_empty() { named } else { tidied(named, default) };
    if role.allowed_policies.is_empty() && role.allowed_policies_glob.is_empty() {
        if chosen.is_empty() {
            chosen = tidied(asked.parent.to_vec(), default);
        }
    } else {
        let allowed = tidied(role.allowed_policies.clone(), default);
        if chosen.is_empty() {
            chosen = allowed;
        } else if !chosen.iter().all(|policy| allowed.contains(policy) || among(&role.allowed_policies_glob, policy)) {
            return Err(Fault::invalid(format!(
                "token policies ({}) must be subset of the role's allowed policies ({}) or glob policies ({})",
                list(&chosen),
                list(&allowed),
                list(&role.allowed_policies_glob)
            )));
        }
    }
    match chosen.iter().find(|policy| disallowed(policy)) {
        Some(refused) => Err(Fault::invalid(format!("token policy {} is disallowed by this role", quoted(refused)))),
        None => Ok(chosen),
    }
}

/// Names in lower case, in order, each once.
pub(super) fn sorted(names: Vec<String>) -> Vec<String> {
    let mut names: Vec<String> =
        names.iter().map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The same; `root` says it all, and `default` is added beside anything else.
fn tidied(names: Vec<String>, default: bool) -> Vec<String> {
    let names = sorted(names);
    if names.iter().any(|name| name == "root") {
        return vec!["root".to_owned()];
    }
    if default { sorted([names, vec!["default".to_owned()]].concat()) } else { names }
}

fn list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    format!("[{}]", quoted.join(" "))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    struct Case<'a> {
        named: &'a str,
        parent: &'a str,
        role: Value,
        sudo: bool,
        elsewhere: bool,
        no_default: bool,
    }

    fn case<'a>(named: &'a str, parent: &'a str) -> Case<'a> {
        Case { named, parent, role: Value::Null, sudo: false, elsewhere: false, no_default: false }
    }

    fn chosen(case: &Case<'_>) -> Result<String, String> {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let role = case.role.as_object().map(|body| {
            let mut role = Role::new("r");
            role.write(body, 9999).unwrap();
            role
        });
        let parent = words(case.parent);
        let asked = Asked {
            named: words(case.named),
            no_default: case.no_default,
            role: role.as_ref(),
            parent: &parent,
            elsewhere: case.elsewhere,
            sudo: case.sudo,
            kind: TokenKind::Service,
        };
        choose(&asked).map(|policies| policies.join(" ")).map_err(|fault| fault.messages.concat())
    }

    #[test]
    fn a_child_has_no_policy_that_its_parent_lacks() {
        for (named, parent, want) in [
            ("", "a b default", Ok("a b default")),
            ("", "a", Ok("a")),
            ("a", "a b default", Ok("a default")),
            ("A", "a b", Ok("a")),
            ("a c", "a b default", Err("child policies must be subset of parent")),
            ("default", "a", Err("child policies must be subset of parent")),
            ("root", "a", Err("child policies must be subset of parent")),
        ] {
            let want = want.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(chosen(&case(named, parent)), want, "{named} of {parent}");
        }
        assert_eq!(chosen(&Case { no_default: true, ..case("", "a default") }), Ok("a".into()));
    }

    #[test]
    fn sudo_gives_any_policy_but_root() {
        let sudo = |named, parent| Case { sudo: true, ..case(named, parent) };
        assert_eq!(chosen(&sudo("x", "a")), Ok("default x".into()));
        assert_eq!(chosen(&Case { no_default: true, ..sudo("x", "a") }), Ok("x".into()));
        let refused = "root tokens may not be created without parent token being root";
        assert_eq!(chosen(&sudo("root", "a")), Err(refused.into()));
        assert_eq!(chosen(&sudo("root x", "root")), Ok("root".into()));
        assert_eq!(chosen(&sudo("", "root")), Ok("root".into()));
        for own in ["response-wrapping", "control-group"] {
            assert_eq!(chosen(&sudo(own, "root")), Err(format!("cannot assign policy \"{own}\"")));
        }
    }

    #[test]
    fn a_token_elsewhere_has_what_is_named_and_never_root() {
        let elsewhere = |named| Case { sudo: true, elsewhere: true, ..case(named, "root") };
        assert_eq!(chosen(&elsewhere("x")), Ok("default x".into()));
        assert_eq!(chosen(&elsewhere("")), Ok("default".into()));
        assert_eq!(chosen(&elsewhere("root")), Err("root tokens may not be created from a parent namespace".into()));
    }

    #[test]
    fn a_role_says_which_policies_its_tokens_may_have_whatever_the_parent_has() {
        let by = |role: Value, named, parent| Case { role, ..case(named, parent) };
        let allowed = || json!({"allowed_policies": "x,y"});
        assert_eq!(chosen(&by(allowed(), "", "a")), Ok("default x y".into()));
        assert_eq!(chosen(&by(allowed(), "x", "a")), Ok("default x".into()));
        let refused = chosen(&by(allowed(), "z", "a")).unwrap_err();
        assert_eq!(
            refused,
            r#"token policies (["default" "z"]) must be subset of the role's allowed policies (["default" "x" "y"]) or glob policies ([])"#
        );
        let glob = || json!({"allowed_policies_glob": "web-*", "token_no_default_policy": true});
        assert_eq!(chosen(&by(glob(), "web-1", "a")), Ok("web-1".into()));
        assert!(chosen(&by(glob(), "db", "a")).is_err());
        let disallowed = || json!({"disallowed_policies": "x", "disallowed_policies_glob": "web-*"});
        assert_eq!(chosen(&by(disallowed(), "b", "a")), Ok("b default".into()));
        assert_eq!(chosen(&by(disallowed(), "", "a")), Ok("a default".into()));
        for policy in ["x", "web-1"] {
            let text = format!("token policy \"{policy}\" is disallowed by this role");
            assert_eq!(chosen(&by(disallowed(), policy, "a")), Err(text));
        }
        assert!(chosen(&by(json!({"allowed_policies": "root"}), "", "a")).is_err(), "a role makes nobody root");
        assert_eq!(
            chosen(&by(json!({"orphan": true}), "b", "a")),
            Err("child policies must be subset of parent".into())
        );
    }
}
