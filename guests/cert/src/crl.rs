//! `crls/{name}`: certificates that are no longer taken. A list holds for the serial numbers in it, whoever issued them;
//! its own signature and times are the business of whoever writes it here.
//!
//! The numbers lie in blocks, in order, so that a login reads no more than one block of each list and certificate.

use der::asn1::{AnyRef, IntRef};
use der::{Decode, Sequence};
use formats::pem;
use innkeeper_guest::prelude::*;
use innkeeper_guest::serde_json::Value;
use serde::{Deserialize, Serialize};
use x509_cert::ext::Extensions;
use x509_cert::time::Time;

use crate::serial;

const FOLDER: &str = "crl/";
const BLOCKS: &str = "revoked/";
/// Serial numbers in a block.
const BLOCK: usize = 1024;
/// Most serial numbers on a list, so that what a read shows stays below the bound of answers.
const SERIALS_MAX: usize = 100_000;
/// Longest serial number that is kept, in bytes. RFC 5280 section 4.1.2.2 allows 20 octets.
const SERIAL_MAX: usize = 21;

body! {
    /// What `crls/{name}` takes.
    pub struct CrlParams {
        /// The list (RFC 5280 section 5) in PEM, or its DER in base64.
        pub crl: String,
        /// Lists are not fetched here: must be empty.
        pub url: String,
    }
}

/// The head of a list.
#[derive(Serialize, Deserialize)]
struct Head {
    /// Version of this record's shape.
    record: u8,
    /// The first serial number of each block, in hexadecimal.
    firsts: Vec<String>,
}

/// A list (RFC 5280 section 5.1). Here rather than from x509-cert, which reads none of version 1: openssl writes those.
#[derive(Sequence)]
struct CertificateList<'a> {
    body: TbsCertList<'a>,
    algorithm: AnyRef<'a>,
    signature: AnyRef<'a>,
}

#[derive(Sequence)]
struct TbsCertList<'a> {
    version: Option<u8>,
    signature: AnyRef<'a>,
    issuer: AnyRef<'a>,
    this_update: Time,
    next_update: Option<Time>,
    revoked: Option<Vec<Revoked<'a>>>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    extensions: Option<Extensions>,
}

#[derive(Sequence)]
struct Revoked<'a> {
    serial: IntRef<'a>,
    date: Time,
    extensions: Option<Extensions>,
}

fn name(request: &Request) -> String {
    request.capture("name").to_lowercase()
}

fn head(name: &str) -> Result<Option<Head>, Fault> {
    storage::get_json(&format!("{FOLDER}{name}"))
}

fn block_key(name: &str, block: usize) -> String {
    format!("{BLOCKS}{name}/{block}")
}

/// Whether one of these serial numbers is on any list.
pub(crate) fn any_revoked(serials: &[Vec<u8>]) -> Result<bool, Fault> {
    for name in storage::names(FOLDER) {
        let name = name?;
        let Some(head) = head(&name)? else { continue };
        for serial in serials {
            let serial = hex::encode(serial);
            let Some(block) = head.firsts.partition_point(|first| *first <= serial).checked_sub(1) else { continue };
            let numbers: Vec<String> = storage::get_json(&block_key(&name, block))?.unwrap_or_default();
            if numbers.binary_search(&serial).is_ok() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

pub(crate) fn list(_request: &Request) -> Answer {
    Response::list(&storage::names(FOLDER).collect::<Result<Vec<_>, _>>()?)
}

pub(crate) fn read(request: &Request) -> Answer {
    let name = name(request);
    let head = head(&name)?.ok_or_else(|| none(&name))?;
    let mut serials = Map::new();
    for block in 0..head.firsts.len() {
        for number in storage::get_json::<Vec<String>>(&block_key(&name, block))?.unwrap_or_default() {
            let bytes = hex::decode(&number).map_err(|e| Fault::internal(format!("a block of a list: {e}")))?;
            serials.insert(serial::decimal(&bytes), json!({}));
        }
    }
    Response::data(&json!({ "serials": serials, "cdp": Value::Null }))
}

pub(crate) fn write(request: &Request) -> Answer {
    let params: CrlParams = request.body()?;
    if !params.url.is_empty() {
        return Err(Fault::invalid("url: lists are not fetched here; send the list itself as crl"));
    }
    if params.crl.is_empty() {
        return Err(Fault::invalid("one of 'crl' or 'url' must be provided, and lists are not fetched here: send crl"));
    }
    let name = name(request);
    let numbers = numbers(&params.crl)?;
    forget(&name)?;
    let blocks: Vec<&[String]> = numbers.chunks(BLOCK).collect();
    let firsts = blocks.iter().filter_map(|block| block.first().cloned()).collect();
    storage::put_json(&format!("{FOLDER}{name}"), &Head { record: 1, firsts })?;
    for (at, block) in blocks.iter().enumerate() {
        storage::put_json(&block_key(&name, at), block)?;
    }
    Ok(Response::nothing())
}

pub(crate) fn remove(request: &Request) -> Answer {
    let name = name(request);
    if forget(&name)? { Ok(Response::nothing()) } else { Err(none(&name)) }
}

fn none(name: &str) -> Fault {
    Fault::invalid(format!("no such CRL {name}"))
}

/// Removes a list; says whether there was one.
fn forget(name: &str) -> Result<bool, Fault> {
    let Some(head) = head(name)? else { return Ok(false) };
    for block in 0..head.firsts.len() {
        storage::delete(&block_key(name, block))?;
    }
    storage::delete(&format!("{FOLDER}{name}"))?;
    Ok(true)
}

/// The serial numbers on a list, in hexadecimal, in order, each once.
fn numbers(text: &str) -> Result<Vec<String>, Fault> {
    let wrong = |why: &str| Fault::invalid(format!("failed to parse CRL: crl {why}"));
    let der = pem::decode_one(text).ok_or_else(|| wrong("must be PEM, or DER in base64"))?;
    let list = CertificateList::from_der(&der).map_err(|e| wrong(&format!("is malformed: {e}")))?;
    let revoked = list.body.revoked.unwrap_or_default();
    if revoked.len() > SERIALS_MAX {
        return Err(wrong("has more than 100000 certificates"));
    }
    let mut numbers = Vec::with_capacity(revoked.len());
    for entry in revoked {
        let bytes = serial::plain(entry.serial.as_bytes());
        if bytes.len() > SERIAL_MAX {
            return Err(wrong("has a serial number of more than 21 bytes"));
        }
        numbers.push(hex::encode(bytes));
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use der::asn1::{IntRef, Null};
    use der::{DateTime, Encode};
    use innkeeper_guest::serde_json;

    use super::*;

    fn list_of(serials: impl Iterator<Item = u64>) -> String {
        let date = || Time::from(DateTime::new(2026, 1, 1, 0, 0, 0).unwrap());
        let null = || AnyRef::from(Null);
        // An INTEGER in DER has no more leading zeros than its sign needs.
        let integers: Vec<Vec<u8>> = serials
            .map(|serial| {
                let bytes = serial.to_be_bytes();
                let plain = serial::plain(&bytes);
                if plain[0] < 0x80 { plain.to_vec() } else { [&[0], plain].concat() }
            })
            .collect();
        let revoked = integers.iter().map(|bytes| Revoked {
            serial: IntRef::new(bytes).unwrap(),
            date: date(),
            extensions: None,
        });
        let body = TbsCertList {
            version: None,
            signature: null(),
            issuer: null(),
            this_update: date(),
            next_update: None,
            revoked: Some(revoked.collect()),
            extensions: None,
        };
        let list = CertificateList { body, algorithm: null(), signature: null() };
        pem::encode(pem::CRL, &list.to_der().unwrap())
    }

    fn ask(name: &str, body: Value) -> Request {
        Request::for_test(&[("name", name)], &body)
    }

    fn revoked(serial: u64) -> bool {
        any_revoked(&[vec![0x43], serial::plain(&serial.to_be_bytes()).to_vec()]).unwrap()
    }

    #[test]
    fn a_serial_number_is_found_in_whichever_block_of_whichever_list_it_lies() {
        assert!(!revoked(7));
        assert!(write(&ask("One", json!({ "crl": list_of((1..=5000).map(|n| n * 3)) }))).is_ok());
        assert!(write(&ask("two", json!({ "crl": list_of([1 << 40].into_iter()) }))).is_ok());
        for serial in (1..=15_003).step_by(7) {
            assert_eq!(revoked(serial), serial % 3 == 0 && serial <= 15_000, "{serial}");
        }
        assert!(revoked(1 << 40));
        let shown = read(&ask("TWO", json!({}))).unwrap();
        let shown: Value = serde_json::from_str(shown.data_text().unwrap()).unwrap();
        assert_eq!(shown["serials"], json!({"1099511627776": {}}));
        assert!(write(&ask("one", json!({ "crl": list_of([6].into_iter()) }))).is_ok());
        assert!(revoked(6) && !revoked(9), "a list takes the place of the one before");
        assert!(remove(&ask("one", json!({}))).is_ok());
        assert!(!revoked(6));
        assert_eq!(list(&ask("", json!({}))).unwrap().data_text(), Some(r#"{"keys":["two"]}"#));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let certificate = pem::encode(pem::CERTIFICATE, &crate::certificate::tests::made("/CN=a", &[], &[]));
        for (body, says) in [
            (json!({}), "one of 'crl' or 'url' must be provided"),
            (json!({"url": "http://x"}), "url: "),
            (json!({"crl": "x"}), "failed to parse CRL"),
            (json!({"crl": "AAAA"}), "failed to parse CRL"),
            (json!({ "crl": certificate }), "failed to parse CRL"),
            (json!({"crl": [1]}), "crl"),
        ] {
            let fault = write(&ask("one", body.clone())).map(drop).unwrap_err();
            assert!(fault.messages[0].starts_with(says), "{body}: {fault:?}");
        }
        for tried in [read, remove] {
            assert_eq!(tried(&ask("none", json!({}))).map(drop).unwrap_err().messages, ["no such CRL none"]);
        }
    }
}
