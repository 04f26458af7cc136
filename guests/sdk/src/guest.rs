//! Between the contract's exports and an [`Engine`].

use std::marker::PhantomData;
use std::panic::PanicHookInfo;

use crate::bindings::exports::innkeeper::engine::engine as wit;
use crate::{Action, Context, Engine, Fault, Lease, Operation, Request, Route, log};

/// The contract's exports for an engine.
pub struct Adapter<E>(PhantomData<E>);

/// Exports an engine from the component. Outside wasm it does nothing, so that unit tests link.
#[macro_export]
macro_rules! export {
    ($engine:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Exported = $crate::guest::Adapter<$engine>;

            #[unsafe(no_mangle)]
            #[allow(unsafe_code, reason = "getrandom's custom backend is this extern function over a raw buffer")]
            unsafe extern "Rust" fn __getrandom_v03_custom(
                dest: *mut u8,
                len: usize,
            ) -> Result<(), $crate::getrandom::Error> {
                // SAFETY: getrandom passes a buffer of `len` writable bytes.
                unsafe { $crate::random::custom(dest, len) }
            }
    $crate::bindings::export_engine!(Exported with_types_in $crate::bindings);
        };

        // Outside wasm nothing calls the engine; this keeps the compiler from calling its routes dead code.
        #[cfg(not(target_family = "wasm"))]
        const _: &[&[$crate::Route]] = <$engine as $crate::Engine>::ROUTES;
    };
}

impl<E: Engine> wit::Guest for Adapter<E> {
    fn describe() -> wit::Descriptor {
        wit::Descriptor {
            kind: E::KIND,
            name: E::NAME.into(),
            version: E::VERSION.into(),
            about: E::ABOUT.into(),
            routes: E::ROUTES.iter().flat_map(|table| table.iter()).map(describe_route).collect(),
            wants_tick: E::WANTS_TICK,
        }
    }

    fn handle(request: wit::Request) -> Result<wit::Response, wit::Fault> {
        std::panic::set_hook(Box::new(log_panic));
        let Some(action) = find::<E>(request.route, request.operation.into()) else {
            return Err(Fault::internal("the host asked for an action that this engine did not declare").into());
        };
        (action.handler)(&Request::new(request)).map(|response| response.0).map_err(Into::into)
    }

    fn exists(request: wit::Request) -> Result<bool, wit::Fault> {
        std::panic::set_hook(Box::new(log_panic));
        let exists = find::<E>(request.route, request.operation.into()).and_then(|action| action.exists);
        exists.map_or(Ok(false), |exists| exists(&Request::new(request)).map_err(Into::into))
    }

    fn tick(context: wit::Context) -> Result<(), wit::Fault> {
        std::panic::set_hook(Box::new(log_panic));
        E::tick(&Context::new(context)).map_err(Into::into)
    }

    fn revoke(context: wit::Context, lease: wit::Lease) -> Result<(), wit::Fault> {
        std::panic::set_hook(Box::new(log_panic));
        E::revoke(&Context::new(context), &lease.into()).map_err(Into::into)
    }

    fn renew(context: wit::Context, lease: wit::Lease) -> Result<wit::Lease, wit::Fault> {
        std::panic::set_hook(Box::new(log_panic));
        E::renew(&Context::new(context), &lease.into()).map(Lease::into).map_err(Into::into)
    }

    fn renew_token(
        context: wit::Context,
        caller: wit::Caller,
        internal: String,
    ) -> Result<wit::TokenWishes, wit::Fault> {
        std::panic::set_hook(Box::new(log_panic));
        E::renew_token(&Context::new(context).renewed_by(caller), &internal).map_err(Into::into)
    }
}

/// The action of the route with this index over all tables.
fn find<E: Engine>(route: u32, operation: Operation) -> Option<&'static Action> {
    let mut index = route as usize;
    for table in E::ROUTES {
        if let Some(route) = table.get(index) {
            let wanted = if operation == Operation::Create { Operation::Update } else { operation };
            return route.actions.iter().find(|action| action.operation == wanted);
        }
        index -= table.len();
    }
    None
}

fn describe_route(route: &Route) -> wit::Route {
    wit::Route {
        template: route.template.into(),
        about: route.about.into(),
        actions: route.actions.iter().map(describe_action).collect(),
    }
}

fn describe_action(action: &Action) -> wit::Action {
    wit::Action {
        operation: action.operation.into(),
        about: action.about.into(),
        unauthenticated: action.unauthenticated,
        sudo: action.sudo,
        existence_check: action.exists.is_some(),
        raw_body: action.raw_body,
        fields: action.fields.iter().map(describe_field).collect(),
        response_headers: action.response_headers.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn describe_field(field: &crate::Field) -> wit::Field {
    wit::Field {
        name: field.name.into(),
        kind: field.kind,
        about: field.about.trim().into(),
        required: false,
        default: default_json(field.default),
    }
}

/// A default that was written in Rust, as JSON. What has no JSON form is left to the field's own words.
fn default_json(rust: &str) -> Option<String> {
    let text = rust.replace(".to_owned()", "");
    let text = text.strip_prefix("vec!").unwrap_or(&text);
    let text = text.strip_prefix("Seconds(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(text);
    serde_json::from_str::<serde_json::Value>(text).ok().map(|value| value.to_string())
}

/// Says where it happened before the instance traps. A message made at run time may hold a secret and is not told.
fn log_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let text = info.payload().downcast_ref::<&'static str>().copied().unwrap_or("(message withheld)");
    log::error("the engine panicked", &[("place", &place), ("text", text)]);
}

#[cfg(test)]
mod tests {
    use super::default_json;

    #[test]
    fn defaults_are_told_as_json() {
        for (rust, json) in [
            ("true", "true"),
            ("-1", "-1"),
            ("\"pem\".to_owned()", "\"pem\""),
            ("Seconds(30)", "30"),
            ("vec![\"a\".to_owned(), \"b\".to_owned()]", "[\"a\",\"b\"]"),
        ] {
            assert_eq!(default_json(rust).as_deref(), Some(json));
        }
        for rust in ["", "usual()", "Value::Array(Vec::new())"] {
            assert_eq!(default_json(rust), None);
        }
    }
}
