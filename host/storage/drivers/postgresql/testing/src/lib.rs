//! Starts PostgreSQL servers for tests.
//!
//! **For:** a [`Cluster`] of one's own: made in a temporary folder, listening on a free port of 127.0.0.1 and on a
//! socket in its folder, with a superuser that has a password. It stops and its folder goes when the value is dropped,
//! or else when the process of the test ends, however that ends: so one may be kept in a `static` and shared.
//! **Never:** touches a PostgreSQL of the machine; needs only its programs (Debian: `postgresql`), from `PATH` or from
//! the newest folder below `/usr/lib/postgresql`. **Errors:** panics with what was missing; it is for tests only.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "for tests only")]

mod cluster;
mod programs;
mod server;

pub use cluster::{Cluster, PASSWORD};

#[cfg(test)]
mod tests {
    use super::Cluster;

    #[test]
    fn a_cluster_keeps_what_it_was_told_over_a_crash_and_leaves_nothing_behind() {
        let cluster = Cluster::start();
        let (port, folder) = (cluster.port(), cluster.folder().to_owned());
        cluster.sql("postgres", "CREATE TABLE words (word text); INSERT INTO words VALUES ('hello')");
        cluster.kill();
        cluster.restart();
        assert_eq!((cluster.sql("postgres", "SELECT word FROM words").trim(), cluster.port()), ("hello", port));
        assert!(cluster.dump().contains("hello"));
        drop(cluster);
        assert!(!folder.exists());
    }
}
