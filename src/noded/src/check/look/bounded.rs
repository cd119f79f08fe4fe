//! A program that may hang, crash or never stop talking.

use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{self, BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// What is kept of what it says; the rest is read and dropped, so that it does
/// not wait for us.
const MOST_BYTES: u64 = 1 << 20;
/// How often a program that has closed its output is asked whether it ended.
const LOOK: Duration = Duration::from_millis(10);
/// Once it is gone, its last words are there at once.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What became of it.
pub(super) struct Run {
    /// Its lines on standard output, as far as they are text.
    pub lines: Vec<String>,
    /// The last line on standard error.
    pub last_words: Option<String>,
    /// How it ended; `None` if its time was up and it was killed.
    pub status: Option<ExitStatus>,
}

/// Runs it for as long as `within`; then it is killed with all it has started.
pub(super) fn run(mut command: Command, within: Duration) -> io::Result<Run> {
    let until = Instant::now() + within;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let said = lines(child.stdout.take());
    let complained = lines(child.stderr.take());
    let mut kept = Vec::new();
    let in_time = receive(&said, until, &mut kept) && ends(&mut child, until);
    // Also what it left behind; a group that is gone is fine.
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    let status = child.wait()?;
    if !in_time {
        receive(&said, Instant::now() + LAST_WORDS, &mut kept);
    }
    let mut words = Vec::new();
    receive(&complained, Instant::now() + LAST_WORDS, &mut words);
    let last_words = words.into_iter().rev().find(|line| !line.trim().is_empty());
    Ok(Run { lines: kept, last_words, status: in_time.then_some(status) })
}

/// Its lines, read by a thread that ends with the pipe.
fn lines(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = channel();
    if let Some(pipe) = pipe {
        std::thread::spawn(move || forward(pipe, &sender));
    }
    receiver
}

fn forward(pipe: impl Read, sender: &Sender<String>) {
    let mut reader = BufReader::new(pipe.take(MOST_BYTES));
    let mut line = Vec::new();
    while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        if sender.send(text).is_err() {
            return;
        }
        line.clear();
    }
    let mut rest = reader.into_inner().into_inner();
    let _ = io::copy(&mut rest, &mut io::sink());
}

/// Whether all came in time.
fn receive(lines: &Receiver<String>, until: Instant, kept: &mut Vec<String>) -> bool {
    loop {
        match lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(line) => kept.push(line),
            Err(RecvTimeoutError::Disconnected) => return true,
            Err(RecvTimeoutError::Timeout) => return false,
        }
    }
}

fn ends(child: &mut Child, until: Instant) -> bool {
    while Instant::now() < until {
        if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
            return true;
        }
        std::thread::sleep(LOOK);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, within: Duration) -> Run {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        run(command, within).unwrap()
    }

    const SOON: Duration = Duration::from_secs(20);

    #[test]
    fn what_it_says_and_how_it_ends_is_kept() {
        let told = shell("echo one; echo two; echo fault >&2; exit 3", SOON);
        assert_eq!(told.lines, ["one", "two"]);
        assert_eq!(told.last_words.as_deref(), Some("fault"));
        assert_eq!(told.status.unwrap().code(), Some(3));
    }

    #[test]
    fn what_hangs_is_killed_with_its_children_and_its_words_are_kept() {
        let begun = Instant::now();
        let told = shell("echo one; sleep 60 & sleep 60", Duration::from_millis(300));
        assert_eq!((told.lines, told.status), (vec!["one".to_owned()], None));
        assert!(begun.elapsed() < SOON);
        // It ends, and something of it goes on and holds the pipe.
        let told = shell("exec 1>&- ; sleep 60", Duration::from_millis(300));
        assert!(told.status.is_none());
    }

    #[test]
    fn what_never_stops_talking_costs_no_more_than_its_bound() {
        let told = shell("head -c 8000000 /dev/zero | tr '\\0' 'x'; echo; echo last", SOON);
        assert!(told.status.is_some_and(|status| status.success()));
        let bytes: usize = told.lines.iter().map(String::len).sum();
        assert!(bytes as u64 <= 3 * MOST_BYTES, "{bytes}");
    }
}
