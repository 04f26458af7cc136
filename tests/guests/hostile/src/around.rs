//! Exports the engine, but lets one route answer around the SDK.

use innkeeper_guest::bindings::exports::innkeeper::engine::engine::{Descriptor, Guest};
use innkeeper_guest::bindings::innkeeper::engine::types::{
    Caller, Context, Fault, Lease, Request, Response, TokenWishes,
};
use innkeeper_guest::guest::Adapter;

use crate::{Hostile, not_json_answer};

type Inner = Adapter<Hostile>;

struct Around;

impl Guest for Around {
    fn describe() -> Descriptor {
        Inner::describe()
    }

    fn handle(request: Request) -> Result<Response, Fault> {
        let descriptor = Inner::describe();
        let route = descriptor.routes.get(request.route as usize);
        if route.is_some_and(|route| route.template == not_json_answer::TEMPLATE) {
            return Ok(not_json_answer::answer(&request.body));
        }
        Inner::handle(request)
    }

    fn exists(request: Request) -> Result<bool, Fault> {
        Inner::exists(request)
    }

    fn tick(context: Context) -> Result<(), Fault> {
        Inner::tick(context)
    }

    fn revoke(context: Context, lease: Lease) -> Result<(), Fault> {
        Inner::revoke(context, lease)
    }

    fn renew(context: Context, lease: Lease) -> Result<Lease, Fault> {
        Inner::renew(context, lease)
    }

    fn renew_token(context: Context, caller: Caller, internal: String) -> Result<TokenWishes, Fault> {
        Inner::renew_token(context, caller, internal)
    }
}

innkeeper_guest::bindings::export_engine!(Around with_types_in innkeeper_guest::bindings);
