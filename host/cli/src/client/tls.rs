//! Whom to trust, and as whom to come.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, TlsProvider, parse_pem};

use crate::connection::Settings;
use crate::{Error, input};

/// Largest file of certificates that is read, in bytes.
const FILE_MAX: u64 = 16 << 20;

pub(super) fn config(settings: &Settings) -> Result<TlsConfig, Error> {
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = TlsConfig::builder().provider(TlsProvider::Rustls).unversioned_rustls_crypto_provider(crypto);
    if settings.address.starts_with("http://") {
        return Ok(config.root_certs(RootCerts::from(Vec::new())).build());
    }
    let client = settings.client.as_ref().map(|(certificate, key)| identity(certificate, key)).transpose()?;
    let roots = if settings.skip_verify { Vec::new() } else { roots(settings)? };
    let config = config.disable_verification(settings.skip_verify).root_certs(RootCerts::from(roots));
    Ok(config.client_cert(client).build())
}

fn roots(settings: &Settings) -> Result<Vec<Certificate<'static>>, Error> {
    if let Some(pem) = &settings.ca_bytes {
        let found = parsed(pem.as_bytes());
        let none = || Error::Usage("VAULT_CACERT_BYTES holds no certificate in PEM".into());
        return if found.is_empty() { Err(none()) } else { Ok(found) };
    }
    if let Some(path) = &settings.ca_cert {
        return certificates(path, "-ca-cert (VAULT_CACERT)");
    }
    if let Some(folder) = &settings.ca_path {
        return below(folder);
    }
    let system = rustls_native_certs::load_native_certs().certs;
    Ok(system.iter().map(|root| Certificate::from_der(root).to_owned()).collect())
}

fn below(folder: &Path) -> Result<Vec<Certificate<'static>>, Error> {
    let failed = |error| Error::File { path: folder.to_owned(), error };
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort_unstable();
    // Other files may lie beside certificates.
    let found = files.iter().filter_map(|file| certificates(file, "-ca-path").ok());
    let roots: Vec<_> = found.flatten().collect();
    if roots.is_empty() {
        let text = "-ca-path (VAULT_CAPATH): no file in it holds a certificate in PEM:";
        return Err(Error::Usage(format!("{text} {}", folder.display())));
    }
    Ok(roots)
}

fn identity(certificate: &Path, key: &Path) -> Result<ClientCert, Error> {
    let chain = certificates(certificate, "-client-cert (VAULT_CLIENT_CERT)")?;
    let pem = zeroize::Zeroizing::new(input::file(key, FILE_MAX)?);
    let key = PrivateKey::from_pem(&pem).map_err(|_| {
        let path = key.display();
        Error::Usage(format!("-client-key (VAULT_CLIENT_KEY) {path} holds no private key in PEM"))
    })?;
    Ok(ClientCert::new_with_certs(&chain, key))
}

fn certificates(path: &Path, option: &str) -> Result<Vec<Certificate<'static>>, Error> {
    let found = parsed(&input::file(path, FILE_MAX)?);
    if found.is_empty() {
        return Err(Error::Usage(format!("{option} {} holds no certificate in PEM", path.display())));
    }
    Ok(found)
}

fn parsed(pem: &[u8]) -> Vec<Certificate<'static>> {
    let found = parse_pem(pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    found.collect()
}
