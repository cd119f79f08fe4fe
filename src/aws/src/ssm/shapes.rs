//! What is asked and answered about managed nodes.

use std::collections::BTreeMap;

/// A node whose agent has registered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ManagedNode {
    /// Instance.
    pub instance_id: String,
    /// `Online`, `ConnectionLost` or `Inactive`.
    pub ping_status: String,
    /// Version of the agent.
    pub agent_version: Option<String>,
    /// When the agent was last heard of, seconds since 1970.
    pub last_ping_epoch_secs: Option<f64>,
}

impl ManagedNode {
    /// Whether commands and sessions reach it.
    #[must_use]
    pub fn online(&self) -> bool {
        self.ping_status == "Online"
    }
}

/// A shell script for some nodes (document `AWS-RunShellScript`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SendCommand {
    /// Managed nodes, at most [`Self::MAX_NODES`].
    pub instance_ids: Vec<String>,
    /// Text of the script; run by `sh` as root.
    pub script: String,
    /// How long the script may run on a node.
    pub execution_timeout_secs: u32,
    /// How long it may wait for a node's agent, 30 to 2592000.
    pub delivery_timeout_secs: u32,
    /// Up to 100 characters. A unique one lets [`find_command`] settle a lost
    /// answer.
    ///
    /// [`find_command`]: super::ManagedNodes::find_command
    pub comment: String,
}

impl SendCommand {
    /// Most ids in one request.
    pub const MAX_NODES: usize = 50;
}

/// How a command stands on one node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invocation {
    /// `StatusDetails`: `Pending`, `InProgress`, `Success`, `Failed`,
    /// `DeliveryTimedOut`, `ExecutionTimedOut`, `Cancelled`, …
    pub status: String,
    /// The script's exit code; -1 while there is none.
    pub exit_code: i32,
    /// First 24000 characters of its output.
    pub stdout: String,
    /// First 8000 characters of its errors.
    pub stderr: String,
}

impl Invocation {
    /// Most characters of standard output that are told.
    pub const MAX_STDOUT_CHARS: usize = 24_000;
    /// Most characters of standard error that are told.
    pub const MAX_STDERR_CHARS: usize = 8_000;
    /// What the agent writes at the end of a stream it has cut
    /// (amazon-ssm-agent, iohandler.go).
    const CUT: &str = "--output truncated--";

    /// Whether the command has ended on this node.
    #[must_use]
    pub fn ended(&self) -> bool {
        !matches!(self.status.as_str(), "Pending" | "InProgress" | "Delayed" | "Cancelling")
    }

    /// Whether there was more standard output than is told.
    #[must_use]
    pub fn stdout_cut(&self) -> bool {
        cut(&self.stdout, Self::MAX_STDOUT_CHARS)
    }

    /// Whether there were more standard errors than are told.
    #[must_use]
    pub fn stderr_cut(&self) -> bool {
        cut(&self.stderr, Self::MAX_STDERR_CHARS)
    }
}

/// The mark alone may be the script's own; it is believed near the limit only.
/// The agent counts bytes, and the text may have lost some to UTF-8.
fn cut(text: &str, most: usize) -> bool {
    text.chars().count() >= most || text.len() + 4 >= most && text.contains(Invocation::CUT)
}

/// A session to start.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StartSession {
    /// Instance.
    pub target: String,
    /// Session document; without one, the account's shell preferences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_name: Option<String>,
    /// Its parameters.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Vec<String>>,
    /// Why, for the account's log; up to 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A session that was started. The token opens it: it is a credential.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// Id, for resuming and ending it.
    pub id: String,
    /// WebSocket URL of its data channel.
    pub stream_url: String,
    /// What opens the channel.
    pub token: String,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("stream_url", &self.stream_url)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_does_not_print_its_token() {
        let session = Session {
            id: "s-1".to_owned(),
            stream_url: "wss://x/".to_owned(),
            token: "secret".to_owned(),
        };
        let told = format!("{session:?}");
        assert!(told.contains("s-1") && !told.contains("secret"), "{told}");
    }

    #[test]
    fn cut_output_is_known_by_its_length_and_mark() {
        let of = |stdout: String| Invocation { stdout, ..Invocation::default() };
        assert!(!of("--output truncated--".to_owned()).stdout_cut());
        assert!(!of("x".repeat(23_999)).stdout_cut());
        assert!(of("x".repeat(24_000)).stdout_cut());
        assert!(of("é".repeat(11_990) + "--output truncated--").stdout_cut());
    }

    #[test]
    fn a_command_has_ended_when_nothing_more_comes() {
        let of = |status: &str| Invocation { status: status.to_owned(), ..Invocation::default() };
        for status in ["Pending", "InProgress", "Delayed", "Cancelling"] {
            assert!(!of(status).ended(), "{status}");
        }
        for status in ["Success", "Failed", "ExecutionTimedOut", "DeliveryTimedOut", "Cancelled"] {
            assert!(of(status).ended(), "{status}");
        }
    }
}
