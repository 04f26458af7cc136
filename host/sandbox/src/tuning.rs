//! How wasmtime is set up.
//!
//! guests/bundle/build.rs includes this very file: code that is precompiled while building loads only into an engine
//! with equal settings. So this file uses nothing but wasmtime.

use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

/// Most linear memory that one guest instance may have, in bytes.
pub const MEMORY_MAX: usize = 64 << 20;
/// Most stack that wasm code may use, in bytes.
pub const WASM_STACK_MAX: usize = 512 << 10;
/// The native stack of one guest call: wasm's part and what host functions need above it, in bytes.
const CALL_STACK: usize = WASM_STACK_MAX + (512 << 10);
/// Most guest instances alive at once in the process.
pub const INSTANCES_MAX: u32 = 256;

/// Most core modules of one guest: an engine in Python is made of 14.
const CORE_INSTANCES: u32 = 16;

/// Most tables of one guest: its own, and one that adapters of toolchains bring.
const TABLES: u32 = 4;

/// The settings. Address space per instance is bounded to what an instance may use, so that a host with little
/// virtual memory, or a limit on it, can run [`INSTANCES_MAX`] of them.
pub fn config() -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(INSTANCES_MAX)
        .total_core_instances(INSTANCES_MAX * CORE_INSTANCES)
        .total_memories(INSTANCES_MAX)
        .total_tables(INSTANCES_MAX * TABLES)
        .total_stacks(INSTANCES_MAX)
        .max_memory_size(MEMORY_MAX)
        .max_memories_per_component(1)
        .max_tables_per_component(TABLES)
        .max_core_instances_per_component(CORE_INSTANCES)
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(64 << 10)
        // Where the kernel tells which pages were written (Linux 6.7 and newer), only those are cleared.
        .pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // Nothing here uses component-level concurrency, and calls are several times cheaper without it.
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK_MAX)
        .async_stack_size(CALL_STACK)
        .memory_reservation(MEMORY_MAX as u64)
        .memory_reservation_for_growth(0)
        .memory_guard_size(64 << 10)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}
