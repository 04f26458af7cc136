//! `sys/config/state/sanitized`: what the server was configured with, without secrets.

use model::{Fault, Operation, Reply};

use crate::{Call, System, unsupported};

pub(crate) fn read(system: &System, call: &Call<'_>) -> Result<Reply, Fault> {
    if call.operation == Operation::Read { Reply::data(&system.configured) } else { Err(unsupported()) }
}
