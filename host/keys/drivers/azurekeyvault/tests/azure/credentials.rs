//! Who may use a vault, and in whose name.

use azurekeyvault::Cloud;
use keys_testing::azure::{NEAR_SIGHTED, OTHER_TENANT, OWN_AUTHORITY, OWN_SUFFIX, STRANGER};

use super::*;

async fn describe(scene: &Scene, record: AzureKeyVaultProvider) -> Result<Description, Error> {
    scene.driver.describe(&Provider::AzureKeyVault(record), &p256("k"), soon()).await
}

#[tokio::test]
async fn a_wrong_secret_is_a_refused_login_and_is_not_tried_again_until_the_record_is_rewritten() {
    let scene = Scene::new("secrets");
    let wrong = AzureKeyVaultProvider {
        client_secret: Some(SecretString::from("a-secret-that-is-wrong".to_owned())),
        ..scene.record()
    };
    for _ in 0..3 {
        let refused = describe(&scene, wrong.clone()).await.unwrap_err();
        assert!(matches!(refused, Error::Login(_)), "{refused}");
        assert!(refused.to_string().contains("AADSTS7000215"), "the log says why: {refused}");
        assert!(!format!("{refused:?} {refused} {}", public(&refused)).contains("a-secret-that-is-wrong"));
    }
    assert_eq!(scene.azure.asked(TENANT).len(), 1, "a refused secret was tried again");
    scene.driver.forget(&Provider::AzureKeyVault(wrong.clone())).await;
    describe(&scene, wrong).await.unwrap_err();
    assert_eq!(scene.azure.asked(TENANT).len(), 1, "a rewritten record was not tried");
    assert!(matches!(describe(&scene, scene.record()).await.unwrap_err(), Error::Absent));
}

#[tokio::test]
async fn an_unknown_application_or_tenant_is_a_refused_login() {
    let scene = Scene::new("unknown");
    for wrong in [
        AzureKeyVaultProvider { client_id: Some("0a1b2c3d-0000-4000-8000-00000000000f".into()), ..scene.record() },
        AzureKeyVaultProvider { tenant_id: "nobody.example".into(), ..scene.record() },
        // Its tokens are good, but not here.
        AzureKeyVaultProvider { tenant_id: OTHER_TENANT.into(), ..scene.record() },
    ] {
        let refused = describe(&scene, wrong).await.unwrap_err();
        assert!(matches!(refused, Error::Login(_)), "{refused}");
        public(&refused);
    }
}

#[tokio::test]
async fn an_application_without_a_role_is_known_and_not_let() {
    let scene = Scene::new("roles");
    let stranger = AzureKeyVaultProvider { client_id: Some(STRANGER.into()), ..scene.record() };
    let refused = describe(&scene, stranger.clone()).await.unwrap_err();
    assert!(matches!(refused, Error::Forbidden(_)), "{refused}");
    assert!(refused.to_string().contains("ForbiddenByRbac"), "the log says why: {refused}");
    public(&refused);
    let unhealthy = scene.driver.health(&Provider::AzureKeyVault(stranger), soon()).await.unwrap_err();
    assert!(matches!(unhealthy, Error::Forbidden(_)), "{unhealthy}");
}

#[tokio::test]
async fn an_application_that_may_not_list_versions_gets_the_newest() {
    let scene = Scene::new("nolist");
    let record = AzureKeyVaultProvider { client_id: Some(NEAR_SIGHTED.into()), ..scene.record() };
    let made = scene.make(&p256("k")).await;
    assert_eq!(describe(&scene, record.clone()).await.unwrap(), made);
    scene.azure.rotate(&scene.host(), "k");
    assert_ne!(describe(&scene, record).await.unwrap().public_key, made.public_key);
}

#[tokio::test]
async fn tokens_that_a_vault_no_longer_takes_are_renewed() {
    let scene = Scene::new("tokens");
    let made = scene.make(&p256("k")).await;
    scene.sign(&p256("k")).await.unwrap();
    scene.azure.asked(TENANT);
    scene.azure.asked("tokens");
    scene.sign(&p256("k")).await.unwrap();
    assert_eq!((scene.azure.asked(TENANT).len(), scene.azure.asked("tokens").len()), (0, 1), "a warm signature");
    scene.azure.forget_tokens();
    assert!(verifies(&made, &scene.sign(&p256("k")).await.unwrap()));
}

#[tokio::test]
async fn a_vault_that_asks_for_a_token_of_another_service_gets_none() {
    let scene = Scene::new("greedy");
    let refused = describe(&scene, scene.record()).await.unwrap_err();
    assert!(public(&refused).contains("resource"), "{refused}");
    assert!(scene.azure.asked(TENANT).is_empty(), "the authority was asked for a token of another service");
}

#[tokio::test]
async fn the_nodes_own_identity_signs_where_it_is_lent_and_is_asked_for_nothing_where_it_is_not() {
    let nameless = |scene: &Scene, client_id: Option<&str>| AzureKeyVaultProvider {
        client_id: client_id.map(str::to_owned),
        client_secret: None,
        ..scene.record()
    };
    let forbidden = Scene::new("identity");
    let refused = describe(&forbidden, nameless(&forbidden, None)).await.unwrap_err();
    assert!(public(&refused).contains("client_secret"), "{}", public(&refused));
    assert!(forbidden.azure.asked("identity").is_empty() && forbidden.azure.asked("127").is_empty());

    let machine = Scene::of(Azure::start(), "identity", NodeIdentity::Managed);
    for client_id in [None, Some(NEAR_SIGHTED)] {
        let absent = describe(&machine, nameless(&machine, client_id)).await.unwrap_err();
        assert!(matches!(absent, Error::Absent), "{client_id:?}: {absent}");
    }
    let unassigned = describe(&machine, nameless(&machine, Some(STRANGER))).await.unwrap_err();
    assert!(matches!(unassigned, Error::Login(_)), "{unassigned}");

    let azure = Azure::start();
    let token_file = azure.federated_token();
    let workload = NodeIdentity::Workload { token_file, client_id: Some(CLIENT.into()) };
    let cluster = Scene::of(azure, "identity", workload);
    assert!(matches!(describe(&cluster, nameless(&cluster, None)).await.unwrap_err(), Error::Absent));
    let denied = describe(&cluster, nameless(&cluster, Some(STRANGER))).await.unwrap_err();
    assert!(matches!(denied, Error::Forbidden(_)), "the record's client_id was not taken: {denied}");
}

#[tokio::test]
async fn a_cloud_of_the_operators_is_used_by_its_name_and_never_with_the_nodes_identity() {
    let azure = Azure::start();
    let cloud = |ca_file| Cloud {
        name: "inn".into(),
        authority: format!("https://{OWN_AUTHORITY}"),
        vault_suffix: OWN_SUFFIX.into(),
        hsm_suffix: None,
        ca_file: Some(ca_file),
    };
    let own = Settings {
        clouds: vec![cloud(azure.ca_file())],
        ca_file: None,
        ..settings(&azure, "mine", NodeIdentity::Managed)
    };
    let scene = Scene { driver: Driver::new(own).unwrap(), azure: Arc::new(azure), vault: "mine" };
    let record = AzureKeyVaultProvider { environment: "INN".into(), ..scene.record() };
    assert!(matches!(describe(&scene, record.clone()).await.unwrap_err(), Error::Absent));

    let nameless = AzureKeyVaultProvider { client_id: None, client_secret: None, ..record.clone() };
    let refused = describe(&scene, nameless).await.unwrap_err();
    assert!(public(&refused).contains("Azure's own clouds only"), "{}", public(&refused));
    assert!(scene.azure.asked("127").is_empty(), "the machine's identity was asked for");

    let unknown = AzureKeyVaultProvider { environment: "OUT".into(), ..record.clone() };
    let refused = describe(&scene, unknown).await.unwrap_err();
    assert!(public(&refused).contains("environment") && public(&refused).contains("INN"), "{}", public(&refused));
    let hsm = AzureKeyVaultProvider { resource: "managedhsm.azure.net".into(), ..record };
    assert!(public(&describe(&scene, hsm).await.unwrap_err()).contains("resource"));

    for (name, wrong) in [
        ("AzurePublicCloud", cloud(scene.azure.ca_file())),
        ("plain", Cloud { authority: "http://login.inn.test".into(), ..cloud(scene.azure.ca_file()) }),
        ("path", Cloud { vault_suffix: "vault.inn.test/x".into(), ..cloud(scene.azure.ca_file()) }),
        ("nofile", cloud("/nowhere/ca.pem".into())),
    ] {
        let clouds = vec![Cloud { name: name.into(), ..wrong }];
        assert!(Driver::new(Settings { clouds, ..Settings::default() }).is_err(), "{name} was accepted");
    }
}

#[tokio::test]
async fn other_clouds_of_azure_have_their_own_domains_and_authorities() {
    let scene = Scene::new("clouds");
    for (environment, resource) in [
        ("AZUREUSGOVERNMENTCLOUD", "vault.azure.net"),
        ("AZUREUSGOVERNMENT", "vault.usgovcloudapi.net"),
        ("AZURECHINACLOUD", "managedhsm.azure.cn"),
    ] {
        let record =
            AzureKeyVaultProvider { environment: environment.into(), resource: resource.into(), ..scene.record() };
        assert!(matches!(describe(&scene, record).await.unwrap_err(), Error::Absent), "{environment} {resource}");
    }
    let mixed = AzureKeyVaultProvider { resource: "vault.azure.cn".into(), ..scene.record() };
    let refused = describe(&scene, mixed).await.unwrap_err();
    assert!(public_names(&refused, "resource"), "{refused}");
}

fn public_names(error: &Error, field: &str) -> bool {
    error.reason() == keys::Reason::Invalid && error.public().starts_with(field)
}
