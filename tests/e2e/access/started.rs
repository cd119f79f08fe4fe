//! A program that runs on while it is looked at.

use anyhow::{Context as _, Result, ensure};
use nixl_tests::{Program, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead as _, BufReader};
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};

/// It, and the lines of its standard output so far.
pub struct Started {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Started {
    /// Starts it.
    pub fn new(program: &Program, args: &[&str]) -> Result<Self> {
        let mut child = program.start(args)?;
        let output = BufReader::new(child.stdout.take().context("no standard output")?);
        let lines = Arc::new(Mutex::new(Vec::new()));
        let to = lines.clone();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                to.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Ok(Self { child, lines })
    }

    /// What it has said.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for so many lines.
    pub fn said(&self, count: usize) -> Result<Vec<String>> {
        let probe = || {
            let lines = self.lines();
            ensure!(lines.len() >= count, "{lines:?}");
            Ok(lines)
        };
        wait_for("what a program says", crate::PATIENCE, probe).map(|(lines, _)| lines)
    }

    /// Ctrl-C; its exit code.
    pub fn interrupt(mut self) -> Result<i32> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?).context("a process id")?;
        kill_process(pid, Signal::INT)?;
        let child = &mut self.child;
        let probe = || child.try_wait()?.context("it runs");
        let (status, _) = wait_for("the end after Ctrl-C", crate::PATIENCE, probe)?;
        status.code().with_context(|| format!("it ended by {status}"))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
