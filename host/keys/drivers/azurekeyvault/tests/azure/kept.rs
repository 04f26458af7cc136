//! What a vault does to its keys, and what the driver makes of it.

use keys::Reason;

use super::*;

fn at(locator: &Locator, version: &str) -> Locator {
    let Locator::AzureKeyVault(locator) = locator else { panic!("another type") };
    Locator::AzureKeyVault(AzureKeyVaultLocator { key_version: Some(version.into()), ..locator.clone() })
}

#[tokio::test]
async fn a_key_that_is_rotated_goes_on_signing_with_the_version_that_was_described() {
    let scene = Scene::new("rotated");
    let made = scene.make(&p256("k")).await;
    scene.azure.age(&scene.host(), "k", 60);
    scene.azure.rotate(&scene.host(), "k");
    assert!(verifies(&made, &scene.sign(&p256("k")).await.unwrap()), "the driver went on to the new version");

    // Another node, or this one after a restart, has nothing but the description that was stored with the record.
    let stored: Description = serde_json::from_value(serde_json::to_value(&made).unwrap()).unwrap();
    let other = Driver::new(settings(&scene.azure, scene.vault, NodeIdentity::Forbidden)).unwrap();
    let scene = Scene { driver: other, ..scene };
    scene.azure.asked("rotated");
    let unpinned = p256("k");
    let pinned = unpinned.pinned(&stored);
    assert!(verifies(&made, &scene.sign(&pinned).await.unwrap()), "the stored version was not used");
    let asked = scene.azure.asked("rotated");
    assert!(asked.iter().all(|asked| !asked.contains("GET")), "a pinned signature looks nothing up: {asked:?}");

    // A record that is written again takes the newest version.
    let newest = scene.driver.describe(&scene.provider(), &unpinned, soon()).await.unwrap();
    assert_ne!((&newest.version, &newest.public_key), (&made.version, &made.public_key));
    assert!(verifies(&newest, &scene.sign(&unpinned).await.unwrap()));
}

#[tokio::test]
async fn a_version_that_is_named_is_described_and_used_even_if_it_is_not_the_newest() {
    let scene = Scene::new("named");
    let made = scene.make(&p256("k")).await;
    scene.azure.age(&scene.host(), "k", 60);
    scene.azure.rotate(&scene.host(), "k");
    let named = at(&p256("k"), made.version.as_deref().unwrap());
    assert_eq!(scene.driver.describe(&scene.provider(), &named, soon()).await.unwrap(), made);
    assert!(verifies(&made, &scene.sign(&named).await.unwrap()));
    let unknown = at(&p256("k"), "00000000000000000000000000000000");
    let absent = scene.driver.describe(&scene.provider(), &unknown, soon()).await.unwrap_err();
    assert!(matches!(absent, Error::Absent), "{absent}");
    // A vault names versions itself: one that is absent is never made.
    let absent = scene.driver.generate(&scene.provider(), &unknown, soon()).await.unwrap_err();
    assert!(matches!(absent, Error::Absent), "{absent}");
}

#[tokio::test]
async fn the_newest_of_many_versions_is_found_over_pages() {
    let scene = Scene::new("pages");
    scene.make(&p256("k")).await;
    for _ in 0..5 {
        scene.azure.age(&scene.host(), "k", 60);
        scene.azure.rotate(&scene.host(), "k");
    }
    let newest = scene.driver.describe(&scene.provider(), &p256("k"), soon()).await.unwrap();
    let pages = scene.azure.asked("pages").into_iter().filter(|asked| asked.ends_with("/versions")).count();
    assert!(pages >= 3, "{pages} pages were read");
    assert!(verifies(&newest, &scene.sign(&p256("k")).await.unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_make_a_key_at_once_agree_on_one_version_for_ever() {
    let scene = Scene::new("crowded");
    let nodes: Vec<Driver> =
        (0..4).map(|_| Driver::new(settings(&scene.azure, scene.vault, NodeIdentity::Forbidden)).unwrap()).collect();
    let (provider, locator) = (scene.provider(), p256("k"));
    for node in &nodes {
        node.health(&provider, soon()).await.unwrap();
    }
    // Each looks, and hears that there is no key, before any of them makes one.
    scene.azure.fault("crowded", vec![keys_testing::azure::Fault::Slow(Duration::from_millis(700)); 4]);
    let make = |node: &'static Driver| {
        let (provider, locator) = (provider.clone(), locator.clone());
        tokio::spawn(async move { node.generate(&provider, &locator, soon()).await.unwrap() })
    };
    let making: Vec<_> = nodes.into_iter().map(|node| make(Box::leak(Box::new(node)))).collect();
    let mut made = Vec::new();
    for making in making {
        made.push(making.await.unwrap());
    }
    assert!(scene.azure.versions(&scene.host(), "k") > 1, "nobody raced: the test shows nothing");
    assert!(made.iter().all(|one| *one == made[0]), "nodes made keys of their own");
    let later = scene.driver.describe(&provider, &locator, soon()).await.unwrap();
    assert_eq!(later, made[0], "a node that comes later sees another key");
}

#[tokio::test]
async fn a_key_that_is_disabled_expired_or_not_valid_yet_is_said_to_be_so() {
    let scene = Scene::new("states");
    scene.make(&p256("k")).await;
    let host = scene.host();
    let cases: [(&str, &dyn Fn()); 3] = [
        ("disabled", &|| scene.azure.enable(&host, "k", false)),
        ("expired", &|| scene.azure.valid(&host, "k", None, Some(-5))),
        ("not valid yet", &|| scene.azure.valid(&host, "k", Some(600), None)),
    ];
    for (state, change) in cases {
        scene.azure.enable(&host, "k", true);
        scene.azure.valid(&host, "k", None, None);
        scene.sign(&p256("k")).await.unwrap();
        change();
        let signing = scene.sign(&p256("k")).await.unwrap_err();
        assert!(matches!(&signing, Error::Unusable(said) if said == state), "{state}: {signing}");
        let describing = scene.driver.describe(&scene.provider(), &p256("k"), soon()).await.unwrap_err();
        assert!(matches!(&describing, Error::Unusable(said) if said == state), "{state}: {describing}");
        assert!(public(&signing).contains(state), "{}", public(&signing));
        assert_eq!(signing.reason(), Reason::Unavailable);
    }
    scene.azure.enable(&host, "k", true);
    scene.azure.valid(&host, "k", None, Some(600));
    scene.sign(&p256("k")).await.unwrap();
}

#[tokio::test]
async fn an_operation_that_a_key_is_not_for_is_refused_as_that() {
    let scene = Scene::new("operations");
    scene.make(&p256("k")).await;
    scene.azure.operations(&scene.host(), "k", &["verify"]);
    let refused = scene.sign(&p256("k")).await.unwrap_err();
    assert!(matches!(refused, Error::Unsupported(_)) && public(&refused).contains("key_ops"), "{refused}");
    let described = scene.driver.describe(&scene.provider(), &p256("k"), soon()).await.unwrap();
    assert!(described.schemes.is_empty(), "{:?}", described.schemes);
}

#[tokio::test]
async fn a_key_of_another_type_than_the_record_names_is_refused() {
    let scene = Scene::new("types");
    scene.make(&p256("k")).await;
    let hardware = locator("k", "EC-HSM", None, Some(Curve::P256));
    let refused = scene.driver.describe(&scene.provider(), &hardware, soon()).await.unwrap_err();
    assert_eq!(public(&refused), "key_type: the key in the vault is EC, not EC-HSM");
    // And one whose curve is another is found out by the vault.
    let digest = Hash::Sha384.digest(b"m").unwrap();
    let request = SignRequest { scheme: Scheme::Ecdsa(Hash::Sha384), input: Input::Digest(&digest), public_key: None };
    let refused = scene.driver.sign(&scene.provider(), &p256("k"), request, soon()).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::Unsupported, "{refused}");
}

#[tokio::test]
async fn what_was_encrypted_to_a_key_is_decrypted_in_the_vault() {
    let scene = Scene::new("ciphers");
    let rsa = locator("k", "RSA", Some(2048), None);
    let made = scene.make(&rsa).await;
    let cipher = scene.driver.cipher().unwrap();
    for hash in [Hash::Sha256, Hash::Sha1] {
        let ciphertext = keys::encrypt_to(&made.public_key, hash, b"a secret").unwrap();
        let opened = cipher.decrypt(&scene.provider(), &rsa, hash, &ciphertext, soon()).await.unwrap();
        assert_eq!(&opened[..], b"a secret");
    }
    let wrong = cipher.decrypt(&scene.provider(), &rsa, Hash::Sha256, &[7; 256], soon()).await.unwrap_err();
    assert_eq!(wrong.reason(), Reason::Invalid, "{wrong}");
    let unknown = cipher.decrypt(&scene.provider(), &rsa, Hash::Sha512, &[7; 256], soon()).await.unwrap_err();
    assert_eq!(unknown.reason(), Reason::Unsupported, "{unknown}");
    let ec = cipher.decrypt(&scene.provider(), &p256("k"), Hash::Sha256, &[7; 256], soon()).await.unwrap_err();
    assert_eq!(ec.reason(), Reason::Unsupported, "{ec}");
}
