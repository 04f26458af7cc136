//! Makes tokens.

use std::collections::BTreeMap;

use ipnet::IpNet;
use model::{Fault, Id, Invalid, TokenKind};
use secrecy::{ExposeSecret, SecretString};
use storage::Transaction;

use crate::policy::{ROOT, is_assignable, normalized};

use super::{ANCESTORS_MAX, Login, Principal, Record, TOKEN_MAX, Tokens, ancestors, batch, drawer, lent, secret, uses};

/// Most policies of a token.
const POLICIES_MAX: usize = 256;
/// Longest name of a policy, in bytes.
const POLICY_MAX: usize = 256;
/// Most entries of metadata.
const META_MAX: usize = 64;
/// Longest key or value of metadata, in bytes.
const META_TEXT_MAX: usize = 512;
/// Longest display name, in bytes.
const DISPLAY_NAME_MAX: usize = 512;
/// Longest creation path, in bytes: a lease's id holds it and more.
const PATH_MAX: usize = model::PATH_MAX;

/// What a token is made of. Times in seconds; 0 always means: none.
#[derive(Clone, Debug, Default)]
pub struct NewToken {
    /// The token; none: a random one.
    pub id: Option<SecretString>,
    /// The key of the token that it ends with; none: an orphan.
    pub parent: Option<String>,
    /// The namespace that it belongs to; none: the root.
    pub namespace: Option<Id>,
    /// Its own policies. They are lower-cased, sorted and made unique.
    pub policies: Vec<String>,
    /// The path of the request that makes it, inside the namespace.
    pub path: String,
    /// What is noted with it and shown by it.
    pub meta: BTreeMap<String, String>,
    /// What people call it.
    pub display_name: String,
    /// How often it can be used.
    pub num_uses: u64,
    /// Seconds since 1970.
    pub now: u64,
    /// How long it lives, as [`super::ttl::give`] says; 0: without end.
    pub ttl: u64,
    /// Each renewal extends it by this.
    pub period: u64,
    /// No renewal extends it beyond this: what a login method says.
    pub max_ttl: u64,
    /// The same, and nothing that is tuned later extends it.
    pub explicit_max_ttl: u64,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// The role of `auth/token` that it is made by.
    pub role: String,
    /// The networks that it may be used from; none: from everywhere.
    pub bound_cidrs: Vec<IpNet>,
    /// Whose it is.
    pub entity_id: String,
    /// Its sort.
    pub kind: TokenKind,
    /// The login that it comes of.
    pub login: Option<Login>,
    /// The counter of leases that its lease counts in.
    pub counted: Option<Id>,
}

impl Tokens {
    /// Makes a token. What it may have is for the caller to decide; here only bounds are kept. A service token with a
    /// time to live gets a lease `<path>/h<key>`.
    pub async fn create(
        &self,
        transaction: &mut Transaction,
        new: NewToken,
    ) -> Result<(SecretString, Principal), Fault> {
        check(&new)?;
        self.check_parent(transaction, &new).await?;
        let namespace = new.namespace.unwrap_or(Id::nil());
        let record = record(&new, namespace)?;
        if record.kind == TokenKind::Batch {
            let token = batch::seal(transaction, &record).await?;
            return Ok((token.clone(), Principal::new(self.key(&token), record, 0)));
        }
        let token = match new.id {
            Some(id) => self.free(transaction, id).await?,
            None => secret::service(namespace)?,
        };
        let principal = self.keep(transaction, &token, record, new.counted).await?;
        Ok((token, principal))
    }

    /// Makes a root token: this one, or a random one.
    pub async fn create_root(
        &self,
        transaction: &mut Transaction,
        id: Option<SecretString>,
        now: u64,
    ) -> Result<SecretString, Fault> {
        let id = match id {
            Some(id) => id,
            None => secret::root()?,
        };
        let new = NewToken {
            id: Some(id),
            policies: vec!["root".into()],
            path: "auth/token/root".into(),
            display_name: "root".into(),
            now,
            ..NewToken::default()
        };
        Ok(self.create(transaction, new).await?.0)
    }

    /// What hung on a token of the same id that was revoked must be cleared away, or it would hang on this one.
    async fn free(&self, transaction: &mut Transaction, id: SecretString) -> Result<SecretString, Fault> {
        match transaction.get(&drawer(), &format!("doomed/{}", self.key(&id))).await? {
            Some(_) => Err(Fault::invalid("a token with this ID was revoked just now: try again in a few seconds")),
            None => Ok(id),
        }
    }

    /// The parent must be alive, and still be so at commit.
    async fn check_parent(&self, transaction: &mut Transaction, new: &NewToken) -> Result<(), Fault> {
        let Some(parent) = &new.parent else { return Ok(()) };
        let gone = || Fault::invalid("parent token lookup failed: no parent found");
        let found = self.record(transaction, parent).await?.filter(|found| !found.is_over(new.now));
        let above = ancestors(transaction, found.ok_or_else(gone)?.parent, new.now).await?.ok_or_else(gone)?;
        if above.count + 1 >= ANCESTORS_MAX {
            return Err(Fault::invalid(format!(
                "at most {ANCESTORS_MAX} tokens may descend from one another: create an orphan"
            )));
        }
        Ok(())
    }

    async fn keep(
        &self,
        transaction: &mut Transaction,
        token: &SecretString,
        record: Record,
        counted: Option<Id>,
    ) -> Result<Principal, Fault> {
        let key = self.key(token);
        let at = format!("hash/{key}");
        if transaction.get(&drawer(), &at).await?.is_some() {
            return Err(Fault::invalid("cannot create a token with a duplicate ID"));
        }
        transaction.put_json(&drawer(), &at, &record)?;
        self.name(transaction, &key, &record)?;
        if let Some(parent) = &record.parent {
            transaction.put(&drawer(), &format!("child/{parent}/{key}"), Vec::new())?;
        }
        if record.uses_given > 0 {
            uses::give(transaction, &key, record.uses_given)?;
        }
        lent::keep(transaction, &key, &record, counted).await?;
        let num_uses = record.uses_given;
        Ok(Principal::new(key, record, num_uses))
    }
}

fn record(new: &NewToken, namespace: Id) -> Result<Record, Fault> {
    let batch = new.kind == TokenKind::Batch;
    let mut policies: Vec<String> = new.policies.iter().map(|policy| normalized(policy)).collect();
    policies.sort_unstable();
    policies.dedup();
    Ok(Record {
        record: 1,
        accessor: if batch { String::new() } else { secret::accessor(namespace)? },
        parent: new.parent.clone(),
        namespace,
        policies,
        path: new.path.clone(),
        meta: new.meta.clone(),
        display_name: new.display_name.clone(),
        uses_given: new.num_uses,
        creation_time: new.now,
        creation_ttl: new.ttl,
        period: new.period,
        max_ttl: new.max_ttl,
        explicit_max_ttl: new.explicit_max_ttl,
        role: new.role.clone(),
        bound_cidrs: new.bound_cidrs.clone(),
        entity_id: new.entity_id.clone(),
        kind: new.kind,
        expire_time: (new.ttl > 0).then(|| new.now.saturating_add(new.ttl)),
        last_renewal: None,
        renewable: new.renewable && !batch && new.ttl > 0,
        login: new.login.clone(),
    })
}

fn check(new: &NewToken) -> Result<(), Fault> {
    let bounded = |field: &str, fits: bool, bound: &str| {
        if fits { Ok(()) } else { Err(Fault::invalid(format!("{field}: {bound}"))) }
    };
    let sound =
        |policy: &String| !policy.is_empty() && policy.len() <= POLICY_MAX && !policy.contains(char::is_control);
    let policies = new.policies.len() <= POLICIES_MAX && new.policies.iter().all(sound);
    bounded("policies", policies, "must be at most 256 names of 1 to 256 characters, none of them control characters")?;
    // What an auth method says of a policy is a stranger's word: here it is judged in the form in which it will count.
    let lent = |policy: &String| normalized(policy) != ROOT && is_assignable(policy);
    if new.login.is_some() && !new.policies.iter().all(lent) {
        return Err(Fault::invalid("auth methods cannot make root tokens, nor those that wrap answers"));
    }
    let short = |(key, value): (&String, &String)| key.len() <= META_TEXT_MAX && value.len() <= META_TEXT_MAX;
    let meta = new.meta.len() <= META_MAX && new.meta.iter().all(short);
    bounded("meta", meta, "must be at most 64 entries of at most 512 bytes each")?;
    bounded("display_name", new.display_name.len() <= DISPLAY_NAME_MAX, "must be at most 512 bytes")?;
    let id = new.id.as_ref().map_or(1, |id| id.expose_secret().len());
    bounded("id", id > 0 && id <= TOKEN_MAX, "must have 1 to 8192 bytes")?;
    let path = model::relative_path("path", &new.path).map_err(|e: Invalid| Fault::invalid(e.to_string()))?;
    bounded("path", !path.is_empty() && path.len() <= PATH_MAX, "must have 1 to 1024 bytes")?;
    let batch = new.kind == TokenKind::Batch;
    let unfit =
        batch && (new.num_uses > 0 || new.period > 0 || new.explicit_max_ttl > 0 || new.id.is_some() || new.ttl == 0);
    if unfit {
        return Err(Fault::invalid(
            "a batch token has a time to live, and neither an id, a period, a number of uses nor an explicit_max_ttl",
        ));
    }
    Ok(())
}
