//! Making keys: one, however many nodes want it at once.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_kms::types::KeyUsageType;
use keys::registry::AwsKmsLocator;
use keys::{Description, Error};
use tokio::time::{Instant, sleep, timeout_at};

use crate::algorithm;
use crate::client::{Again, Client};
use crate::failure::Failure;

/// How long naming a key, or giving it up, may go on after the deadline of who wanted it.
const GRACE: Duration = Duration::from_secs(10);
/// After how many days AWS deletes a key that lost the race for its alias: the fewest that AWS takes.
const DELETION_DAYS: i32 = 7;
/// How often a key that was just made is looked for.
const LOOKS_MAX: u32 = 6;

impl Client {
    /// The key, made if it is absent.
    pub(crate) async fn generate(
        self: &Arc<Self>,
        locator: &AwsKmsLocator,
        deadline: Instant,
    ) -> Result<Description, Error> {
        match self.describe(&locator.kms_key, locator, deadline).await {
            Ok(there) => return Ok(there),
            Err(Failure::Absent) => {}
            Err(failure) => return Err(self.error(failure, &locator.kms_key, deadline).await),
        }
        // In a task of its own, so that a caller who goes away leaves no key without a name.
        let (client, locator) = (Arc::clone(self), locator.clone());
        let making = tokio::spawn(async move { client.make(&locator, deadline).await });
        match timeout_at(deadline, making).await {
            Ok(Ok(made)) => made,
            Ok(Err(_)) => Err(Error::Internal("the making of the key was ended".into())),
            Err(_) => Err(Error::Timeout),
        }
    }

    async fn make(&self, locator: &AwsKmsLocator, deadline: Instant) -> Result<Description, Error> {
        let alias = &locator.kms_key;
        if !alias.starts_with("alias/") {
            return Err(Error::invalid("kms_key: must be an alias (alias/name) to make a key"));
        }
        let request = self.kms.create_key().key_spec(algorithm::key_spec(locator)?);
        let request = request.key_usage(KeyUsageType::SignVerify).description(format!("Innkeeper: {alias}"));
        let made = self.ask(deadline, Again::Unsafe, || request.clone().send()).await.map_err(Failure::into_error)?;
        let id = made.key_metadata.map(|key| key.key_id).filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| Error::Internal("AWS KMS made a key and does not say which".into()))?;
        let (deadline, wanted) = (deadline.max(Instant::now()) + GRACE, deadline);
        let request = self.kms.create_alias().alias_name(alias).target_key_id(&id);
        match self.ask(deadline, Again::Safe, || request.clone().send()).await {
            Ok(_) => self.look(&id, locator, deadline).await,
            Err(Failure::Taken) => self.lose(&id, locator, deadline).await,
            Err(failure) => {
                // It may have been carried out: then the key must stay.
                tracing::warn!(key = id, alias, ?failure, "a key was made in AWS KMS and could not be given its alias");
                let _ = self.lose(&id, locator, deadline).await;
                if wanted <= Instant::now() { Err(Error::Timeout) } else { Err(failure.into_error()) }
            }
        }
    }

    /// The alias is another key's, or nobody knows: takes the one that has it, and gives up our own unless it is the one.
    async fn lose(&self, id: &str, locator: &AwsKmsLocator, deadline: Instant) -> Result<Description, Error> {
        let alias = &locator.kms_key;
        let request = self.kms.describe_key().key_id(alias);
        let holder = match self.ask(deadline, Again::Safe, || request.clone().send()).await {
            Ok(answer) => answer.key_metadata.map(|key| key.key_id),
            Err(Failure::Absent) => None,
            Err(failure) => {
                tracing::warn!(key = id, alias, "a key was made in AWS KMS that may be nobody's: look at it by hand");
                return Err(failure.into_error());
            }
        };
        if holder.as_deref() == Some(id) {
            return self.look(id, locator, deadline).await;
        }
        let request = self.kms.schedule_key_deletion().key_id(id).pending_window_in_days(DELETION_DAYS);
        match self.ask(deadline, Again::Safe, || request.clone().send()).await {
            Ok(_) => tracing::info!(key = id, alias, "another key has the alias: the one made here is to be deleted"),
            Err(failure) => {
                tracing::warn!(key = id, alias, ?failure, "a key made in AWS KMS is nobody's: delete it by hand")
            }
        }
        self.look(holder.as_deref().unwrap_or(alias), locator, deadline).await
    }

    /// Describes a key that was just made, which AWS may not find everywhere at once.
    async fn look(&self, name: &str, locator: &AwsKmsLocator, deadline: Instant) -> Result<Description, Error> {
        let mut pause = Duration::from_millis(100);
        for _ in 1..LOOKS_MAX {
            match self.describe(name, locator, deadline).await {
                Ok(found) => return Ok(found),
                Err(Failure::Absent) => {}
                Err(failure) => return Err(self.error(failure, name, deadline).await),
            }
            sleep(pause).await;
            pause *= 2;
        }
        self.describe(name, locator, deadline).await.map_err(Failure::into_error)
    }
}
