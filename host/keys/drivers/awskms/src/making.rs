//! Making keys: one, however many nodes want it at once.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{AlgorithmSpec, ExpirationModelType, OriginType, WrappingKeySpec};
use keys::registry::AwsKmsLocator;
use keys::{Description, Error, Hash};
use tokio::time::{Instant, sleep, timeout_at};
use zeroize::Zeroizing;

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
        let id = self.create(locator, OriginType::AwsKms, deadline).await?;
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

    /// Makes a key without a name, or an empty one for material from outside. Answers its id.
    async fn create(&self, locator: &AwsKmsLocator, origin: OriginType, deadline: Instant) -> Result<String, Error> {
        let alias = &locator.kms_key;
        if !alias.starts_with("alias/") {
            return Err(Error::invalid("kms_key: must be an alias (alias/name) to make or store a key"));
        }
        let request = self.kms.create_key().key_spec(algorithm::key_spec(locator)?).origin(origin);
        let request = request.key_usage(algorithm::key_usage(locator)).description(format!("Innkeeper: {alias}"));
        let made = self.ask(deadline, Again::Unsafe, || request.clone().send()).await.map_err(Failure::into_error)?;
        let id = made.key_metadata.map(|key| key.key_id).filter(|id| !id.is_empty());
        id.ok_or_else(|| Error::Internal("AWS KMS made a key and does not say which".into()))
    }

    /// Puts a key where the alias points: one that AWS makes, or one from outside. The key that was there stays, without
    /// this alias.
    pub(crate) async fn put(
        self: &Arc<Self>,
        locator: &AwsKmsLocator,
        given: Option<Zeroizing<Vec<u8>>>,
        replace: bool,
        deadline: Instant,
    ) -> Result<Description, Error> {
        let request = self.kms.describe_key().key_id(&locator.kms_key);
        let there = match self.ask(deadline, Again::Safe, || request.clone().send()).await {
            Ok(_) if !replace => return Err(Error::Present),
            Ok(_) => true,
            Err(Failure::Absent) => false,
            Err(failure) => return Err(self.error(failure, &locator.kms_key, deadline).await),
        };
        // In a task of its own, as with a key that is made.
        let (client, locator) = (Arc::clone(self), locator.clone());
        let putting = tokio::spawn(async move { client.placed(&locator, given, there, deadline).await });
        match timeout_at(deadline, putting).await {
            Ok(Ok(put)) => put,
            Ok(Err(_)) => Err(Error::Internal("the storing of the key was ended".into())),
            Err(_) => Err(Error::Timeout),
        }
    }

    async fn placed(
        &self,
        locator: &AwsKmsLocator,
        given: Option<Zeroizing<Vec<u8>>>,
        there: bool,
        deadline: Instant,
    ) -> Result<Description, Error> {
        let origin = if given.is_some() { OriginType::External } else { OriginType::AwsKms };
        let id = self.create(locator, origin, deadline).await?;
        let deadline = deadline.max(Instant::now()) + GRACE;
        let placed = async {
            if let Some(given) = given {
                self.import(&id, &given, deadline).await?;
            }
            let alias = &locator.kms_key;
            if there {
                let request = self.kms.update_alias().alias_name(alias).target_key_id(&id);
                return self.ask(deadline, Again::Safe, || request.clone().send()).await.map(drop);
            }
            let request = self.kms.create_alias().alias_name(alias).target_key_id(&id);
            self.ask(deadline, Again::Safe, || request.clone().send()).await.map(drop)
        };
        match placed.await {
            Ok(()) => self.look(&id, locator, deadline).await,
            Err(failure) => {
                self.give_up(&id, locator, deadline).await;
                match failure {
                    Failure::Taken => Err(Error::Present),
                    failure => Err(failure.into_error()),
                }
            }
        }
    }

    /// Hands material over, encrypted to a key that AWS makes for it.
    async fn import(&self, id: &str, material: &[u8], deadline: Instant) -> Result<(), Failure> {
        let request = self.kms.get_parameters_for_import().key_id(id);
        let request = request.wrapping_algorithm(AlgorithmSpec::RsaesOaepSha256);
        let request = request.wrapping_key_spec(WrappingKeySpec::Rsa4096);
        let answer = self.ask(deadline, Again::Safe, || request.clone().send()).await?;
        let (Some(public_key), Some(token)) = (answer.public_key, answer.import_token) else {
            return Err(Failure::Passing("AWS KMS: no key to import with in the answer".into()));
        };
        let wrapped = keys::encrypt_to(public_key.as_ref(), Hash::Sha256, material)?;
        let request = self.kms.import_key_material().key_id(id).import_token(token);
        let request = request.encrypted_key_material(Blob::new(wrapped));
        let request = request.expiration_model(ExpirationModelType::KeyMaterialDoesNotExpire);
        self.ask(deadline, Again::Safe, || request.clone().send()).await.map(drop)
    }

    /// Schedules a key that was just made for deletion.
    async fn give_up(&self, id: &str, locator: &AwsKmsLocator, deadline: Instant) {
        let alias = &locator.kms_key;
        let request = self.kms.schedule_key_deletion().key_id(id).pending_window_in_days(DELETION_DAYS);
        match self.ask(deadline, Again::Safe, || request.clone().send()).await {
            Ok(_) => tracing::info!(key = id, alias, "a key made here did not get the alias: it is to be deleted"),
            Err(failure) => {
                tracing::warn!(key = id, alias, ?failure, "a key made in AWS KMS is nobody's: delete it by hand");
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
        self.give_up(id, locator, deadline).await;
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
