//! The process that asks NVML. A driver that is wedged never returns, and a
//! library that faults takes its process with it: this one, not the daemon.

use super::protocol::{Command, Event};
use crate::worker::child;
use crate::worker::sandbox::Cut;
use nixl_fabric::codec;
use nixl_gpu::look::{Absent, Missing};
use nixl_gpu::{Driver, Look};
use std::io;
use std::path::{Path, PathBuf};

/// Whoever asks the driver opens it first.
const CONTROL: &str = "/dev/nvidiactl";

/// Answers until the daemon ends it.
///
/// # Errors
/// If it was not started by the daemon, or with what ended it.
pub fn run(library: Option<PathBuf>) -> anyhow::Result<()> {
    // Not left behind in a call that does not return.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    // Before the sandbox: that would refuse what comes later.
    let denied = denied(Path::new(CONTROL));
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
        let look = explained(look, denied.as_ref());
        codec::write(&mut stream, &Event::Looked(look))?;
    }
    Ok(())
}

/// That this device may not be opened, in words. One that is not there is no matter.
fn denied(device: &Path) -> Option<String> {
    let error = std::fs::File::options().read(true).write(true).open(device).err()?;
    let refused = error.kind() == io::ErrorKind::PermissionDenied;
    refused.then(|| format!("{}: {error}", device.display()))
}

/// NVML has no word for a device that a cgroup denies: it says "unknown error",
/// or that there is no driver.
fn explained(look: Look, denied: Option<&String>) -> Look {
    match (look, denied) {
        (Look::Absent(Absent { what: Missing::Driver | Missing::Answer, error }), Some(denied)) => {
            let error = format!("{denied} (NVML: {error})");
            Look::Absent(Absent { what: Missing::Permission, error })
        }
        (look, _) => look,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_device_that_may_not_be_opened_says_why_nvml_does_not_answer() {
        let folder = tempfile::tempdir().unwrap();
        let device = folder.path().join("nvidiactl");
        assert_eq!(denied(&device), None, "there is no driver");
        std::fs::write(&device, "").unwrap();
        assert_eq!(denied(&device), None);
        std::fs::set_permissions(&device, std::fs::Permissions::from_mode(0o000)).unwrap();
        // SAFETY: changes who this thread is for files, and nothing else; root
        // may open everything.
        let asked = std::thread::spawn(move || {
            unsafe { libc::syscall(libc::SYS_setfsuid, 65534) };
            denied(&device)
        });
        let told = asked.join().unwrap();
        assert!(told.as_ref().unwrap().ends_with("Permission denied (os error 13)"), "{told:?}");

        for what in [Missing::Driver, Missing::Answer] {
            let absent = || Look::Absent(Absent { what, error: "unknown error".to_owned() });
            let Look::Absent(absent_now) = explained(absent(), told.as_ref()) else { panic!() };
            assert_eq!(absent_now.what, Missing::Permission);
            assert!(absent_now.error.ends_with("(NVML: unknown error)"), "{absent_now:?}");
            assert_eq!(explained(absent(), None), absent());
        }
    }
}
