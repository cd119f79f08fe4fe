//! A command on several nodes at once.

use crate::engine::remote::RemoteNode;
use crate::session::SessionError;
use crate::session::script::{Piece, Running};
use nixl_aws::ssm::ManagedNodes;
use serde::Serialize;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// How long a command that was told to end may take.
const END_SECS: u64 = 5;
/// How long the session may take beyond the command's time.
const SLACK: Duration = Duration::from_secs(30);
/// timeout(1)'s exit code.
const TIMED_OUT: u8 = 124;
/// ssh(1)'s exit code for what is not the command's own failure.
pub const NOT_RUN: u8 = 255;
/// What a node says.
#[derive(Debug)]
pub enum Said {
    /// A piece.
    Piece(Piece),
    /// There was no session, or it ended early.
    Failed(String),
}

/// What became of a command on a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeResult {
    /// Rank.
    pub rank: u32,
    /// `Name`.
    pub name: String,
    /// Instance.
    pub instance_id: String,
    /// Exit code; `null` if it is not known.
    pub exit_code: Option<u8>,
    /// Standard output; bytes that are no UTF-8 are replaced.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
    /// Why there is no exit code.
    pub error: Option<String>,
}

/// The exit code of it all: the first one in the order of ranks that is not 0.
pub fn exit_code(codes: impl IntoIterator<Item = Option<u8>>) -> u8 {
    codes.into_iter().map(|code| code.unwrap_or(NOT_RUN)).find(|code| *code != 0).unwrap_or(0)
}

/// The command under timeout(1), which stops it there even if nobody is here
/// any more.
#[must_use]
pub fn limited(command: &[OsString], timeout: Option<Duration>) -> Vec<OsString> {
    let Some(limit) = timeout else { return command.to_vec() };
    let secs = format!("{}", limit.as_secs_f64());
    let kill = format!("{END_SECS}");
    // In the terminal's process group, so that it ends with the session.
    let mut limited: Vec<OsString> =
        ["timeout", "--foreground", "-k", &kill, &secs].map(OsString::from).into();
    limited.extend_from_slice(command);
    limited
}

/// A command that runs on several nodes.
pub struct Everywhere {
    /// What each node says, in their order. Kept until it is read: whoever is
    /// shown later must not hold its command.
    pub said: Vec<mpsc::UnboundedReceiver<Said>>,
    stop: watch::Sender<()>,
    nodes: JoinSet<()>,
}

impl Everywhere {
    /// Starts it on all of them.
    #[must_use]
    pub fn start(
        ssm: &Arc<dyn ManagedNodes>,
        nodes: &[RemoteNode],
        command: &[OsString],
        timeout: Option<Duration>,
        reason: &str,
    ) -> Self {
        let stop = watch::Sender::new(());
        let (mut said, mut tasks) = (Vec::new(), JoinSet::new());
        for node in nodes {
            let (to, from) = mpsc::unbounded_channel();
            said.push(from);
            let (ssm, id) = (ssm.clone(), node.instance_id.clone());
            let (command, reason) = (limited(command, timeout), reason.to_owned());
            let stopped = stop.subscribe();
            tasks.spawn(async move {
                if let Err(why) = on_node(&ssm, &id, &command, timeout, &reason, &to, stopped).await
                {
                    let _ = to.send(Said::Failed(why.to_string()));
                }
            });
        }
        Self { said, stop, nodes: tasks }
    }

    /// Ends it everywhere.
    pub async fn end(self) {
        let Self { said, stop, mut nodes } = self;
        drop((said, stop));
        while nodes.join_next().await.is_some() {}
    }
}

async fn on_node(
    ssm: &Arc<dyn ManagedNodes>,
    instance_id: &str,
    command: &[OsString],
    timeout: Option<Duration>,
    reason: &str,
    to: &mpsc::UnboundedSender<Said>,
    mut stopped: watch::Receiver<()>,
) -> Result<(), SessionError> {
    let mut running = Running::start(ssm, instance_id, command, reason).await?;
    let carried = async {
        while let Some(piece) = running.next().await? {
            if to.send(Said::Piece(piece)).is_err() {
                break;
            }
        }
        Ok(())
    };
    let limit = async {
        match timeout {
            Some(limit) => tokio::time::sleep(limit + SLACK).await,
            None => std::future::pending().await,
        }
    };
    let result = tokio::select! {
        result = carried => result,
        // The node does not answer: what runs there ends with its session.
        () = limit => {
            let _ = to.send(Said::Piece(Piece::Exit(TIMED_OUT)));
            Ok(())
        }
        _ = stopped.changed() => Ok(()),
    };
    running.end().await;
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_by_rank_is_the_exit_code() {
        assert_eq!(exit_code([Some(0), Some(0)]), 0);
        assert_eq!(exit_code([Some(0), Some(3), Some(9)]), 3);
        assert_eq!(exit_code([Some(0), None, Some(9)]), NOT_RUN);
    }

    #[test]
    fn a_limit_holds_on_the_node() {
        let command = [OsString::from("sleep"), OsString::from("9")];
        assert_eq!(limited(&command, None), command);
        let told = limited(&command, Some(Duration::from_millis(1500)));
        assert_eq!(
            told,
            ["timeout", "--foreground", "-k", "5", "1.5", "sleep", "9"].map(OsString::from)
        );
    }
}
