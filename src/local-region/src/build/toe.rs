//! What AWSTOE writes on its console, which Image Builder puts into CloudWatch
//! Logs.
//!
//! Source of the lines: logs that users of ParallelCluster, the AWS workshop
//! "Image Builder" and amazon-linux-2023 issue 1054 show.

use crate::backend::{BuildNews, TellBuild};

/// Longest line; what is longer is told in pieces.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// The console of one build.
#[derive(Clone)]
pub(crate) struct Console(TellBuild);

impl Console {
    pub(crate) fn new(tell: TellBuild) -> Self {
        Self(tell)
    }

    /// Something that is no line.
    pub(crate) fn tell(&self, news: BuildNews) {
        (self.0)(news);
    }

    fn line(&self, text: String) {
        self.tell(BuildNews::Line(text));
    }

    /// A document's phase begins.
    pub(crate) fn phase(&self, component_arn: &str, phase: &str) {
        self.line(format!("Document {component_arn}"));
        self.line(format!("Phase {phase}"));
    }

    /// A step begins.
    pub(crate) fn step(&self, name: &str, action: &str) {
        self.line(format!("Step {name}"));
        self.line(format!("{action}: STARTED EXECUTION"));
    }

    /// A step is over.
    pub(crate) fn step_ended(&self, action: &str) {
        self.line(format!("{action}: FINISHED EXECUTION"));
    }

    /// How a command ended.
    pub(crate) fn exit_code(&self, code: i32) {
        self.line(format!("CmdExecution: ExitCode {code}"));
    }

    /// A command was not let end.
    pub(crate) fn timed_out(&self, secs: u64) {
        self.line(format!("CmdExecution: timed out after {secs} seconds"));
    }

    /// All documents are over.
    pub(crate) fn ended(&self, well: bool) {
        self.line(match well {
            true => "TOE has completed execution successfully".to_owned(),
            false => "TOE has completed execution with failure - Execution failed!".to_owned(),
        });
    }

    /// Lines of one of a command's streams, `Stdout` or `Stderr`.
    pub(crate) fn stream(&self, name: &'static str) -> Stream {
        Stream { console: self.clone(), name, partial: Vec::new() }
    }
}

/// A stream of bytes, told line by line.
pub(crate) struct Stream {
    console: Console,
    name: &'static str,
    partial: Vec<u8>,
}

impl Stream {
    /// More of it.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.partial.len() >= MAX_LINE_BYTES {
                self.flush();
            }
        }
    }

    /// Its last line, which may have no end.
    pub(crate) fn flush(&mut self) {
        let text = String::from_utf8_lossy(&self.partial);
        let text = text.trim_end();
        if !text.is_empty() {
            self.console.line(format!("CmdExecution: {}: {text}", self.name));
        }
        self.partial.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::{Arc, Mutex};

    fn told(pieces: &[&[u8]]) -> Vec<String> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = lines.clone();
        let console = Console::new(Arc::new(move |news| {
            if let BuildNews::Line(line) = news {
                kept.lock().unwrap().push(line);
            }
        }));
        let mut stream = console.stream("Stdout");
        pieces.iter().for_each(|piece| stream.push(piece));
        stream.flush();
        let lines = lines.lock().unwrap();
        lines.clone()
    }

    #[test]
    fn a_stream_is_told_line_by_line() {
        let lines = told(&[b"one\ntw", b"o\r\n\n", b"three"]);
        assert_eq!(lines, ["one", "two", "three"].map(|it| format!("CmdExecution: Stdout: {it}")));
        let long = told(&[[b'x'; 8192].as_slice(); 10]);
        assert!(long.len() > 1 && long.iter().all(|line| line.len() < 2 * MAX_LINE_BYTES));
    }

    proptest! {
        #[test]
        fn where_a_stream_is_cut_makes_no_difference(text in "[a-c\n]{0,60}", at in 0usize..61) {
            let bytes = text.as_bytes();
            let (one, two) = bytes.split_at(at.min(bytes.len()));
            prop_assert_eq!(told(&[one, two]), told(&[bytes]));
        }
    }
}
