//! Randomness from the host.

/// Fills a buffer with random bytes.
pub fn fill(buffer: &mut [u8]) {
    for chunk in buffer.chunks_mut(CHUNK_MAX) {
        chunk.copy_from_slice(&host_bytes(chunk.len()));
    }
}

/// `N` random bytes.
pub fn array<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}

/// The most that the host gives in one call.
const CHUNK_MAX: usize = 65_536;

#[cfg(target_family = "wasm")]
fn host_bytes(length: usize) -> Vec<u8> {
    crate::bindings::innkeeper::engine::random::bytes(length as u32)
}

#[cfg(not(target_family = "wasm"))]
fn host_bytes(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    if getrandom::fill(&mut bytes).is_err() {
        unreachable!("the operating system gives no randomness");
    }
    bytes
}

/// What [`crate::export!`] makes the backend `custom` of getrandom (0.3 and 0.4) call, so that crates which want randomness
/// get the host's. It is the macro that exports it, because what judges has none.
///
/// # Safety
/// There are `len` bytes at `dest` that may be written.
#[doc(hidden)]
#[cfg(target_family = "wasm")]
#[allow(unsafe_code, reason = "getrandom's custom backend is over a raw buffer")]
pub unsafe fn custom(dest: *mut u8, len: usize) -> Result<(), getrandom::Error> {
    // SAFETY: getrandom passes a buffer of `len` writable bytes; they may be uninitialised, so they are written
    // through the pointer before a reference to them exists.
    let buffer = unsafe {
        core::ptr::write_bytes(dest, 0, len);
        core::slice::from_raw_parts_mut(dest, len)
    };
    fill(buffer);
    Ok(())
}
