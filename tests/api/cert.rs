//! The auth method cert, from outside: over TLS, with certificates that openssl makes.

use harness::{Folder, Process, curl, openssl};
use serde_json::{Value, json};

pub const DEVELOPMENT: [&str; 4] =
    ["-dev", "-dev-no-store-token", "-dev-root-token-id=root", "-dev-listen-address=127.0.0.1:0"];
pub const CA: [&str; 2] = ["-addext", "basicConstraints=critical,CA:TRUE"];
pub const CLIENT: [&str; 2] = ["-addext", "basicConstraints=critical,CA:FALSE"];
pub const P256: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
const UNTRUSTED: &str = "invalid certificate or no client certificate supplied";
const UNFIT: &str = "no chain matching all constraints could be found for this login certificate";

/// The files of a certificate and its key.
#[derive(Clone)]
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

impl Pair {
    fn pem(&self) -> String {
        std::fs::read_to_string(&self.certificate).unwrap()
    }
}

/// A server with a TLS listener, the method mounted, and a folder for certificates.
struct Door {
    server: Process,
    folder: Folder,
    own: Pair,
}

/// Has openssl make a certificate and its key; its own issuer unless one is named.
pub fn made(folder: &Folder, name: &str, subject: &str, issuer: Option<&Pair>, key: &[&str], more: &[&str]) -> Pair {
    let file = |end: &str| folder.path().join(format!("{name}.{end}")).display().to_string();
    let pair = Pair { certificate: file("pem"), key: file("key") };
    let mut arguments = vec!["req", "-x509", "-nodes", "-config", "/dev/null", "-subj", subject];
    arguments.extend(["-keyout", &pair.key, "-out", &pair.certificate]);
    if let Some(issuer) = issuer {
        arguments.extend(["-CA", &issuer.certificate, "-CAkey", &issuer.key]);
    }
    arguments.extend(key);
    arguments.extend(more);
    openssl(&arguments, "");
    pair
}

impl Door {
    fn open() -> Self {
        let folder = Folder::new();
        let own = made(
            &folder,
            "tls",
            "/CN=localhost",
            None,
            P256,
            &["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        );
        let listener = format!(
            "listener \"tcp\" {{\n address = \"127.0.0.1:0\"\n tls_cert_file = \"{}\"\n tls_key_file = \"{}\"\n}}",
            own.certificate, own.key
        );
        let server = Process::configured(&listener, &DEVELOPMENT);
        let door = Self { server, folder, own };
        assert_eq!(door.call("POST", "sys/auth/cert", json!({"type": "cert"})).0, 204);
        door
    }

    fn ask(&self, method: &str, path: &str, client: Option<&Pair>, token: &str, body: Value) -> (u16, Value) {
        let address = self.server.addresses().iter().find(|address| address.starts_with("https")).unwrap();
        let (url, token) = (format!("{address}/v1/{path}"), format!("X-Vault-Token: {token}"));
        let body = self.folder.write("body.json", &body.to_string());
        let body = format!("@{body}");
        // So that the client itself sends what is weak.
        let mut arguments =
            vec!["--ciphers", "DEFAULT@SECLEVEL=0", "--cacert", &self.own.certificate, "-X", method, "-H", &token];
        if method == "POST" {
            arguments.extend(["--data-binary", &body]);
        }
        if let Some(client) = client {
            arguments.extend(["--cert", &client.certificate, "--key", &client.key]);
        }
        arguments.push(&url);
        let said = curl(&arguments);
        let mut parts = said.rsplitn(3, ' ').skip(1);
        let status = parts.next().and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{path}: {said}"));
        (status, serde_json::from_str(parts.next().unwrap_or_default()).unwrap_or(Value::Null))
    }

    fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.ask(method, path, None, "root", body)
    }

    /// Makes an entry that trusts this certificate.
    fn trust(&self, name: &str, certificate: &str, fields: Value) {
        let mut body = fields;
        body["certificate"] = json!(certificate);
        let (status, answer) = self.call("POST", &format!("auth/cert/certs/{name}"), body);
        assert_eq!(status, 204, "{answer}");
    }

    fn log_in(&self, client: Option<&Pair>, body: Value) -> (u16, Value) {
        self.ask("POST", "auth/cert/login", client, "", body)
    }

    #[track_caller]
    fn lets_in(&self, client: &Pair) -> Value {
        let (status, answer) = self.log_in(Some(client), json!({}));
        assert_eq!(status, 200, "{answer}");
        answer["auth"].clone()
    }

    #[track_caller]
    fn refuses(&self, client: &Pair, why: &str) {
        let (status, answer) = self.log_in(Some(client), json!({}));
        assert_eq!((status, &answer["errors"]), (400, &json!([why])));
    }

    fn authority(&self, name: &str) -> Pair {
        made(&self.folder, name, &format!("/CN={name}"), None, P256, &CA)
    }

    /// A client's certificate of an authority; extensions as openssl takes them.
    fn client(&self, name: &str, issuer: &Pair, extensions: &[&str]) -> Pair {
        let mut more = CLIENT.to_vec();
        for extension in extensions {
            more.extend(["-addext", extension]);
        }
        made(&self.folder, name, &format!("/OU=red/CN={name}"), Some(issuer), P256, &more)
    }
}

#[test]
fn a_certificate_of_a_trusted_authority_logs_in_as_its_entry_says() {
    let door = Door::open();
    let authority = door.authority("authority");
    let more = ["-set_serial", "0x1000000000000000000000000", "-addext", "1.3.6.1.4.1.55555.1=ASN1:UTF8String:blue"];
    let more = [&more[..], &CLIENT].concat();
    let client = made(&door.folder, "ann", "/OU=red/CN=ann", Some(&authority), P256, &more);
    let fields = json!({
        "token_policies": "reader", "token_ttl": "20m", "display_name": "staff",
        "allowed_metadata_extensions": "1.3.6.1.4.1.55555.1",
    });
    door.trust("People", &authority.pem(), fields);
    let auth = door.lets_in(&client);
    assert_eq!(auth["policies"], json!(["default", "reader"]));
    assert_eq!((&auth["lease_duration"], &auth["renewable"]), (&json!(1200), &json!(true)));
    let metadata = &auth["metadata"];
    assert_eq!((&metadata["cert_name"], &metadata["common_name"]), (&json!("people"), &json!("ann")));
    assert_eq!(metadata["serial_number"], "79228162514264337593543950336");
    assert_eq!(metadata["1-3-6-1-4-1-55555-1"], "blue");
    let extension = |file: &str, name: &str| {
        let text = openssl(&["x509", "-in", file, "-noout", "-ext", name], "");
        text.lines().nth(1).unwrap_or_default().trim().to_lowercase()
    };
    assert_eq!(metadata["subject_key_id"], extension(&client.certificate, "subjectKeyIdentifier"));
    assert_eq!(metadata["authority_key_id"], extension(&authority.certificate, "subjectKeyIdentifier"));
    let token = auth["client_token"].as_str().unwrap();
    let (status, seen) = door.ask("GET", "auth/token/lookup-self", None, token, Value::Null);
    assert_eq!(
        (status, &seen["data"]["display_name"], &seen["data"]["path"]),
        (200, &json!("cert-staff"), &json!("auth/cert/login"))
    );
    let (_, entity) =
        door.call("GET", &format!("identity/entity/id/{}", auth["entity_id"].as_str().unwrap()), Value::Null);
    assert_eq!(entity["data"]["aliases"][0]["name"], "ann", "{entity}");
    assert!(
        entity["data"]["aliases"][0]["metadata"].is_null() || entity["data"]["aliases"][0]["metadata"] == json!({})
    );
}

#[test]
fn signatures_of_all_usual_kinds_of_authorities_are_verified_and_forged_ones_are_not() {
    let door = Door::open();
    let kinds: [(&str, &[&str], &[&str]); 6] = [
        ("p256", P256, &["-sha256"]),
        ("p384", &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"], &["-sha384"]),
        ("p521", &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"], &["-sha512"]),
        ("rsa", &["-newkey", "rsa:2048"], &["-sha512"]),
        ("ed25519", &["-newkey", "ed25519"], &[]),
        (
            "pss",
            &["-newkey", "rsa:2048"],
            &["-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"],
        ),
    ];
    for (name, key, how) in kinds {
        let subject = format!("/CN={name}");
        let authority = made(&door.folder, name, &subject, None, key, &CA);
        let forger = made(&door.folder, &format!("{name}-forger"), &subject, None, key, &CA);
        let more = [&CLIENT[..], &["-addext", "authorityKeyIdentifier=none"], how].concat();
        let honest = made(&door.folder, &format!("{name}-client"), "/CN=ann", Some(&authority), P256, &more);
        let forged = made(&door.folder, &format!("{name}-forged"), "/CN=ann", Some(&forger), P256, &more);
        door.trust("one", &authority.pem(), json!({}));
        assert_eq!(door.log_in(Some(&honest), json!({})).0, 200, "{name}");
        door.refuses(&forged, UNTRUSTED);
    }
}

/// A certificate of the year 2020.
fn expired(door: &Door, authority: &Pair) -> Pair {
    let pair = made(&door.folder, "expired", "/CN=ann", None, P256, &[]);
    let request = openssl(&["req", "-new", "-config", "/dev/null", "-subj", "/CN=ann", "-key", &pair.key], "");
    let request = door.folder.write("expired.csr", &request);
    let (index, folder) = (door.folder.write("issued.txt", ""), door.folder.path().display());
    let config = format!(
        "[ca]\ndefault_ca=own\n[own]\ndatabase={index}\nnew_certs_dir={folder}\nrand_serial=yes\ndefault_md=sha256\npolicy=any\n\
         [any]\ncommonName=supplied\n"
    );
    let config = door.folder.write("issuing.cnf", &config);
    let fixed = ["ca", "-config", &config, "-batch", "-notext", "-in", &request];
    let issuer = ["-keyfile", &authority.key, "-cert", &authority.certificate, "-out", &pair.certificate];
    let dates = ["-startdate", "20200101000000Z", "-enddate", "20210101000000Z"];
    openssl(&[&fixed[..], &issuer, &dates].concat(), "");
    pair
}

#[test]
fn old_signatures_expired_certificates_and_those_of_servers_are_refused() {
    let door = Door::open();
    let authority = made(&door.folder, "ca", "/CN=ca", None, &["-newkey", "rsa:2048"], &CA);
    door.trust("one", &authority.pem(), json!({}));
    let issue = |name: &str, more: &[&str]| made(&door.folder, name, "/CN=ann", Some(&authority), P256, more);
    door.refuses(&issue("sha1", &[&CLIENT[..], &["-sha1"]].concat()), UNTRUSTED);
    door.refuses(
        &expired(&door, &authority),
        "failed to verify client's certificate: it has expired or is not yet valid",
    );
    let server = issue("server", &[&CLIENT[..], &["-addext", "extendedKeyUsage=serverAuth"]].concat());
    door.refuses(&server, "failed to verify client's certificate: it is not for client authentication");
    let limited = issue("limited", &[&CLIENT[..], &["-addext", "1.2.3.4=critical,ASN1:UTF8String:x"]].concat());
    let (status, answer) = door.log_in(Some(&limited), json!({}));
    assert!(status == 400 && answer["errors"][0].as_str().unwrap().contains("1.2.3.4"), "{answer}");
    assert_eq!(door.log_in(None, json!({})), (400, json!({"errors": ["client certificate must be supplied"]})));
    let usual = [&CLIENT[..], &["-addext", "extendedKeyUsage=clientAuth"]].concat();
    assert_eq!(door.log_in(Some(&issue("client", &usual)), json!({})).0, 200);
    // Whom a client's certificate issued something to is nobody that the authority knows.
    let client = issue("issuer", &CLIENT);
    let below = made(&door.folder, "below", "/CN=eve", Some(&client), P256, &CLIENT);
    door.refuses(&below, UNTRUSTED);
}

#[test]
fn a_certificate_that_an_entry_names_itself_logs_in_and_no_other_of_its_authority() {
    let door = Door::open();
    let authority = door.authority("authority");
    let (ann, bob) = (door.client("ann", &authority, &[]), door.client("bob", &authority, &[]));
    door.trust("ann", &ann.pem(), json!({}));
    assert_eq!(door.lets_in(&ann)["metadata"]["cert_name"], "ann");
    door.refuses(&bob, UNTRUSTED);
    door.trust("all", &authority.pem(), json!({}));
    assert_eq!(door.lets_in(&bob)["metadata"]["cert_name"], "all");
    let (status, answer) = door.log_in(Some(&bob), json!({"name": "ann"}));
    assert_eq!((status, &answer["errors"]), (400, &json!([UNTRUSTED])));
    assert_eq!(door.call("DELETE", "auth/cert/certs/all", Value::Null).0, 204);
    door.refuses(&bob, UNTRUSTED);
}

#[test]
fn what_an_entry_demands_must_be_in_the_certificate() {
    let door = Door::open();
    let authority = door.authority("authority");
    let names = "subjectAltName=DNS:web.example,email:web@mail.example,URI:spiffe://shop/web";
    let client = door.client("web-1", &authority, &[names, "1.3.6.1.4.1.55555.1=ASN1:UTF8String:blue"]);
    for (field, fits, does_not) in [
        ("allowed_names", "*.example", "*.example.org"),
        ("allowed_common_names", "web-*", "api-*"),
        ("allowed_dns_sans", "web.*", "web-*"),
        ("allowed_email_sans", "*@mail.example", "*@web.example"),
        ("allowed_uri_sans", "spiffe://shop/*", "spiffe://office/*"),
        ("allowed_organizational_units", "red", "blue"),
        ("required_extensions", "1.3.6.1.4.1.55555.1:bl*", "1.3.6.1.4.1.55555.1:red"),
        ("required_extensions", "hex:1.3.6.1.4.1.55555.1:0c04*", "hex:1.3.6.1.4.1.55555.1:1304*"),
    ] {
        door.trust(field, &authority.pem(), json!({ field: does_not }));
        door.refuses(&client, UNFIT);
        door.trust(field, &authority.pem(), json!({ field: fits }));
        assert_eq!(door.lets_in(&client)["metadata"]["cert_name"], field, "{fits}");
        assert_eq!(door.call("DELETE", &format!("auth/cert/certs/{field}"), Value::Null).0, 204);
    }
    door.trust("far", &authority.pem(), json!({"token_bound_cidrs": "192.0.2.0/24"}));
    assert_eq!(door.log_in(Some(&client), json!({})).0, 403);
}

#[test]
fn a_revoked_certificate_is_refused_until_the_list_is_gone() {
    let door = Door::open();
    let authority = door.authority("authority");
    let issue = |name: &str, serial: &str| {
        let more = [&CLIENT[..], &["-set_serial", serial]].concat();
        made(&door.folder, name, &format!("/CN={name}"), Some(&authority), P256, &more)
    };
    let (ann, bob) = (issue("ann", "0x8001"), issue("bob", "0x8002"));
    let index = door.folder.write("index.txt", "R\t391231235959Z\t260101000000Z\t8001\tunknown\t/CN=ann\n");
    let config = format!("[ca]\ndefault_ca=own\n[own]\ndatabase={index}\ndefault_md=sha256\ndefault_crl_days=1\n");
    let config = door.folder.write("ca.cnf", &config);
    let list = openssl(
        &["ca", "-config", &config, "-gencrl", "-keyfile", &authority.key, "-cert", &authority.certificate],
        "",
    );
    door.trust("all", &authority.pem(), json!({}));
    door.lets_in(&ann);
    let (status, answer) = door.call("POST", "auth/cert/crls/Old", json!({ "crl": list }));
    assert_eq!(status, 204, "{answer}");
    door.refuses(&ann, UNFIT);
    door.lets_in(&bob);
    let (_, shown) = door.call("GET", "auth/cert/crls/old", Value::Null);
    assert_eq!(shown["data"]["serials"], json!({"32769": {}}));
    assert_eq!(door.call("LIST", "auth/cert/crls", Value::Null).1["data"]["keys"], json!(["old"]));
    assert_eq!(door.call("DELETE", "auth/cert/crls/old", Value::Null).0, 204);
    assert_eq!(door.call("DELETE", "auth/cert/crls/old", Value::Null), (400, json!({"errors": ["no such CRL old"]})));
    door.lets_in(&ann);
}

#[test]
fn a_token_is_renewed_by_who_shows_its_certificate() {
    let door = Door::open();
    let authority = door.authority("authority");
    let (ann, bob) = (door.client("ann", &authority, &[]), door.client("bob", &authority, &[]));
    door.trust("all", &authority.pem(), json!({"token_policies": "a", "token_ttl": "10m"}));
    let auth = door.lets_in(&ann);
    let token = auth["client_token"].as_str().unwrap();
    let renew = |client| door.ask("POST", "auth/token/renew-self", client, token, json!({}));
    assert_eq!(renew(Some(&ann)).0, 200);
    let (status, answer) = renew(Some(&bob));
    let why = "client identity during renewal not matching client identity used during login";
    assert_eq!((status, &answer["errors"]), (400, &json!([why])));
    assert_eq!(renew(None), (400, json!({"errors": ["client certificate must be supplied"]})));
    assert_eq!(door.call("POST", "auth/cert/config", json!({"disable_binding": true})).0, 204);
    door.trust("all", &authority.pem(), json!({"token_ttl": "20m"}));
    let (status, renewed) = renew(None);
    assert_eq!((status, &renewed["auth"]["lease_duration"]), (200, &json!(1200)), "{renewed}");
    door.trust("all", &authority.pem(), json!({"token_policies": "b"}));
    let (status, answer) = renew(None);
    assert!(status == 400 && answer["errors"][0].as_str().unwrap().contains("policies have changed"), "{answer}");
    let aliased = door.call("POST", "auth/cert/config", json!({"enable_identity_alias_metadata": true}));
    assert_eq!(aliased.0, 204);
    let entity = door.lets_in(&bob)["entity_id"].as_str().unwrap().to_owned();
    let (_, entity) = door.call("GET", &format!("identity/entity/id/{entity}"), Value::Null);
    assert_eq!(entity["data"]["aliases"][0]["metadata"]["common_name"], "bob", "{entity}");
}

#[test]
fn bad_input_is_refused_by_field_and_only_operators_keep_entries() {
    let door = Door::open();
    let authority = door.authority("authority");
    let client = door.client("ann", &authority, &[]);
    let server = door.client("server", &authority, &["extendedKeyUsage=serverAuth"]);
    let entry = |field: &str, value: Value| json!({ "certificate": authority.pem(), field: value });
    for (path, body, says) in [
        ("certs/x", json!({}), "failed to parse certificate"),
        ("certs/x", json!({"certificate": "nonsense"}), "failed to parse certificate"),
        ("certs/x", json!({"certificate": 7}), "failed to parse certificate"),
        ("certs/x", json!({"certificate": server.pem()}), "nonCA certificates should have TLS client"),
        (
            "certs/x",
            json!({"certificate": authority.pem() + &client.pem()}),
            "certificate: must be of authorities only",
        ),
        ("certs/x", entry("ocsp_enabled", json!(true)), "ocsp_enabled: "),
        ("certs/x", entry("required_extensions", json!("1.2.3.4")), "required_extensions: "),
        ("certs/x", entry("allowed_metadata_extensions", json!("x")), "allowed_metadata_extensions: "),
        ("certs/x", entry("allowed_names", json!({})), "allowed_names"),
        ("certs/x", entry("display_name", json!("x".repeat(300))), "display_name: "),
        ("certs/x", entry("token_policies", json!("root")), "token_policies: "),
        ("certs/x", entry("token_bound_cidrs", json!("nowhere")), "token_bound_cidrs: "),
        ("certs/x", entry("token_type", json!("gold")), "token_type: "),
        ("crls/x", json!({}), "one of 'crl' or 'url' must be provided"),
        ("crls/x", json!({"url": "http://x"}), "url: "),
        ("crls/x", json!({"crl": "nonsense"}), "failed to parse CRL"),
        ("crls/x", json!({"crl": authority.pem()}), "failed to parse CRL"),
        ("config", json!({"disable_binding": "perhaps"}), "disable_binding"),
        ("config", json!({"ocsp_cache_size": 0}), "ocsp_cache_size: "),
        ("config", json!({"enable_metadata_on_failures": true}), "enable_metadata_on_failures: "),
    ] {
        let (status, answer) = door.call("POST", &format!("auth/cert/{path}"), body);
        let said = answer["errors"][0].as_str().unwrap_or_default();
        assert!(status == 400 && said.starts_with(says), "{path}: {says}: {status} {answer}");
    }
    let (status, answer) = door.log_in(Some(&client), json!({"name": ["x"]}));
    assert!(status == 400 && answer["errors"][0].as_str().unwrap().starts_with("name"), "{answer}");
    for (method, path) in [
        ("GET", "certs/x"),
        ("LIST", "certs"),
        ("POST", "certs/x"),
        ("DELETE", "certs/x"),
        ("GET", "config"),
        ("POST", "config"),
        ("POST", "crls/x"),
        ("GET", "crls/x"),
        ("LIST", "crls"),
        ("DELETE", "crls/x"),
    ] {
        let (status, _) = door.ask(method, &format!("auth/cert/{path}"), Some(&client), "", json!({}));
        assert_eq!(status, 403, "{method} {path}");
    }
    assert_eq!(door.call("GET", "auth/cert/certs/x", Value::Null).0, 404);
    assert_eq!(door.call("LIST", "auth/cert/certs", Value::Null).0, 404);
    let long = door.call("POST", "auth/cert/certs/long", entry("token_ttl", json!("9000h"))).1;
    assert!(long["warnings"][0].as_str().unwrap().contains("ttl"), "{long}");
}
