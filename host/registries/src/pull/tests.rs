//! Against a real registry, and against listeners that are none.

use aws_lc_rs::digest::{SHA256, digest};
use oci_client::manifest::OCI_IMAGE_INDEX_MEDIA_TYPE;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use registries_testing::{ACCOUNT, Artifact, DockerRegistry};
use secrecy::SecretString;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::SIGNATURE_ANNOTATION;

const MAX: usize = 1 << 20;

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

fn component(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at % 251) as u8).collect()
}

fn plain(host: &str) -> Registry {
    Registry { host: host.to_owned(), plain_http: true, ..Registry::default() }
}

fn only(registry: Registry) -> Registries {
    Registries::new(vec![registry]).unwrap()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

async fn pulled(registries: &Registries, image: &str, sha256: &str, max: usize) -> Result<Pulled, Failure> {
    registries.pull(&Image::read(image, None)?, sha256, max, soon()).await
}

#[track_caller]
fn refused<T>(done: Result<T, Failure>, reason: Reason, says: &str) {
    let Err(failure) = done else { panic!("it was not refused: {says}") };
    assert_eq!(failure.reason, reason, "{failure}");
    assert!(failure.text.contains(says), "{says}: {failure}");
}

#[tokio::test]
async fn a_component_is_pulled_by_its_tag_by_its_version_and_again_by_its_digest() {
    let (registry, bytes) = (DockerRegistry::start(), component(300_000));
    let artifact = Artifact::component(&bytes).annotated(SIGNATURE_ANNOTATION, "c2lnbmVk");
    let image = registry.push("org/engine:1.2.3", &artifact);
    let registries = only(plain(&registry.host()));
    let found = pulled(&registries, &image, &sha256(&bytes), bytes.len()).await.unwrap();
    assert!(found.component == bytes);
    assert_eq!(found.signature.as_deref(), Some("c2lnbmVk"));
    let untagged = Image::read(&format!("{}/org/engine", registry.host()), Some("1.2.3")).unwrap();
    let found = registries.pull(&untagged, &sha256(&bytes), MAX, soon()).await.unwrap();
    assert!(found.component == bytes);
    registry.push("org/engine:1.2.3", &Artifact::component(b"another"));
    let again = registries.again(&untagged, &sha256(&bytes), bytes.len(), soon()).await.unwrap();
    assert!(again == bytes, "what a tag names by now does not matter");
    refused(registries.again(&untagged, &sha256(&bytes), 299_999, soon()).await, Reason::Unfit, "another size");
    refused(registries.again(&untagged, &sha256(b"nobody"), 1, soon()).await, Reason::Absent, "no such image");
}

#[tokio::test]
async fn an_image_by_the_digest_of_its_manifest_must_have_that_manifest() {
    let (registry, bytes) = (DockerRegistry::start(), component(1000));
    registry.push("engine:1", &Artifact::component(&bytes));
    let registries = only(plain(&registry.host()));
    let url = format!("http://{}/v2/engine/manifests/1", registry.host());
    let accept = "application/vnd.oci.image.manifest.v1+json";
    let manifest = reqwest::Client::new().get(url).header(ACCEPT, accept).send().await.unwrap().bytes().await.unwrap();
    let image = format!("{}/engine@sha256:{}", registry.host(), sha256(&manifest));
    assert!(pulled(&registries, &image, &sha256(&bytes), MAX).await.unwrap().component == bytes);
    registry.tamper(&sha256(&manifest), &[&manifest[..], b" "].concat());
    let done = pulled(&registries, &image, &sha256(&bytes), MAX).await;
    assert!(done.is_err(), "a manifest that somebody changed");
}

#[tokio::test]
async fn what_is_no_artifact_with_that_one_component_is_refused_before_anything_of_it_is_fetched() {
    let (registry, bytes) = (DockerRegistry::start(), component(1000));
    let (good, digest) = (Artifact::component(&bytes), sha256(&bytes));
    let mut two = good.clone();
    two.layers.extend(Artifact::component(b"more").layers);
    let none = Artifact { layers: Vec::new(), ..good.clone() };
    let image = Artifact { config: "application/vnd.oci.image.config.v1+json".to_owned(), ..good.clone() };
    let mut tar = good.clone();
    tar.layers[0].0 = "application/vnd.oci.image.layer.v1.tar+gzip".to_owned();
    let registries = only(plain(&registry.host()));
    for (name, artifact, digest, max, reason, says) in [
        ("two", &two, &digest, MAX, Reason::Unfit, "has 2"),
        ("none", &none, &digest, MAX, Reason::Unfit, "has 0"),
        ("image", &image, &digest, MAX, Reason::Unfit, "application/vnd.wasm.config.v0+json"),
        ("tar", &tar, &digest, MAX, Reason::Unfit, "must be application/wasm"),
        ("large", &good, &digest, 999, Reason::Unfit, "must have 1 to 999 bytes"),
        ("other", &good, &sha256(b"other"), MAX, Reason::Digest, digest.as_str()),
    ] {
        let image = registry.push(&format!("{name}:1"), artifact);
        refused(pulled(&registries, &image, digest, max).await, reason, says);
    }
    let image = format!("{}/two:2", registry.host());
    refused(pulled(&registries, &image, &digest, MAX).await, Reason::Absent, "no such image");
    let image = format!("{}/nobody:1", registry.host());
    refused(pulled(&registries, &image, &digest, MAX).await, Reason::Absent, "no such image");
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_IMAGE_INDEX_MEDIA_TYPE, "manifests": [] });
    let image = registry.push_manifest("index:1", OCI_IMAGE_INDEX_MEDIA_TYPE, index.to_string());
    refused(pulled(&registries, &image, &digest, MAX).await, Reason::Unfit, "index of several images");
}

#[tokio::test]
async fn a_component_that_was_changed_in_the_registry_is_refused() {
    let (registry, bytes) = (DockerRegistry::start(), component(1000));
    let image = registry.push("engine:1", &Artifact::component(&bytes));
    let mut changed = bytes.clone();
    changed[500] ^= 1;
    registry.tamper(&sha256(&bytes), &changed);
    let registries = only(plain(&registry.host()));
    refused(pulled(&registries, &image, &sha256(&bytes), MAX).await, Reason::Digest, "another digest");
    registry.tamper(&sha256(&bytes), &[&bytes[..], b"more"].concat());
    let done = pulled(&registries, &image, &sha256(&bytes), MAX).await;
    assert!(done.is_err(), "more bytes than were said");
}

#[tokio::test]
async fn only_registries_that_the_operator_named_are_asked() {
    let (registry, bytes) = (DockerRegistry::start(), component(10));
    let image = registry.push("engine:1", &Artifact::component(&bytes));
    let digest = sha256(&bytes);
    for registries in [Registries::default(), only(plain("127.0.0.1:1")), only(plain("127.0.0.1"))] {
        refused(pulled(&registries, &image, &digest, MAX).await, Reason::NotAllowed, "is not in plugin_registries");
    }
    let done = pulled(&only(plain(&registry.host())), "engine:1", &digest, MAX).await;
    refused(done, Reason::NotAllowed, "docker.io is not in plugin_registries");
}

#[tokio::test]
async fn a_registry_with_accounts_lets_in_the_right_one_and_the_password_is_in_no_error() {
    let (registry, bytes) = (DockerRegistry::start_with(true, None), component(1000));
    let image = registry.push("engine:1", &Artifact::component(&bytes));
    let (right, wrong) = (ACCOUNT.1, "another password");
    let with = |password: &str| {
        let account = Some((ACCOUNT.0.to_owned(), SecretString::from(password)));
        only(Registry { account, ..plain(&registry.host()) })
    };
    assert!(pulled(&with(right), &image, &sha256(&bytes), MAX).await.unwrap().component == bytes);
    refused(pulled(&with(wrong), &image, &sha256(&bytes), MAX).await, Reason::Refused, "username and password");
    let nobody = only(plain(&registry.host()));
    refused(pulled(&nobody, &image, &sha256(&bytes), MAX).await, Reason::Refused, "username and password");
    let failure = pulled(&with(wrong), &image, &sha256(&bytes), MAX).await.unwrap_err();
    assert!(!format!("{failure:?}").contains(wrong));
    let shown = format!("{:?}", Registry { account: Some(("a".into(), SecretString::from(right))), ..plain("h") });
    assert!(!shown.contains(right), "{shown}");
}

#[tokio::test]
async fn a_registry_with_tls_must_have_a_certificate_of_the_authority_that_was_named() {
    let authority = || {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let (own, other, pair) = (authority(), authority(), KeyPair::generate().unwrap());
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&pair, &own).unwrap();
    let registry = DockerRegistry::start_with(false, Some((&certificate.pem(), &pair.serialize_pem())));
    let image = format!("{}/engine:1", registry.host());
    let with = |ca: Option<String>| only(Registry { host: registry.host(), ca_pem: ca, ..Registry::default() });
    let both = format!("{}{}", other.pem(), own.pem());
    for ca in [own.pem(), both] {
        refused(pulled(&with(Some(ca)), &image, &sha256(b""), MAX).await, Reason::Absent, "no such image");
    }
    for ca in [Some(other.pem()), None] {
        refused(pulled(&with(ca), &image, &sha256(b""), MAX).await, Reason::Unreachable, "certificate");
    }
}

/// Answers each connection with what there is for the path that it asks for, and otherwise never.
async fn liar(answers: Vec<(&'static str, Vec<u8>)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answers = answers.clone();
            tokio::spawn(async move {
                let mut head = vec![0; 4096];
                let read = stream.read(&mut head).await.unwrap_or_default();
                let head = String::from_utf8_lossy(&head[..read]).into_owned();
                match answers.iter().find(|(path, _)| head.starts_with(&format!("GET {path}"))) {
                    Some((_, answer)) => drop(stream.write_all(answer).await),
                    None => tokio::time::sleep(Duration::from_secs(60)).await,
                }
            });
        }
    });
    host
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

async fn of_liar(answers: Vec<(&'static str, Vec<u8>)>) -> Result<Pulled, Failure> {
    let host = liar(answers).await;
    let image = Image::read(&format!("{host}/a:1"), None).unwrap();
    let until = Instant::now() + Duration::from_secs(2);
    only(plain(&host)).pull(&image, &sha256(b"component"), MAX, until).await
}

#[tokio::test]
async fn a_registry_that_hangs_costs_no_more_than_the_time_that_there_is() {
    let begun = Instant::now();
    refused(of_liar(Vec::new()).await, Reason::Timeout, "did not come in time");
    let fine = answer("200 OK", b"");
    refused(of_liar(vec![("/v2/ ", fine)]).await, Reason::Timeout, "did not come in time");
    assert!(begun.elapsed() < Duration::from_secs(8));
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let done = pulled(&only(plain(&closed)), &format!("{closed}/a:1"), &sha256(b""), MAX).await;
    refused(done, Reason::Unreachable, "127.0.0.1");
}

#[tokio::test]
async fn what_a_registry_makes_up_is_bounded_and_ends_nothing_else() {
    let fine = ("/v2/ ", answer("200 OK", b""));
    let manifest = |body: &[u8]| vec![fine.clone(), ("/v2/a/manifests/1", answer("200 OK", body))];
    refused(of_liar(manifest(&vec![b' '; MANIFEST_MAX + 1])).await, Reason::Unfit, "more than 1 MiB");
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    for junk in [&b"junk"[..], b"{}", b"[]", &deep, br#"{"schemaVersion":2,"config":{},"layers":[]}"#] {
        refused(of_liar(manifest(junk)).await, Reason::Unfit, "no manifest");
    }
    let broken = vec![fine.clone(), ("/v2/a/manifests/1", answer("500 Oops\r\nx: y", b"<secret>"))];
    let failure = of_liar(broken).await.unwrap_err();
    assert_eq!((failure.reason, failure.text.contains("secret")), (Reason::Unreachable, false), "{failure}");
    // A token that no header can hold.
    let host = liar(vec![("/token", answer("200 OK", br#"{"token":"a\nb"}"#))]).await;
    let challenge = format!("401 Unauthorized\r\nwww-authenticate: Bearer realm=\"http://{host}/token\",service=\"s\"");
    let answers = vec![("/v2/ ", answer(&challenge, b""))];
    refused(of_liar(answers.clone()).await, Reason::Unreachable, "127.0.0.1");
    let host = liar(answers).await;
    let image = Image::read(&format!("{host}/a:1"), None).unwrap();
    let done = only(plain(&host)).again(&image, &sha256(b""), 1, soon()).await;
    refused(done, Reason::Unreachable, "does not speak as a registry does");
}

#[tokio::test]
async fn a_layer_is_asked_of_the_registry_alone_wherever_else_its_manifest_says_it_lies() {
    let elsewhere = liar(vec![("/", answer("200 OK", b"component"))]).await;
    let manifest = json!({
        "schemaVersion": 2, "config": { "mediaType": "application/vnd.wasm.config.v0+json", "digest": "", "size": 2 },
        "layers": [{
            "mediaType": "application/wasm", "size": 9, "digest": format!("sha256:{}", sha256(b"component")),
            "urls": [format!("http://{elsewhere}/")],
        }],
    });
    let answers = vec![
        ("/v2/ ", answer("200 OK", b"")),
        ("/v2/a/manifests/1", answer("200 OK", manifest.to_string().as_bytes())),
        ("/v2/a/blobs/", answer("404 Not Found", b"")),
    ];
    refused(of_liar(answers).await, Reason::Absent, "no such image");
}

#[tokio::test]
async fn more_pulls_at_once_than_there_are_places_are_told_so() {
    let host = liar(Vec::new()).await;
    let (registries, image) = (only(plain(&host)), Image::read(&format!("{host}/a:1"), None).unwrap());
    let waiting: Vec<_> = (0..AT_ONCE_MAX)
        .map(|_| {
            let (registries, image) = (registries.clone(), image.clone());
            tokio::spawn(async move { registries.pull(&image, "", MAX, soon()).await.map(|_| ()) })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let done = registries.pull(&image, "", MAX, soon()).await;
    refused(done, Reason::TooMany, "at once");
    for one in &waiting {
        one.abort();
    }
    for one in waiting {
        drop(one.await);
    }
    let until = Instant::now() + Duration::from_millis(500);
    refused(registries.pull(&image, "", MAX, until).await, Reason::Timeout, "in time");
}

#[test]
fn registries_that_cannot_be_are_refused_by_the_key_that_is_wrong() {
    let account = |name: &str, password: &str| Some((name.to_owned(), SecretString::from(password)));
    let ca = |pem: &str| Registry { host: "r.example".into(), ca_pem: Some(pem.into()), ..Registry::default() };
    let with = |account| Registry { host: "r.example".into(), account, ..Registry::default() };
    for (registry, key) in [
        (Registry::default(), ""),
        (Registry { host: "https://r.example".into(), ..Registry::default() }, ""),
        (Registry { host: "r.example/a".into(), ..Registry::default() }, ""),
        (Registry { host: "r.example:x".into(), ..Registry::default() }, ""),
        (Registry { host: "example".into(), ..Registry::default() }, ""),
        (plain("r.example:5000"), "plain_http"),
        (plain("10.0.0.1:5000"), "plain_http"),
        (plain("127.0.0.1.example:5000"), "plain_http"),
        (with(account("", "p")), "username"),
        (with(account("a:b", "p")), "username"),
        (with(account("a", "")), "username"),
        (ca(""), "tls_ca_file"),
        (ca("junk"), "tls_ca_file"),
        (ca(&" ".repeat(65 << 10)), "tls_ca_file"),
    ] {
        let host = registry.host.clone();
        let (of, wrong) = Registries::new(vec![registry]).map(|_| ()).unwrap_err();
        assert_eq!((of, wrong.key), (host, key), "{wrong}");
    }
    assert!(Registries::new(vec![plain("localhost:5000"), plain("127.9.9.9")]).is_ok());
    let twice = vec![plain("localhost:5000"), plain("LOCALHOST:5000")];
    assert!(Registries::new(twice).is_err());
}
