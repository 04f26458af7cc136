//! A worker process takes from itself what it does not need, before a vendor's code is loaded into it.
#![expect(unsafe_code, reason = "what the standard library does not have of the system's calls")]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use crate::settings::Bounds;

/// The descriptors that the server gave: what it says, and where to answer.
pub(super) struct Ends {
    pub(super) input: OwnedFd,
    pub(super) output: OwnedFd,
}

/// No core dumps, no debuggers, no more rights than there are, no life after the server's, no descriptors but the three,
/// and the first two of those put where a library that reads or prints does no harm. To be called first, while the
/// process has one thread.
pub(super) fn begin() -> io::Result<Ends> {
    limit(libc::RLIMIT_CORE, 0)?;
    control(libc::PR_SET_DUMPABLE, 0)?;
    control(libc::PR_SET_NO_NEW_PRIVS, 1)?;
    control(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong)?;
    // The server ends its workers by itself: a signal to the whole group is not for them.
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        // SAFETY: SIG_IGN is a valid disposition, and nothing here has handlers for these signals.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    // SAFETY: nothing in this process owns a descriptor above 2 yet, so that nobody's is closed under it. A kernel that
    // does not have the call leaves them open: they are all marked to be closed at exec, as far as they are ours.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    let output = io::stdout().as_fd().try_clone_to_owned()?;
    put(&File::open("/dev/null")?, 0)?;
    put(&io::stderr(), 1)?;
    Ok(Ends { input, output })
}

/// Sets the operator's bounds.
pub(super) fn bound(bounds: Bounds) -> io::Result<()> {
    if let Some(memory) = bounds.memory {
        limit(libc::RLIMIT_AS, memory)?;
    }
    if let Some(files) = bounds.files {
        limit(libc::RLIMIT_NOFILE, files)?;
    }
    Ok(())
}

fn limit(resource: libc::__rlimit_resource_t, most: u64) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: the pointer is to a local that outlives the call.
    done(unsafe { libc::setrlimit(resource, &raw const limit) })
}

fn control(option: libc::c_int, value: libc::c_ulong) -> io::Result<()> {
    let none: libc::c_ulong = 0;
    // SAFETY: the options that are used here take a number and no pointers; the unused arguments must be 0.
    done(unsafe { libc::prctl(option, value, none, none, none) })
}

fn put(file: &impl AsFd, number: libc::c_int) -> io::Result<()> {
    // SAFETY: both numbers are of standard streams or of a file that is open; nothing owns descriptors 0 and 1.
    let put = unsafe { libc::dup2(file.as_fd().as_raw_fd(), number) };
    done(if put < 0 { put } else { 0 })
}

fn done(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
