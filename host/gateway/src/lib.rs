//! The corridor: resolve, admit, grant, invoke.
//!
//! **For:** the one way that every request goes. **Never:** HTTP, wasm, ciphertext, or a side door: there is no other
//! function that lets a request reach an engine. **In, out:** an [`Arrival`] in, a [`model::Reply`] or a
//! [`model::Fault`] out. **Meet first:** [`Gateway::serve`], [`Rooms`]. **Errors:** [`model::Fault`].
#![forbid(unsafe_code)]

mod admission;
mod answering;
mod arrival;
mod body;
mod corridor;
mod cors;
mod expiry;
mod governing;
mod granting;
mod help;
mod json;
mod leasing;
mod listing;
mod login;
mod opening;
mod passage;
mod recording;
mod routing;
mod ticks;
mod turns;
mod unknown;
mod wrapping;

pub use arrival::{Arrival, Told};
pub use corridor::{Gateway, RERUNS_MAX, Rooms, is_in_front, takes_upload};
pub use opening::Furnish;
pub use turns::Turns;

/// The check of bodies, for fuzzing.
#[doc(hidden)]
pub fn check_json(body: &[u8]) -> Result<(), String> {
    json::names(body).map(drop)
}
