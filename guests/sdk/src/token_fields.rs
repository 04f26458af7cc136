//! The `token_*` fields that the roles of all auth methods have.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::network::{networks, within};
use crate::{Fault, Map, Request, Seconds, Sent, TokenKind, TokenWishes};

// The macro names this crate as its users do.
use crate as innkeeper_guest;

/// Most policies of one role.
const POLICIES_MAX: usize = 256;
/// Longest name of a policy, in bytes.
const POLICY_MAX: usize = 256;

crate::body! {
    /// What a role says of the tokens that logins with it get. Fields that were not sent are `None`.
    pub struct TokenParams {
        /// Time to live of the tokens; 0 for the mount's default.
        pub token_ttl: Option<Seconds>,
        /// Longest time to live of the tokens, renewals included; 0 for the mount's.
        pub token_max_ttl: Option<Seconds>,
        /// Longest time to live of the tokens that nothing tuned later extends; 0 for none.
        pub token_explicit_max_ttl: Option<Seconds>,
        /// Makes tokens that each renewal extends by this time, without a longest time to live; 0 for none.
        pub token_period: Option<Seconds>,
        /// Policies of the tokens.
        pub token_policies: Option<Vec<String>>,
        /// Networks that the tokens may be used from: addresses or CIDR blocks.
        pub token_bound_cidrs: Option<Vec<String>>,
        /// Leaves the policy "default" away.
        pub token_no_default_policy: Option<bool>,
        /// How often a token may be used; 0 for without limit.
        pub token_num_uses: Option<u64>,
        /// What sort of token: "default", "service", "batch", "default-service" or "default-batch".
        pub token_type: Option<String>,
    }
}

crate::older! {
    /// Names under which earlier clients send [`TokenParams`], where a method's roles never had others.
    pub struct OlderTokenParams {
        policies: token_policies,
        ttl: token_ttl,
        max_ttl: token_max_ttl,
        period: token_period,
        num_uses: token_num_uses,
        bound_cidrs: token_bound_cidrs,
    }
}

/// What a role says of the tokens that logins with it get: part of the role's record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenFields {
    /// Seconds; 0 for the mount's default.
    pub token_ttl: u64,
    /// Seconds; 0 for the mount's.
    pub token_max_ttl: u64,
    /// Seconds; 0 for none.
    pub token_explicit_max_ttl: u64,
    /// Seconds; 0 for none.
    pub token_period: u64,
    /// In lower case, in order, each once.
    pub token_policies: Vec<String>,
    /// Addresses and CIDR blocks.
    pub token_bound_cidrs: Vec<String>,
    /// Leaves the policy `default` away.
    pub token_no_default_policy: bool,
    /// 0 for without limit.
    pub token_num_uses: u64,
    /// The kind as it is written; empty for `default`.
    pub token_type: String,
}

impl TokenFields {
    /// What each field is for: for [`crate::fields!`], as `TokenParams`.
    pub const FIELDS: &'static [crate::Field] = TokenParams::FIELDS;

    /// Takes the fields that were sent over what was there before, and checks the whole. `older` are names under which
    /// earlier clients send a field, each with the field's own name; the own name wins.
    pub fn change(&mut self, sent: &Sent, older: &[(&str, &str)]) -> Result<(), Fault> {
        let params: TokenParams = sent.with_older_names(older).read()?;
        for (mine, new) in [
            (&mut self.token_ttl, params.token_ttl),
            (&mut self.token_max_ttl, params.token_max_ttl),
            (&mut self.token_explicit_max_ttl, params.token_explicit_max_ttl),
            (&mut self.token_period, params.token_period),
        ] {
            *mine = new.map_or(*mine, |Seconds(seconds)| seconds);
        }
        if let Some(names) = params.token_policies {
            self.token_policies = policies(names)?;
        }
        if let Some(list) = params.token_bound_cidrs {
            self.token_bound_cidrs = networks("token_bound_cidrs", &list)?.iter().map(ToString::to_string).collect();
        }
        self.token_no_default_policy = params.token_no_default_policy.unwrap_or(self.token_no_default_policy);
        self.token_num_uses = params.token_num_uses.unwrap_or(self.token_num_uses);
        if let Some(kind) = params.token_type {
            kind_of(&kind)?;
            self.token_type = kind;
        }
        self.check()
    }

    fn check(&self) -> Result<(), Fault> {
        if self.token_max_ttl > 0 && self.token_ttl > self.token_max_ttl {
            return Err(Fault::invalid("'token_ttl' cannot be greater than 'token_max_ttl'"));
        }
        let batch = matches!(kind_of(&self.token_type)?, TokenKind::Batch | TokenKind::DefaultBatch);
        if batch && self.token_period > 0 {
            return Err(Fault::invalid("'token_type' cannot be 'batch' when set to generate periodic tokens"));
        }
        if batch && self.token_num_uses > 0 {
            return Err(Fault::invalid(
                "'token_type' cannot be 'batch' when set to generate tokens with limited use count",
            ));
        }
        Ok(())
    }

    /// The fields as a read of the role shows them: times as whole seconds.
    pub fn show(&self) -> Map {
        let fields = json!({
            "token_ttl": self.token_ttl, "token_max_ttl": self.token_max_ttl,
            "token_explicit_max_ttl": self.token_explicit_max_ttl, "token_period": self.token_period,
            "token_policies": self.token_policies, "token_bound_cidrs": self.token_bound_cidrs,
            "token_no_default_policy": self.token_no_default_policy, "token_num_uses": self.token_num_uses,
            "token_type": if self.token_type.is_empty() { "default" } else { &self.token_type },
        });
        match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }

    /// Refuses a login (403) from an address that its token could not be used from.
    pub fn admit(&self, request: &Request) -> Result<(), Fault> {
        if within(&self.token_bound_cidrs, request.remote_address()) {
            Ok(())
        } else {
            Err(Fault::denied("permission denied"))
        }
    }

    /// What a login with the role asks of its token.
    pub fn wishes(&self) -> TokenWishes {
        TokenWishes {
            ttl: self.token_ttl,
            max_ttl: self.token_max_ttl,
            explicit_max_ttl: self.token_explicit_max_ttl,
            period: self.token_period,
            num_uses: self.token_num_uses,
            kind: kind_of(&self.token_type).unwrap_or(TokenKind::Default),
            bound_cidrs: self.token_bound_cidrs.clone(),
            no_default_policy: self.token_no_default_policy,
        }
    }
}

/// Names of policies as they are kept: in lower case, in order, each once. `root` cannot be given by a login.
pub fn policies(names: Vec<String>) -> Result<Vec<String>, Fault> {
    let mut names: Vec<String> = names.iter().map(|name| name.trim().to_lowercase()).collect();
    names.retain(|name| !name.is_empty());
    names.sort();
    names.dedup();
    if names.len() > POLICIES_MAX || names.iter().any(|name| name.len() > POLICY_MAX) {
        return Err(Fault::invalid("token_policies: at most 256 policies of 256 bytes"));
    }
    if names.iter().any(|name| name == "root") {
        return Err(Fault::invalid("token_policies: auth methods cannot create root tokens"));
    }
    Ok(names)
}

fn kind_of(text: &str) -> Result<TokenKind, Fault> {
    match text {
        "" | "default" => Ok(TokenKind::Default),
        "service" => Ok(TokenKind::Service),
        "batch" => Ok(TokenKind::Batch),
        "default-service" => Ok(TokenKind::DefaultService),
        "default-batch" => Ok(TokenKind::DefaultBatch),
        _ => Err(Fault::invalid("token_type: must be default, service, batch, default-service or default-batch")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(before: &TokenFields, sent: Value) -> Result<TokenFields, String> {
        let _ = innkeeper_guest::Seconds(0);
        let Value::Object(sent) = sent else { unreachable!() };
        let mut fields = before.clone();
        fields
            .change(&Sent::new(sent), &[("policies", "token_policies"), ("ttl", "token_ttl")])
            .map_err(|f| f.messages.concat())?;
        Ok(fields)
    }

    #[test]
    fn what_was_not_sent_stays_and_times_read_as_seconds() {
        let sent = json!({"token_ttl": "1h", "token_max_ttl": 7200, "token_policies": "B, a,b", "token_bound_cidrs": ["10.0.0.0/8"]});
        let first = changed(&TokenFields::default(), sent).unwrap();
        let then = changed(&first, json!({"token_num_uses": "3"})).unwrap();
        let shown = then.show();
        assert_eq!(shown["token_ttl"], 3600);
        assert_eq!(shown["token_policies"], json!(["a", "b"]));
        assert_eq!(shown["token_num_uses"], 3);
        assert_eq!(shown["token_type"], "default");
        assert_eq!((then.wishes().ttl, then.wishes().num_uses), (3600, 3));
    }

    #[test]
    fn older_names_are_taken_where_the_own_one_was_not_sent() {
        let fields = changed(&TokenFields::default(), json!({"policies": "a", "ttl": 5, "token_ttl": 6})).unwrap();
        assert_eq!((fields.token_policies, fields.token_ttl), (vec!["a".to_owned()], 6));
    }

    #[test]
    fn fields_that_contradict_each_other_are_refused() {
        for (sent, says) in [
            (json!({"token_ttl": 2, "token_max_ttl": 1}), "cannot be greater than"),
            (json!({"token_type": "batch", "token_period": 1}), "periodic"),
            (json!({"token_type": "default-batch", "token_num_uses": 1}), "use count"),
            (json!({"token_type": "x"}), "token_type:"),
            (json!({"token_ttl": -1}), "token_ttl"),
            (json!({"token_policies": "root"}), "root"),
            (json!({"token_bound_cidrs": "nowhere"}), "token_bound_cidrs:"),
        ] {
            let error = changed(&TokenFields::default(), sent.clone()).unwrap_err();
            assert!(error.contains(says), "{sent}: {error}");
        }
    }
}
