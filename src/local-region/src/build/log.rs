//! A build's log and the piece of it that a failure shows.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;

/// Image Builder's limit for `errorMessage`.
const MESSAGE_CHARS: usize = 1024;
/// How much of a step's output is kept in memory for its failure.
const TAIL_BYTES: usize = 8 * 1024;

/// The log file of one build.
pub(super) struct BuildLog(Mutex<File>);

impl BuildLog {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self(Mutex::new(File::create(path)?)))
    }

    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap_or_else(|e| e.into_inner()).write_all(bytes)
    }
}

/// The end of a step's output.
#[derive(Default)]
pub(super) struct Tail(Vec<u8>);

impl Tail {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        let surplus = self.0.len().saturating_sub(TAIL_BYTES);
        self.0.drain(..surplus);
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).trim().to_owned()
    }
}

/// The last 1024 characters: the cause stands at the end of an output.
pub(super) fn cut(message: &str) -> String {
    let count = message.chars().count();
    message.chars().skip(count.saturating_sub(MESSAGE_CHARS)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept() {
        assert_eq!(cut("short"), "short");
        let long = format!("{}é: disk full", "x".repeat(2000));
        assert_eq!(cut(&long).chars().count(), MESSAGE_CHARS);
        assert!(cut(&long).ends_with("disk full"));
        let mut tail = Tail::default();
        (0..1000).for_each(|line| tail.push(format!("line {line}\n").as_bytes()));
        assert!(tail.text().ends_with("line 999") && tail.0.len() <= TAIL_BYTES);
    }
}
