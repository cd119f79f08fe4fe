//! A program in a terminal, as a person sees it.

use crate::wait_for;
use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A terminal, the program in it, and what it has shown.
pub struct Terminal {
    keys: File,
    /// Kept open: its settings are looked at after the program has ended.
    far: OwnedFd,
    shown: Arc<Mutex<Vec<u8>>>,
    child: Child,
}

fn winsize((cols, rows): (u16, u16)) -> Winsize {
    Winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 }
}

impl Terminal {
    pub(crate) fn start(command: &Command, size: (u16, u16)) -> Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let near = openpt(flags)?;
        grantpt(&near)?;
        unlockpt(&near)?;
        let far = ioctl_tiocgptpeer(&near, flags)?;
        tcsetwinsize(&near, winsize(size))?;
        // setsid(1) makes the terminal the session's own, so that it gets signals.
        let mut session = Command::new("setsid");
        session.arg("--ctty").arg(command.get_program()).args(command.get_args()).env_clear();
        session.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        session.env("TERM", "xterm");
        session.current_dir(command.get_current_dir().context("no folder")?);
        session.stdin(far.try_clone()?).stdout(far.try_clone()?).stderr(far.try_clone()?);
        let child = session.spawn().context("start setsid")?;
        let (mut screen, keys) = (File::from(near.try_clone()?), File::from(near));
        let shown = Arc::new(Mutex::new(Vec::new()));
        let to = shown.clone();
        // Ends when nobody holds the far end any more.
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut bytes) {
                to.lock().unwrap_or_else(PoisonError::into_inner).extend(&bytes[..length]);
            }
        });
        Ok(Self { keys, far, shown, child })
    }

    /// Everything that was shown.
    #[must_use]
    pub fn shown(&self) -> String {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&shown).into_owned()
    }

    /// Presses keys.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn press(&mut self, keys: &str) -> Result<()> {
        Ok(self.keys.write_all(keys.as_bytes())?)
    }

    /// Waits until it has shown this.
    ///
    /// # Errors
    /// If it does not within `limit`.
    pub fn expect(&self, needle: &str, limit: Duration) -> Result<()> {
        wait_for("the terminal", limit, || {
            let shown = self.shown();
            ensure!(shown.contains(needle), "it does not show {needle:?}: {shown}");
            Ok(())
        })
        .map(drop)
    }

    /// Makes it larger or smaller.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn resize(&self, size: (u16, u16)) -> Result<()> {
        Ok(tcsetwinsize(&self.keys, winsize(size))?)
    }

    /// Its settings, as one comparable text.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn settings(&self) -> Result<String> {
        Ok(format!("{:?}", tcgetattr(&self.far)?))
    }

    /// Whether it shows keys itself and hands them on by lines.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn cooked(&self) -> Result<bool> {
        Ok(tcgetattr(&self.far)?.local_modes.contains(LocalModes::ECHO | LocalModes::ICANON))
    }

    /// Sends the program a signal.
    ///
    /// # Errors
    /// If it is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?).context("a process id")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Waits for the program's end; its exit code.
    ///
    /// # Errors
    /// If it does not end within `limit`, or by a signal.
    pub fn ended(&mut self, limit: Duration) -> Result<i32> {
        let child = &mut self.child;
        let (status, _) =
            wait_for("the program's end", limit, || child.try_wait()?.context("it runs"))?;
        status.code().with_context(|| format!("it ended by {status}"))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
