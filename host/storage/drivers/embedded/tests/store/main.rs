//! The embedded driver beyond what every driver must do: files, crashes, full disks, damage.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod again;
mod crash;
mod damage;
mod folder;
mod full;
mod opening;
mod replacing;
