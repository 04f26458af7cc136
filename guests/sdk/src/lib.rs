//! Write a secrets engine or an auth method for Innkeeper.
//!
//! An engine is a type that implements [`Engine`]: a name, tables of [`Route`]s, and plain functions that answer. It
//! runs in the host's sandbox, in a fresh instance per request; whatever should last goes into [`storage`], and
//! whatever needs a private key goes through a [`keys::Key`], which the engine can use but never see.
//!
//! ```
//! use innkeeper_guest::prelude::*;
//!
//! struct Greeter;
//!
//! body! {
//!     /// What `hello/{name}` takes.
//!     pub struct Hello {
//!         /// How often to say it; numbers may come as text, because clients send them so.
//!         pub times: u32 = 1,
//!     }
//! }
//!
//! fn hello(request: &Request) -> Answer {
//!     let Hello { times } = request.body()?;
//!     if times > 10 {
//!         return Err(Fault::invalid("times: must be at most 10"));
//!     }
//!     let text = format!("hello {}", request.capture("name")).repeat(times as usize);
//!     Response::data(&json!({ "text": text }))
//! }
//!
//! const ROUTES: &[Route] = &[Route::new("hello/{name}", "Greets.", &[
//!     Action::update("Greets somebody.", hello).fields(Hello::FIELDS),
//! ])];
//!
//! impl Engine for Greeter {
//!     const NAME: &'static str = "greeter";
//!     const VERSION: &'static str = "1.0.0";
//!     const ABOUT: &'static str = "Greets.";
//!     const ROUTES: &'static [&'static [Route]] = &[ROUTES];
//! }
//!
//! innkeeper_guest::export!(Greeter);
//! # fn main() {}
//! ```
//!
//! An auth method is the same with [`Engine::KIND`] set: it answers logins with [`Response::auth`], has [`passwords`] and
//! [`http_out`], and its roles share [`TokenFields`].
//!
//! Meet first: [`Engine`], [`Route`], [`Action`], [`Request`], [`Response`], [`Fault`]. `innkeeper engine new` makes a whole
//! project.
//!
//! # Unit tests
//!
//! Unit tests of an engine run natively: a handler is a function, [`Request::for_test`] makes what it takes, and storage,
//! clock, randomness and log have stand-ins in memory. Keys and questions to other servers have none: `innkeeper engine
//! test` runs a component with the host's own.
//!
//! ```
//! use innkeeper_guest::prelude::*;
//!
//! fn count(request: &Request) -> Answer {
//!     let place = format!("counts/{}", request.capture("name"));
//!     let count = storage::get_json::<u64>(&place)?.unwrap_or_default() + 1;
//!     storage::put_json(&place, &count)?;
//!     Response::data(&json!({ "count": count }))
//! }
//!
//! let request = Request::for_test(&[("name", "visits")], &json!({}));
//! assert_eq!(count(&request).unwrap().data_text(), Some(r#"{"count":1}"#));
//! assert_eq!(count(&request).unwrap().data_text(), Some(r#"{"count":2}"#));
//! ```
//!
//! # Building
//!
//! The crate type is `cdylib`, the target `wasm32-unknown-unknown`, and `innkeeper engine build` makes a component of what
//! cargo makes.

mod auth;
mod body;
pub mod clock;
mod engine;
mod fault;
#[cfg(all(target_family = "wasm", feature = "heap"))]
mod heap;
pub mod http_out;
pub mod keys;
mod lenient;
pub mod log;
pub mod network;
pub mod passwords;
pub mod policy;
pub mod random;
mod request;
mod response;
mod route;
pub mod storage;
mod token_fields;

#[doc(hidden)]
pub mod bindings;
#[doc(hidden)]
pub mod guest;

pub use auth::{Alias, Attempt, Auth, GuestKind, TokenKind, TokenWishes};
pub use body::{Field, FieldKind, Map, Seconds, Shape};
#[doc(hidden)]
pub use body::{count, join};
pub use engine::{Context, Engine, Mount};
pub use fault::{Fault, FaultKind};
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub use getrandom;
pub use request::{Operation, Request, Sent};
pub use response::{Answer, Lease, Response};
pub use route::{Action, Existence, Handler, Route};
#[doc(hidden)]
pub use serde;
pub use serde_json;
pub use token_fields::{OlderTokenParams, TokenFields, TokenParams, policies};

/// What most engines use.
pub mod prelude {
    pub use crate::keys::Key;
    pub use crate::{
        Action, Answer, Auth, Context, Engine, Fault, FaultKind, GuestKind, Lease, Map, Mount, OlderTokenParams,
        Operation, Request, Response, Route, Seconds, Sent, TokenFields, TokenParams, TokenWishes, body, clock, fields,
        http_out, idle, keys, log, network, older, passwords, random, storage,
    };
    pub use serde_json::json;
}
