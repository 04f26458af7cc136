//! Keeps what is in memory from reaching a disk, and asks the system for room for connections.

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// Raises the number of files that this process may open to the most that it may ask for: each connection is one.
pub fn widen() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::warn!(%error, ?current, "the number of open files, and so of connections, cannot be raised");
    }
}

/// Switches core dumps off, and says in the log what this platform does not allow and whether memory may be swapped
/// out. (Locking all memory is no way: the sandbox resets its instances with `MADV_DONTNEED`, which locked pages refuse.)
pub fn harden() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core dumps cannot be limited; a crash may write keys to a disk");
    }
    // Neither dumps nor debuggers of the same user.
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "the process cannot be made undumpable; a debugger of the same user may read keys");
    }
    if may_be_swapped() {
        tracing::warn!(
            "this machine has swap, and this process may use it: keys may reach a disk. Run it with MemorySwapMax=0 \
             (systemd), without swap for its container, or on a machine without swap"
        );
    }
}

/// Whether there is swap, and the control group of this process may use it. What cannot be read counts as yes.
fn may_be_swapped() -> bool {
    let lines = std::fs::read_to_string("/proc/swaps").map_or(2, |text| text.lines().count());
    if lines < 2 {
        return false;
    }
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = groups.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
    let most = std::fs::read_to_string(format!("/sys/fs/cgroup{group}/memory.swap.max"));
    !most.is_ok_and(|most| most.trim() == "0")
}
