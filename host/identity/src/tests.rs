use std::collections::BTreeMap;

use model::{Id, Kind};
use storage::memory::Memory;
use storage::{Store, Transaction};

use super::*;
use crate::directory::{alias_key, exact_alias_key};

const NOW: u64 = 1_800_000_000;

fn id(n: u8) -> Id {
    Id::from_random([n; 16])
}

async fn transaction() -> (Store, Transaction) {
    let store = Store::new(Memory::new());
    let tx = store.begin().await.unwrap();
    (store, tx)
}

fn here() -> Directory {
    Directory::of(Id::nil())
}

async fn login(tx: &mut Transaction, accessor: &str, name: &str, groups: &[String], n: u8) -> Result<Id, model::Fault> {
    let metadata = BTreeMap::from([("seen".to_owned(), n.to_string())]);
    let fresh = [id(n), id(n + 100)];
    here().login(tx, &Arriving { accessor, name, metadata: &metadata, groups, fresh, now: NOW }).await
}

#[tokio::test]
async fn the_first_login_makes_an_entity_and_the_next_finds_it() {
    let (_store, mut tx) = transaction().await;
    let first = login(&mut tx, "userpass_1", "ann/b c", &[], 1).await.unwrap();
    assert_eq!(first, id(1));
    assert_eq!(login(&mut tx, "userpass_1", "ann/b c", &[], 2).await.unwrap(), first);
    // The same name at another auth method is somebody else.
    assert_ne!(login(&mut tx, "approle_1", "ann/b c", &[], 3).await.unwrap(), first);
    let facts = here().facts(&mut tx, first).await.unwrap().unwrap();
    assert_eq!(facts.aliases[0].metadata["seen"], "2", "what the last login said is kept");
    // A directory of another namespace knows nobody.
    assert!(Directory::of(id(9)).facts(&mut tx, first).await.unwrap().is_none());
}

#[tokio::test]
async fn a_disabled_entity_cannot_log_in() {
    let (_store, mut tx) = transaction().await;
    let ann = login(&mut tx, "userpass_1", "ann", &[], 1).await.unwrap();
    let entity = here().entity(&mut tx, ann).await.unwrap().unwrap();
    here().put_entity(&mut tx, Entity { disabled: true, ..entity }).await.unwrap();
    let refused = login(&mut tx, "userpass_1", "ann", &[], 2).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Denied);
}

#[tokio::test]
async fn policies_come_from_the_entity_its_groups_and_the_groups_above() {
    let (_store, mut tx) = transaction().await;
    let ann = login(&mut tx, "userpass_1", "ann", &[], 1).await.unwrap();
    let mut entity = here().entity(&mut tx, ann).await.unwrap().unwrap();
    entity.policies = vec!["Own".into(), "own".into()];
    here().put_entity(&mut tx, entity).await.unwrap();
    let mut inner = Group::new(id(50), Some("inner"), NOW);
    inner.policies = vec!["inner".into()];
    inner.member_entity_ids.insert(ann);
    here().put_group(&mut tx, inner.clone()).await.unwrap();
    let mut outer = Group::new(id(51), Some("outer"), NOW);
    outer.policies = vec!["outer".into()];
    outer.member_group_ids.insert(inner.id);
    here().put_group(&mut tx, outer.clone()).await.unwrap();
    let facts = here().facts(&mut tx, ann).await.unwrap().unwrap();
    assert_eq!(facts.policies, ["inner", "outer", "own"]);
    // A circle is refused, also over two groups.
    inner.member_group_ids.insert(outer.id);
    assert!(here().put_group(&mut tx, inner.clone()).await.is_err());
    // Without the inner group the way to the outer one is gone.
    here().delete_group(&mut tx, inner.id).await.unwrap();
    assert_eq!(here().facts(&mut tx, ann).await.unwrap().unwrap().policies, ["own"]);
    assert!(here().group(&mut tx, outer.id).await.unwrap().unwrap().member_group_ids.is_empty());
}

#[tokio::test]
async fn external_groups_follow_what_the_auth_method_says() {
    let (_store, mut tx) = transaction().await;
    let mut group = Group::new(id(60), Some("ops"), NOW);
    group.external = true;
    group.alias = Some(GroupAlias { id: id(61), name: "cn=ops".into(), mount_accessor: "jwt_1".into() });
    here().put_group(&mut tx, group).await.unwrap();
    let ann = login(&mut tx, "jwt_1", "ann", &["cn=ops".into(), "unknown".into()], 1).await.unwrap();
    assert_eq!(here().facts(&mut tx, ann).await.unwrap().unwrap().groups[&id(60)].name, "ops");
    login(&mut tx, "jwt_1", "ann", &[], 2).await.unwrap();
    assert!(here().facts(&mut tx, ann).await.unwrap().unwrap().groups.is_empty());
}

#[tokio::test]
async fn an_entity_has_one_alias_for_each_auth_method() {
    let (_store, mut tx) = transaction().await;
    let ann = login(&mut tx, "userpass_1", "ann", &[], 1).await.unwrap();
    let bob = login(&mut tx, "userpass_1", "bob", &[], 2).await.unwrap();
    let second = Alias::new(id(70), ann, "userpass_1", "anna", NOW);
    assert!(here().put_alias(&mut tx, second).await.is_err());
    let taken = Alias::new(id(71), ann, "userpass_1", "bob", NOW);
    assert!(here().put_alias(&mut tx, taken).await.is_err());
    let other = Alias::new(id(72), ann, "cert_1", "ann", NOW);
    here().put_alias(&mut tx, other).await.unwrap();
    assert!(here().merge(&mut tx, ann, &[bob], NOW).await.is_err(), "both are known to userpass_1");
}

#[tokio::test]
async fn a_merged_entity_hands_over_its_aliases_and_places() {
    let (_store, mut tx) = transaction().await;
    let ann = login(&mut tx, "userpass_1", "ann", &[], 1).await.unwrap();
    let robot = login(&mut tx, "approle_1", "robot", &[], 2).await.unwrap();
    let mut group = Group::new(id(80), None, NOW);
    group.member_entity_ids.insert(robot);
    here().put_group(&mut tx, group).await.unwrap();
    here().merge(&mut tx, ann, &[robot], NOW).await.unwrap();
    assert!(here().entity(&mut tx, robot).await.unwrap().is_none());
    assert_eq!(login(&mut tx, "approle_1", "robot", &[], 3).await.unwrap(), ann);
    assert_eq!(here().facts(&mut tx, ann).await.unwrap().unwrap().groups.len(), 1);
}

#[tokio::test]
async fn a_deleted_entity_leaves_nothing_behind() {
    let (_store, mut tx) = transaction().await;
    let ann = login(&mut tx, "userpass_1", "ann", &[], 1).await.unwrap();
    let mut group = Group::new(id(90), None, NOW);
    group.member_entity_ids.insert(ann);
    here().put_group(&mut tx, group).await.unwrap();
    here().delete_entity(&mut tx, ann).await.unwrap();
    assert!(here().group(&mut tx, id(90)).await.unwrap().unwrap().member_entity_ids.is_empty());
    assert!(here().alias_ids(&mut tx).await.unwrap().is_empty());
    assert!(here().entity_names(&mut tx).await.unwrap().is_empty());
    assert_ne!(login(&mut tx, "userpass_1", "ann", &[], 4).await.unwrap(), ann);
}

#[tokio::test]
async fn names_and_metadata_are_bounded() {
    let (_store, mut tx) = transaction().await;
    for bad in ["", "a/b", "..", "a\nb", &"x".repeat(NAME_MAX + 1)] {
        let entity = Entity::new(id(1), Some(bad), NOW);
        assert!(here().put_entity(&mut tx, entity).await.is_err(), "{bad:?} was accepted");
    }
    let mut entity = Entity::new(id(1), Some("fine"), NOW);
    entity.metadata = (0..=METADATA_MAX).map(|n| (n.to_string(), String::new())).collect();
    assert!(here().put_entity(&mut tx, entity.clone()).await.is_err());
    entity.metadata.clear();
    entity.policies = vec!["root".into()];
    assert!(here().put_entity(&mut tx, entity.clone()).await.is_err(), "nobody is root by who they are");
    entity.policies = Vec::new();
    here().put_entity(&mut tx, entity).await.unwrap();
    let twin = Entity::new(id(2), Some("FINE"), NOW);
    assert!(here().put_entity(&mut tx, twin).await.is_err(), "names are the same in upper and lower case");
}

#[tokio::test]
async fn an_alias_is_the_same_in_upper_and_lower_case() {
    let (_store, mut tx) = transaction().await;
    let ann = login(&mut tx, "jwt_1", "Ann", &[], 1).await.unwrap();
    assert_eq!(login(&mut tx, "jwt_1", "aNN", &[], 2).await.unwrap(), ann);
    let other = Alias::new(id(60), ann, "jwt_1", "ANN", NOW);
    assert_eq!(here().put_alias(&mut tx, other).await.unwrap_err().kind, Kind::InvalidRequest);
}

#[tokio::test]
async fn aliases_that_differed_by_case_before_stay_each_their_own() {
    let (_store, mut tx) = transaction().await;
    let old = login(&mut tx, "jwt_1", "Bob", &[], 1).await.unwrap();
    let alias = here().alias_named(&mut tx, "jwt_1", "Bob").await.unwrap().unwrap();
    // As it was written when case told aliases apart.
    here().remove(&mut tx, &alias_key("alias-of", "jwt_1", "bob")).unwrap();
    here().write(&mut tx, &exact_alias_key("alias-of", "jwt_1", "Bob"), &alias.id).unwrap();
    let other = login(&mut tx, "jwt_1", "bob", &[], 2).await.unwrap();
    assert_ne!(old, other);
    here().put_alias(&mut tx, Alias { updated: NOW + 1, ..alias.clone() }).await.unwrap();
    assert_eq!(login(&mut tx, "jwt_1", "Bob", &[], 3).await.unwrap(), old);
    assert_eq!(login(&mut tx, "jwt_1", "bob", &[], 4).await.unwrap(), other);
    here().delete_alias(&mut tx, alias.id).await.unwrap();
    assert_eq!(login(&mut tx, "jwt_1", "bob", &[], 5).await.unwrap(), other);
}
