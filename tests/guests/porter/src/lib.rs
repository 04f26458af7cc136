//! An auth method that says of a login whatever it is told, and asks whatever host it is told: what the host makes of
//! that is under test.

use innkeeper_guest::prelude::*;
use innkeeper_guest::serde_json::Value;

struct Porter;

impl Engine for Porter {
    const KIND: GuestKind = GuestKind::AuthMethod;
    const NAME: &'static str = "porter";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Lets everybody in as whom they say.";
    const ROUTES: &'static [&'static [Route]] = &[ROUTES];

    fn renew_token(_context: &Context, internal: &str) -> Result<TokenWishes, Fault> {
        match internal {
            "refuse" => Err(Fault::invalid("the porter does not renew")),
            _ => Ok(TokenWishes { ttl: 7, ..TokenWishes::default() }),
        }
    }
}

innkeeper_guest::export!(Porter);

const ROUTES: &[Route] = &[
    Route::new("login", "Logs in.", &[Action::update("As it is told.", login).fields(Wish::FIELDS).unauthenticated()]),
    Route::new("with-token", "Logs in where a token is asked for.", &[Action::update("Not allowed.", login)]),
    Route::new("fetch", "Asks a host.", &[Action::update("As it is told.", fetch).fields(Fetch::FIELDS)]),
];

body! {
    /// What a login is to say.
    pub(crate) struct Wish {
        /// The alias.
        pub(crate) alias: String,
        /// The policies.
        pub(crate) policies: Vec<String>,
        /// The groups.
        pub(crate) groups: Vec<String>,
        /// Metadata.
        pub(crate) metadata: std::collections::BTreeMap<String, String>,
        /// What comes back.
        pub(crate) internal: String,
    }

    /// Whom to ask.
    pub(crate) struct Fetch {
        /// The URL.
        pub(crate) url: String,
        /// How often.
        pub(crate) times: u32 = 1,
    }
}

fn login(request: &Request) -> Answer {
    let sent = request.sent()?;
    let wish: Wish = sent.read()?;
    let mut fields = TokenFields::default();
    // Its own policies, as they came: the SDK would refuse some.
    let others: Vec<(String, Value)> =
        request.json()?.into_iter().filter(|(name, _)| name.starts_with("token_")).collect();
    fields.change(&Sent::new(others.into_iter().collect()), &[])?;
    let mut auth = Auth::new(wish.alias, wish.policies, fields.wishes());
    auth.group_aliases = wish.groups;
    auth.internal = wish.internal;
    auth.metadata = wish.metadata.into_iter().collect();
    Ok(Response::auth(auth))
}

fn fetch(request: &Request) -> Answer {
    let Fetch { url, times } = request.body()?;
    let mut told = Vec::new();
    for _ in 0..times {
        told.push(match http_out::send(&http_out::get(&url, None)) {
            Ok(answer) => json!({ "status": answer.status, "body": String::from_utf8_lossy(&answer.body) }),
            Err(error) => json!({ "kind": format!("{:?}", error.kind), "message": error.message }),
        });
    }
    Response::data(&json!({ "told": told }))
}
