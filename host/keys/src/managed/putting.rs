//! Keys that operators have made, or hand over: acts of their own, and never a side effect of a use.
//!
//! Such an act cannot be undone by running the request again, so it writes nothing in the request's transaction, which
//! then cannot conflict: what the record must know afterwards is written in a transaction of its own.

use storage::{Store, Transaction};
use tokio::time::Instant;

use super::{ManagedKey, ManagedKeys, Place};
use crate::registry::{self, Record};
use crate::{Act, Description, Error, KeyType, NewKey, ProviderType, Used};

/// How often the record is written again that others write at the same time.
const SETTLES_MAX: u32 = 32;

impl ManagedKeys {
    /// Puts a key where the record says: one that its home makes (`allow_generate_key`), or one that is handed over
    /// (`allow_store_key`). Refused when a key is there, unless another one is to stand in its place (`replace`, and
    /// `allow_replace_key`). Nothing is destroyed: the old key stays in its home under another name.
    pub async fn put(
        &self,
        transaction: &mut Transaction,
        place: Place<'_>,
        (kind, name): (ProviderType, &str),
        new: NewKey<'_>,
        replace: bool,
        deadline: Instant,
    ) -> Result<Description, Error> {
        let key = self.by_type(transaction, place, kind, name).await?;
        allowed(&key.entry.record, new, replace).map_err(|error| error.of(name))?;
        let (provider, locator) = (&key.entry.provider, &key.entry.record.locator);
        if !replace {
            match key.driver()?.describe(provider, locator, deadline).await {
                Ok(_) => return Err(Error::Present.of(name)),
                Err(Error::Absent) => {}
                Err(error) => return Err(error.of(name)),
            }
        }
        let made = match new {
            NewKey::Made if !replace => key.ask(deadline).await,
            new => key.put(new, replace, deadline).await,
        };
        let made = made.map_err(|error| error.of(name))?;
        match &self.0.claims {
            Some(store) => settle(store, place, &key, &made).await?,
            None => {
                let record = Record { description: Some(made.clone()), ..Record::clone(&key.entry.record) };
                registry::put(transaction, place.namespace, &record)?;
            }
        }
        Ok(made)
    }
}

impl ManagedKey {
    async fn put(&self, new: NewKey<'_>, replace: bool, deadline: Instant) -> Result<Description, Error> {
        let put = self.put_alone(new, replace, deadline).await;
        let act = if replace { Act::Replace } else { Act::Store };
        let key_type = put.as_ref().ok().map(|put| put.key_type);
        self.witness(Used { key_type, ..self.use_of(act) }, put).await
    }

    async fn put_alone(&self, new: NewKey<'_>, replace: bool, deadline: Instant) -> Result<Description, Error> {
        self.governed(self.use_of(if replace { Act::Replace } else { Act::Store })).await?;
        let keeper = self.driver()?.keeper();
        let what = if replace { "putting a key in another's place" } else { "storing a key" };
        let keeper = keeper.ok_or_else(|| Error::Unsupported(format!("{what} in a home of this type")))?;
        let (provider, locator) = (&self.entry.provider, &self.entry.record.locator);
        let put = |until| keeper.put(provider, locator, new, replace, until);
        let put = self.in_turn(deadline, put).await?;
        if let (NewKey::Given(material), false) = (new, put.public_key.is_empty())
            && put.public_key != material.public_key
        {
            return Err(Error::Internal("the key that was stored is not the one that was given".into()));
        }
        Ok(put)
    }
}

fn allowed(record: &Record, new: NewKey<'_>, replace: bool) -> Result<(), Error> {
    let (allows, flag, act) = match new {
        NewKey::Made => (record.allow_generate_key, "allow_generate_key", "made"),
        NewKey::Given(_) => (record.allow_store_key, "allow_store_key", "stored"),
    };
    if !allows {
        return Err(Error::invalid(format!("{flag}: is not set, so the key may not be {act}")));
    }
    if replace && !record.allow_replace_key {
        return Err(Error::invalid("allow_replace_key: is not set, so no other key may stand in this one's place"));
    }
    match new {
        NewKey::Given(material) if matches!(material.key_type, Some(KeyType::Rsa { bits }) if bits > 4096) => {
            Err(Error::invalid("private_key: RSA keys that are stored have at most 4096 bits"))
        }
        _ => Ok(()),
    }
}

/// Writes what the key is now into its record, over whatever a user of the old key wrote meanwhile.
async fn settle(store: &Store, place: Place<'_>, key: &ManagedKey, made: &Description) -> Result<(), Error> {
    for _ in 0..SETTLES_MAX {
        let mut transaction = store.begin().await?;
        let stored = registry::stored(&mut transaction, place.namespace, key.name()).await?;
        let Some(stored) = stored else { return Ok(()) };
        let record = registry::decode(place.namespace, key.name(), &stored.record)?;
        if record.uuid != key.uuid() || record.locator != key.entry.record.locator {
            return Ok(());
        }
        registry::put(&mut transaction, place.namespace, &Record { description: Some(made.clone()), ..record })?;
        match transaction.commit().await {
            Err(storage::Error::Conflict) => {}
            done => return Ok(done?),
        }
    }
    tracing::warn!(
        key = key.name(),
        "the key was put in its home, and its record could not be written: write it again"
    );
    Ok(())
}
