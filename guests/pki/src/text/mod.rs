//! How things are written: serial numbers, times and durations.

pub(crate) mod serial;
pub(crate) mod time;
