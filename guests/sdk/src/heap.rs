//! The heap of a guest: one piece of memory that is there from the start.
//!
//! Each request runs in a fresh instance. A heap that grew with each of them would cost the host system calls to make
//! the memory accessible and inaccessible again; one that never grows costs only the pages that were written.

use talc::wasm::{WasmArenaTalc, new_wasm_arena_allocator};

/// Bytes of the heap. With stack and data it fits into the 64 MiB that the host allows.
const HEAP: usize = 48 << 20;

#[global_allocator]
#[allow(unsafe_code, reason = "an allocator is told which memory is its own")]
static ALLOCATOR: WasmArenaTalc = {
    static mut MEMORY: [core::mem::MaybeUninit<u8>; HEAP] = [core::mem::MaybeUninit::uninit(); HEAP];
    // SAFETY: nothing else names MEMORY, and the target has one thread.
    unsafe { new_wasm_arena_allocator(&raw mut MEMORY) }
};
