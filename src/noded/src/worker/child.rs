//! What a worker's process does: it takes its socket, gives up its rights, and
//! is nothing but its library's home from then on.

use super::process::WORKER_FD;
use super::sandbox::{self, Cut};
use anyhow::Context as _;
use nixl_fabric::codec;
use nixl_fabric::protocol::Event;
use rustix::event::{PollFd, PollFlags, poll};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// Owns the fabric until the daemon ends it.
///
/// # Errors
/// If it was not started by the daemon, or with what ended it.
pub fn run(cut: &Cut) -> anyhow::Result<()> {
    let (mut stream, missing) = enter(cut)?;
    codec::write(&mut stream, &Event::Confined { missing })?;
    Ok(nixl_fabric::worker::run(stream.into())?)
}

/// Waits for the daemon's first word and gives up this process's rights: its
/// socket, on which that word is still to be read, and what of the sandbox is missing.
///
/// # Errors
/// If it was not started by the daemon, or the sandbox cannot be set up.
pub fn enter(cut: &Cut) -> anyhow::Result<(UnixStream, Vec<String>)> {
    let socket = inherited_socket().context(
        "descriptor 3 is no socket; this command is started by `nixl-noded run`, not by hand",
    )?;
    // The daemon opens what it wants to see of this process before it says the
    // first word: ProtectProc= hides from it what it may not trace.
    poll(&mut [PollFd::new(&socket, PollFlags::IN)], None)?;
    let missing = sandbox::enter(cut).context("the sandbox could not be set up")?;
    Ok((UnixStream::from(socket), missing))
}

/// Its socket on [`WORKER_FD`], closed for any child.
fn inherited_socket() -> io::Result<OwnedFd> {
    // SAFETY: only looked at; an unused number gives EBADF.
    let passed = unsafe { BorrowedFd::borrow_raw(WORKER_FD) };
    rustix::net::sockopt::socket_type(passed)?;
    Ok(rustix::io::fcntl_dupfd_cloexec(passed, WORKER_FD + 1)?)
}
