use std::sync::Arc;

use model::{Id, Kind, NamespacePath, Operation};
use storage::memory::Memory;
use storage::{Store, Transaction};

use super::*;

const READ: &str = r#"path "a" { capabilities = ["read"] }"#;
const LIST: &str = r#"path "a/" { capabilities = ["list"] }"#;

fn store() -> Store {
    Store::new(Memory::new())
}

fn names(all: &[&str]) -> Vec<String> {
    all.iter().map(|name| (*name).to_owned()).collect()
}

async fn acl(policies: &Policies, transaction: &mut Transaction, all: &[&str]) -> Arc<Acl> {
    acl_for(policies, transaction, all, &Subject::default(), 0).await
}

async fn acl_for(
    policies: &Policies,
    transaction: &mut Transaction,
    all: &[&str],
    subject: &Subject,
    now: u64,
) -> Arc<Acl> {
    let names = names(all);
    let wanted = [(Id::nil(), NamespacePath::root(), names.as_slice())];
    policies.acl(transaction, &wanted, subject, now).await.unwrap()
}

async fn write(policies: &Policies, store: &Store, name: &str, text: &str) {
    let mut transaction = store.begin().await.unwrap();
    policies.write(&mut transaction, Id::nil(), name, text.to_owned()).unwrap();
    transaction.commit().await.unwrap();
}

fn reads(acl: &Arc<Acl>, path: &str) -> bool {
    let question = Question { operation: Operation::Read, path, parameters: None, wrap_ttl: None, sudo: false };
    acl.decide(&question).allowed
}

#[tokio::test]
async fn a_change_counts_for_the_next_request_on_every_node() {
    let (store, here, there) = (store(), Policies::new(), Policies::new());
    write(&here, &store, "p", READ).await;
    for node in [&here, &there] {
        assert!(reads(&acl(node, &mut store.begin().await.unwrap(), &["p"]).await, "a"));
    }
    let mut before = store.begin().await.unwrap();
    write(&here, &store, "p", LIST).await;
    for node in [&here, &there] {
        assert!(!reads(&acl(node, &mut store.begin().await.unwrap(), &["p"]).await, "a"));
        // A request that began before is decided by what it sees.
        assert!(reads(&acl(node, &mut before, &["p"]).await, "a"));
    }
    let mut removal = store.begin().await.unwrap();
    here.delete(&mut removal, Id::nil(), "P").unwrap();
    removal.commit().await.unwrap();
    for node in [&here, &there] {
        assert!(acl(node, &mut store.begin().await.unwrap(), &["p"]).await.is_empty());
    }
}

#[tokio::test]
async fn what_was_compiled_is_used_again_until_something_changes() {
    let (store, policies) = (store(), Policies::new());
    write(&policies, &store, "p", READ).await;
    let first = acl(&policies, &mut store.begin().await.unwrap(), &["p", "q"]).await;
    let again = acl(&policies, &mut store.begin().await.unwrap(), &["q", "P", "p"]).await;
    assert!(Arc::ptr_eq(&first, &again));
    write(&policies, &store, "other", READ).await;
    let after = acl(&policies, &mut store.begin().await.unwrap(), &["p", "q"]).await;
    assert!(!Arc::ptr_eq(&first, &after));
}

#[tokio::test]
async fn what_a_request_writes_it_sees_itself_and_nobody_else() {
    let (store, policies) = (store(), Policies::new());
    write(&policies, &store, "p", LIST).await;
    let mut writing = store.begin().await.unwrap();
    policies.write(&mut writing, Id::nil(), "p", READ.to_owned()).unwrap();
    assert!(reads(&acl(&policies, &mut writing, &["p"]).await, "a"));
    assert!(!reads(&acl(&policies, &mut store.begin().await.unwrap(), &["p"]).await, "a"));
    drop(writing);
    assert!(!reads(&acl(&policies, &mut store.begin().await.unwrap(), &["p"]).await, "a"));
}

#[tokio::test]
async fn default_is_there_without_being_written_and_can_be_replaced_but_not_removed() {
    let (store, policies) = (store(), Policies::new());
    let mut transaction = store.begin().await.unwrap();
    assert!(reads(&acl(&policies, &mut transaction, &["default"]).await, "auth/token/lookup-self"));
    let shown = policies.read(&mut transaction, Id::nil(), "default").await.unwrap().unwrap();
    assert!(shown.text.contains("cubbyhole/*"));
    write(&policies, &store, "Default", READ).await;
    let mut transaction = store.begin().await.unwrap();
    let replaced = acl(&policies, &mut transaction, &["default"]).await;
    assert!(reads(&replaced, "a") && !reads(&replaced, "auth/token/lookup-self"));
    let refused = policies.delete(&mut transaction, Id::nil(), "default").unwrap_err();
    assert_eq!((refused.kind, refused.messages[0].as_str()), (Kind::InvalidRequest, "cannot delete default policy"));
    // Elsewhere it is as it was.
    let (elsewhere, path) = (Id::from_random([3; 16]), NamespacePath::parse("team").unwrap());
    let default = names(&["default"]);
    let wanted = [(elsewhere, path, default.as_slice())];
    let acl = policies.acl(&mut transaction, &wanted, &Subject::default(), 0).await.unwrap();
    assert!(reads(&acl, "team/auth/token/lookup-self") && !reads(&acl, "auth/token/lookup-self"));
}

#[tokio::test]
async fn root_stands_alone_in_the_root_namespace_and_cannot_be_written() {
    let (store, policies) = (store(), Policies::new());
    let mut transaction = store.begin().await.unwrap();
    assert!(acl(&policies, &mut transaction, &["root"]).await.is_root());
    let both = names(&["root", "default"]);
    let wanted = [(Id::nil(), NamespacePath::root(), both.as_slice())];
    let refused = policies.acl(&mut transaction, &wanted, &Subject::default(), 0).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Denied);
    let (elsewhere, path, root) = (Id::from_random([3; 16]), NamespacePath::parse("team").unwrap(), names(&["root"]));
    let wanted = [(elsewhere, path, root.as_slice())];
    let below = policies.acl(&mut transaction, &wanted, &Subject::default(), 0).await.unwrap();
    assert!(!below.is_root() && below.is_empty());
    for name in ["root", "Root ", "response-wrapping", "control-group"] {
        let refused = policies.write(&mut transaction, Id::nil(), name, READ.to_owned()).unwrap_err();
        assert!(refused.messages[0].starts_with("cannot update \""), "{name}");
        let refused = policies.delete(&mut transaction, Id::nil(), name).unwrap_err();
        assert!(refused.messages[0].starts_with("cannot delete \""), "{name}");
    }
    assert_eq!(policies.read(&mut transaction, Id::nil(), "root").await.unwrap().unwrap().text, "");
    assert_eq!(policies.read(&mut transaction, elsewhere, "root").await.unwrap(), None);
}

#[tokio::test]
async fn two_policies_are_for_the_server_itself() {
    let (store, policies) = (store(), Policies::new());
    let mut transaction = store.begin().await.unwrap();
    let wrapping = acl(&policies, &mut transaction, &["response-wrapping"]).await;
    assert!(reads(&wrapping, "cubbyhole/response") && !reads(&wrapping, "cubbyhole/other"));
    assert!(!is_assignable("Response-Wrapping") && !is_assignable("control-group") && is_assignable("default"));
    assert_eq!(policies.names(&mut transaction, Id::nil()).await.unwrap(), ["default", "root"]);
}

#[tokio::test]
async fn names_are_listed_in_order_and_may_hold_almost_anything() {
    let (store, policies) = (store(), Policies::new());
    let odd = ["team/a", "team/b%2fc", "..", ".hidden", "with space", "é", "%2f", "Upper"];
    for name in odd {
        write(&policies, &store, name, READ).await;
    }
    let mut transaction = store.begin().await.unwrap();
    let mut wanted: Vec<String> = odd.iter().map(|name| name.to_lowercase()).collect();
    wanted.push("default".into());
    wanted.sort_unstable();
    wanted.push("root".into());
    assert_eq!(policies.names(&mut transaction, Id::nil()).await.unwrap(), wanted);
    for name in odd {
        let shown = policies.read(&mut transaction, Id::nil(), name).await.unwrap().unwrap();
        assert_eq!((shown.name, shown.text.as_str()), (name.to_lowercase(), READ));
    }
    for bad in ["", "a\nb", &"x".repeat(NAME_MAX + 1), &"/".repeat(NAME_MAX)] {
        let refused = policies.write(&mut transaction, Id::nil(), bad, READ.to_owned()).unwrap_err();
        assert_eq!(refused.kind, Kind::InvalidRequest, "{bad:?}");
        assert_eq!(policies.read(&mut transaction, Id::nil(), bad).await.ok().flatten(), None);
    }
    assert_eq!(policies.names(&mut transaction, Id::from_random([3; 16])).await.unwrap(), ["default"]);
}

#[tokio::test]
async fn a_set_with_templates_is_compiled_for_each_who_asks() {
    let (store, policies) = (store(), Policies::new());
    write(&policies, &store, "p", r#"path "kv/{{identity.entity.name}}" { capabilities = ["read"] }"#).await;
    let named = |name: &str| Subject { entity_id: "e".into(), name: name.to_owned(), ..Subject::default() };
    let mut transaction = store.begin().await.unwrap();
    for _ in 0..2 {
        for (name, other) in [("one", "two"), ("two", "one")] {
            let acl = acl_for(&policies, &mut transaction, &["p"], &named(name), 0).await;
            assert!(reads(&acl, &format!("kv/{name}")) && !reads(&acl, &format!("kv/{other}")));
        }
        assert!(acl(&policies, &mut transaction, &["p"]).await.is_empty());
    }
    let first = acl_for(&policies, &mut transaction, &["p"], &named("one"), 0).await;
    assert!(Arc::ptr_eq(&first, &acl_for(&policies, &mut transaction, &["p"], &named("one"), 0).await));
}

#[tokio::test]
async fn what_is_kept_at_hand_expires_with_its_rules() {
    let (store, policies) = (store(), Policies::new());
    write(&policies, &store, "p", r#"path "a" { capabilities = ["read"] expiration = "100" }"#).await;
    let mut transaction = store.begin().await.unwrap();
    for (now, wanted) in [(99, true), (100, true), (101, false), (102, false)] {
        let acl = acl_for(&policies, &mut transaction, &["p"], &Subject::default(), now).await;
        assert_eq!(reads(&acl, "a"), wanted, "{now}");
    }
}

#[tokio::test]
async fn what_is_no_policy_is_not_stored_and_a_damaged_one_permits_nothing() {
    let (store, policies) = (store(), Policies::new());
    let mut transaction = store.begin().await.unwrap();
    let refused = policies.write(&mut transaction, Id::nil(), "p", "path {".to_owned()).unwrap_err();
    assert!(refused.kind == Kind::InvalidRequest && refused.messages[0].starts_with("failed to parse policy: At 1:"));
    assert!(!transaction.is_dirty());
    let drawer = tenancy::namespace_drawer(Id::nil(), "policies");
    transaction.put(&drawer, "acl/p", br#"{"record":1,"text":"nonsense"}"#.to_vec()).unwrap();
    let all = names(&["p"]);
    let wanted = [(Id::nil(), NamespacePath::root(), all.as_slice())];
    let fault = policies.acl(&mut transaction, &wanted, &Subject::default(), 0).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Internal);
}
