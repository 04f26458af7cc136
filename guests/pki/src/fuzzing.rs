//! What fuzz targets feed with foreign bytes: no part of the engine. Each reads, and panics only if what was read
//! contradicts itself.

use innkeeper_guest::prelude::*;

use crate::records::Role;
use crate::x509;
use formats::pem as text;

/// A certification request in DER, without its signature being verified.
pub fn certification_request(der: &[u8]) {
    let _ = x509::request::unverified(der);
}

/// A certificate in DER.
pub fn certificate(der: &[u8]) {
    if let Ok(facts) = x509::certificate::read(der) {
        assert_eq!(facts.der, der, "a certificate was changed by reading it");
    }
}

/// Text with PEM in it.
pub fn pem(bundle: &str) {
    let Ok(blocks) = text::decode(bundle) else { return };
    let written: Vec<String> = blocks.iter().map(|block| text::encode(&block.label, &block.der)).collect();
    assert_eq!(text::decode(&written.join("\n")).as_ref(), Ok(&blocks), "what was written is not read back");
}

/// The body of a write to a role.
pub fn role(json: &str) {
    let Ok(body) = innkeeper_guest::serde_json::from_str(json) else { return };
    let request = Request::for_test(&[], &body);
    if let Ok(mut role) = request.body::<Role>() {
        let _ = role.settle(request.mount());
    }
}
