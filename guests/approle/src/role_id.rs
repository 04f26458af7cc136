//! `role/{role_name}/role-id`: what logins name the role by.

use innkeeper_guest::prelude::*;

use crate::role::Role;

pub(crate) const ROUTES: &[Route] = &[Route::new(
    "role/{role_name}/role-id",
    "What logins name the role by.",
    &[Action::read("Reads the id.", read), Action::update("Gives the role another id.", write).fields(RoleId::FIELDS)],
)];

body! {
    /// What `role/{role_name}/role-id` takes.
    pub(crate) struct RoleId {
        /// The id, 1 to 512 bytes.
        pub(crate) role_id: String,
    }
}

fn read(request: &Request) -> Answer {
    let (_, role) = Role::of(request)?;
    Response::data(&json!({ "role_id": role.role_id }))
}

fn write(request: &Request) -> Answer {
    let (name, mut role) = Role::of(request)?;
    let RoleId { role_id } = request.body()?;
    if role_id.is_empty() {
        return Err(Fault::invalid("missing role_id"));
    }
    role.take_id(&name, &role_id)?;
    role.store(&name)?;
    Ok(Response::nothing())
}
