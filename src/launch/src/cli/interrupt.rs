//! Ctrl-C while something is being changed. Nothing is dropped half way: the
//! engine is asked to end at the next good point. The second Ctrl-C leaves at
//! once; what was begun is recorded in AWS even then.

use crate::engine::Stop;
use crate::failure::{Failure, Problem};
use crate::progress::Progress;
use clap::ValueEnum;
use std::io::{BufRead, IsTerminal};
use std::pin::pin;

/// What Ctrl-C does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnInterrupt {
    /// Leave everything as it is; a second `up` goes on
    Leave,
    /// Take the cluster down
    Down,
}

/// How work ended, and what a person wanted meanwhile.
#[derive(Debug)]
pub(super) struct Ended<T> {
    /// Its outcome.
    pub outcome: Result<T, Failure>,
    /// Whether the cluster is to be taken down.
    pub down: bool,
}

const QUESTION: &str = "interrupted: [l]eave it (`nixl-launch up` goes on later), take it [d]own or [k]eep waiting? Ctrl-C again leaves at once";

/// Carries work out; `None` asks on a terminal what Ctrl-C should do, and
/// leaves where there is none.
pub(super) async fn interruptible<T>(
    work: impl Future<Output = Result<T, Failure>>,
    stop: &Stop,
    progress: &dyn Progress,
    on_interrupt: Option<OnInterrupt>,
) -> Ended<T> {
    let mut work = pin!(work);
    let mut down = false;
    loop {
        tokio::select! {
            outcome = &mut work => return Ended { outcome, down },
            _ = tokio::signal::ctrl_c() => {}
        }
        if stop.is_asked() {
            return Ended { outcome: Err(Failure::unknown(Problem::Interrupted)), down: false };
        }
        let choice = match on_interrupt {
            Some(choice) => Some(choice),
            None if !std::io::stdin().is_terminal() => Some(OnInterrupt::Leave),
            None => {
                progress.told(QUESTION);
                tokio::select! {
                    outcome = &mut work => return Ended { outcome, down },
                    _ = tokio::signal::ctrl_c() => {
                        let outcome = Err(Failure::unknown(Problem::Interrupted));
                        return Ended { outcome, down: false };
                    }
                    choice = answer() => choice,
                }
            }
        };
        match choice {
            None => progress.told("waiting on"),
            Some(choice) => {
                down = choice == OnInterrupt::Down;
                progress.told("ending at the next good point");
                stop.ask();
            }
        }
    }
}

/// What was typed; none for going on, which is also meant by anything unclear.
async fn answer() -> Option<OnInterrupt> {
    let read = || {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    };
    let line = tokio::task::spawn_blocking(read).await.ok()?.ok()?;
    chosen(&line)
}

fn chosen(line: &str) -> Option<OnInterrupt> {
    match line.trim().to_ascii_lowercase().as_str() {
        "l" | "leave" => Some(OnInterrupt::Leave),
        "d" | "down" => Some(OnInterrupt::Down),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clear_words_end_anything() {
        assert_eq!(chosen("l\n"), Some(OnInterrupt::Leave));
        assert_eq!(chosen(" Down \n"), Some(OnInterrupt::Down));
        for line in ["", "k\n", "yes\n", "delete"] {
            assert_eq!(chosen(line), None, "{line}");
        }
    }
}
