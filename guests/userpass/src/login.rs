//! `login`: who proves to know the password gets a token.

use innkeeper_guest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::user::{User, name};

pub(crate) const ROUTES: &[Route] = &[Route::new(
    "login/{username}",
    "Logs in.",
    &[Action::update("Gives a token to whoever knows the password.", login).fields(Login::FIELDS).unauthenticated()],
)];

/// One text for all that may be wrong: who asks does not learn who is known.
const WRONG: &str = "invalid username or password";

body! {
    /// What `login/{username}` takes.
    pub(crate) struct Login {
        /// The password.
        pub(crate) password: String,
    }
}

/// What comes back when the token is to be renewed.
#[derive(Serialize, Deserialize)]
struct Issued {
    username: String,
    policies: Vec<String>,
}

fn login(request: &Request) -> Answer {
    let name = name(request)?;
    let Login { password } = request.body()?;
    if password.is_empty() {
        return Err(Fault::invalid("missing password"));
    }
    let user = User::load(&name)?;
    let right = match &user {
        Some(user) => passwords::verify(&password, &user.password_hash),
        // Takes as long as for somebody whose password was hashed here; hashes of elsewhere have costs of their own.
        None => passwords::hash(&password).map(|_| false),
    };
    let right = match right {
        Err(passwords::PasswordError::Invalid) => false,
        other => other?,
    };
    let known = user.is_some();
    let user = user.filter(|_| right).ok_or_else(|| Fault::invalid_credentials(WRONG, &name, known))?;
    user.token.admit(request)?;
    let policies = user.token.token_policies.clone();
    let issued = Issued { username: name.clone(), policies: policies.clone() };
    let auth = Auth::new(&name, policies, user.token.wishes()).metadata("username", &name).internal(&issued);
    Ok(Response::auth(auth))
}

/// A token may be renewed as long as its user is there and has the same policies.
pub(crate) fn renew(internal: &str) -> Result<TokenWishes, Fault> {
    let issued: Issued = Auth::from_internal(internal)?;
    let user = User::load(&issued.username)?.ok_or_else(|| Fault::invalid("user no longer exists, not renewing"))?;
    if user.token.token_policies != issued.policies {
        return Err(Fault::invalid("policies have changed, not renewing"));
    }
    Ok(user.token.wishes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(token: TokenFields) {
        let mut user = User::new();
        user.password_hash = passwords::hash("secret").unwrap();
        user.token = token;
        user.store("ann").unwrap();
    }

    fn tried(name: &str, password: &str) -> Answer {
        login(&Request::for_test(&[("username", name)], &json!({ "password": password })))
    }

    #[test]
    fn who_knows_the_password_gets_what_the_user_record_says() {
        make(TokenFields { token_ttl: 60, token_policies: vec!["p".to_owned()], ..TokenFields::default() });
        let answer = tried("ANN", "secret").unwrap();
        let auth = answer.login().unwrap();
        assert_eq!((auth.display_name.as_str(), auth.policies.as_slice()), ("ann", &["p".to_owned()][..]));
        assert_eq!(auth.metadata, [("username".to_owned(), "ann".to_owned())]);
        assert_eq!((auth.token.ttl, auth.alias.as_ref().unwrap().name.as_str()), (60, "ann"));
        assert!(auth.renewable);
    }

    #[test]
    fn a_wrong_password_and_an_unknown_name_are_refused_in_the_same_words() {
        make(TokenFields::default());
        for (name, known) in [("ann", true), ("bob", false)] {
            let fault = tried(name, "wrong").map(drop).unwrap_err();
            assert_eq!((fault.kind, fault.messages), (FaultKind::InvalidCredentials, vec![WRONG.to_owned()]));
            let attempt = fault.attempt.unwrap();
            assert_eq!((attempt.alias.as_str(), attempt.known), (name, known));
        }
        assert_eq!(tried("ann", "").map(drop).unwrap_err().messages, ["missing password"]);
    }

    #[test]
    fn a_login_from_outside_the_users_networks_is_refused() {
        make(TokenFields { token_bound_cidrs: vec!["10.0.0.0/8".to_owned()], ..TokenFields::default() });
        let from = |address: &str| {
            let request = Request::for_test(&[("username", "ann")], &json!({ "password": "secret" }));
            login(&request.with_remote_address(address))
        };
        assert!(from("10.1.1.1").is_ok());
        assert_eq!(from("11.1.1.1").map(drop).unwrap_err().kind, FaultKind::Denied);
    }

    #[test]
    fn a_token_is_renewed_only_while_its_user_is_there_with_the_same_policies() {
        make(TokenFields { token_policies: vec!["p".to_owned()], ..TokenFields::default() });
        let internal = tried("ann", "secret").unwrap().login().unwrap().internal.clone();
        make(TokenFields { token_policies: vec!["p".to_owned()], token_ttl: 9, ..TokenFields::default() });
        assert_eq!(renew(&internal).unwrap().ttl, 9);
        make(TokenFields::default());
        assert!(renew(&internal).unwrap_err().messages[0].contains("policies have changed"));
        User::remove("ann").unwrap();
        assert!(renew(&internal).unwrap_err().messages[0].contains("no longer exists"));
    }
}
