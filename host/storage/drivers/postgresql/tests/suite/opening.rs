//! What can be wrong when the store is opened, and how it is told.

use std::time::{Duration, Instant};

use model::Kind;
use postgresql::{Error, Postgresql, Settings};
use postgresql_testing::PASSWORD;

use crate::{cluster, fresh, get, open, put};

/// Why this does not open; the text never holds the password.
async fn refusal(settings: Settings) -> Error {
    let Err(error) = Postgresql::open(settings.clone()).await else { panic!("{settings:?} was opened") };
    let told = format!("{error} {error:?}");
    assert!(!told.contains(PASSWORD) && !told.contains("opensesame"), "{told}");
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_or_is_not_there_is_told_at_once() {
    let url = cluster().url();
    let wrong = refusal(Settings::new(url.replace(PASSWORD, "opensesame"))).await;
    assert!(wrong.to_string().contains("password authentication failed"), "{wrong}");
    assert_eq!(wrong.kind(), Kind::Unavailable);
    let unknown = refusal(Settings::new(url.replace("127.0.0.1", "no-such-host.invalid"))).await;
    assert!(matches!(&unknown, Error::Unavailable(_)), "{unknown}");
    let database = refusal(Settings::new(url.replace("/postgres?", "/nowhere?"))).await;
    assert!(database.to_string().contains("database \"nowhere\" does not exist"), "{database}");
    let closed = refusal(Settings::new(format!("postgres://u:{PASSWORD}@127.0.0.1:1/d"))).await;
    assert!(closed.to_string().contains("refused"), "{closed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_is_not_waited_for_longer_than_was_said() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://u:{PASSWORD}@{}/d", silent.local_addr().unwrap());
    let began = Instant::now();
    let error = refusal(Settings { connect_timeout: Duration::from_millis(300), ..Settings::new(url) }).await;
    assert!(matches!(&error, Error::Unavailable(text) if text.contains("too long")), "{error}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_be_are_named() {
    let with = |change: &dyn Fn(&mut Settings)| {
        let mut settings = fresh();
        change(&mut settings);
        settings
    };
    for (named, settings) in [
        ("table", with(&|s| s.table = "x; DROP TABLE y".into())),
        ("max_parallel", with(&|s| s.max_parallel = 1)),
        ("connect_timeout", with(&|s| s.connect_timeout = Duration::ZERO)),
        ("sslmode", with(&|s| s.connection_url = cluster().url().replace("=disable", "=allow").into())),
        (
            "sslrootcert",
            with(&|s| {
                s.connection_url = cluster().url().replace("=disable", "=verify-full&sslrootcert=/no/such.pem").into();
            }),
        ),
        ("connection_url", with(&|s| s.connection_url = format!("host {PASSWORD}").into())),
    ] {
        let error = refusal(settings).await;
        assert!(matches!(&error, Error::Settings(text) if text.contains(named)), "{named}: {error}");
        assert_eq!(error.kind(), Kind::InvalidRequest);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_a_newer_version_are_left_alone() {
    let settings = fresh();
    put(&open(&settings).await, "key", "x").await.unwrap();
    let state = format!("{}_state", settings.table);
    cluster().sql("postgres", &format!("UPDATE {state} SET number = 7 WHERE name = 'format'"));
    let error = refusal(settings.clone()).await;
    let text = error.to_string();
    assert!(text.contains(&settings.table) && text.contains("format 7") && text.contains("knows format 1"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_only_read_and_write_can_use_tables_that_are_there() {
    let database = cluster().new_database();
    let name = database.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
    cluster().sql(&name, "CREATE SCHEMA vault");
    let settings = Settings { table: "vault.store".into(), ..Settings::new(database) };
    put(&open(&settings).await, "key", "by the owner").await.unwrap();
    cluster().sql(
        &name,
        "CREATE ROLE worker LOGIN PASSWORD 'opensesame'; GRANT USAGE ON SCHEMA vault TO worker; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON vault.store, vault.store_past, vault.store_state TO worker",
    );
    let login = format!("//worker:opensesame@127.0.0.1:{}", cluster().port());
    let url = format!("postgres:{login}/{name}?sslmode=disable");
    let worker = open(&Settings { connection_url: url.clone().into(), ..settings.clone() }).await;
    assert_eq!(get(&worker, "key").await.as_deref(), Some("by the owner"));
    put(&worker, "key", "by the worker").await.unwrap();
    assert_eq!(get(&worker, "key").await.as_deref(), Some("by the worker"));
    let other = refusal(Settings { table: "vault.other".into(), connection_url: url.into(), ..settings }).await;
    assert!(other.to_string().contains("permission denied"), "{other}");
}
