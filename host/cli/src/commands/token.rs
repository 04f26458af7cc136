//! `token`.

use serde_json::{Map, Value, json};

use crate::client::Ask;
use crate::environment::Environment;
use crate::output::{Format, one_line};
use crate::session::{Act, Asking, Exit, Run, Session, WELL, put};
use crate::terminal::Terminal;
use crate::{Error, input};

/// Tokens.
#[derive(Debug, clap::Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one in a process")]
pub enum Token {
    /// Creates a token below the session's own.
    #[command(after_help = "Examples:\n  innkeeper token create -policy=app -ttl=24h -metadata=team=a\n  \
                            innkeeper token create -role=ci -field=token")]
    Create(Asking<Create>),
    /// Shows what is known of a token, by default of the session's own.
    #[command(after_help = "Examples:\n  innkeeper token lookup\n  innkeeper token lookup -accessor 9793c9b3-e04a")]
    Lookup(Asking<Lookup>),
    /// Lets a token live longer, by default the session's own.
    #[command(after_help = "Examples:\n  innkeeper token renew -increment=1h")]
    Renew(Asking<Renew>),
    /// Ends a token and those below it.
    #[command(after_help = "Examples:\n  innkeeper token revoke -self\n  innkeeper token revoke -mode=orphan s.token")]
    Revoke(Asking<Revoke>),
    /// Shows what a token may do with a path, by default the session's own.
    #[command(after_help = "Examples:\n  innkeeper token capabilities secret/app")]
    Capabilities(Asking<Capabilities>),
}

impl Token {
    pub(super) fn run(&self, environment: &Environment, terminal: &mut Terminal) -> Result<Exit, Error> {
        match self {
            Self::Create(asking) => asking.run(environment, terminal),
            Self::Lookup(asking) => asking.run(environment, terminal),
            Self::Renew(asking) => asking.run(environment, terminal),
            Self::Revoke(asking) => asking.run(environment, terminal),
            Self::Capabilities(asking) => asking.run(environment, terminal),
        }
    }
}

/// Whose endpoint is asked: what its name ends with. The token, or its accessor, becomes a field.
fn whose(given: Option<String>, accessor: bool, fields: &mut Map<String, Value>) -> Result<&'static str, Error> {
    let (end, name) = match (&given, accessor) {
        (None, false) => return Ok("-self"),
        (None, true) => return Err(no_accessor()),
        (Some(_), true) => ("-accessor", "accessor"),
        (Some(_), false) => ("", "token"),
    };
    put(fields, name, given);
    Ok(end)
}

/// A new token.
#[derive(Debug, clap::Args)]
pub struct Create {
    /// The token itself; for root tokens only.
    #[arg(long)]
    pub id: Option<String>,
    /// What it is called in logs.
    #[arg(long, value_name = "NAME")]
    pub display_name: Option<String>,
    /// How long it lives.
    #[arg(long, value_name = "DURATION")]
    pub ttl: Option<String>,
    /// How long it can live however often it is renewed.
    #[arg(long, value_name = "DURATION")]
    pub explicit_max_ttl: Option<String>,
    /// How long it lives after each renewal, without an end.
    #[arg(long, value_name = "DURATION")]
    pub period: Option<String>,
    /// Whether it can be renewed.
    #[arg(long, value_name = "BOOL", action = clap::ArgAction::Set, default_value = "true")]
    pub renewable: bool,
    /// It outlives the token that creates it.
    #[arg(long)]
    pub orphan: bool,
    /// It does not have the policy default.
    #[arg(long)]
    pub no_default_policy: bool,
    /// How often it can be used.
    #[arg(long, value_name = "TIMES")]
    pub use_limit: Option<u64>,
    /// service or batch.
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Option<String>,
    /// Something that is kept with it; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub metadata: Vec<String>,
    /// A policy that it has; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub policy: Vec<String>,
    /// The role that it is created with.
    #[arg(long, value_name = "NAME")]
    pub role: Option<String>,
    /// The alias of the entity that it stands for; needs -role.
    #[arg(long, value_name = "NAME")]
    pub entity_alias: Option<String>,
    /// Print only the value of this field.
    #[arg(long, value_name = "NAME")]
    pub field: Option<String>,
}

impl Act for Create {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let mut fields = Map::new();
        put(&mut fields, "id", self.id.clone());
        put(&mut fields, "display_name", self.display_name.clone());
        put(&mut fields, "ttl", self.ttl.clone());
        put(&mut fields, "explicit_max_ttl", self.explicit_max_ttl.clone());
        put(&mut fields, "period", self.period.clone());
        put(&mut fields, "num_uses", self.use_limit);
        put(&mut fields, "type", self.kind.clone());
        put(&mut fields, "entity_alias", self.entity_alias.clone());
        put(&mut fields, "renewable", Some(self.renewable));
        put(&mut fields, "no_parent", self.orphan.then_some(true));
        put(&mut fields, "no_default_policy", self.no_default_policy.then_some(true));
        put(&mut fields, "policies", Some(self.policy.clone()).filter(|policies| !policies.is_empty()));
        let metadata = input::strings("-metadata", &self.metadata)?;
        put(&mut fields, "meta", Some(metadata).filter(|metadata| !metadata.is_empty()));
        let path = match &self.role {
            Some(role) => format!("auth/token/create/{role}"),
            None => "auth/token/create".to_owned(),
        };
        let ask = Ask::post(&path, &Value::Object(fields));
        let answer = session.client.ask(&ask).map_err(|error| error.during("creating token"))?;
        session.show(&answer, self.field.as_deref())
    }
}

/// What is known of a token.
#[derive(Debug, clap::Args)]
pub struct Lookup {
    /// The token, its accessor, or - for standard input.
    pub token: Option<String>,
    /// What is given is an accessor.
    #[arg(long)]
    pub accessor: bool,
    /// Print only the value of this field.
    #[arg(long, value_name = "NAME")]
    pub field: Option<String>,
}

impl Act for Lookup {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let mut fields = Map::new();
        let end = whose(session.terminal.given(self.token.as_deref())?, self.accessor, &mut fields)?;
        let path = format!("auth/token/lookup{end}");
        let ask = if fields.is_empty() { Ask::get(&path) } else { Ask::post(&path, &Value::Object(fields)) };
        let answer = session.client.ask(&ask).map_err(|error| error.during("looking up token"))?;
        session.show(&answer, self.field.as_deref())
    }
}

/// A longer life.
#[derive(Debug, clap::Args)]
pub struct Renew {
    /// The token, its accessor, or - for standard input.
    pub token: Option<String>,
    /// What is given is an accessor.
    #[arg(long)]
    pub accessor: bool,
    /// How much longer.
    #[arg(long, short, value_name = "DURATION")]
    pub increment: Option<String>,
    /// Print only the value of this field.
    #[arg(long, value_name = "NAME")]
    pub field: Option<String>,
}

impl Act for Renew {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let mut fields = Map::new();
        put(&mut fields, "increment", self.increment.clone());
        let end = whose(session.terminal.given(self.token.as_deref())?, self.accessor, &mut fields)?;
        let ask = Ask::put(&format!("auth/token/renew{end}"), &Value::Object(fields));
        let answer = session.client.ask(&ask).map_err(|error| error.during("renewing token"))?;
        session.show(&answer, self.field.as_deref())
    }
}

/// The end of a token.
#[derive(Debug, clap::Args)]
pub struct Revoke {
    /// The token, its accessor, or - for standard input.
    pub token: Option<String>,
    /// What is given is an accessor.
    #[arg(long)]
    pub accessor: bool,
    /// The session's own token.
    #[arg(long = "self", conflicts_with_all = ["token", "accessor"])]
    pub own: bool,
    /// orphan: those below it live on. path: all tokens that were created at a path.
    #[arg(long, value_name = "MODE", value_parser = ["orphan", "path"])]
    pub mode: Option<String>,
}

impl Act for Revoke {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let token = session.terminal.given(self.token.as_deref())?;
        let ask = match (token, self.mode.as_deref()) {
            (None, None) if self.own => Ask::put_nothing("auth/token/revoke-self"),
            (None, _) => return Err(Error::Usage("say which token, or -self for the session's own".into())),
            (Some(path), Some("path")) => Ask::put_nothing(&format!("sys/leases/revoke-prefix/{path}")),
            (Some(_), Some(_)) if self.accessor => {
                return Err(Error::Usage("-mode=orphan needs the token itself, not its accessor".into()));
            }
            (Some(token), Some(_)) => Ask::put("auth/token/revoke-orphan", &json!({ "token": token })),
            (Some(accessor), None) if self.accessor => {
                Ask::put("auth/token/revoke-accessor", &json!({ "accessor": accessor }))
            }
            (Some(token), None) => Ask::put("auth/token/revoke", &json!({ "token": token })),
        };
        session.order(ask, "revoking token", "Revoked token (if it existed)")
    }
}

/// What may be done.
#[derive(Debug, clap::Args)]
pub struct Capabilities {
    /// The token or its accessor, if not the session's own, and the path.
    #[arg(required = true, num_args = 1..=2, value_name = "[TOKEN] PATH")]
    pub arguments: Vec<String>,
    /// What is given is an accessor.
    #[arg(long)]
    pub accessor: bool,
}

impl Act for Capabilities {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let (token, path) = match &self.arguments[..] {
            [token, path] => (session.terminal.given(Some(token))?, path),
            [path] => (None, path),
            _ => return Err(no_accessor()),
        };
        let mut fields = Map::new();
        fields.insert("paths".into(), json!([path]));
        let end = whose(token, self.accessor, &mut fields)?;
        let ask = Ask::post(&format!("sys/capabilities{end}"), &Value::Object(fields));
        let body = session.data(ask, "listing capabilities")?;
        let found = body.get(path).or_else(|| body.get("capabilities")).cloned();
        let none = || Error::Unreadable("the server's answer names no capabilities".into());
        let mut found: Vec<String> = found
            .as_ref()
            .and_then(Value::as_array)
            .ok_or_else(none)?
            .iter()
            .filter_map(Value::as_str)
            .map(one_line)
            .collect();
        found.sort_unstable();
        match session.format {
            Format::Table => session.terminal.line(&found.join(", "))?,
            _ => return session.show_as(&json!(found), |_| String::new()),
        }
        Ok(WELL)
    }
}

fn no_accessor() -> Error {
    Error::Usage("-accessor: say which accessor".into())
}
