//! A command in a machine with a terminal of its own (pty(7)).

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Stdio;

use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, Command};

/// A terminal and what runs on it; both end when it is dropped.
pub struct Pty {
    master: AsyncFd<OwnedFd>,
    _child: Child,
}

impl Pty {
    /// Starts a command on a new terminal.
    ///
    /// # Errors
    /// If there is no terminal left or the command cannot be started.
    pub fn start(command: std::process::Command) -> io::Result<Self> {
        let master =
            rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        rustix::pty::grantpt(&master)?;
        rustix::pty::unlockpt(&master)?;
        let name = rustix::pty::ptsname(&master, Vec::new())?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let terminal = rustix::fs::open(name, flags, Mode::empty())?;
        rustix::io::ioctl_fionbio(&master, true)?;
        let mut command = Command::from(command);
        command
            .stdin(Stdio::from(terminal.try_clone()?))
            .stdout(Stdio::from(terminal.try_clone()?))
            .stderr(Stdio::from(terminal))
            .kill_on_drop(true);
        // SAFETY: between fork and exec only setsid(2) and one ioctl(2) are called.
        unsafe {
            command.pre_exec(|| {
                rustix::process::setsid()?;
                rustix::process::ioctl_tiocsctty(std::io::stdin().as_fd())?;
                Ok(())
            });
        }
        let child = command.spawn()?;
        // SAFETY: an OwnedFd gives the same open descriptor for as long as it lives.
        let master = unsafe { AsyncFd::register(master)? };
        Ok(Self { master, _child: child })
    }

    /// Tells the terminal its size.
    pub fn resize(&self, cols: u16, rows: u16) {
        let size = Winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 };
        // A terminal without a size works on.
        let _ = rustix::termios::tcsetwinsize(self.master.get_ref(), size);
    }

    /// Some output; empty at the end.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self
            .master
            .async_io(tokio::io::Interest::READABLE, |fd| {
                rustix::io::read(fd, &mut *buffer).map_err(io::Error::from)
            })
            .await;
        match read {
            // Nobody holds the other side any more.
            Err(error) if error.raw_os_error() == Some(libc::EIO) => Ok(0),
            read => read,
        }
    }

    /// Types all of it.
    pub async fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = self
                .master
                .async_io(tokio::io::Interest::WRITABLE, |fd| {
                    rustix::io::write(fd, bytes).map_err(io::Error::from)
                })
                .await?;
            bytes = &bytes[written..];
        }
        Ok(())
    }
}
