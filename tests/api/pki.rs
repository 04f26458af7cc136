//! What the tests of the PKI engine share: a mount and requests to it, requests and keys that openssl makes, and what
//! openssl says of the answers.

use harness::{Answer, Folder, ROOT, Server, Token, openssl, try_openssl};
use serde_json::{Value, json};

/// A server with a mount `pki` that takes times of up to ten years.
pub struct Pki {
    pub server: Server,
    /// Goes after the server that uses it.
    pub token: Option<Token>,
}

impl Pki {
    /// An empty mount.
    pub fn empty() -> Self {
        let pki = Self { server: Server::start(), token: None };
        pki.mount("pki");
        pki
    }

    /// A mount with a P-256 root named `root`.
    pub fn with_root() -> Self {
        let pki = Self::empty();
        pki.root(json!({}));
        pki
    }

    /// An empty mount of a server that has a token. See `pki_kms`.
    pub fn with_token() -> Self {
        let token = Token::new("test");
        let pki = Self { server: Server::start_with(&token.stanza(), &token.environment()), token: Some(token) };
        pki.mount("pki");
        pki
    }

    pub fn mount(&self, path: &str) {
        let config = json!({"type": "pki", "config": {"max_lease_ttl": "87600h"}});
        assert_eq!(self.server.call("POST", &format!("sys/mounts/{path}"), config).status, 204);
    }

    /// A request to the mount with the root token.
    pub fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        self.server.call(method, &format!("pki/{path}"), body)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.call("GET", path, Value::Null)
    }

    pub fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, body)
    }

    /// The same without a token.
    pub fn bare(&self, method: &str, path: &str) -> Answer {
        let body = if method == "POST" { json!({}) } else { Value::Null };
        self.server.send(method, &format!("pki/{path}"), &[], body)
    }

    pub fn patch(&self, path: &str, body: Value) -> Answer {
        let headers = [("X-Vault-Token", ROOT), ("Content-Type", "application/merge-patch+json")];
        self.server.send("PATCH", &format!("pki/{path}"), &headers, body)
    }

    /// The data of a write that succeeds.
    #[track_caller]
    pub fn write(&self, path: &str, body: Value) -> Value {
        data(&self.post(path, body))
    }

    /// The data of a read that succeeds.
    #[track_caller]
    pub fn read(&self, path: &str) -> Value {
        data(&self.get(path))
    }

    /// A root, P-256 and valid for ten years unless the fields say otherwise.
    #[track_caller]
    pub fn root(&self, over: Value) -> Value {
        let usual = json!({"common_name": "Root", "key_type": "ec", "ttl": "87600h", "issuer_name": "root"});
        self.write("root/generate/internal", merged(usual, &over))
    }

    /// A role `any` that allows any name and makes P-256 keys, unless the fields say otherwise.
    #[track_caller]
    pub fn role(&self, over: Value) -> Value {
        self.write("roles/any", merged(json!({"allow_any_name": true, "key_type": "ec"}), &over))
    }

    /// A certificate by the role `any`.
    #[track_caller]
    pub fn issue(&self, over: Value) -> Value {
        self.write("issue/any", merged(json!({"common_name": "a.example.com"}), &over))
    }

    /// A revocation list in PEM.
    pub fn crl(&self, issuer: &str) -> String {
        text(&self.read(&format!("issuer/{issuer}/crl")), "crl")
    }

    /// The keys that LIST answers; none for 404.
    #[track_caller]
    pub fn list(&self, path: &str) -> Vec<String> {
        let answer = self.call("LIST", path, Value::Null);
        match answer.status {
            404 => Vec::new(),
            _ => texts(&data(&answer), "keys"),
        }
    }
}

/// The fields with others over them; `null` leaves one out.
pub fn merged(mut fields: Value, over: &Value) -> Value {
    for (name, value) in over.as_object().unwrap() {
        match value {
            Value::Null => drop(fields.as_object_mut().unwrap().remove(name)),
            value => fields[name] = value.clone(),
        }
    }
    fields
}

#[track_caller]
pub fn data(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.json);
    answer.json["data"].clone()
}

#[track_caller]
pub fn text(data: &Value, field: &str) -> String {
    data[field].as_str().unwrap_or_else(|| panic!("there is no text {field} in {data}")).to_owned()
}

#[track_caller]
pub fn texts(data: &Value, field: &str) -> Vec<String> {
    let list = data[field].as_array().unwrap_or_else(|| panic!("there is no list {field} in {data}"));
    list.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

#[track_caller]
pub fn refused(answer: &Answer, status: u16, says: &str) {
    let text = answer.error();
    let fits = answer.status == status && text.contains(says);
    assert!(fits, "{} {} {}, not {status} {says:?}", answer.status, answer.json, answer.text.len());
}

/// All warnings of an answer in one text.
pub fn warnings(answer: &Answer) -> String {
    answer.json["warnings"].to_string()
}

/// What openssl prints of a certificate.
#[track_caller]
pub fn dump(certificate: &str) -> String {
    openssl(&["x509", "-noout", "-text", "-nameopt", "RFC2253"], certificate)
}

/// The value that openssl prints for an extension: the lines after its name, without the indent.
#[track_caller]
pub fn extension(dump: &str, name: &str) -> String {
    let line = dump.lines().position(|line| {
        line.trim().starts_with(name) && line.starts_with("            X509v3")
            || line.trim().starts_with(name) && line.starts_with("            Authority Info")
    });
    let Some(line) = line else { return String::new() };
    let lines: Vec<&str> = dump.lines().collect();
    let critical = if lines[line].contains("critical") { "critical " } else { "" };
    let value = lines[line + 1..].iter().take_while(|line| line.starts_with("                "));
    let value: Vec<&str> = value.map(|line| line.trim()).collect();
    format!("{critical}{}", value.join(" "))
}

/// Whether openssl accepts a certificate below these roots, with more options.
pub fn verify(root: &str, between: &[String], certificate: &str, options: &[&str]) -> (bool, String) {
    let folder = Folder::new();
    let root = folder.write("root.pem", root);
    let between = folder.write("between.pem", &between.join("\n"));
    let own = folder.write("own.pem", certificate);
    let fixed = ["verify", "-x509_strict", "-CAfile", &root, "-untrusted", &between];
    // A file without certificates is an error to openssl 3.
    let fixed = if std::fs::metadata(&between).unwrap().len() == 0 { &fixed[..4] } else { &fixed[..] };
    try_openssl(&[fixed, options, &[own.as_str()]].concat(), "")
}

#[track_caller]
pub fn verifies(root: &str, between: &[String], certificate: &str) {
    let (fine, said) = verify(root, between, certificate, &[]);
    assert!(fine, "{said}");
}

/// The same with revocation lists for every certificate of the chain.
pub fn verify_with_lists(root: &str, between: &[String], certificate: &str, lists: &[String]) -> (bool, String) {
    let folder = Folder::new();
    let lists = folder.write("lists.pem", &(lists.join("\n") + "\n"));
    verify(root, between, certificate, &["-crl_check_all", "-CRLfile", &lists])
}

/// The public key of a certificate, request or private key, as openssl sees it.
#[track_caller]
pub fn public_key(command: &str, pem: &str) -> String {
    match command {
        "pkey" => openssl(&["pkey", "-pubout"], pem),
        command => openssl(&[command, "-noout", "-pubkey"], pem),
    }
}

/// A private key that openssl makes.
#[track_caller]
pub fn new_key(algorithm: &str) -> String {
    match algorithm.split_once(':') {
        Some(("rsa", bits)) => {
            openssl(&["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", &format!("rsa_keygen_bits:{bits}")], "")
        }
        Some((_, curve)) => {
            openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", &format!("ec_paramgen_curve:{curve}")], "")
        }
        None => openssl(&["genpkey", "-algorithm", algorithm], ""),
    }
}

/// A request that openssl makes with this key.
#[track_caller]
pub fn new_csr(key: &str, subject: &str, extensions: &[&str]) -> String {
    let folder = Folder::new();
    let key = folder.write("key.pem", key);
    let mut arguments = vec!["req", "-new", "-key", &key, "-subj", subject];
    for extension in extensions {
        arguments.extend(["-addext", extension]);
    }
    openssl(&arguments, "")
}

/// A P-256 request.
#[track_caller]
pub fn csr(subject: &str, extensions: &[&str]) -> String {
    new_csr(&new_key("ec:P-256"), subject, extensions)
}

/// A self-signed CA that openssl makes: its key and its certificate.
#[track_caller]
pub fn foreign_ca(subject: &str, extensions: &[&str]) -> (String, String) {
    let key = new_key("ec:P-256");
    let folder = Folder::new();
    let file = folder.write("key.pem", &key);
    let mut arguments = vec!["req", "-x509", "-new", "-key", &file, "-subj", subject, "-days", "3650"];
    let usual = ["keyUsage=critical,keyCertSign,cRLSign"];
    for extension in if extensions.is_empty() { &usual[..] } else { extensions } {
        arguments.extend(["-addext", extension]);
    }
    (key.clone(), openssl(&arguments, ""))
}

/// A certificate that openssl signs with a foreign CA.
#[track_caller]
pub fn foreign_leaf((key, certificate): &(String, String), serial: &str) -> String {
    let folder = Folder::new();
    let (key, certificate) = (folder.write("ca.key", key), folder.write("ca.pem", certificate));
    let request = csr("/CN=foreign.example.com", &[]);
    openssl(&["x509", "-req", "-CA", &certificate, "-CAkey", &key, "-set_serial", serial, "-days", "30"], request)
}

/// The hex digits of an identifier that openssl prints with colons.
pub fn hex(text: &str) -> String {
    text.trim_start_matches("keyid:").replace(':', "").trim().to_ascii_lowercase()
}

/// The DER in PEM.
pub fn der(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    base64(&body)
}

/// What base64 stands for.
pub fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for value in text.bytes().filter_map(|c| DIGITS.iter().position(|digit| *digit == c)) {
        bits = (bits << 6 | value as u32) & 0xFFFF;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xFF) as u8);
        }
    }
    bytes
}
