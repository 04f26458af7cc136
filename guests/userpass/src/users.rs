//! `users`: who may come in.

use innkeeper_guest::prelude::*;

use crate::user::{FOLDER, User, name};

pub(crate) const ROUTES: &[Route] = &[
    Route::new("users", "All users.", &[Action::list("Names the users.", list)]),
    Route::new(
        "users/{username}",
        "A user.",
        &[
            Action::read("Reads what tokens the user gets.", read),
            Action::update("Makes the user, or changes what was sent.", write)
                .fields(fields!(Password, TokenParams, Older))
                .create_unless(exists),
            Action::delete("Removes the user.", remove),
        ],
    ),
    Route::new(
        "users/{username}/password",
        "The password of a user.",
        &[Action::update("Changes the password.", change_password).fields(Password::FIELDS)],
    ),
    Route::new(
        "users/{username}/policies",
        "The policies of a user.",
        &[Action::update("Changes the policies.", change_policies).fields(fields!(Policies, OlderPolicies))],
    ),
];

older! {
    /// Names under which earlier clients send fields.
    struct Older {
        policies: token_policies,
        ttl: token_ttl,
        max_ttl: token_max_ttl,
        bound_cidrs: token_bound_cidrs,
    }
}

older! {
    /// The same, of the policies alone.
    struct OlderPolicies {
        policies: token_policies,
    }
}

body! {
    /// A password, or what it was made into elsewhere.
    pub(crate) struct Password {
        /// The password, 1 to 1024 bytes.
        pub(crate) password: String,
        /// A hash of the password instead of it: bcrypt, or Argon2id in PHC form.
        pub(crate) password_hash: String,
    }

    /// What `users/{username}/policies` takes.
    pub(crate) struct Policies {
        /// Policies of the tokens.
        pub(crate) token_policies: Vec<String>,
    }
}

impl Password {
    /// What is kept of it; `None` when nothing was sent.
    fn hashed(self) -> Result<Option<String>, Fault> {
        match (self.password.is_empty(), self.password_hash.is_empty()) {
            (true, true) => Ok(None),
            (false, true) => Ok(Some(passwords::hash(&self.password)?)),
            (true, false) => {
                passwords::check(&self.password_hash)?;
                Ok(Some(self.password_hash))
            }
            (false, false) => Err(Fault::invalid("password and password_hash: only one of them can be sent")),
        }
    }
}

fn exists(request: &Request) -> Result<bool, Fault> {
    Ok(User::load(&name(request)?)?.is_some())
}

fn list(_request: &Request) -> Answer {
    Response::names(FOLDER)
}

fn read(request: &Request) -> Answer {
    let Some(user) = User::load(&name(request)?)? else { return Ok(Response::nothing()) };
    let mut data = user.token.show();
    if !user.token.token_policies.is_empty() {
        // Where earlier clients look for them.
        data.insert("policies".into(), json!(user.token.token_policies));
    }
    Response::data(&data)
}

fn write(request: &Request) -> Answer {
    let name = name(request)?;
    let sent = request.sent()?;
    let before = User::load(&name)?;
    let is_new = before.is_none();
    let mut user = before.unwrap_or_else(User::new);
    match sent.read::<Password>()?.hashed()? {
        Some(hash) => user.password_hash = hash,
        None if is_new => return Err(Fault::invalid("missing password")),
        None => {}
    }
    user.token.change(&sent, Older::NAMES)?;
    user.store(&name)?;
    Ok(Response::nothing())
}

fn remove(request: &Request) -> Answer {
    User::remove(&name(request)?)?;
    Ok(Response::nothing())
}

fn change_password(request: &Request) -> Answer {
    let (name, mut user) = known(request)?;
    let hash = request.body::<Password>()?.hashed()?;
    user.password_hash = hash.ok_or_else(|| Fault::invalid("missing password"))?;
    user.store(&name)?;
    Ok(Response::nothing())
}

fn change_policies(request: &Request) -> Answer {
    let (name, mut user) = known(request)?;
    let Policies { token_policies } = request.sent()?.with_older_names(OlderPolicies::NAMES).read()?;
    user.token.token_policies = innkeeper_guest::policies(token_policies)?;
    user.store(&name)?;
    Ok(Response::nothing())
}

fn known(request: &Request) -> Result<(String, User), Fault> {
    let name = name(request)?;
    let user = User::load(&name)?.ok_or_else(|| Fault::invalid("username does not exist"))?;
    Ok((name, user))
}

#[cfg(test)]
mod tests {
    use innkeeper_guest::serde_json::Value;

    use super::*;

    fn ask(name: &str, body: Value) -> Request {
        Request::for_test(&[("username", name)], &body)
    }

    fn said(answer: Answer) -> String {
        answer.map(drop).unwrap_err().messages.concat()
    }

    fn shown(name: &str) -> Value {
        let answer = read(&ask(name, json!({}))).unwrap();
        innkeeper_guest::serde_json::from_str(answer.data_text().unwrap()).unwrap()
    }

    #[test]
    fn a_user_is_read_back_without_the_password_and_keeps_what_is_not_sent_again() {
        let sent = json!({"password": "pw", "token_policies": "a,b", "token_ttl": "1h"});
        assert!(write(&ask("Ann", sent)).is_ok());
        assert!(write(&ask("ann", json!({"token_max_ttl": 7200}))).is_ok());
        let user = shown("ANN");
        assert_eq!((&user["token_ttl"], &user["token_max_ttl"]), (&json!(3600), &json!(7200)));
        assert_eq!((&user["token_policies"], &user["policies"]), (&json!(["a", "b"]), &json!(["a", "b"])));
        assert!(!user.to_string().contains("argon2") && !user.to_string().contains("pw"));
        assert_eq!(list(&ask("", json!({}))).unwrap().data_text(), Some(r#"{"keys":["ann"]}"#));
        assert!(exists(&ask("ann", json!({}))).unwrap() && !exists(&ask("bob", json!({}))).unwrap());
        assert!(remove(&ask("ann", json!({}))).is_ok());
        assert!(read(&ask("ann", json!({}))).unwrap().data_text().is_none());
    }

    #[test]
    fn a_new_user_needs_one_password_and_a_hash_that_can_be_read() {
        assert_eq!(said(write(&ask("ann", json!({})))), "missing password");
        assert!(said(write(&ask("ann", json!({"password": "a", "password_hash": "$2b$x"})))).contains("only one"));
        assert!(said(write(&ask("ann", json!({"password_hash": "plain"})))).starts_with("password_hash:"));
        assert!(write(&ask("ann", json!({"password_hash": "$2b$05$abc"}))).is_ok());
    }

    #[test]
    fn password_and_policies_of_a_user_change_by_themselves_and_of_nobody_do_not() {
        assert!(write(&ask("ann", json!({"password": "old", "policies": "a"}))).is_ok());
        assert!(change_password(&ask("ann", json!({"password": "new"}))).is_ok());
        assert!(passwords::verify("new", &User::load("ann").unwrap().unwrap().password_hash).unwrap());
        assert!(change_policies(&ask("ann", json!({"policies": ["x"]}))).is_ok());
        assert_eq!(shown("ann")["token_policies"], json!(["x"]));
        assert_eq!(said(change_password(&ask("ann", json!({})))), "missing password");
        assert_eq!(said(change_password(&ask("bob", json!({"password": "x"})))), "username does not exist");
        assert_eq!(said(change_policies(&ask("bob", json!({})))), "username does not exist");
    }

    #[test]
    fn names_that_are_none_are_refused() {
        for bad in ["", "a b", "-a", "a/b", "a\n", &"a".repeat(129)] {
            assert!(said(write(&ask(bad, json!({"password": "x"})))).starts_with("username:"), "{bad:?}");
        }
        for good in ["a", "a.b@example.org", "a_b-c", "j\u{fc}rgen"] {
            assert!(write(&ask(good, json!({"password": "x"}))).is_ok(), "{good}");
        }
    }
}
