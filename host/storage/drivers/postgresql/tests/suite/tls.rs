//! TLS to the server, as `sslmode` and `sslrootcert` say.

use postgresql::{Postgresql, Settings};
use postgresql_testing::{Cluster, PASSWORD};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::put;

/// An authority, PEM, and a certificate of it for a name with its key.
fn certificate(name: &str) -> (String, String, String) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let authority_key = KeyPair::generate().unwrap();
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
    (pem, leaf.pem(), key.serialize_pem())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_is_checked_as_far_as_sslmode_says() {
    let (root, certificate_pem, key) = certificate("localhost");
    let (stranger, _, _) = certificate("localhost");
    let settings = [("ssl", "on"), ("ssl_cert_file", "server.pem"), ("ssl_key_file", "server.key")];
    let cluster = Cluster::start_with(&settings, &[("server.pem", &certificate_pem), ("server.key", &key)]);
    let file = |name: &str, text: &str| {
        let path = cluster.folder().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (root, stranger) = (file("root.pem", &root), file("stranger.pem", &stranger));
    let open = async |host: &str, options: String| {
        let url = format!("postgres://postgres:{PASSWORD}@{host}:{}/postgres?{options}", cluster.port());
        Postgresql::open(Settings { max_parallel: 2, ..Settings::new(url) }).await
    };
    // The server listens on 127.0.0.1, which the certificate does not name.
    for (host, options) in [
        ("localhost", format!("sslmode=verify-full&sslrootcert={root}")),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={root}")),
        ("127.0.0.1", "sslmode=require".into()),
        ("127.0.0.1", "sslmode=require&channel_binding=require".into()),
        ("127.0.0.1", String::new()),
    ] {
        let driver = open(host, options.clone()).await.unwrap_or_else(|error| panic!("{options}: {error}"));
        put(&driver, "key", "x").await.unwrap();
        let sessions = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
            WHERE application_name = 'innkeeper'";
        assert_eq!(cluster.sql("postgres", sessions).trim(), "t", "{options}");
        drop(driver);
    }
    for (host, options) in [
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={root}")),
        ("localhost", format!("sslmode=verify-full&sslrootcert={stranger}")),
        ("localhost", format!("sslmode=verify-ca&sslrootcert={stranger}")),
        ("localhost", format!("sslmode=require&sslrootcert={stranger}")),
        ("localhost", "sslmode=verify-full".into()),
    ] {
        let Err(error) = open(host, options.clone()).await else { panic!("{options} was accepted") };
        let text = error.to_string();
        assert!(text.contains("certificate"), "{options}: {text}");
        assert!(!text.contains(PASSWORD));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_refused_where_tls_is_required() {
    let url = crate::cluster().url().replace("sslmode=disable", "sslmode=require");
    let Err(error) = Postgresql::open(Settings::new(url)).await else { panic!("opened without TLS") };
    assert!(error.to_string().contains("TLS"), "{error}");
}
