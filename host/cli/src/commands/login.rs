//! `login`.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::auth::below;
use crate::client::{Ask, UNWRAP};
use crate::output::{self, Format, one_line};
use crate::session::{Act, Exit, NOT_SO, Session, WELL};
use crate::{Error, input, token_file};

pub(super) const HELP: &str = "\
Without -method, the argument is a token; without an argument it is asked for. The other methods take KEY=VALUE:
  userpass     username=NAME [password=WORD]      asks for the password
  approle      role_id=ID [secret_id=ID]          - and @FILE keep the identifier out of the list of processes
  cert         [name=ROLE]                        with -client-cert and -client-key
  jwt          role=ROLE jwt=@FILE
  kubernetes   role=ROLE [jwt=@FILE]              by default the token that Kubernetes puts into a container
Any other method is sent KEY=VALUE at auth/PATH/login.

Examples:
  innkeeper login
  innkeeper login -method=userpass username=eve
  innkeeper login -token-only -method=approle role_id=app secret_id=@secret-id";

/// Where Kubernetes puts the token of a service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// A new token, by proving who one is.
#[derive(Debug, clap::Args)]
pub struct Login {
    /// token, userpass, approle, cert, jwt, kubernetes, or another that the server has.
    #[arg(long, default_value = "token")]
    pub method: String,
    /// Where the method is mounted, if not at its own name.
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
    /// Do not keep the token.
    #[arg(long)]
    pub no_store: bool,
    /// Print only the token, and do not keep it.
    #[arg(long)]
    pub token_only: bool,
    /// Print nothing.
    #[arg(long)]
    pub no_print: bool,
    /// Print only the value of this field.
    #[arg(long, value_name = "NAME")]
    pub field: Option<String>,
    /// What the method wants, as KEY=VALUE, KEY=@FILE or KEY=-.
    #[arg(value_name = "DATA")]
    pub data: Vec<String>,
}

impl Act for Login {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let stored = !self.no_store && !self.token_only;
        if self.no_print && !stored {
            let text = "-no-store or -token-only and -no-print cannot be used together: nobody would have the token";
            return Err(Error::Usage(text.into()));
        }
        let body = match self.method.as_str() {
            "token" => self.with_token(session)?,
            _ => {
                let ask = self.ask(session)?.without_token();
                answered(session, &ask)?
            }
        };
        let body = match body["wrap_info"]["token"].as_str() {
            // Whoever keeps the token wants it itself.
            Some(wrapping) if stored => {
                session.client.use_token(wrapping.into());
                answered(session, &Ask::put_nothing(UNWRAP).for_us())?
            }
            Some(wrapping) if self.token_only => {
                session.terminal.value(wrapping)?;
                return Ok(WELL);
            }
            Some(_) => return self.print(session, &body, None),
            None => body,
        };
        let missing = || Error::Unreadable("the server's answer holds no token".into());
        let token = SecretString::from(body["auth"]["client_token"].as_str().ok_or_else(missing)?);
        if stored {
            // A token that cannot be kept is not lost.
            if let Err(error) = token_file::write(session.environment, &token) {
                let text = "You are authenticated, but the token was not persisted: it is shown below.\n";
                session.terminal.note(&format!("Error storing token: {}\n{text}", one_line(&error.to_string())))?;
                output::secret(session.terminal, session.format, &body)?;
                return Ok(NOT_SO);
            }
            if session.environment.token().is_some() {
                let text = "WARNING! VAULT_TOKEN is set, and commands come with that: unset it to use the new token.\n";
                session.terminal.note(text)?;
            }
        }
        if self.token_only {
            session.terminal.value(token.expose_secret())?;
            return Ok(WELL);
        }
        self.print(session, &body, Some(stored))
    }
}

impl Login {
    /// Where the method is mounted.
    fn mount(&self) -> &str {
        self.path.as_deref().map_or(self.method.as_str(), below)
    }

    fn ask(&self, session: &mut Session<'_>) -> Result<Ask, Error> {
        let mut fields = session.fields(&self.data)?;
        let mut path = format!("auth/{}/login", self.mount());
        match self.method.as_str() {
            "userpass" | "ldap" | "radius" | "okta" => {
                let name = taken(&mut fields, "username")?;
                path = format!("{path}/{name}");
                ask_for(session, &mut fields, "password", "Password")?;
            }
            "approle" => {
                needed(&fields, "role_id")?;
                ask_for(session, &mut fields, "secret_id", "Secret ID")?;
            }
            "cert" if session.client.settings().client.is_none() => {
                return Err(Error::Usage("the method cert needs -client-cert and -client-key".into()));
            }
            "jwt" => ask_for(session, &mut fields, "jwt", "JWT")?,
            "kubernetes" => {
                needed(&fields, "role")?;
                if !fields.contains_key("jwt") {
                    let jwt = input::text_file(std::path::Path::new(SERVICE_ACCOUNT))?;
                    fields.insert("jwt".into(), jwt.into());
                }
            }
            _ => {}
        }
        // Files of tokens end with a line end.
        for name in ["jwt", "secret_id", "password"] {
            if let Some(Value::String(text)) = fields.get_mut(name) {
                text.truncate(text.trim_end_matches(['\r', '\n']).len());
            }
        }
        Ok(Ask::put(&path, &Value::Object(fields)))
    }

    /// A token proves itself: what is known of it becomes the answer.
    fn with_token(&self, session: &mut Session<'_>) -> Result<Value, Error> {
        let token = match &self.data[..] {
            [] => session.terminal.hidden("Token")?,
            [one] => match one.strip_prefix("token=").unwrap_or(one) {
                "-" => SecretString::from(session.terminal.input()?.trim()),
                one => input::secret(one)?,
            },
            _ => return Err(Error::Usage("the method token takes one token".into())),
        };
        session.client.use_token(token.clone());
        let found = session.whole(Ask::get("auth/token/lookup-self"), "authenticating")?;
        let data = &found["data"];
        Ok(json!({
            "request_id": found["request_id"], "lease_id": "", "renewable": false, "lease_duration": 0, "data": null,
            "wrap_info": null, "warnings": found["warnings"], "auth": {
                "client_token": token.expose_secret(), "accessor": data["accessor"], "policies": data["policies"],
                "token_policies": data["policies"], "identity_policies": data["identity_policies"],
                "metadata": data["meta"], "lease_duration": data["ttl"], "renewable": data["renewable"] == true,
            },
        }))
    }

    fn print(&self, session: &mut Session<'_>, body: &Value, stored: Option<bool>) -> Result<Exit, Error> {
        if self.no_print {
            return Ok(WELL);
        }
        if let Some(name) = &self.field {
            output::field(session.terminal, session.format, body, name)?;
            return Ok(WELL);
        }
        if let (Format::Table, Some(stored)) = (session.format, stored) {
            let next = if stored {
                "The token below is kept in ~/.vault-token: commands come with it from now on.\n"
            } else {
                "The token below is kept nowhere: set VAULT_TOKEN to use it.\n"
            };
            session.terminal.line(&format!("Success! You are now authenticated. {next}"))?;
        }
        output::secret(session.terminal, session.format, body)?;
        Ok(WELL)
    }
}

/// What a server answers to whoever proves who they are.
fn answered(session: &Session<'_>, ask: &Ask) -> Result<Value, Error> {
    let answer = session.client.ask(ask).map_err(|error| error.during("authenticating"))?;
    let body = answer.json()?;
    if body.pointer("/auth/mfa_requirement").is_some_and(Value::is_object) && body["auth"]["client_token"] == "" {
        return Err(Error::Unreadable("the server asks for a second factor, which this command cannot give".into()));
    }
    Ok(body)
}

/// Takes a field out that becomes part of the path.
fn taken(fields: &mut Map<String, Value>, name: &str) -> Result<String, Error> {
    needed(fields, name)?;
    let value = fields.remove(name).and_then(|value| value.as_str().map(str::to_owned));
    value.ok_or_else(|| Error::Usage(format!("{name}: must be one text")))
}

fn needed(fields: &Map<String, Value>, name: &str) -> Result<(), Error> {
    if fields.contains_key(name) { Ok(()) } else { Err(Error::Usage(format!("{name}: is missing: say {name}=…"))) }
}

/// Asks the person at the terminal for what was not given.
fn ask_for(session: &mut Session<'_>, fields: &mut Map<String, Value>, name: &str, what: &str) -> Result<(), Error> {
    if !fields.contains_key(name) {
        let given = session.terminal.hidden(what)?;
        fields.insert(name.to_owned(), given.expose_secret().into());
    }
    Ok(())
}
