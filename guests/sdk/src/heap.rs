//! The heap of a guest: one piece of memory that is there from the start, and more once that is full.
//!
//! Each request runs in a fresh instance. A heap that grew with each of them would cost the host system calls to make
//! the memory accessible and inaccessible again; what is there from the start costs only the pages that were written.

use core::alloc::Layout;
use core::arch::wasm32::memory_grow;
use core::mem::MaybeUninit;

use talc::base::Talc;
use talc::base::binning::Binning;
use talc::cell::TalcSyncCell;
use talc::source::Source;
use talc::wasm::WasmBinning;

/// Bytes that are there from the start: what most requests never fill, and a mount that is granted little still has.
const FIRST: usize = 6 << 20;
/// Least bytes that it grows by.
const STEP: usize = 2 << 20;
/// Bytes of a page of memory, and what the allocator's own words in a new piece take at most.
const PAGE: usize = 64 << 10;
const WORDS: usize = 64;

static mut MEMORY: [MaybeUninit<u8>; FIRST] = [MaybeUninit::uninit(); FIRST];

/// Where memory comes from.
#[derive(Debug)]
struct Pieces {
    first: bool,
}

// SAFETY: it neither allocates nor names the allocator that it serves, and says that there is more only if there is.
#[allow(unsafe_code, reason = "an allocator is told which memory is its own")]
unsafe impl Source for Pieces {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        if core::mem::take(&mut talc.source.first) {
            // SAFETY: nothing else names MEMORY, and this is done once.
            return unsafe { talc.claim((&raw mut MEMORY).cast(), FIRST) }.map(drop).ok_or(());
        }
        let wanted = layout.size().saturating_add(layout.align()).saturating_add(WORDS).max(STEP);
        let mut pages = wanted.div_ceil(PAGE);
        let mut before = memory_grow::<0>(pages);
        if before == usize::MAX {
            // Near the bound there may be room for this and no more.
            pages = wanted.min(layout.size().saturating_add(layout.align()).saturating_add(WORDS)).div_ceil(PAGE);
            before = memory_grow::<0>(pages);
        }
        if before == usize::MAX {
            return Err(());
        }
        // SAFETY: the pages are new, so nobody else has them.
        unsafe { talc.claim((before * PAGE) as *mut u8, pages * PAGE) }.map(drop).ok_or(())
    }
}

#[global_allocator]
static ALLOCATOR: TalcSyncCell<Pieces, WasmBinning> = TalcSyncCell::new_wasm(Pieces { first: true });
