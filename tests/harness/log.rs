//! Keeps what servers inside this process log, so that tests can look for what must not be there.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

static KEPT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// All that the host itself can say, at its most talkative.
const LEVEL: &str = "info,guest=trace,access=trace,gateway=trace,keys=trace,sandbox=trace,server=trace,storage=trace,\
                     system=trace,tenancy=trace";

struct Keeper;

impl Write for Keeper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        KEPT.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn keep() {
    server::log::start(LEVEL, "standard", || Keeper);
}

/// The lines logged so far that hold a text, for instance a request id. With the empty text, all of them.
pub fn lines(with: &str) -> Vec<String> {
    let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&kept).lines().filter(|line| line.contains(with)).map(str::to_owned).collect()
}
