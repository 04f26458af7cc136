//! `secret-id`: the secrets of a role.

use innkeeper_guest::network::{Network, networks};
use innkeeper_guest::prelude::*;

use crate::metadata;
use crate::role::{Role, fresh_uuid};
use crate::roles::shown;
use crate::secret::{self, Place, Secret};

/// Longest secret that may be chosen, in bytes.
const SECRET_MAX: usize = 4096;

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "role/{role_name}/secret-id",
        "The secrets of a role.",
        &[
            Action::list("Names the accessors of the secrets.", list),
            Action::update("Makes a secret.", generate).fields(SecretParams::FIELDS),
        ],
    ),
    Route::new(
        "role/{role_name}/custom-secret-id",
        "Secrets that are chosen and not made.",
        &[Action::update("Takes a secret.", take).fields(fields!(SecretId, SecretParams))],
    ),
    Route::new(
        "role/{role_name}/secret-id/lookup",
        "A secret.",
        &[Action::update("Reads what is known of the secret.", lookup).fields(SecretId::FIELDS)],
    ),
    Route::new(
        "role/{role_name}/secret-id/destroy",
        "A secret.",
        &[
            Action::update("Removes the secret.", destroy).fields(SecretId::FIELDS),
            Action::delete("Removes the secret.", destroy).fields(SecretId::FIELDS),
        ],
    ),
    Route::new(
        "role/{role_name}/secret-id-accessor/lookup",
        "A secret, by its accessor.",
        &[Action::update("Reads what is known of the secret.", lookup_accessor).fields(Accessor::FIELDS)],
    ),
    Route::new(
        "role/{role_name}/secret-id-accessor/destroy",
        "A secret, by its accessor.",
        &[
            Action::update("Removes the secret.", destroy_accessor).fields(Accessor::FIELDS),
            Action::delete("Removes the secret.", destroy_accessor).fields(Accessor::FIELDS),
        ],
    ),
];

body! {
    /// What making a secret takes.
    pub(crate) struct SecretParams {
        /// A JSON object of texts, written as a text; goes onto the tokens.
        pub(crate) metadata: innkeeper_guest::serde_json::Value,
        /// Networks that logins with the secret may come from, within those of the role.
        pub(crate) cidr_list: Vec<String>,
        /// Networks that tokens may be used from, within those of the role.
        pub(crate) token_bound_cidrs: Vec<String>,
        /// How often the secret may be used, at most as often as the role says; the role's if not sent.
        pub(crate) num_uses: Option<u64>,
        /// How long the secret lives, at most as long as the role says; the role's if not sent.
        pub(crate) ttl: Option<Seconds>,
    }

    /// A secret.
    pub(crate) struct SecretId {
        /// The secret.
        pub(crate) secret_id: String,
    }

    /// An accessor.
    pub(crate) struct Accessor {
        /// Names the secret without being it.
        pub(crate) secret_id_accessor: String,
    }
}

fn list(request: &Request) -> Answer {
    let (_, role) = Role::of(request)?;
    Response::list(&secret::list(&role)?)
}

fn generate(request: &Request) -> Answer {
    make(request, &fresh_uuid())
}

fn take(request: &Request) -> Answer {
    let SecretId { secret_id } = request.body()?;
    if secret_id.is_empty() {
        return Err(Fault::invalid("missing secret_id"));
    }
    if secret_id.len() > SECRET_MAX {
        return Err(Fault::invalid("secret_id: at most 4096 bytes"));
    }
    make(request, &secret_id)
}

fn make(request: &Request, secret_id: &str) -> Answer {
    let (_, role) = Role::of(request)?;
    if !role.bind_secret_id {
        return Err(Fault::invalid("bind_secret_id is not set on the role"));
    }
    let sent = request.sent()?;
    let params: SecretParams = sent.read()?;
    let ttl = ttl(&role, params.ttl, request.mount().max_lease_ttl())?;
    let mut secret = Secret::new(ttl, num_uses(&role, params.num_uses)?);
    secret.metadata = metadata::read(sent.get("metadata"))?;
    secret.cidr_list = within("cidr_list", &params.cidr_list, &role.secret_id_bound_cidrs)?;
    secret.token_bound_cidrs = within("token_bound_cidrs", &params.token_bound_cidrs, &role.token.token_bound_cidrs)?;
    let place = Place::of(&role, secret_id);
    if Secret::load(&place)?.is_some() {
        return Err(Fault::invalid("SecretID is already registered"));
    }
    Secret::clear_place(&place)?;
    secret.keep(&place)?;
    Response::data(&json!({
        "secret_id": secret_id, "secret_id_accessor": secret.accessor, "secret_id_ttl": secret.ttl,
        "secret_id_num_uses": secret.num_uses,
    }))
}

fn num_uses(role: &Role, sent: Option<u64>) -> Result<u64, Fault> {
    let most = role.secret_id_num_uses;
    match sent {
        None => Ok(most),
        Some(uses) if most > 0 && (uses == 0 || uses > most) => {
            Err(Fault::invalid("num_uses: cannot be higher than the role's secret_id_num_uses"))
        }
        Some(uses) => Ok(uses),
    }
}

fn ttl(role: &Role, sent: Option<Seconds>, mount: u64) -> Result<u64, Fault> {
    let most = role.secret_id_ttl;
    let wanted = match sent {
        None => most,
        Some(Seconds(ttl)) if most > 0 && (ttl == 0 || ttl > most) => {
            return Err(Fault::invalid("ttl: cannot be longer than the role's secret_id_ttl"));
        }
        Some(Seconds(ttl)) => ttl,
    };
    Ok(wanted.min(mount))
}

/// Networks that must lie within those of the role, if it names any.
fn within(field: &str, list: &[String], role: &[String]) -> Result<Vec<String>, Fault> {
    let wanted = networks(field, list)?;
    let allowed: Vec<Network> = role.iter().filter_map(|text| Network::parse(text)).collect();
    let covered = |network: &Network| allowed.iter().any(|allowed| allowed.covers(network));
    if !allowed.is_empty() && !wanted.iter().all(covered) {
        return Err(Fault::invalid(format!("{field}: must lie within the networks of the role")));
    }
    Ok(shown(&wanted))
}

/// The secret that was sent, if the role has it.
fn named(request: &Request) -> Result<Option<(Place, Secret)>, Fault> {
    let (_, role) = Role::of(request)?;
    let SecretId { secret_id } = request.body()?;
    if secret_id.is_empty() {
        return Err(Fault::invalid("missing secret_id"));
    }
    let place = Place::of(&role, &secret_id);
    Ok(Secret::load(&place)?.map(|secret| (place, secret)))
}

fn lookup(request: &Request) -> Answer {
    match named(request)? {
        Some((_, secret)) => Response::data(&secret.show()),
        None => Ok(Response::nothing()),
    }
}

fn destroy(request: &Request) -> Answer {
    if let Some((place, secret)) = named(request)? {
        secret.remove(&place)?;
    }
    Ok(Response::nothing())
}

fn by_accessor(request: &Request) -> Result<(Place, Secret), Fault> {
    let (_, role) = Role::of(request)?;
    let Accessor { secret_id_accessor } = request.body()?;
    if secret_id_accessor.is_empty() {
        return Err(Fault::invalid("missing secret_id_accessor"));
    }
    let absent = || {
        let text = format!("failed to find accessor entry for secret_id_accessor: {secret_id_accessor:?}");
        Fault::new(FaultKind::NotFound, text)
    };
    let place = Place::by_accessor(&role, &secret_id_accessor)?.ok_or_else(absent)?;
    let secret = Secret::load(&place)?.ok_or_else(absent)?;
    Ok((place, secret))
}

fn lookup_accessor(request: &Request) -> Answer {
    Response::data(&by_accessor(request)?.1.show())
}

fn destroy_accessor(request: &Request) -> Answer {
    let (place, secret) = by_accessor(request)?;
    secret.remove(&place)?;
    Ok(Response::nothing())
}
