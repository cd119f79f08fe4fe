//! What happens, on stderr: a live line on a terminal, plain lines elsewhere.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A long step says that it is alive this often where lines stay.
const HEARTBEAT: Duration = Duration::from_secs(60);

/// Where the flow tells what it does.
pub trait Progress: Send + Sync {
    /// A new phase, or the same one still.
    fn phase(&self, what: &str);
    /// Step `done` + 1 of `total` of the phase.
    fn step(&self, done: usize, total: usize, what: &str);
    /// Something to know that stays on the screen.
    fn note(&self, text: &str);
    /// A build runs in the service from here on.
    fn building(&self, arn: &str);
}

/// For people.
pub struct Console {
    started: Instant,
    state: Mutex<State>,
    bar: Option<ProgressBar>,
}

#[derive(Default)]
struct State {
    phase: String,
    line: String,
    last_printed: Option<Instant>,
    build: Option<String>,
}

impl Console {
    /// On stderr.
    #[must_use]
    pub fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} [{elapsed:>4}] {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { started: Instant::now(), state: Mutex::default(), bar }
    }

    /// The build that goes on in the service, if one was started or found.
    #[must_use]
    pub fn build(&self) -> Option<String> {
        self.state().build.clone()
    }

    /// Takes the live line away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn show(&self, line: String) {
        let mut state = self.state();
        if let Some(bar) = &self.bar {
            bar.set_message(line);
            return;
        }
        let due = state.last_printed.is_none_or(|at| at.elapsed() >= HEARTBEAT);
        if state.line != line || due {
            self.print(&line);
            state.line = line;
            state.last_printed = Some(Instant::now());
        }
    }

    fn print(&self, text: &str) {
        let line = format!("[{:>4}s] {text}", self.started.elapsed().as_secs());
        // Nobody reads stderr any more: no reason to stop baking.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

impl Default for Console {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress for Console {
    fn phase(&self, what: &str) {
        let is_new = {
            let mut state = self.state();
            let is_new = state.phase != what;
            what.clone_into(&mut state.phase);
            is_new
        };
        // A known phase is told by its steps.
        if is_new || self.bar.is_none() && self.is_silent() {
            self.show(what.to_owned());
        }
    }

    fn step(&self, done: usize, total: usize, what: &str) {
        let phase = self.state().phase.clone();
        let number = (done + 1).min(total);
        let tail = if what.is_empty() { String::new() } else { format!(" {what}") };
        self.show(format!("{phase}: step {number}/{total}{tail}"));
    }

    fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => self.print(text),
        }
    }

    fn building(&self, arn: &str) {
        self.state().build = Some(arn.to_owned());
        self.note(&format!("build {arn}"));
    }
}

impl Console {
    fn is_silent(&self) -> bool {
        self.state().last_printed.is_none_or(|at| at.elapsed() >= HEARTBEAT)
    }
}
