//! Where the kernel's messages come from: `journalctl`, as a child of the daemon.

use std::ffi::OsString;
use std::io;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

/// Lines waiting to be taken; journalctl waits when there are more.
const LINES: usize = 1024;
/// Longest last word kept.
const MAX_WORDS_CHARS: usize = 200;

/// Gives the kernel's messages, also those of this boot that were before.
pub trait KernelLog: Send + Sync {
    /// Follows from behind `cursor`, or else from the boot.
    ///
    /// # Errors
    /// If it cannot be started.
    fn follow(&self, cursor: Option<&str>) -> io::Result<Following>;
}

/// A log that is being followed; dropping it ends that.
#[derive(Debug)]
pub struct Following {
    /// Entries as journalctl(1) writes them with `-o json`, a line each.
    pub lines: mpsc::Receiver<String>,
    /// After the last line: how it ended.
    pub ended: tokio::task::JoinHandle<String>,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.ended.abort();
    }
}

/// journald's.
#[derive(Debug, Clone)]
pub struct Journalctl {
    program: OsString,
}

impl Default for Journalctl {
    fn default() -> Self {
        Self { program: "journalctl".into() }
    }
}

impl KernelLog for Journalctl {
    fn follow(&self, cursor: Option<&str>) -> io::Result<Following> {
        let mut command = Command::new(&self.program);
        // Without --no-tail it would begin ten lines before the end.
        command.args(["-k", "-f", "-o", "json", "--no-pager", "--no-tail"]);
        if let Some(cursor) = cursor {
            command.arg(format!("--after-cursor={cursor}"));
        }
        command
            .env_clear()
            .envs(std::env::vars_os().filter(|(key, _)| key == "PATH"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let end_with_us = || {
            // SAFETY: async-signal-safe.
            match unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        };
        // SAFETY: one system call, of the child about itself.
        unsafe { command.pre_exec(end_with_us) };
        let mut child = command.spawn()?;
        let (to_us, lines) = mpsc::channel(LINES);
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let ended = tokio::spawn(async move {
            let words = tokio::spawn(last_line(err));
            pass_on(out, &to_us).await;
            obituary(child, words.await.unwrap_or_default()).await
        });
        Ok(Following { lines, ended })
    }
}

async fn pass_on(out: Option<impl AsyncRead + Unpin>, to: &mpsc::Sender<String>) {
    let Some(out) = out else { return };
    let mut lines = BufReader::new(out).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if to.send(line).await.is_err() {
            return;
        }
    }
}

async fn last_line(err: Option<impl AsyncRead + Unpin>) -> String {
    let Some(err) = err else { return String::new() };
    let (mut lines, mut last) = (BufReader::new(err).lines(), String::new());
    while let Ok(Some(line)) = lines.next_line().await {
        last = line.trim().chars().take(MAX_WORDS_CHARS).collect();
    }
    last
}

async fn obituary(mut child: Child, words: String) -> String {
    let status = match child.wait().await {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    if words.is_empty() {
        format!("journalctl ended ({status})")
    } else {
        format!("journalctl ended ({status}): {words}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// A `journalctl` in a folder of its own.
    fn scripted(script: &str) -> (tempfile::TempDir, Journalctl) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("journalctl");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        (folder, Journalctl { program: program.into() })
    }

    #[tokio::test]
    async fn lines_come_in_order_and_the_end_has_its_words() {
        let (_folder, log) = scripted("echo \"$@\"; echo two; echo 'No journal' >&2; exit 1");
        let mut following = log.follow(Some("s=1;i=2")).unwrap();
        let first = "-k -f -o json --no-pager --no-tail --after-cursor=s=1;i=2";
        assert_eq!(following.lines.recv().await.as_deref(), Some(first));
        assert_eq!(following.lines.recv().await.as_deref(), Some("two"));
        assert_eq!(following.lines.recv().await, None);
        let ended = (&mut following.ended).await.unwrap();
        assert_eq!(ended, "journalctl ended (exit status: 1): No journal");
    }

    #[tokio::test]
    async fn one_that_is_not_there_cannot_be_started() {
        let log = Journalctl { program: "/nonexistent/journalctl".into() };
        assert_eq!(log.follow(None).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
