//! The fields of a role, each at a path of its own.

use innkeeper_guest::network::networks;
use innkeeper_guest::prelude::*;
use innkeeper_guest::serde_json::Value;
use serde::Deserialize;

use crate::role::Role;
use crate::roles::shown;

/// A field, with what `GET` shows, and what `DELETE` sets it back to.
struct Field {
    /// The name in bodies and answers.
    name: &'static str,
    /// An older name that is taken too.
    older: &'static str,
    show: fn(&Role) -> Value,
    take: fn(&mut Role, &Sent) -> Result<(), Fault>,
    reset: fn(&mut Role),
}

macro_rules! field {
    ($module:ident, $name:literal, $older:literal, $kind:ident, $about:literal, $show:expr, $take:expr, $reset:expr) => {
        mod $module {
            use super::*;

            const FIELD: Field = Field { name: $name, older: $older, show: $show, take: $take, reset: $reset };
            const fn described(name: &'static str) -> innkeeper_guest::Field {
                innkeeper_guest::Field { name, kind: innkeeper_guest::FieldKind::$kind, about: $about, default: "" }
            }
            const FIELDS: &[innkeeper_guest::Field] =
                if $older.is_empty() { &[described($name)] } else { &[described($name), described($older)] };

            pub(super) const ACTIONS: &[Action] = &[
                Action::read("Reads the field.", |request| super::read(&FIELD, request)),
                Action::update("Changes the field.", |request| super::write(&FIELD, request)).fields(FIELDS),
                Action::delete("Sets the field back.", |request| super::reset(&FIELD, request)),
            ];
        }
    };
}

/// A field that all roles of auth methods have.
macro_rules! token_field {
    ($field:ident, $name:literal, $older:literal, $kind:ident, $about:literal) => {
        field!(
            $field,
            $name,
            $older,
            $kind,
            $about,
            |role| json!(role.token.$field),
            |role, sent| role.token.change(sent, &[]),
            |role| role.token.$field = Default::default()
        );
    };
}

token_field!(token_policies, "token_policies", "policies", TextList, "Policies of the tokens.");
token_field!(token_bound_cidrs, "token_bound_cidrs", "", TextList, "Networks that the tokens may be used from.");
token_field!(token_period, "token_period", "period", Duration, "Makes tokens that each renewal extends by this time.");
token_field!(token_num_uses, "token_num_uses", "", Integer, "How often a token may be used; 0 for without limit.");
token_field!(token_ttl, "token_ttl", "", Duration, "Time to live of the tokens; 0 for the mount's default.");
token_field!(token_max_ttl, "token_max_ttl", "", Duration, "Longest time to live of the tokens; 0 for the mount's.");
field!(
    bind_secret_id,
    "bind_secret_id",
    "",
    Boolean,
    "Whether a login needs a secret of the role.",
    |role| json!(role.bind_secret_id),
    |role, sent| take(&mut role.bind_secret_id, sent, |body| body.bind_secret_id),
    |role| role.bind_secret_id = true
);
field!(
    secret_id_num_uses,
    "secret_id_num_uses",
    "",
    Integer,
    "How often a new secret may be used; 0 for without limit.",
    |role| json!(role.secret_id_num_uses),
    |role, sent| take(&mut role.secret_id_num_uses, sent, |body| body.secret_id_num_uses),
    |role| role.secret_id_num_uses = 0
);
field!(
    secret_id_ttl,
    "secret_id_ttl",
    "",
    Duration,
    "How long a new secret lives; 0 for without end.",
    |role| json!(role.secret_id_ttl),
    |role, sent| take(&mut role.secret_id_ttl, sent, |body| body.secret_id_ttl.0),
    |role| role.secret_id_ttl = 0
);
field!(
    secret_id_bound_cidrs,
    "secret_id_bound_cidrs",
    "",
    TextList,
    "Networks that logins may come from.",
    |role| json!(role.secret_id_bound_cidrs),
    |role, sent| take_networks(role, sent, |body| body.secret_id_bound_cidrs),
    |role| role.secret_id_bound_cidrs = Vec::new()
);
field!(
    bound_cidr_list,
    "bound_cidr_list",
    "",
    TextList,
    "Networks that logins may come from.",
    |role| json!(role.secret_id_bound_cidrs),
    |role, sent| take_networks(role, sent, |body| body.bound_cidr_list),
    |role| role.secret_id_bound_cidrs = Vec::new()
);

pub(crate) const ROUTES: &[Route] = &[
    Route::new("role/{role_name}/policies", "The policies of tokens.", token_policies::ACTIONS),
    Route::new("role/{role_name}/token-bound-cidrs", "Where tokens may be used from.", token_bound_cidrs::ACTIONS),
    Route::new("role/{role_name}/period", "The period of tokens.", token_period::ACTIONS),
    Route::new("role/{role_name}/token-num-uses", "How often tokens may be used.", token_num_uses::ACTIONS),
    Route::new("role/{role_name}/token-ttl", "How long tokens live.", token_ttl::ACTIONS),
    Route::new("role/{role_name}/token-max-ttl", "How long tokens live at most.", token_max_ttl::ACTIONS),
    Route::new("role/{role_name}/bind-secret-id", "Whether logins need a secret.", bind_secret_id::ACTIONS),
    Route::new("role/{role_name}/secret-id-num-uses", "How often secrets may be used.", secret_id_num_uses::ACTIONS),
    Route::new("role/{role_name}/secret-id-ttl", "How long secrets live.", secret_id_ttl::ACTIONS),
    Route::new("role/{role_name}/secret-id-bound-cidrs", "Where logins may come from.", secret_id_bound_cidrs::ACTIONS),
    Route::new("role/{role_name}/bound-cidr-list", "Where logins may come from.", bound_cidr_list::ACTIONS),
    Route::new(
        "role/{role_name}/local-secret-ids",
        "Whether secrets are of one cluster only.",
        &[Action::read("Reads the field.", read_local_secret_ids)],
    ),
];

/// The fields that are no other auth method's.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Own {
    bind_secret_id: bool,
    secret_id_num_uses: u64,
    secret_id_ttl: Seconds,
    secret_id_bound_cidrs: Vec<String>,
    bound_cidr_list: Vec<String>,
}

fn take<T>(field: &mut T, sent: &Sent, pick: fn(Own) -> T) -> Result<(), Fault> {
    *field = pick(sent.read()?);
    Ok(())
}

fn take_networks(role: &mut Role, sent: &Sent, pick: fn(Own) -> Vec<String>) -> Result<(), Fault> {
    role.secret_id_bound_cidrs = shown(&networks("secret_id_bound_cidrs", &pick(sent.read()?))?);
    Ok(())
}

fn read(field: &Field, request: &Request) -> Answer {
    let (_, role) = Role::of(request)?;
    let value = (field.show)(&role);
    let mut data = Map::from_iter([(field.name.to_owned(), value.clone())]);
    if !field.older.is_empty() {
        data.insert(field.older.to_owned(), value);
    }
    Response::data(&data)
}

fn write(field: &Field, request: &Request) -> Answer {
    let (name, mut role) = Role::of(request)?;
    let sent = request.sent()?.with_older_names(&[(field.older, field.name)]);
    if !sent.has(field.name) {
        return Err(Fault::invalid(format!("missing {}", field.name)));
    }
    // The other fields have paths of their own.
    (field.take)(&mut role, &sent.only(field.name))?;
    role.store(&name)?;
    Ok(Response::nothing())
}

fn reset(field: &Field, request: &Request) -> Answer {
    let (name, mut role) = Role::of(request)?;
    (field.reset)(&mut role);
    role.store(&name)?;
    Ok(Response::nothing())
}

fn read_local_secret_ids(request: &Request) -> Answer {
    let (_, role) = Role::of(request)?;
    Response::data(&json!({ "local_secret_ids": role.local_secret_ids }))
}
