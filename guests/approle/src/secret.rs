//! The record of a secret of a role.
//!
//! It lies under `secret/<uid of the role>/<keyed hash of the secret>`; `accessor/<uid>/<accessor>` leads to it, and so
//! does `expires/<second>/<uid>.<hash>` if it ends by itself, in the order in which secrets end.

use innkeeper_guest::prelude::*;
use innkeeper_guest::serde_json::Value;
use serde::{Deserialize, Serialize};

use crate::metadata::Pairs;
use crate::role::{Role, fresh_uuid};
use crate::{hidden, moments};

/// How many records are removed before what is done so far is made durable.
const REMOVED_AT_ONCE: usize = 1000;
const SECOND: i128 = 1_000_000_000;

/// A secret of a role; the secret itself is not in it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Secret {
    /// Version of this record's shape.
    record: u8,
    /// Names the secret without being it.
    pub(crate) accessor: String,
    /// Uses that are left; 0 for without limit.
    pub(crate) num_uses: u64,
    /// Seconds that it was given; 0 for without end.
    pub(crate) ttl: u64,
    /// Nanoseconds since 1970.
    created: i128,
    updated: i128,
    expires: Option<i128>,
    /// Goes onto the tokens.
    pub(crate) metadata: Pairs,
    /// Networks that logins may come from.
    pub(crate) cidr_list: Vec<String>,
    /// Networks that tokens may be used from, instead of the role's.
    pub(crate) token_bound_cidrs: Vec<String>,
}

/// Where a secret lies.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Place {
    uid: String,
    hash: String,
}

impl Place {
    /// Where a secret of a role lies, whether it is there or not.
    pub(crate) fn of(role: &Role, secret_id: &str) -> Self {
        Self { uid: role.uid.clone(), hash: hidden::hash(role.key.as_bytes(), secret_id) }
    }

    /// Where the secret with an accessor lies.
    pub(crate) fn by_accessor(role: &Role, accessor: &str) -> Result<Option<Self>, Fault> {
        if accessor.contains('/') || accessor.is_empty() {
            return Ok(None);
        }
        storage::get_json(&format!("{}{accessor}", accessors(role)))
    }

    fn key(&self) -> String {
        format!("secret/{}/{}", self.uid, self.hash)
    }
}

fn accessors(role: &Role) -> String {
    format!("accessor/{}/", role.uid)
}

impl Secret {
    /// A secret that begins now and is not yet kept.
    pub(crate) fn new(ttl: u64, num_uses: u64) -> Self {
        let now = moments::now();
        Self {
            record: 1,
            accessor: fresh_uuid(),
            num_uses,
            ttl,
            created: now,
            updated: now,
            expires: (ttl > 0).then(|| now + i128::from(ttl) * SECOND),
            metadata: Pairs::new(),
            cidr_list: Vec::new(),
            token_bound_cidrs: Vec::new(),
        }
    }

    /// The secret at a place, if it is there and has not ended.
    pub(crate) fn load(place: &Place) -> Result<Option<Self>, Fault> {
        let secret: Option<Self> = storage::get_json(&place.key())?;
        Ok(secret.filter(|secret| secret.expires.is_none_or(|end| moments::now() < end)))
    }

    /// Keeps a new secret.
    pub(crate) fn keep(&self, place: &Place) -> Result<(), Fault> {
        storage::put_json(&place.key(), self)?;
        storage::put_json(&format!("accessor/{}/{}", place.uid, self.accessor), place)?;
        match self.expiry(place) {
            Some(expiry) => Ok(storage::put(&expiry, self.accessor.as_bytes())?),
            None => Ok(()),
        }
    }

    /// Counts one use; the last one removes it.
    pub(crate) fn used(&mut self, place: &Place) -> Result<(), Fault> {
        match self.num_uses {
            0 => Ok(()),
            1 => self.remove(place),
            _ => {
                self.num_uses -= 1;
                self.updated = moments::now();
                storage::put_json(&place.key(), self)
            }
        }
    }

    pub(crate) fn remove(&self, place: &Place) -> Result<(), Fault> {
        storage::delete(&place.key())?;
        storage::delete(&format!("accessor/{}/{}", place.uid, self.accessor))?;
        match self.expiry(place) {
            Some(expiry) => Ok(storage::delete(&expiry)?),
            None => Ok(()),
        }
    }

    /// Removes what lies at a place, with all that leads to it: before another secret takes the place of one that has ended.
    pub(crate) fn clear_place(place: &Place) -> Result<(), Fault> {
        match storage::get_json::<Self>(&place.key())? {
            Some(before) => before.remove(place),
            None => Ok(()),
        }
    }

    fn expiry(&self, place: &Place) -> Option<String> {
        self.expires.map(|end| format!("expires/{:012}/{}.{}", end / SECOND, place.uid, place.hash))
    }

    pub(crate) fn show(&self) -> Value {
        json!({
            "secret_id_accessor": self.accessor, "secret_id_num_uses": self.num_uses, "secret_id_ttl": self.ttl,
            "creation_time": moments::show(Some(self.created)), "last_updated_time": moments::show(Some(self.updated)),
            "expiration_time": moments::show(self.expires), "metadata": self.metadata, "cidr_list": self.cidr_list,
            "token_bound_cidrs": self.token_bound_cidrs,
        })
    }
}

/// The accessors of all secrets of a role that have not been cleared away.
pub(crate) fn list(role: &Role) -> Result<Vec<String>, Fault> {
    Ok(storage::names(&accessors(role)).collect::<Result<Vec<_>, _>>()?)
}

/// Removes the secrets of a role that is gone. Nothing leads to them any more, so this may be done in steps.
pub(crate) fn remove_all(role: &Role) -> Result<(), Fault> {
    let folder = accessors(role);
    loop {
        let page = storage::page(&folder, None, REMOVED_AT_ONCE as u32)?;
        for accessor in &page.names {
            let Some(place) = Place::by_accessor(role, accessor)? else { continue };
            match storage::get_json::<Secret>(&place.key())? {
                Some(secret) => secret.remove(&place)?,
                None => storage::delete(&format!("{folder}{accessor}"))?,
            }
        }
        if !page.more {
            return Ok(());
        }
        storage::checkpoint()?;
    }
}

/// Removes secrets that have ended, the earliest first, at most so many. Says whether there are more.
pub(crate) fn clear_ended(most: usize) -> Result<bool, Fault> {
    let now = moments::now() / SECOND;
    let mut cleared = 0;
    for second in storage::names("expires/") {
        let second = second?;
        if second.trim_end_matches('/').parse::<i128>().is_ok_and(|second| second >= now) {
            return Ok(false);
        }
        let folder = format!("expires/{second}");
        for name in storage::names(&folder) {
            let name = name?;
            if cleared >= most {
                return Ok(true);
            }
            clear(&folder, &name)?;
            cleared += 1;
        }
    }
    Ok(false)
}

fn clear(folder: &str, name: &str) -> Result<(), Fault> {
    let entry = format!("{folder}{name}");
    if let Some((uid, hash)) = name.split_once('.') {
        let place = Place { uid: uid.to_owned(), hash: hash.to_owned() };
        // Another secret may lie there by now: only the one that the entry is of goes with it.
        let ended = storage::get_json::<Secret>(&place.key())?;
        if let Some(secret) = ended.filter(|secret| secret.expiry(&place).as_ref() == Some(&entry)) {
            secret.remove(&place)?;
        }
    }
    Ok(storage::delete(&entry)?)
}
