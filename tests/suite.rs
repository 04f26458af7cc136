//! Black-box tests: one folder per question, one file per resource or claim. One binary, so that it links once.
#![recursion_limit = "256"]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests: what cannot go on should say so and stop"
)]

#[path = "api/access.rs"]
mod access;
#[path = "isolation/answers.rs"]
mod answers;
#[path = "api/approle.rs"]
mod approle;
#[path = "durability/at_rest.rs"]
mod at_rest;
#[path = "api/audit.rs"]
mod audit;
#[path = "api/auth.rs"]
mod auth;
#[path = "api/auth_methods.rs"]
mod auth_methods;
#[path = "isolation/behaviours.rs"]
mod behaviours;
#[path = "api/cert.rs"]
mod cert;
#[path = "clients/cli.rs"]
mod cli;
#[path = "api/connections.rs"]
mod connections;
#[path = "isolation/contract.rs"]
mod contract;
#[path = "api/cors.rs"]
mod cors;
#[path = "durability/crash.rs"]
mod crash;
#[path = "api/cubbyhole.rs"]
mod cubbyhole;
#[path = "api/door.rs"]
mod door;
#[path = "clients/engine.rs"]
mod engine;
#[path = "api/external_keys.rs"]
mod external_keys;
#[path = "durability/faults.rs"]
mod faults;
#[path = "isolation/forge.rs"]
mod forge;
#[path = "durability/golden.rs"]
mod golden;
#[path = "api/governing.rs"]
mod governing;
#[path = "isolation/hostile.rs"]
mod hostile;
#[path = "api/identity.rs"]
mod identity;
#[path = "api/jwt.rs"]
mod jwt;
#[path = "api/jwt_bad_input.rs"]
mod jwt_bad_input;
#[path = "api/jwt_providers.rs"]
mod jwt_providers;
#[path = "isolation/keys.rs"]
mod keys;
#[path = "api/kubernetes.rs"]
mod kubernetes;
#[path = "api/kv.rs"]
mod kv;
#[path = "api/lease_counts.rs"]
mod lease_counts;
#[path = "api/leases.rs"]
mod leases;
#[path = "isolation/lent_keys.rs"]
mod lent_keys;
#[path = "isolation/limits.rs"]
mod limits;
#[path = "api/loggers.rs"]
mod loggers;
#[path = "isolation/logins.rs"]
mod logins;
#[path = "clients/managed.rs"]
mod managed;
#[path = "api/managed_keys.rs"]
mod managed_keys;
#[path = "api/metrics.rs"]
mod metrics;
#[path = "api/mounts.rs"]
mod mounts;
#[path = "api/namespaces.rs"]
mod namespaces;
#[path = "durability/nodes.rs"]
mod nodes;
#[path = "api/nodes_told.rs"]
mod nodes_told;
#[path = "api/openapi.rs"]
mod openapi;
#[path = "clients/operator.rs"]
mod operator;
#[path = "api/pki.rs"]
mod pki;
#[path = "api/pki_bad_input.rs"]
mod pki_bad_input;
#[path = "api/pki_certificates.rs"]
mod pki_certificates;
#[path = "api/pki_config.rs"]
mod pki_config;
#[path = "api/pki_crl.rs"]
mod pki_crl;
#[path = "api/pki_import.rs"]
mod pki_import;
#[path = "api/pki_intermediates.rs"]
mod pki_intermediates;
#[path = "api/pki_issue.rs"]
mod pki_issue;
#[path = "api/pki_issuers.rs"]
mod pki_issuers;
#[path = "api/pki_keys.rs"]
mod pki_keys;
#[path = "api/pki_kms.rs"]
mod pki_kms;
#[path = "api/pki_names.rs"]
mod pki_names;
#[path = "api/pki_revocation.rs"]
mod pki_revocation;
#[path = "api/pki_roles.rs"]
mod pki_roles;
#[path = "api/pki_roots.rs"]
mod pki_roots;
#[path = "api/pki_sign.rs"]
mod pki_sign;
#[path = "api/pki_verbatim.rs"]
mod pki_verbatim;
#[path = "api/plugins.rs"]
mod plugins;
#[path = "api/plugins_oci.rs"]
mod plugins_oci;
#[path = "api/plugins_signed.rs"]
mod plugins_signed;
#[path = "api/policies.rs"]
mod policies;
#[path = "isolation/powers.rs"]
mod powers;
#[path = "isolation/privileges.rs"]
mod privileges;
#[path = "api/quotas.rs"]
mod quotas;
#[path = "api/remount.rs"]
mod remount;
#[path = "api/seal.rs"]
mod seal;
#[path = "api/seal_pgp.rs"]
mod seal_pgp;
#[path = "api/signer.rs"]
mod signer;
#[path = "api/snapshot.rs"]
mod snapshot;
#[path = "api/startup.rs"]
mod startup;
#[path = "api/status.rs"]
mod status;
#[path = "clients/stock.rs"]
mod stock;
#[path = "clients/logins.rs"]
mod stock_logins;
#[path = "api/stop.rs"]
mod stop;
#[path = "isolation/storage.rs"]
mod storage;
#[path = "isolation/strangers.rs"]
mod strangers;
#[path = "isolation/ticks.rs"]
mod ticks;
#[path = "api/tls.rs"]
mod tls;
#[path = "api/token_rights.rs"]
mod token_rights;
#[path = "durability/token_seal.rs"]
mod token_seal;
#[path = "api/tokens.rs"]
mod tokens;
#[path = "api/tools.rs"]
mod tools;
#[path = "api/traces.rs"]
mod traces;
#[path = "api/ui.rs"]
mod ui;
#[path = "api/unknown.rs"]
mod unknown;
#[path = "api/userpass.rs"]
mod userpass;
#[path = "clients/access.rs"]
mod who_may_do_what;
#[path = "api/wrapping.rs"]
mod wrapping;
