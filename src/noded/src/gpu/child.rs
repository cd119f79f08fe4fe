//! The process that asks NVML. A driver that is wedged never returns, and a
//! library that faults takes its process with it: this one, not the daemon.

use super::protocol::{Command, Event};
use crate::worker::child;
use crate::worker::sandbox::Cut;
use nixl_fabric::codec;
use nixl_gpu::{Driver, Look};
use std::path::PathBuf;

/// Answers until the daemon ends it.
///
/// # Errors
/// If it was not started by the daemon, or with what ended it.
pub fn run(library: Option<PathBuf>) -> anyhow::Result<()> {
    // Not left behind in a call that does not return.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let cut = Cut::Gpu { library: library.clone() };
    let (mut stream, missing) = child::enter(&cut)?;
    codec::write(&mut stream, &Event::Confined { missing })?;
    let mut driver = None;
    while let Some(Command::Look) = codec::read(&mut stream)? {
        let look = match &mut driver {
            Some(driver) => Driver::look(driver),
            None => match Driver::open(library.as_deref()) {
                Ok(opened) => driver.insert(opened).look(),
                Err(absent) => Look::Absent(absent),
            },
        };
        codec::write(&mut stream, &Event::Looked(look))?;
    }
    Ok(())
}
