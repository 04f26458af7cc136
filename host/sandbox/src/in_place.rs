//! Native code that is part of this binary runs where it lies: its pages are read when they are wanted, and not copied.
//!
//! Only where the processor keeps its caches of code coherent by itself, which x86-64 does; elsewhere it is copied.
#![allow(unsafe_code, reason = "pages of native code become executable")]

use std::collections::BTreeSet;
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use wasmtime::component::Component;
use wasmtime::{Config, Engine, Result};

/// Code that begins at a multiple of this can be run in place, in bytes.
const PAGE: usize = 64 << 10;

/// Sets an engine up to run code in place.
pub(crate) fn prepare(config: &mut Config) {
    #[cfg(target_arch = "x86_64")]
    config.with_custom_code_memory(Some(std::sync::Arc::new(published::Published)));
    #[cfg(not(target_arch = "x86_64"))]
    let _ = config;
}

/// Loads precompiled code that stays where it is.
///
/// # Safety
/// The bytes must come from [`Engine::precompile_component`] and must not have passed through anybody else's hands.
pub(crate) unsafe fn load(engine: &Engine, code: &'static [u8]) -> Result<Component> {
    let place = code.as_ptr().addr();
    if cfg!(target_arch = "x86_64") && place.is_multiple_of(PAGE) && is_first(place) {
        // SAFETY: the caller vouches for the bytes, which live as long as the process and are never written.
        unsafe { Component::deserialize_raw(engine, NonNull::from(code)) }
    } else {
        // SAFETY: the caller vouches for the bytes.
        unsafe { Component::deserialize(engine, code) }
    }
}

/// Whether code at this place was not loaded before: wasmtime knows to whom code belongs by its place, so that a second
/// sandbox of one process, as tests have them, must have a copy.
fn is_first(place: usize) -> bool {
    static LOADED: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());
    LOADED.lock().unwrap_or_else(PoisonError::into_inner).insert(place)
}

#[cfg(target_arch = "x86_64")]
mod published {
    use std::ffi::c_void;

    use rustix::mm::{MprotectFlags, mprotect};
    use rustix::param::page_size;
    use wasmtime::{CustomCodeMemory, Result};

    /// Makes pages executable as wasmtime itself does, and those that it does not own too.
    pub(super) struct Published;

    impl CustomCodeMemory for Published {
        fn required_alignment(&self) -> usize {
            page_size()
        }

        fn publish_executable(&self, code: *const u8, length: usize) -> Result<()> {
            protect(code, length, MprotectFlags::READ | MprotectFlags::EXEC)
        }

        fn unpublish_executable(&self, code: *const u8, length: usize) -> Result<()> {
            protect(code, length, MprotectFlags::READ)
        }
    }

    fn protect(code: *const u8, length: usize, flags: MprotectFlags) -> Result<()> {
        // SAFETY: these are whole pages of compiled code, which nobody writes.
        unsafe { mprotect(code.cast_mut().cast::<c_void>(), length, flags) }?;
        Ok(())
    }
}
