//! The auth method kubernetes, from outside: with a double of a cluster that answers over TLS of its own authority.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use harness::{Answer, Server, openssl};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use tokio_rustls::TlsAcceptor;

/// What a cluster was asked, and what it says.
#[derive(Default)]
struct Says {
    /// The answer to reviews; nothing: that the token is good, and of `shop/web`.
    review: Option<(u16, Value)>,
    /// Path, authorization and body of each question.
    asked: Vec<(String, String, Value)>,
}

/// A double of a cluster's API.
pub struct Cluster {
    address: SocketAddr,
    /// PEM of its authority.
    pub authority: String,
    says: Arc<Mutex<Says>>,
}

impl Cluster {
    /// Starts it on a free port; it ends with the test's process.
    pub fn start() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "cluster of a test");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let tls = tls.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], private).unwrap();
        let says = Arc::new(Mutex::new(Says::default()));
        let address = serve(TlsAcceptor::from(Arc::new(tls)), Arc::clone(&says));
        Self { address, authority: issuer.pem(), says }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// A server whose operator lets it ask this cluster.
    pub fn server(&self) -> Server {
        Server::start_with(&format!("http_out {{\n allow = [\"{}\"]\n}}\n", self.address), &[])
    }

    fn says(&self) -> MutexGuard<'_, Says> {
        self.says.lock().unwrap()
    }

    fn answers(&self, status: u16, review: Value) {
        self.says().review = Some((status, review));
    }
}

/// Listens on a thread of its own.
fn serve(acceptor: TlsAcceptor, says: Arc<Mutex<Says>>) -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, says) = (acceptor.clone(), Arc::clone(&says));
                tokio::spawn(async move {
                    // A client that refuses the certificate hangs up.
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = hyper::service::service_fn(|request| answer(request, &says));
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
    });
    told.recv().unwrap()
}

async fn answer(request: Request<Incoming>, says: &Mutex<Says>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let bearer = head.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let mut says = says.lock().unwrap();
    says.asked.push((format!("{} {}", head.method, head.uri.path()), bearer, body));
    let (status, body) = match head.uri.path() {
        "/apis/authentication.k8s.io/v1/tokenreviews" => says.review.clone().unwrap_or_else(|| (201, confirmed())),
        "/api/v1/namespaces/shop" => (200, json!({"metadata": {"labels": {"team": "sales"}}})),
        "/api/v1/namespaces/shop/serviceaccounts/web" => {
            (200, json!({"metadata": {"annotations": {"vault.hashicorp.com/alias-metadata-env": "prod"}}}))
        }
        _ => (404, Value::Null),
    };
    Ok(Response::builder().status(status).body(Full::from(body.to_string())).unwrap())
}

fn confirmed() -> Value {
    json!({"status": {"authenticated": true, "user": {"username": "system:serviceaccount:shop:web", "uid": "u-1"}}})
}

/// A token of `shop/web` that nobody has signed, with these claims changed.
pub fn token(changes: &Value) -> String {
    let mut claims = json!({
        "aud": ["vault"], "iss": "https://cluster.example", "exp": 4_000_000_000_u64, "iat": 1_700_000_000,
        "kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "web", "uid": "u-1"}},
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{}", part(r#"{"alg":"RS256","kid":"k"}"#), part(&claims.to_string()), part("signature"))
}

fn mounted(cluster: &Cluster, config: Value, role: Value) -> Server {
    let server = cluster.server();
    assert_eq!(server.call("POST", "sys/auth/kubernetes", json!({"type": "kubernetes"})).status, 204);
    configure(&server, cluster, config);
    set_role(&server, role);
    server
}

fn configure(server: &Server, cluster: &Cluster, more: Value) {
    let body = merged(json!({"kubernetes_host": cluster.url(), "kubernetes_ca_cert": cluster.authority}), more);
    let answer = server.call("POST", "auth/kubernetes/config", body);
    assert_eq!(answer.status, 204, "{}", answer.text);
}

fn set_role(server: &Server, more: Value) {
    let usual = json!({
        "bound_service_account_names": "web", "bound_service_account_namespaces": "shop", "audience": "vault",
        "bound_service_account_namespace_selector": "",
    });
    let answer = server.call("POST", "auth/kubernetes/role/web", merged(usual, more));
    assert!(matches!(answer.status, 200 | 204), "{}", answer.text);
}

fn merged(mut body: Value, more: Value) -> Value {
    for (field, value) in more.as_object().unwrap() {
        body[field] = value.clone();
    }
    body
}

fn log_in(server: &Server, token: &str) -> Answer {
    server.send("POST", "auth/kubernetes/login", &[], json!({"role": "web", "jwt": token}))
}

#[track_caller]
fn denied(server: &Server, token: &str, why: &str) {
    let answer = log_in(server, token);
    assert_eq!((answer.status, &answer.json["errors"]), (403, &json!([why])), "{}", answer.text);
}

#[test]
fn an_account_that_the_cluster_confirms_gets_what_its_role_says() {
    let cluster = Cluster::start();
    let server = mounted(&cluster, json!({}), json!({"token_policies": "reader", "token_ttl": "20m"}));
    let login = log_in(&server, &token(&json!({})));
    assert_eq!(login.status, 200, "{}", login.text);
    let auth = &login.json["auth"];
    assert_eq!((&auth["policies"], &auth["lease_duration"]), (&json!(["default", "reader"]), &json!(1200)));
    let known = json!({
        "role": "web", "service_account_uid": "u-1", "service_account_name": "web", "service_account_namespace": "shop",
        "service_account_secret_name": "",
    });
    assert_eq!(auth["metadata"], known);
    let held = [("X-Vault-Token", auth["client_token"].as_str().unwrap())];
    let seen = server.send("GET", "auth/token/lookup-self", &held, Value::Null);
    assert_eq!(seen.json["data"]["display_name"], "kubernetes-shop-web");
    let entity = auth["entity_id"].as_str().unwrap();
    let alias = |entity: &str| {
        server.call("GET", &format!("identity/entity/id/{entity}"), Value::Null).json["data"]["aliases"][0].clone()
    };
    assert_eq!(alias(entity)["name"], "u-1");
    assert_eq!(alias(entity)["metadata"]["service_account_namespace"], "shop");
    let (path, bearer, review) = cluster.says().asked[0].clone();
    assert_eq!(path, "POST /apis/authentication.k8s.io/v1/tokenreviews");
    assert_eq!(bearer, format!("Bearer {}", token(&json!({}))), "the login's own token asks where there is no other");
    assert_eq!(
        (&review["spec"]["token"], &review["spec"]["audiences"]),
        (&json!(token(&json!({}))), &json!(["vault"]))
    );
    assert_eq!(server.send("POST", "auth/token/renew-self", &held, Value::Null).status, 200);
    assert_eq!(server.call("DELETE", "auth/kubernetes/role/web", Value::Null).status, 204);
    let refused = server.send("POST", "auth/token/renew-self", &held, Value::Null);
    assert!(refused.status == 400 && refused.text.contains("does not exist during renewal"), "{}", refused.text);
    set_role(&server, json!({"alias_name_source": "serviceaccount_name"}));
    let named = log_in(&server, &token(&json!({})));
    assert_eq!(alias(named.json["auth"]["entity_id"].as_str().unwrap())["name"], "shop/web");
}

#[test]
fn the_reviewers_token_asks_and_is_never_shown() {
    let cluster = Cluster::start();
    let more = json!({"token_reviewer_jwt": "re.view.er", "use_annotations_as_alias_metadata": true});
    let server = mounted(&cluster, more, json!({}));
    let shown = server.call("GET", "auth/kubernetes/config", Value::Null);
    assert_eq!(shown.json["data"]["token_reviewer_jwt_set"], true);
    assert_eq!(shown.json["data"]["disable_iss_validation"], true);
    assert!(!shown.text.contains("re.view.er"), "{}", shown.text);
    let login = log_in(&server, &token(&json!({})));
    assert_eq!(login.status, 200, "{}", login.text);
    assert!(cluster.says().asked.iter().all(|(_, bearer, _)| bearer == "Bearer re.view.er"));
    let entity = format!("identity/entity/id/{}", login.json["auth"]["entity_id"].as_str().unwrap());
    let entity = server.call("GET", &entity, Value::Null);
    assert_eq!(entity.json["data"]["aliases"][0]["metadata"]["env"], "prod", "{}", entity.text);
    configure(&server, &cluster, json!({}));
    let shown = server.call("GET", "auth/kubernetes/config", Value::Null);
    assert_eq!(shown.json["data"]["token_reviewer_jwt_set"], false);
}

#[test]
fn accounts_of_other_names_and_namespaces_are_denied() {
    let cluster = Cluster::start();
    let server = mounted(&cluster, json!({"token_reviewer_jwt": "re.view.er"}), json!({}));
    let selecting = |team: &str| {
        let selector = json!({"matchLabels": {"team": team}}).to_string();
        json!({"bound_service_account_namespaces": "none", "bound_service_account_namespace_selector": selector})
    };
    for (role, why) in [
        (json!({"bound_service_account_names": "api,db-*"}), Some("service account name not authorized")),
        (json!({"bound_service_account_namespaces": "office"}), Some("namespace not authorized")),
        (selecting("none"), Some("namespace not authorized")),
        (json!({"token_bound_cidrs": "192.0.2.0/24"}), Some("permission denied")),
        (
            json!({"token_bound_cidrs": [], "bound_service_account_names": "*", "bound_service_account_namespaces": "*"}),
            None,
        ),
        (json!({"bound_service_account_names": "w*b", "bound_service_account_namespaces": "none,sh*"}), None),
        (selecting("sales"), None),
    ] {
        set_role(&server, role.clone());
        match why {
            Some(why) => denied(&server, &token(&json!({})), why),
            None => assert_eq!(log_in(&server, &token(&json!({}))).status, 200, "{role}"),
        }
    }
}

#[test]
fn a_token_that_the_cluster_does_not_confirm_is_denied() {
    let cluster = Cluster::start();
    let server = mounted(&cluster, json!({}), json!({}));
    let user =
        |name: &str, uid: &str| json!({"status": {"authenticated": true, "user": {"username": name, "uid": uid}}});
    for (status, review) in [
        (401, json!({"kind": "Status", "status": "Failure"})),
        (500, Value::Null),
        (201, json!({"status": {"authenticated": false, "error": "expired"}})),
        (201, user("system:serviceaccount:shop:api", "u-1")),
        (201, user("system:serviceaccount:office:web", "u-1")),
        (201, user("system:serviceaccount:shop:web", "u-2")),
        (201, user("web", "u-1")),
        (200, json!(["x"])),
        (302, confirmed()),
    ] {
        cluster.answers(status, review);
        denied(&server, &token(&json!({})), "permission denied");
    }
    cluster.answers(201, confirmed());
    assert_eq!(log_in(&server, &token(&json!({}))).status, 200);
    let stranger = Cluster::start();
    configure(&server, &cluster, json!({"kubernetes_ca_cert": stranger.authority}));
    denied(&server, &token(&json!({})), "permission denied");
    configure(&server, &cluster, json!({"kubernetes_host": stranger.url()}));
    denied(&server, &token(&json!({})), "permission denied");
    assert!(stranger.says().asked.is_empty(), "a host that the operator did not name was asked");
}

#[test]
fn claims_that_do_not_fit_are_denied_before_the_cluster_is_asked() {
    let cluster = Cluster::start();
    let server =
        mounted(&cluster, json!({"disable_iss_validation": false, "issuer": "https://cluster.example"}), json!({}));
    for (changes, why) in [
        (json!({"exp": 1_700_000_000}), "invalid expiration time (exp) claim: token is expired"),
        (json!({"nbf": 4_000_000_000_u64}), "invalid nbf claim: token not yet valid"),
        (json!({"iss": "https://other.example"}), "invalid issuer (iss) claim"),
        (
            json!({"aud": ["other"]}),
            "invalid audience (aud) claim: audience claim does not match any expected audience",
        ),
        (json!({"kubernetes.io": null}), "could not parse the service account from the token's claims"),
    ] {
        denied(&server, &token(&changes), why);
    }
    assert!(cluster.says().asked.is_empty());
    configure(&server, &cluster, json!({"disable_iss_validation": false}));
    denied(&server, &token(&json!({})), "invalid issuer (iss) claim");
    assert_eq!(log_in(&server, &token(&json!({"iss": "kubernetes/serviceaccount"}))).status, 200);
}

#[test]
fn where_keys_are_configured_one_of_them_must_have_signed_the_token() {
    let cluster = Cluster::start();
    let server = mounted(&cluster, json!({}), json!({}));
    let folder = harness::Folder::new();
    let made = |name: &str| {
        let key = folder.path().join(name).display().to_string();
        openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", &key], "");
        (key.clone(), openssl(&["pkey", "-in", &key, "-pubout"], ""))
    };
    let ((key, public), (_, other)) = (made("one"), made("two"));
    let unsigned = token(&json!({}));
    let (message, _) = unsigned.rsplit_once('.').unwrap();
    let (file, signature) = (folder.write("message", message), folder.path().join("signature").display().to_string());
    openssl(&["dgst", "-sha256", "-sign", &key, "-out", &signature, &file], "");
    let signed = format!("{message}.{}", URL_SAFE_NO_PAD.encode(std::fs::read(&signature).unwrap()));
    configure(&server, &cluster, json!({"pem_keys": [other, public]}));
    assert_eq!(log_in(&server, &signed).status, 200);
    denied(&server, &unsigned, "permission denied");
    configure(&server, &cluster, json!({"pem_keys": [other]}));
    denied(&server, &signed, "permission denied");
}

#[test]
fn bad_input_is_refused_by_field_and_only_operators_keep_roles() {
    let cluster = Cluster::start();
    let server = mounted(&cluster, json!({}), json!({}));
    let role = |field: &str, value: Value| {
        merged(
            json!({"bound_service_account_names": "a", "bound_service_account_namespaces": "b"}),
            json!({ field: value }),
        )
    };
    let config = |field: &str, value: Value| merged(json!({"kubernetes_host": cluster.url()}), json!({ field: value }));
    for (path, body, says) in [
        ("config", json!({}), "no host provided"),
        ("config", config("kubernetes_host", json!("ftp://x")), "kubernetes_host: "),
        ("config", config("kubernetes_host", json!("https://u:p@x")), "kubernetes_host: "),
        ("config", config("kubernetes_ca_cert", json!("nonsense")), "kubernetes_ca_cert: "),
        ("config", config("token_reviewer_jwt", json!("a b")), "token_reviewer_jwt: "),
        ("config", config("pem_keys", json!(["nonsense"])), "pem_keys: "),
        ("config", config("disable_iss_validation", json!("perhaps")), "disable_iss_validation"),
        ("role/x", json!({}), "\"bound_service_account_names\" can not be empty"),
        (
            "role/x",
            json!({"bound_service_account_names": "a"}),
            "\"bound_service_account_namespaces\" can not be empty",
        ),
        ("role/x", role("bound_service_account_names", json!("*,a")), "bound_service_account_names: can not mix"),
        (
            "role/x",
            role("bound_service_account_namespaces", json!("*,a")),
            "bound_service_account_namespaces: can not mix",
        ),
        ("role/x", role("bound_service_account_namespace_selector", json!("a: b")), "invalid \"bound_service_account"),
        ("role/x", role("alias_name_source", json!("x")), "invalid alias_name_source, must be one of: "),
        ("role/x", role("audience", json!(["x"])), "audience"),
        ("role/x", role("token_policies", json!("root")), "token_policies: "),
        ("role/x", role("token_type", json!("gold")), "token_type: "),
        ("login", json!({"jwt": "x"}), "missing role"),
        ("login", json!({"role": "web"}), "missing jwt"),
        ("login", json!({"role": "none", "jwt": "x"}), "invalid role name \"none\""),
        ("login", json!({"role": "web", "jwt": {}}), "jwt"),
    ] {
        let answer = server.call("POST", &format!("auth/kubernetes/{path}"), body);
        let said = answer.json["errors"][0].as_str().unwrap_or_default();
        assert!(answer.status == 400 && said.starts_with(says), "{path}: {says}: {}", answer.text);
    }
    for malformed in ["x", "a.b.c", "e30.e30.e30", &"x".repeat(70_000)] {
        let answer = log_in(&server, malformed);
        assert_eq!(answer.status, 403, "{}", answer.text);
    }
    for (method, path) in [
        ("GET", "config"),
        ("POST", "config"),
        ("LIST", "role"),
        ("GET", "role/web"),
        ("POST", "role/x"),
        ("DELETE", "role/web"),
    ] {
        assert_eq!(
            server.send(method, &format!("auth/kubernetes/{path}"), &[], Value::Null).status,
            403,
            "{method} {path}"
        );
    }
    let warned = server.call("POST", "auth/kubernetes/role/x", role("audience", json!("")));
    assert!(
        warned.status == 200 && warned.json["warnings"][0].as_str().unwrap().contains("audience"),
        "{}",
        warned.text
    );
    assert_eq!(server.call("LIST", "auth/kubernetes/role", Value::Null).json["data"]["keys"], json!(["web", "x"]));
    assert_eq!(server.call("GET", "auth/kubernetes/role/none", Value::Null).status, 404);
}
