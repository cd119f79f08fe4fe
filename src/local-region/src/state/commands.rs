//! Commands of Run Command and their invocations, one per instance.

use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;

/// Commands kept (AWS: those of 30 days); the oldest are forgotten.
const KEPT: usize = 1000;

/// Where a command or an invocation stands (Systems Manager user guide,
/// "Understanding command statuses").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Not sent to the agent yet.
    Pending,
    /// The agent runs it.
    InProgress,
    /// Exit status 0.
    Success,
    /// Another exit status.
    Failed,
    /// The agent was not heard of before the command expired.
    DeliveryTimedOut,
    /// It ran longer than `executionTimeout`.
    ExecutionTimedOut,
    /// The agent is told to end it.
    Cancelling,
    /// Ended by CancelCommand.
    Cancelled,
    /// Not sent, as the command's `MaxErrors` was exceeded.
    Terminated,
    /// The targets' tag is on no managed node.
    NoInstancesInTag,
}

impl Status {
    /// `Status` and `StatusDetails`.
    #[must_use]
    pub fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::Pending => ("Pending", "Pending"),
            Self::InProgress => ("InProgress", "InProgress"),
            Self::Success => ("Success", "Success"),
            Self::Failed => ("Failed", "Failed"),
            Self::DeliveryTimedOut => ("TimedOut", "DeliveryTimedOut"),
            Self::ExecutionTimedOut => ("TimedOut", "ExecutionTimedOut"),
            Self::Cancelling => ("Cancelling", "Cancelling"),
            Self::Cancelled => ("Cancelled", "Cancelled"),
            Self::Terminated => ("Cancelled", "Terminated"),
            Self::NoInstancesInTag => ("Success", "NoInstancesInTag"),
        }
    }

    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::InProgress | Self::Cancelling)
    }

    /// Whether it counts against `MaxErrors`.
    #[must_use]
    pub fn is_error(self) -> bool {
        matches!(self, Self::Failed | Self::ExecutionTimedOut)
    }
}

/// A command on one instance.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Where it stands.
    pub status: Status,
    /// Exit status of the script; -1 before it ended.
    pub response_code: i32,
    /// When the agent began.
    pub started: Option<Timestamp>,
    /// When the script ended.
    pub ended: Option<Timestamp>,
    /// Standard output, cut.
    pub stdout: String,
    /// Standard error, cut.
    pub stderr: String,
    /// Both, cut for ListCommandInvocations.
    pub output: String,
    /// Ends it.
    pub stop: CancellationToken,
}

impl Default for Invocation {
    fn default() -> Self {
        Self {
            status: Status::Pending,
            response_code: -1,
            started: None,
            ended: None,
            stdout: String::new(),
            stderr: String::new(),
            output: String::new(),
            stop: CancellationToken::new(),
        }
    }
}

/// Bucket and key prefix for output.
#[derive(Debug, Clone)]
pub struct OutputLocation {
    /// Bucket.
    pub bucket: String,
    /// Prefix of the keys, maybe empty.
    pub prefix: String,
}

impl OutputLocation {
    /// Key of one stream of an invocation, as the agent names it.
    #[must_use]
    pub fn key(&self, command_id: &str, instance_id: &str, stream: &str) -> String {
        let name =
            format!("{command_id}/{instance_id}/awsrunShellScript/0.awsrunShellScript/{stream}");
        match self.prefix.trim_end_matches('/') {
            "" => name,
            prefix => format!("{prefix}/{name}"),
        }
    }
}

/// A command.
#[derive(Debug, Clone)]
pub struct Command {
    /// UUID.
    pub id: String,
    /// Comment.
    pub comment: String,
    /// `Parameters` of the request.
    pub parameters: Value,
    /// `InstanceIds` of the request.
    pub instance_ids: Vec<String>,
    /// `Targets` of the request.
    pub targets: Value,
    /// When it was sent.
    pub requested: Timestamp,
    /// Until then an agent may take it.
    pub expires: Timestamp,
    /// `TimeoutSeconds`.
    pub timeout_secs: i64,
    /// `MaxConcurrency` as given.
    pub max_concurrency: String,
    /// `MaxErrors` as given.
    pub max_errors: String,
    /// Where all of the output goes.
    pub output: Option<OutputLocation>,
    /// By instance.
    pub invocations: BTreeMap<String, Invocation>,
}

impl Command {
    /// Invocations in a state.
    #[must_use]
    pub fn count(&self, of: impl Fn(Status) -> bool) -> usize {
        self.invocations.values().filter(|invocation| of(invocation.status)).count()
    }

    /// The command as a whole: the worst that happened, once all have ended.
    #[must_use]
    pub fn status(&self) -> Status {
        let any = |status: Status| self.count(|found| found == status) > 0;
        if self.invocations.is_empty() {
            return Status::NoInstancesInTag;
        }
        if self.count(|status| !status.is_final()) > 0 {
            return match () {
                () if any(Status::Cancelling) => Status::Cancelling,
                () if self.count(|status| status != Status::Pending) > 0 => Status::InProgress,
                () => Status::Pending,
            };
        }
        let worst = [
            Status::Failed,
            Status::ExecutionTimedOut,
            Status::DeliveryTimedOut,
            Status::Cancelled,
            Status::Terminated,
        ];
        worst.into_iter().find(|status| any(*status)).unwrap_or(Status::Success)
    }
}

/// All commands, oldest first.
#[derive(Debug, Default)]
pub struct Commands(Vec<Command>);

impl Commands {
    /// Keeps a new one.
    pub fn add(&mut self, command: Command) {
        if self.0.len() >= KEPT {
            self.0.remove(0);
        }
        self.0.push(command);
    }

    /// The command of an id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Command> {
        self.0.iter().find(|command| command.id == id)
    }

    /// The same to change it.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Command> {
        self.0.iter_mut().find(|command| command.id == id)
    }

    /// Latest first, as AWS lists them.
    pub fn latest_first(&self) -> impl Iterator<Item = &Command> {
        self.0.iter().rev()
    }
}
