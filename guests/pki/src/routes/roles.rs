//! `roles`: what may be issued.

use innkeeper_guest::prelude::*;
use innkeeper_guest::serde_json::{self, Value};

use super::{PageWish, page};
use crate::records::{Role, is_name};

pub(crate) const ROUTES: &[Route] = &[
    Route::new("roles", "All roles.", &[Action::list("Names the roles.", list).fields(PageWish::FIELDS)]),
    Route::new(
        "roles/{name}",
        "A role: what may be issued through it, and what it is like.",
        &[
            Action::read("Reads the role.", read),
            Action::update("Writes the whole role; fields that are not sent get their defaults.", write)
                .fields(Role::FIELDS),
            Action::patch("Changes the fields that are sent.", patch).fields(Role::FIELDS),
            Action::delete("Removes the role. What was issued through it stays.", remove),
        ],
    ),
];

fn list(request: &Request) -> Answer {
    Response::list(&page(request, "roles/")?)
}

fn read(request: &Request) -> Answer {
    match Role::load(request.capture("name"))? {
        Some(role) => Response::data(&role),
        None => Ok(Response::nothing()),
    }
}

fn write(request: &Request) -> Answer {
    save(request, request.body()?)
}

fn patch(request: &Request) -> Answer {
    let Some(role) = Role::load(request.capture("name"))? else {
        return Err(Fault::invalid("Unable to fetch role entry to patch"));
    };
    let Ok(Value::Object(mut fields)) = serde_json::to_value(&role) else {
        return Err(Fault::internal("a role does not serialise"));
    };
    // RFC 7396: a field that is null goes back to its default.
    fields.extend(request.json()?);
    save(request, Sent::new(fields).read()?)
}

fn save(request: &Request, mut role: Role) -> Answer {
    let name = request.capture("name");
    if !is_name(name) {
        return Err(Fault::invalid("name: may hold letters, digits, '_', and inside also '-' and '.'"));
    }
    let warnings = role.settle(request.mount())?;
    role.save(name)?;
    Ok(Response::data(&role)?.warnings(warnings))
}

fn remove(request: &Request) -> Answer {
    Role::delete(request.capture("name"))?;
    Ok(Response::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(answer: Answer) -> Value {
        serde_json::from_str(answer.unwrap().data_text().unwrap()).unwrap()
    }

    #[test]
    fn a_write_replaces_the_whole_role_and_a_patch_changes_a_field() {
        let request = |body| Request::for_test(&[("name", "web")], &body);
        write(&request(json!({"allowed_domains": "a.b, c.d", "ttl": "72h", "key_type": "ec"}))).unwrap();
        let role = data(read(&request(json!({}))));
        assert_eq!(
            (&role["allowed_domains"], &role["ttl"], &role["key_bits"]),
            (&json!(["a.b", "c.d"]), &json!(259_200), &json!(256))
        );
        let patched = data(patch(&request(json!({"ttl": "1h", "key_type": "rsa", "key_bits": null}))));
        assert_eq!((&patched["allowed_domains"], &patched["ttl"]), (&json!(["a.b", "c.d"]), &json!(3600)));
        assert_eq!(patched["key_bits"], 2048);
        let written = data(write(&request(json!({"ttl": "1h"}))));
        assert_eq!((&written["allowed_domains"], &written["key_type"]), (&json!([]), &json!("rsa")));
    }

    #[test]
    fn patching_what_is_not_there_is_refused() {
        let fault = patch(&Request::for_test(&[("name", "none")], &json!({}))).err().unwrap();
        assert_eq!(fault.messages, ["Unable to fetch role entry to patch"]);
    }
}
