//! `role`: which roles there are and what they allow.

use innkeeper_guest::network::networks;
use innkeeper_guest::prelude::*;

use crate::role::{FOLDER, Role, name};
use crate::secret;

pub(crate) const ROUTES: &[Route] = &[
    Route::new("role", "All roles.", &[Action::list("Names the roles.", list)]),
    Route::new(
        "role/{role_name}",
        "A role.",
        &[
            Action::read("Reads the role.", read),
            Action::update("Makes the role, or changes what was sent.", write)
                .fields(fields!(RoleParams, TokenParams, Older))
                .create_unless(exists),
            Action::delete("Removes the role and its secrets.", remove),
        ],
    ),
];

older! {
    /// Names under which earlier clients send fields.
    struct Older {
        policies: token_policies,
        period: token_period,
        bound_cidr_list: secret_id_bound_cidrs,
    }
}

body! {
    /// What `role/{role_name}` takes beside what all roles have. Fields that were not sent are `None`.
    pub(crate) struct RoleParams {
        /// Whether a login needs a secret of the role; true unless said otherwise.
        pub(crate) bind_secret_id: Option<bool>,
        /// Networks that logins may come from: addresses or CIDR blocks.
        pub(crate) secret_id_bound_cidrs: Option<Vec<String>>,
        /// How often a new secret may be used; 0 for without limit.
        pub(crate) secret_id_num_uses: Option<u64>,
        /// How long a new secret lives; 0 for without end.
        pub(crate) secret_id_ttl: Option<Seconds>,
        /// Accepted and shown again; everything is kept alike. Only when the role is made.
        pub(crate) local_secret_ids: Option<bool>,
        /// What logins name the role by; a random UUID if not sent.
        pub(crate) role_id: Option<String>,
    }
}

fn exists(request: &Request) -> Result<bool, Fault> {
    Ok(Role::load(&name(request)?)?.is_some())
}

fn list(_request: &Request) -> Answer {
    Response::names(FOLDER)
}

fn read(request: &Request) -> Answer {
    let Some(role) = Role::load(&name(request)?)? else { return Ok(Response::nothing()) };
    let mut data = role.token.show();
    for (field, value) in [
        ("bind_secret_id", json!(role.bind_secret_id)),
        ("secret_id_bound_cidrs", json!(role.secret_id_bound_cidrs)),
        ("secret_id_num_uses", json!(role.secret_id_num_uses)),
        ("secret_id_ttl", json!(role.secret_id_ttl)),
        ("local_secret_ids", json!(role.local_secret_ids)),
    ] {
        data.insert(field.to_owned(), value);
    }
    if !role.token.token_policies.is_empty() {
        // Where earlier clients look for them.
        data.insert("policies".into(), json!(role.token.token_policies));
    }
    Response::data(&data)
}

fn write(request: &Request) -> Answer {
    let name = name(request)?;
    let sent = request.sent()?;
    let before = Role::load(&name)?;
    let is_new = before.is_none();
    let mut role = before.unwrap_or_else(Role::new);
    let params: RoleParams = sent.with_older_names(Older::NAMES).read()?;
    if let Some(local) = params.local_secret_ids {
        if !is_new && local != role.local_secret_ids {
            return Err(Fault::invalid("local_secret_ids can only be modified during role creation"));
        }
        role.local_secret_ids = local;
    }
    role.bind_secret_id = params.bind_secret_id.unwrap_or(role.bind_secret_id);
    role.secret_id_num_uses = params.secret_id_num_uses.unwrap_or(role.secret_id_num_uses);
    role.secret_id_ttl = params.secret_id_ttl.map_or(role.secret_id_ttl, |Seconds(seconds)| seconds);
    if let Some(list) = params.secret_id_bound_cidrs {
        role.secret_id_bound_cidrs = shown(&networks("secret_id_bound_cidrs", &list)?);
    }
    role.token.change(&sent, Older::NAMES)?;
    match params.role_id.filter(|id| !id.is_empty()) {
        Some(id) => role.take_id(&name, &id)?,
        None if is_new => {
            let id = role.role_id.clone();
            role.take_id(&name, &id)?;
        }
        None => {}
    }
    role.store(&name)?;
    let longest = request.mount().max_lease_ttl();
    let answer = Response::nothing();
    if role.token.token_max_ttl <= longest {
        return Ok(answer);
    }
    Ok(answer.warning(
        "token_max_ttl is greater than the backend mount's maximum TTL value; issued tokens' max TTL value will be \
         truncated",
    ))
}

fn remove(request: &Request) -> Answer {
    let name = name(request)?;
    if let Some(role) = Role::load(&name)? {
        role.remove(&name)?;
        secret::remove_all(&role)?;
    }
    Ok(Response::nothing())
}

pub(crate) fn shown(networks: &[innkeeper_guest::network::Network]) -> Vec<String> {
    networks.iter().map(ToString::to_string).collect()
}
