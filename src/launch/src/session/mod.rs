//! Session Manager's data channel: a terminal, a command or a port of a node
//! without SSH.
//!
//! Source: aws/session-manager-plugin and amazon-ssm-agent (`agent/session`);
//! AWS does not document the protocol. `frame` is the message, `channel` what
//! both ends owe each other, without a socket or a clock of its own; `socket`
//! the web socket, `link` the three of them together, reconnected.

mod channel;
mod frame;
mod handshake;
mod link;
pub mod plugin;
pub mod port;
pub mod script;
#[cfg(test)]
pub(crate) mod scripted;
mod smux;
mod socket;
pub mod terminal;

pub use link::{FromNode, Link, ToNode};

use nixl_aws::AwsError;

/// Why a session could not be had or ended early.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// A call failed.
    #[error("{error}{}", .advice.map(|advice| format!("; {advice}")).unwrap_or_default())]
    Aws {
        /// The call's error.
        error: AwsError,
        /// What to do.
        advice: Option<&'static str>,
    },
    /// The data channel could not be opened or was lost for good.
    #[error("the session's channel to {host} failed: {why}")]
    Channel {
        /// Host of the stream.
        host: String,
        /// What happened.
        why: String,
    },
    /// The account encrypts its sessions.
    #[error(
        "this account encrypts its sessions by KMS (session preferences), which only AWS's session-manager-plugin can: install it for `connect` and `forward`, or take the key out of the preferences"
    )]
    Encrypted,
    /// The agent asked for something that is not known.
    #[error(
        "the node's agent asks for {asked}, which is not known here; install AWS's session-manager-plugin"
    )]
    Unsupported {
        /// Action or session type.
        asked: String,
    },
    /// The node's end broke the protocol.
    #[error("the node's agent sent what is no message: {0}")]
    Frame(#[from] frame::FrameError),
    /// The command does not fit into a session's request.
    #[error(
        "the command is too long for a session: {bytes} of at most {most} bytes; put it into a file on the nodes"
    )]
    TooLong {
        /// Length as it would be sent.
        bytes: usize,
        /// Most that SSM takes.
        most: usize,
    },
    /// The session ended before the command on the node.
    #[error("the session ended before the command did{}", .why.trim().is_empty().then(String::new).unwrap_or_else(|| format!(": {why}")))]
    Cut {
        /// What was told.
        why: String,
    },
    /// A program on this computer could not be run or a file not be used.
    #[error("{what}: {error}")]
    Local {
        /// What was tried.
        what: String,
        /// Why not.
        error: std::io::Error,
    },
}

impl SessionError {
    /// Stable code, for scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Aws { error, .. } if error.is(&[NOT_CONNECTED]) => "not_online",
            Self::Aws { .. } => "aws",
            Self::Channel { .. } => "channel",
            Self::Encrypted => "encrypted",
            Self::Unsupported { .. } => "unsupported",
            Self::Frame(_) => "protocol",
            Self::TooLong { .. } => "too_long",
            Self::Cut { .. } => "cut",
            Self::Local { .. } => "local",
        }
    }
}

/// StartSession's code for an agent that is not online.
const NOT_CONNECTED: &str = "TargetNotConnected";

impl From<AwsError> for SessionError {
    fn from(error: AwsError) -> Self {
        let advice = if error.is(&[NOT_CONNECTED]) {
            Some(
                "the node's SSM agent is not online: it needs some minutes after a boot, a role with AmazonSSMManagedInstanceCore, and a way to SSM's endpoints; `aws ssm describe-instance-information` shows whether it has ever been there",
            )
        } else {
            crate::errors::advice(&error)
        };
        Self::Aws { error, advice }
    }
}
