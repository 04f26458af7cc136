//! Commands against a server that answers what it is told to.

mod groups;
mod kv;
mod logical;
mod login;
mod operator;
mod pki;
