//! `random`: the host's cryptographic generator.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use meter::Bound;

use crate::bindings::innkeeper::engine::random::Host;
use crate::limits::RANDOM_MAX;
use crate::state::State;

impl Host for State {
    async fn bytes(&mut self, length: u32) -> wasmtime::Result<Vec<u8>> {
        if length > RANDOM_MAX {
            self.met(Bound::Randomness);
            return Err(wasmtime::Error::msg("random.bytes: at most 65536 bytes in one call"));
        }
        let mut bytes = vec![0; length as usize];
        SystemRandom::new().fill(&mut bytes).map_err(|_| wasmtime::Error::msg("the system gives no randomness"))?;
        Ok(bytes)
    }
}
