//! Who did what.
//!
//! **For:** entries about requests, answers and uses of managed keys, with their secrets hashed, and the devices that
//! they are written to. **Never:** writes a secret in clear (unless a device is told `log_raw`), lets a request go on
//! that no device recorded while there is one, or blocks the runtime. **In, out:** plain facts in; one line of JSON for
//! each device out. **Meet first:** [`Audit`], [`Devices`], [`Recording`]. **Errors:** [`model::Fault`].
//!
//! Whether an entry is written is decided like this: no device, nothing to do; one device wrote it, good; devices, and
//! none of them wrote it, the request fails.
#![forbid(unsafe_code)]

mod audit;
mod data;
mod device;
mod entry;
mod facts;
mod options;
mod recording;
mod salt;
mod table;

pub use audit::{Audit, Devices};
pub use facts::{Answer, Auth, Data, KeyUse, Mount, Namespace, Policy, Refusal, Request, Wrap};
pub use recording::Recording;
pub use table::{Header, Shown, Wanted};

#[cfg(test)]
mod tests;
