//! What a person sees while waiting: spinners on a terminal, lines elsewhere.
//! All of it goes to stderr; stdout is for the result.

use crate::command::Flags;
use crate::terminal::Terminal;
use crate::timeline::{self, Timeline};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Where progress is told.
pub trait Progress: Send + Sync {
    /// Something was done or is known.
    fn told(&self, text: &str);
    /// What is being waited for, by subject (a node, the tracking server).
    fn doing(&self, subject: &str, text: &str);
    /// How far a node has come, `now_secs` after the start.
    fn node(&self, name: &str, timeline: &Timeline, now_secs: f64);
    /// Nothing is being waited for any more.
    fn done(&self);
}

/// The fitting one for stderr, which tells commands with these flags.
#[must_use]
pub fn for_stderr(flags: Flags) -> Box<dyn Progress> {
    if std::io::stderr().is_terminal() {
        Box::new(Whole { inner: Live::new(), flags })
    } else {
        Box::new(Whole { inner: Lines::new(), flags })
    }
}

/// Suggests whole commands.
struct Whole<P> {
    inner: P,
    flags: Flags,
}

impl<P: Progress> Progress for Whole<P> {
    fn told(&self, text: &str) {
        self.inner.told(&self.flags.told(text));
    }

    fn doing(&self, subject: &str, text: &str) {
        self.inner.doing(subject, &self.flags.told(text));
    }

    fn node(&self, name: &str, timeline: &Timeline, now_secs: f64) {
        self.inner.node(name, timeline, now_secs);
    }

    fn done(&self) {
        self.inner.done();
    }
}

/// One line for every change.
pub struct Lines {
    start: Instant,
    last: Mutex<BTreeMap<String, String>>,
}

impl Lines {
    fn new() -> Self {
        Self { start: Instant::now(), last: Mutex::default() }
    }

    fn print(&self, text: &str) {
        eprintln!("[{:7.1}s] {text}", self.start.elapsed().as_secs_f64());
    }
}

impl Progress for Lines {
    fn told(&self, text: &str) {
        self.print(text);
    }

    fn doing(&self, subject: &str, text: &str) {
        let mut last = self.last.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if last.get(subject).is_none_or(|last| last != text) {
            self.print(&format!("{subject}: {text}"));
            last.insert(subject.to_owned(), text.to_owned());
        }
    }

    fn node(&self, name: &str, timeline: &Timeline, _: f64) {
        let reached = timeline.marks.iter().map(|mark| mark.name.words());
        let text = match (reached.collect::<Vec<_>>().join(", "), &timeline.note) {
            (steps, None) => steps,
            (steps, Some(note)) => format!("{steps} ({note})"),
        };
        self.doing(name, &text);
    }

    fn done(&self) {}
}

/// One spinner for every subject.
pub struct Live {
    start: Instant,
    all: MultiProgress,
    bars: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Live {
    fn new() -> Self {
        Self { start: Instant::now(), all: MultiProgress::new(), bars: Mutex::default() }
    }
}

impl Progress for Live {
    fn told(&self, text: &str) {
        let line = format!("[{:7.1}s] {text}", self.start.elapsed().as_secs_f64());
        // Fails only when stderr is gone, and then there is nobody to tell.
        let _ = self.all.println(line);
    }

    fn doing(&self, subject: &str, text: &str) {
        let mut bars = self.bars.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let bar = bars.entry(subject.to_owned()).or_insert_with(|| {
            let bar = self.all.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {wide_msg}") {
                bar.set_style(style);
            }
            bar.set_prefix(subject.to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        bar.set_message(text.to_owned());
    }

    fn node(&self, name: &str, timeline: &Timeline, now_secs: f64) {
        // Before it: the spinner, the name, and what separates them.
        let before = name.chars().count() + "⠋ : ".chars().count() + 1;
        let columns = Terminal::of(&std::io::stderr()).columns.unwrap_or(usize::MAX);
        let columns = columns.saturating_sub(before);
        self.doing(name, &timeline::line(timeline, now_secs, columns));
    }

    fn done(&self) {
        let mut bars = self.bars.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        for (subject, bar) in std::mem::take(&mut *bars) {
            let last = bar.message();
            bar.finish_and_clear();
            self.told(&format!("{subject}: {last}"));
        }
    }
}
