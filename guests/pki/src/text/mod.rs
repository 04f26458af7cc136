//! How things are written: PEM, serial numbers, times and durations.

pub(crate) mod glob;
pub(crate) mod pem;
pub(crate) mod serial;
pub(crate) mod time;
