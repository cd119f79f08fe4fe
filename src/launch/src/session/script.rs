//! A command on a node through a session, whole: a session's terminal knows one
//! stream and no exit code, so the node's end writes lines of its own, a letter
//! for the stream and base64 for its bytes.

use super::SessionError;
use super::link::{FromNode, Link, ToNode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nixl_aws::ssm::{ManagedNodes, StartSession};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Interval;

/// Longest value of a session document's parameter (SSM API model,
/// `SessionManagerParameterValue`).
const MAX_COMMAND_BYTES: usize = 65_535;
/// A session through which nothing passes for 20 minutes is ended.
const KEEP_ALIVE: Duration = Duration::from_secs(240);
/// The line before the first piece; what comes before it is not the command's.
const BEGIN: &str = "@nixl";

/// The node's end, after `set -- COMMAND…`. Bytes are taken as they come (dd(1)
/// returns what is there) and written in lines of one write(2) each, so that the
/// streams do not mix. The command gets no input: what its terminal is sent
/// keeps the session alive.
const NODE: &str = r#"stty raw -echo 2>/dev/null
[ ! -r /etc/profile.d/nixl.sh ] || . /etc/profile.d/nixl.sh
nixl_lines() {
    while nixl_part=$(dd bs=2880 count=1 2>/dev/null | base64 | tr -d '\n'); [ -n "$nixl_part" ]; do
        printf '%s%s\n' "$1" "$nixl_part"
    done
}
exec 3>&1
printf '@nixl\n'
nixl_code=$(
    exec 5>&1
    {
        {
            ( exec "$@" ) </dev/null 2>&4 3>&- 4>&- 5>&-
            echo "$?" >&5
        } | nixl_lines O >&3 4>&- 5>&-
    } 4>&1 | nixl_lines E >&3 5>&-
)
printf 'X%s\n' "$nixl_code"
"#;

/// A piece of what a command says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Standard output.
    Stdout(Vec<u8>),
    /// Standard error.
    Stderr(Vec<u8>),
    /// It ended with this code.
    Exit(u8),
}

/// A shell's form of an argument: it arrives as it is.
#[must_use]
pub fn quote(argument: &OsStr) -> Vec<u8> {
    let mut quoted = vec![b'\''];
    for byte in argument.as_bytes() {
        match byte {
            b'\'' => quoted.extend(br"'\''"),
            byte => quoted.push(*byte),
        }
    }
    quoted.push(b'\'');
    quoted
}

fn node_script(command: &[OsString]) -> Vec<u8> {
    let mut script = b"set --".to_vec();
    for argument in command {
        script.push(b' ');
        script.extend(quote(argument));
    }
    script.push(b'\n');
    script.extend(NODE.as_bytes());
    script
}

/// What the session's document runs. Base64 again: SSM puts values of parameters
/// in the place of `{{…}}`.
fn document_command(command: &[OsString]) -> Result<String, SessionError> {
    let text = STANDARD.encode(node_script(command));
    let line = format!("eval \"$(printf %s {text} | base64 -d)\"");
    if line.len() > MAX_COMMAND_BYTES {
        return Err(SessionError::TooLong { bytes: line.len(), most: MAX_COMMAND_BYTES });
    }
    Ok(line)
}

/// A session that runs one command line with a terminal.
#[must_use]
pub fn interactive(instance_id: &str, line: String, reason: &str) -> StartSession {
    StartSession {
        target: instance_id.to_owned(),
        document_name: Some("AWS-StartInteractiveCommand".to_owned()),
        parameters: BTreeMap::from([("command".to_owned(), vec![line])]),
        reason: Some(reason.to_owned()),
    }
}

/// A running command.
pub struct Running {
    link: Link,
    reader: Reader,
    pieces: VecDeque<Piece>,
    ended: bool,
    keep_alive: Interval,
}

impl Running {
    /// Starts a command, a program and its arguments, on a node.
    ///
    /// # Errors
    /// If there is no session to be had.
    pub async fn start(
        ssm: &Arc<dyn ManagedNodes>,
        instance_id: &str,
        command: &[OsString],
        reason: &str,
    ) -> Result<Self, SessionError> {
        let request = interactive(instance_id, document_command(command)?, reason);
        let link = Link::start(ssm, &request).await?;
        Ok(Self {
            link,
            reader: Reader::default(),
            pieces: VecDeque::new(),
            ended: false,
            keep_alive: tokio::time::interval(KEEP_ALIVE),
        })
    }

    /// What it says next; nothing after its exit code. May be given up at any time.
    ///
    /// # Errors
    /// If the session ends before the command.
    pub async fn next(&mut self) -> Result<Option<Piece>, SessionError> {
        loop {
            if let Some(piece) = self.pieces.pop_front() {
                self.ended |= matches!(piece, Piece::Exit(_));
                return Ok(Some(piece));
            }
            if self.ended {
                return Ok(None);
            }
            let said = tokio::select! {
                said = self.link.next() => said,
                _ = self.keep_alive.tick() => {
                    // A full queue is life enough.
                    let _ = self.link.sender().try_send(ToNode::Data(b"\n".to_vec()));
                    continue;
                }
            };
            match said {
                Some(FromNode::Data(bytes)) => self.pieces.extend(self.reader.read(&bytes)),
                Some(FromNode::Failed(error)) => return Err(error),
                Some(FromNode::Closed(why)) => return Err(SessionError::Cut { why }),
                None => return Err(SessionError::Cut { why: String::new() }),
                Some(FromNode::Ready { .. } | FromNode::Flag(_) | FromNode::Message(_)) => {}
            }
        }
    }

    /// Ends the session, and with its terminal the command.
    pub async fn end(self) {
        self.link.end().await;
    }
}

/// Reads the node's lines.
#[derive(Debug, Default)]
struct Reader {
    line: Vec<u8>,
    begun: bool,
}

impl Reader {
    fn read(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    pieces.extend(self.piece(&line));
                }
                b'\r' => {}
                byte => self.line.push(*byte),
            }
        }
        pieces
    }

    fn piece(&mut self, line: &[u8]) -> Option<Piece> {
        if !self.begun {
            self.begun = line.ends_with(BEGIN.as_bytes());
            return None;
        }
        let (kind, rest) = line.split_first()?;
        match kind {
            b'O' => STANDARD.decode(rest).ok().map(Piece::Stdout),
            b'E' => STANDARD.decode(rest).ok().map(Piece::Stderr),
            b'X' => std::str::from_utf8(rest).ok()?.parse().ok().map(Piece::Exit),
            _ => None,
        }
    }
}

#[cfg(test)]
#[path = "script_tests.rs"]
mod tests;
