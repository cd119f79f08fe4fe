//! A shell in this terminal.

use super::SessionError;
use super::link::{FromNode, Link, ToNode};
use super::script::interactive;
use nixl_aws::ssm::{ManagedNodes, StartSession};
use rustix::termios::{OptionalActions, Termios};
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use uuid::Uuid;

/// A login shell: only those read `/etc/profile.d`, where the variables for
/// MLflow are. (amazon-ssm-agent issues 420 and 427.)
pub const LOGIN_SHELL: &str = "bash -l";
/// End of input, to a terminal.
const END_OF_INPUT: u8 = 4;

/// A login shell on a node, as AWS's plugin is to be given it.
#[must_use]
pub fn request(instance_id: &str) -> StartSession {
    interactive(instance_id, LOGIN_SHELL.to_owned(), REASON)
}

const REASON: &str = "nixl-launch connect";

/// The terminal as it was before; put back when this is dropped, whatever ended
/// the session.
struct Raw(Termios);

impl Raw {
    /// Keys come one by one and mean nothing here.
    fn enter() -> std::io::Result<Self> {
        let before = rustix::termios::tcgetattr(std::io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        rustix::termios::tcsetattr(std::io::stdin(), OptionalActions::Drain, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = rustix::termios::tcsetattr(std::io::stdin(), OptionalActions::Drain, &self.0);
    }
}

/// Runs a login shell on a node until it ends; its exit code. (255, as ssh(1)
/// has it, if it did not end by itself.)
///
/// # Errors
/// If there is no session to be had or it is lost.
pub async fn shell(ssm: &Arc<dyn ManagedNodes>, instance_id: &str) -> Result<u8, SessionError> {
    let mark = Uuid::new_v4().simple().to_string();
    let line = format!(r#"{LOGIN_SHELL}; printf '\033]{mark};%s\033\\' "$?""#);
    let mut link = Link::start(ssm, &interactive(instance_id, line, REASON)).await?;
    let raw = std::io::stdin().is_terminal().then(Raw::enter).transpose();
    let result = match raw {
        Ok(raw) => {
            let result = carry(&mut link, Exit::new(&mark)).await;
            drop(raw);
            result
        }
        Err(error) => Err(SessionError::Local { what: "the terminal".to_owned(), error }),
    };
    link.end().await;
    result
}

async fn carry(link: &mut Link, mut exit: Exit) -> Result<u8, SessionError> {
    let local = |error| SessionError::Local { what: "a signal".to_owned(), error };
    let mut resized = signal(SignalKind::window_change()).map_err(local)?;
    let mut terminated = signal(SignalKind::terminate()).map_err(local)?;
    let mut hung_up = signal(SignalKind::hangup()).map_err(local)?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(local)?;
    let to = link.sender();
    loop {
        tokio::select! {
            said = link.next() => match said {
                Some(FromNode::Ready { .. }) => {
                    tell_size(&to).await;
                    type_in(to.clone());
                }
                Some(FromNode::Data(bytes)) => show(&exit.read(&bytes))?,
                Some(FromNode::Message(text)) => eprint!("{text}\r\n"),
                Some(FromNode::Flag(_)) => {}
                Some(FromNode::Failed(error)) => return Err(error),
                Some(FromNode::Closed(why)) => {
                    show(&exit.rest())?;
                    if exit.code.is_none() && !why.is_empty() {
                        eprint!("{why}\r\n");
                    }
                    return Ok(exit.code.unwrap_or(255));
                }
                None => return Ok(exit.code.unwrap_or(255)),
            },
            _ = resized.recv() => tell_size(&to).await,
            _ = interrupted.recv() => {
                // Not from the keyboard, where it is a key like others.
                let _ = to.send(ToNode::Data(vec![3])).await;
            }
            _ = terminated.recv() => return Ok(255),
            _ = hung_up.recv() => return Ok(255),
        }
    }
}

async fn tell_size(to: &mpsc::Sender<ToNode>) {
    let size = rustix::termios::tcgetwinsize(std::io::stdout())
        .or_else(|_| rustix::termios::tcgetwinsize(std::io::stdin()));
    if let Ok(size) = size
        && size.ws_col > 0
    {
        let _ = to.send(ToNode::Size { cols: size.ws_col, rows: size.ws_row }).await;
    }
}

/// Keys as they come. A thread of its own, which may wait for a key for ever: the
/// process does not wait for it.
fn type_in(to: mpsc::Sender<ToNode>) {
    std::thread::spawn(move || {
        let mut bytes = [0; 1024];
        loop {
            let given = match rustix::io::read(std::io::stdin(), &mut bytes) {
                Ok(length @ 1..) => &bytes[..length],
                Err(rustix::io::Errno::INTR) => continue,
                _ => &[END_OF_INPUT][..],
            };
            let last = given == [END_OF_INPUT] && !std::io::stdin().is_terminal();
            if to.blocking_send(ToNode::Data(given.to_vec())).is_err() || last {
                return;
            }
        }
    });
}

fn show(bytes: &[u8]) -> Result<(), SessionError> {
    let mut screen = std::io::stdout().lock();
    screen
        .write_all(bytes)
        .and_then(|()| screen.flush())
        .map_err(|error| SessionError::Local { what: "standard output".to_owned(), error })
}

/// Takes the shell's exit code out of what it says: a control sequence with a
/// word nobody else knows.
struct Exit {
    begin: Vec<u8>,
    held: Vec<u8>,
    code: Option<u8>,
}

impl Exit {
    fn new(mark: &str) -> Self {
        Self { begin: format!("\x1b]{mark};").into_bytes(), held: Vec::new(), code: None }
    }

    /// What is to be shown of this.
    fn read(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        if let Some(at) = self.held.windows(self.begin.len()).position(|part| part == self.begin) {
            let after = &self.held[at + self.begin.len()..];
            if let Some(end) = after.windows(2).position(|part| part == b"\x1b\\") {
                self.code = std::str::from_utf8(&after[..end]).ok().and_then(|it| it.parse().ok());
                self.held.drain(at..at + self.begin.len() + end + 2);
                return std::mem::take(&mut self.held);
            }
            let rest = self.held.split_off(at);
            return std::mem::replace(&mut self.held, rest);
        }
        let longest = self.begin.len().min(self.held.len());
        let begun = (1..=longest).rev().find(|n| self.held.ends_with(&self.begin[..*n]));
        let rest = self.held.split_off(self.held.len() - begun.unwrap_or(0));
        std::mem::replace(&mut self.held, rest)
    }

    /// What was held back to the end.
    fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn the_code_is_taken_out_however_it_is_cut(before: Vec<u8>, code: u8, cut in 1_usize..9) {
            let mut exit = Exit::new("word");
            let said: Vec<u8> =
                before.iter().copied().chain(format!("\x1b]word;{code}\x1b\\").bytes()).collect();
            let mut shown: Vec<u8> = said.chunks(cut).flat_map(|part| exit.read(part)).collect();
            shown.extend(exit.rest());
            proptest::prop_assert_eq!((shown, exit.code), (before, Some(code)));
        }
    }

    #[test]
    fn what_only_looks_alike_is_shown() {
        let mut exit = Exit::new("word");
        let mut shown = exit.read(b"title \x1b]wor");
        shown.extend(exit.read(b"k;1\x07 end\x1b"));
        shown.extend(exit.rest());
        assert_eq!((shown, exit.code), (b"title \x1b]work;1\x07 end\x1b".to_vec(), None));
    }
}
