//! Tells a suite as steps, one line each, and counts them at the end.

use anyhow::Result;
use std::time::Instant;

/// A suite under way. After a failed step, what rests on it is skipped; a failed
/// check stops nothing.
pub struct Story {
    passed: u32,
    failed: u32,
    skipped: u32,
    broken: bool,
}

impl Story {
    /// An empty story.
    #[must_use]
    pub fn begin(name: &str) -> Self {
        println!("suite {name}");
        Self { passed: 0, failed: 0, skipped: 0, broken: false }
    }

    /// One step that later ones rest on. Returns its value, or nothing when it
    /// failed or was skipped.
    pub fn step<T>(&mut self, name: &str, act: impl FnOnce() -> Result<T>) -> Option<T> {
        let value = self.check(name, act);
        self.broken |= value.is_none();
        value
    }

    /// One look at what the steps before it made.
    pub fn check<T>(&mut self, name: &str, act: impl FnOnce() -> Result<T>) -> Option<T> {
        if self.broken {
            self.skipped += 1;
            println!("  skip  {name}");
            return None;
        }
        self.always(name, act)
    }

    /// A step that is taken even after a failure: cleaning up.
    pub fn always<T>(&mut self, name: &str, act: impl FnOnce() -> Result<T>) -> Option<T> {
        let begun = Instant::now();
        match act() {
            Ok(value) => {
                self.passed += 1;
                println!("  ok    {name} ({:.1} s)", begun.elapsed().as_secs_f64());
                Some(value)
            }
            Err(error) => {
                self.failed += 1;
                println!("  FAIL  {name} ({:.1} s)\n{error:#}", begun.elapsed().as_secs_f64());
                None
            }
        }
    }

    /// Whether a step has failed.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.failed > 0
    }

    /// Prints the counts; the exit code.
    #[must_use]
    pub fn end(self) -> std::process::ExitCode {
        println!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped);
        std::process::ExitCode::from(u8::from(self.failed > 0))
    }
}
