//! `types` has no functions.

use crate::bindings::innkeeper::engine::types::Host;
use crate::state::State;

impl Host for State {}
