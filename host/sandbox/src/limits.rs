//! What a guest may at most use and hand over. The contract states the same numbers.

use std::time::Duration;

/// Longest body that goes to a guest, and longest answer that comes back, in bytes.
pub const BODY_MAX: usize = 8 << 20;
/// Longest message that a guest may have signed, hashed or verified, in bytes.
pub const MESSAGE_MAX: usize = keys::MESSAGE_MAX;
/// Longest message that is hashed at once; longer ones are hashed apart, and others run meanwhile. In bytes.
pub const MESSAGE_LIGHT_MAX: usize = 64 << 10;
/// Most time of a processor that one entry into a guest may use.
pub const CPU_MAX: Duration = Duration::from_secs(5);
/// How often running guests are interrupted, to look at the clock and let others run.
pub const TICK: Duration = Duration::from_millis(5);
/// Most time of a processor that judging by one policy may take, unless the policy says otherwise. A guest is ended at the
/// first tick after it.
pub const JUDGING_CPU: Duration = Duration::from_millis(5);
/// Most linear memory of a guest that judges, in bytes.
pub const JUDGING_MEMORY_MAX: usize = 32 << 20;
/// Longest parameters that a policy is shown, in bytes.
pub const PARAMETERS_MAX: usize = 256 << 10;
/// Longest reason of a policy, in bytes; longer is cut.
pub const REASON_MAX: usize = 1024;
/// Most random bytes in one call.
pub const RANDOM_MAX: u32 = 65_536;
/// Most log lines that one entry may write; the rest is counted.
pub const LOG_LINES_MAX: u32 = 100;
/// Longest log message, in bytes; longer is cut.
pub const LOG_MESSAGE_MAX: usize = 4096;
/// Most fields of a log line.
pub const LOG_FIELDS_MAX: usize = 16;
/// Longest name of a field of a log line, in bytes; longer is cut.
pub const LOG_NAME_MAX: usize = 128;
/// Longest value of a field of a log line, in bytes; longer is cut.
pub const LOG_VALUE_MAX: usize = 1024;
/// Most bytes that one entry may print, by WASI's standard output and error; the rest is let go.
pub const PRINTED_MAX: usize = 8 << 10;
/// Most resources of all sorts that live at once in one instance: handles, streams, timers.
pub const RESOURCES_MAX: usize = 1024;
/// Most key handles that live at once in one instance.
pub const HANDLES_MAX: usize = 64;
/// Most questions to other servers in one entry into a guest.
pub const HTTP_CALLS_MAX: u32 = 8;
/// Most RSA keys that one entry into a guest may make: each takes up to seconds of a core.
pub const RSA_KEYS_MAX: u32 = 4;
/// What a guest has left of its time when a call to a key's home runs out of time, so that it can say so itself.
pub const ANSWER_TIME: Duration = Duration::from_secs(1);
/// Most that a guest hands over in one crossing to the host, in bytes as the host keeps it: many strings may lie in the same
/// place of a guest's memory, and the host would copy each.
pub const CROSSING_MAX: usize = 32 << 20;
/// Largest function of a component, in bytes of its code: what the compiler takes grows faster than it.
pub const FUNCTION_MAX: usize = 1 << 20;
/// Most functions of a component.
pub const FUNCTIONS_MAX: usize = 200_000;
/// Most code of a component, in bytes: an engine in Python has some 15 MiB.
pub const CODE_MAX: usize = 32 << 20;
/// Most core modules of a component; [`crate::tuning`] bounds how many of them live.
pub const MODULES_MAX: usize = 64;
/// Most components and core modules within a component.
pub const PARTS_MAX: usize = 256;
/// How deep components may lie within each other.
pub const NESTING_MAX: usize = 8;
/// Most routes of one guest.
pub const ROUTES_MAX: usize = 512;
/// Longest route template, in bytes.
pub const TEMPLATE_MAX: usize = 256;
/// Most captures in one template.
pub const CAPTURES_MAX: usize = 8;
/// Most actions of one route: one per operation, create and update being one.
pub const ACTIONS_MAX: usize = 5;
/// Most fields of one action.
pub const FIELDS_MAX: usize = 128;
/// Longest explanation in a descriptor, in bytes.
pub const ABOUT_MAX: usize = 2048;
/// Longest message to a client, in bytes; longer is cut.
pub const TEXT_MAX: usize = 8192;
/// Most messages of a fault.
pub const MESSAGES_MAX: usize = 16;
/// Most warnings of an answer.
pub const WARNINGS_MAX: usize = 64;
/// Most response headers of an answer.
pub const HEADERS_MAX: usize = 16;
/// Longest name of a response header, in bytes.
pub const HEADER_NAME_MAX: usize = 128;
/// Largest text that an engine keeps with a lease, in bytes.
pub const LEASE_INTERNAL_MAX: usize = 64 << 10;
/// Most table elements of one instance.
pub const TABLE_ELEMENTS_MAX: usize = 20_000;
