//! Keys open for the mounts that made them or that they were lent to, for no other, and never for a made-up name.

use serde_json::{Value, json};

use crate::hostile::{Hostile, a_bystander_is_served, server};

const PATH: &str = "sys/managed-keys/pkcs11";

/// Registers a key in a token that nobody can reach: whoever is refused is so before anybody looks for the token.
fn register(name: &str, usages: &str) {
    let body = json!({
        "library": "hsm", "token_label": "nowhere", "pin": "1234", "key_label": "k", "mechanism": "0x1041",
        "curve": "P256", "usages": usages,
    });
    let answer = server().call("POST", &format!("{PATH}/{name}"), body);
    assert_eq!(answer.status, 204, "{}", answer.text);
}

fn uuid(name: &str) -> String {
    let answer = server().call("GET", &format!("{PATH}/{name}"), Value::Null);
    answer.json["data"]["UUID"].as_str().expect("a UUID").to_owned()
}

#[test]
fn made_up_names_open_no_key_and_are_refused_with_a_word() {
    let told = Hostile::at("forger").told("forged-key-handle", Value::Null);
    for way in ["open", "managed"] {
        let tried = told[way].as_object().unwrap();
        assert!(tried.len() > 10, "{way}");
        for (name, said) in tried {
            let refused = said["refused"].as_str().unwrap_or("opened");
            assert!(["NotFound", "Invalid"].contains(&refused), "{way} {name:?}: {said}");
            assert!(said["message"].as_str().unwrap().len() <= 1024);
        }
    }
}

#[test]
fn the_id_of_another_mounts_key_opens_nothing() {
    let (owner, thief) = (Hostile::at("key-owner"), Hostile::at("key-thief"));
    let id = owner.told("keep-key", Value::Null)["id"].as_str().unwrap().to_owned();
    let open = |mount: &Hostile| mount.told("forged-key-handle", json!({"ids": [id]}))["open"][&id]["refused"].clone();
    assert_eq!(open(&owner), Value::Null, "its owner can open it");
    assert_eq!(open(&thief), "NotFound");
}

#[test]
fn at_most_sixty_four_handles_live_at_once_and_dropped_ones_make_room() {
    let told = Hostile::at("hoarder").told("many-key-handles", Value::Null);
    assert_eq!((&told["held"], &told["again_after_drop"]), (&json!(64), &json!(true)));
    assert_eq!(told["refused"]["refused"], "Invalid");
    a_bystander_is_served();
}

#[test]
fn a_managed_key_is_refused_to_a_mount_that_it_was_not_lent_to() {
    let hostile = Hostile::at("borrower");
    register("lent", "sign,verify");
    register("unlent", "sign,verify");
    let said = |name: &str| hostile.told(&format!("sign-with/{name}"), json!({}))["refused"].clone();
    for name in ["lent".to_owned(), "unlent".to_owned(), uuid("unlent")] {
        assert_eq!(said(&name), "NotGranted", "{name}");
    }
    assert_eq!(said("unknown"), "NotFound");
    hostile.tune(json!({"allowed_managed_keys": ["lent"]}));
    for name in ["lent".to_owned(), uuid("lent")] {
        let said = said(&name);
        assert!(!["NotGranted", "NotFound"].contains(&said.as_str().unwrap()), "lent, but {said}");
    }
    assert_eq!(said("unlent"), "NotGranted");
}

#[test]
fn a_managed_key_of_another_namespace_is_not_there() {
    register("of-the-root", "sign,verify");
    assert_eq!(server().call("POST", "sys/namespaces/tenant", Value::Null).status, 200);
    let mount = json!({"type": "hostile", "config": {"allowed_managed_keys": ["of-the-root"]}});
    assert_eq!(server().call_in("tenant", "POST", "sys/mounts/inside", mount).status, 204);
    for name in ["of-the-root".to_owned(), uuid("of-the-root")] {
        let answer = server().call_in("tenant", "POST", &format!("inside/sign-with/{name}"), json!({}));
        assert_eq!((answer.status, &answer.json["data"]["refused"]), (200, &json!("NotFound")), "{}", answer.text);
    }
}

#[test]
fn what_a_guest_is_told_of_a_refusal_names_no_library_and_no_pin() {
    let hostile = Hostile::at("curious");
    register("out-of-reach", "sign,verify");
    hostile.tune(json!({"allowed_managed_keys": ["out-of-reach"]}));
    let told = hostile.told("sign-with/out-of-reach", json!({})).to_string();
    for inside in ["1234", ".so", "/nowhere", "slot"] {
        assert!(!told.contains(inside), "{told}");
    }
}
