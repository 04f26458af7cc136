//! How answers are shown.

mod clean;
mod duration;
mod format;
mod secret;
mod table;
mod value;

pub(crate) use clean::{one_line, visible};
pub(crate) use format::Format;
pub(crate) use secret::{field, list, pick, reply, secret, warnings};
pub(crate) use table::{centred, heading, objects, pairs, table};
pub(crate) use value::words;
