//! A failed command: what went wrong, what to do, and whether money may still
//! be running.

use crate::check::Checks;
use crate::input::UsageError;
use crate::lifetime::{ChangeError, NoTime};
use crate::plan::Changed;
use nixl_aws::AwsError;
use nixl_cluster::Provider;
use std::collections::BTreeSet;

/// Kind of a tracking server.
pub const TRACKING_SERVER: &str = "MLflow tracking server";

/// One resource that is still there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Resource {
    /// What it is, e.g. `instance`.
    pub kind: &'static str,
    /// Id or name.
    pub id: String,
}

impl Resource {
    /// A resource.
    pub fn new(kind: &'static str, id: impl Into<String>) -> Self {
        Self { kind, id: id.into() }
    }

    /// What it costs to keep, if it is kept for good.
    #[must_use]
    pub fn cost(&self) -> Option<&'static str> {
        (self.kind == TRACKING_SERVER).then_some(
            "the MLflow tracking server costs about USD 0.64 an hour (USD 469 a month) until `nixl-launch down --mlflow` removes it",
        )
    }
}

impl std::fmt::Display for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}

/// What is left of the cluster after a failure.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "state", content = "resources", rename_all = "snake_case")]
pub enum Left {
    /// The command changed nothing.
    Unchanged,
    /// Nothing of the cluster is there.
    Clear,
    /// These are there; some may cost money.
    Remaining(Vec<Resource>),
    /// It could not be found out.
    Unknown,
}

impl Left {
    /// In words, with the command that removes it.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Self::Unchanged => "nothing was changed".to_owned(),
            Self::Clear => "nothing of the cluster is left".to_owned(),
            Self::Remaining(list) => {
                let costs = list.iter().any(|it| [TRACKING_SERVER, "S3 bucket"].contains(&it.kind));
                let there = joined(list);
                let mut text =
                    format!("still there, money may be running: {there}; `nixl-launch down` removes it");
                if costs {
                    text.push_str(
                        ", all but MLflow's server and bucket, which go with their runs by `nixl-launch down --mlflow`",
                    );
                }
                text
            }
            Self::Unknown => "it is not known what is there, money may be running; `nixl-launch down` finds and removes it, `nixl-launch down --mlflow` MLflow's server and bucket as well".to_owned(),
        }
    }
}

/// What EC2 said to one attempt.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Refusal {
    /// Type, market and zone.
    pub key: String,
    /// EC2's code.
    pub code: String,
    /// EC2's message.
    pub message: String,
    /// What to do, if the table knows.
    pub advice: Option<&'static str>,
}

impl Refusal {
    /// Of an attempt by an error.
    #[must_use]
    pub fn of(attempt: &crate::plan::Attempt, error: &AwsError) -> Self {
        Self {
            key: attempt.key(),
            code: error.code().unwrap_or("?").to_owned(),
            message: error.message.clone(),
            advice: crate::errors::advice(error),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}: {}", self.key, self.code, self.message)
    }
}

/// A line for each refusal, and one for each advice.
fn lines(refusals: &[Refusal]) -> String {
    let mut text: String = refusals.iter().map(|it| format!("\n  {it}")).collect();
    let advice: BTreeSet<&str> = refusals.iter().filter_map(|it| it.advice).collect();
    text.extend(advice.into_iter().map(|advice| format!("\n{advice}")));
    text
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A call failed and there is no way on.
    #[error("{error}{}", told(.advice))]
    Aws {
        /// The call's error.
        error: AwsError,
        /// What to do, if the table knows.
        advice: Option<&'static str>,
    },
    /// Obstacles found before anything was changed.
    #[error("{0}")]
    Plan(Checks),
    /// Things asked for that do not go together.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// A saved plan is of another time.
    #[error(transparent)]
    Changed(#[from] Changed),
    /// Every attempt was refused.
    #[error("nowhere is room for {count} nodes now:{}", lines(.refusals))]
    NoCapacity {
        /// Nodes asked for.
        count: u32,
        /// The last word on each attempt.
        refusals: Vec<Refusal>,
    },
    /// No answer to a launch, and no trace of it.
    #[error("the launch {attempt} got no usable answer and cannot be found yet: {error}")]
    Unsettled {
        /// Type, market and zone.
        attempt: String,
        /// Last answer.
        error: AwsError,
    },
    /// An earlier launch made another number of nodes.
    #[error(
        "an earlier launch of this cluster has {there} nodes, {asked} are asked for; run `nixl-launch down` first"
    )]
    OtherSize {
        /// Nodes there.
        there: usize,
        /// Nodes asked for.
        asked: u32,
    },
    /// Another run launched the same cluster at the same time.
    #[error(
        "another run launched this cluster at the same time: {}; {}", joined(.others),
        if *.is_ours_ended { "what this run launched is ended, `nixl-launch up` goes on with the other" }
        else { "both are there, `nixl-launch down` removes both" }
    )]
    TwoLaunches {
        /// Instances of the other launch.
        others: Vec<String>,
        /// Whether this run ended its own.
        is_ours_ended: bool,
    },
    /// A person wanted to leave.
    #[error(
        "interrupted; what was begun is recorded in AWS: `nixl-launch up` goes on with it, `nixl-launch down` removes it"
    )]
    Interrupted,
    /// A node says that it failed.
    #[error("{name} ({instance_id}) failed: {reason}: {meaning}\n  {advice}")]
    NodeFailed {
        /// `Name` of the node.
        name: String,
        /// Instance.
        instance_id: String,
        /// Reason code.
        reason: String,
        /// What it means.
        meaning: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// An instance ended while it was waited for.
    #[error("{name} ({instance_id}) is {state}: {why}")]
    NodeEnded {
        /// `Name` of the node.
        name: String,
        /// Instance.
        instance_id: String,
        /// State.
        state: String,
        /// EC2's reason.
        why: String,
    },
    /// A node uses another provider than it was told.
    #[error("{name} ({instance_id}) runs over {used}, not over {asked} as asked")]
    OtherProvider {
        /// `Name` of the node.
        name: String,
        /// Instance.
        instance_id: String,
        /// What it was told.
        asked: Provider,
        /// What it uses.
        used: Provider,
    },
    /// Nodes did not become ready in time.
    #[error("not ready after {secs} s:\n{}", .nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    NotReady {
        /// Seconds waited.
        secs: u64,
        /// Those that did not.
        nodes: Vec<Stuck>,
    },
    /// A problem with what the node said last.
    #[error("{problem}{}", indented(.evidence))]
    Explained {
        /// The problem.
        problem: Box<Problem>,
        /// Lines.
        evidence: Vec<String>,
    },
    /// Something did not happen in time.
    #[error("not ready after {secs} s: {}", joined(.missing))]
    Timeout {
        /// Seconds waited.
        secs: u64,
        /// What is missing.
        missing: Vec<String>,
    },
    /// Creation of the tracking server failed.
    #[error("MLflow tracking server {name} is {status}")]
    TrackingServer {
        /// Name.
        name: String,
        /// Status.
        status: String,
    },
    /// There is no tracking server that this cluster has made.
    #[error(
        "cluster {cluster} has made no MLflow tracking server; one that is only attached is left alone"
    )]
    NoTrackingServer {
        /// Cluster.
        cluster: String,
    },
    /// Something is there with our name that is not ours.
    #[error(
        "{kind} {name} is there but does not carry the cluster's tag; it is left alone: delete it or choose another --cluster"
    )]
    Foreign {
        /// What it is.
        kind: &'static str,
        /// Name.
        name: String,
    },
    /// There is no such end.
    #[error(transparent)]
    NoEnd(#[from] ChangeError),
    /// The end that is wanted is over.
    #[error(
        "{end} is over: the nodes would power off at once; say --yes if that is meant, or use `nixl-launch down`"
    )]
    EndIsOver {
        /// What was asked for.
        end: String,
    },
    /// The timers of some nodes were not moved.
    #[error(
        "{}, but the timer of these nodes stands as it was: they power off at {old} unless `nixl-launch extend --until {end}` reaches them before:\n{}",
        scheduled(end, .unscheduled.as_deref()),
        .standing.iter().map(|node| format!("  {node}")).collect::<Vec<_>>().join("\n")
    )]
    TimersStand {
        /// End before.
        old: String,
        /// End wanted.
        end: String,
        /// Nodes, and why they could not be told.
        standing: Vec<String>,
        /// Why the schedules were not moved either.
        unscheduled: Option<String>,
    },
    /// The end of a node is no time.
    #[error(transparent)]
    NoTime(#[from] NoTime),
    /// `down` ended and something is left.
    #[error("not everything could be removed")]
    Residue,
    /// No cluster.
    #[error("no cluster {cluster} in {region}; `nixl-launch up` makes one")]
    NoCluster {
        /// Name.
        cluster: String,
        /// Region.
        region: String,
    },
}

/// A node that hangs on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// `Name` of the node.
    pub name: String,
    /// Instance.
    pub instance_id: String,
    /// The step it does not come to.
    pub awaited: &'static str,
    /// What usually keeps nodes from it.
    pub usual_cause: &'static str,
    /// What it said last.
    pub evidence: Vec<String>,
}

impl std::fmt::Display for Stuck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, instance_id, awaited, usual_cause, evidence } = self;
        write!(
            f,
            "  {name} ({instance_id}) did not come to {awaited:?}; usual cause: {usual_cause}"
        )?;
        f.write_str(&indented(evidence))
    }
}

impl Problem {
    /// With what the node said last.
    #[must_use]
    pub fn with_evidence(self, evidence: Vec<String>) -> Self {
        if evidence.is_empty() {
            return self;
        }
        Self::Explained { problem: Box::new(self), evidence }
    }

    /// Stable code, for scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Aws { .. } => "aws",
            Self::Plan(_) => "plan",
            Self::NoCapacity { .. } => "no_capacity",
            Self::Unsettled { .. } => "unsettled",
            Self::Usage(_) => "usage",
            Self::Changed(_) => "changed",
            Self::OtherSize { .. } => "other_size",
            Self::TwoLaunches { .. } => "two_launches",
            Self::Interrupted => "interrupted",
            Self::NodeFailed { .. } => "node_failed",
            Self::NodeEnded { .. } => "node_ended",
            Self::OtherProvider { .. } => "other_provider",
            Self::Explained { problem, .. } => problem.code(),
            Self::Timeout { .. } | Self::NotReady { .. } => "timeout",
            Self::TrackingServer { .. } => "tracking_server",
            Self::NoTrackingServer { .. } => "no_tracking_server",
            Self::Foreign { .. } => "foreign",
            Self::NoEnd(_) => "no_end",
            Self::EndIsOver { .. } => "end_is_over",
            Self::TimersStand { .. } => "timers_stand",
            Self::NoTime(_) => "no_time",
            Self::Residue => "residue",
            Self::NoCluster { .. } => "no_cluster",
        }
    }
}

impl From<AwsError> for Problem {
    fn from(error: AwsError) -> Self {
        let advice = crate::errors::advice(&error);
        Self::Aws { error, advice }
    }
}

/// A failed command.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct Failure {
    /// What went wrong.
    pub problem: Problem,
    /// What is left.
    pub left: Left,
}

impl Failure {
    /// A failure of which nobody looked what it left.
    pub fn unknown(problem: impl Into<Problem>) -> Self {
        Self { problem: problem.into(), left: Left::Unknown }
    }

    /// A failure before anything was changed.
    pub fn unchanged(problem: impl Into<Problem>) -> Self {
        Self { problem: problem.into(), left: Left::Unchanged }
    }
}

fn scheduled(end: &str, unscheduled: Option<&str>) -> String {
    match unscheduled {
        None => format!("tag and schedule say {end}"),
        Some(why) => format!("the tag says {end}, the schedules were not moved ({why})"),
    }
}

/// Items with commas between them.
pub(crate) fn joined<T: ToString>(items: &[T]) -> String {
    if items.is_empty() {
        return "none".to_owned();
    }
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n    {}", crate::terminal::plain(line))).collect()
}

fn told(advice: &Option<&'static str>) -> String {
    advice.map(|advice| format!("; {advice}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_names_the_command_that_removes_it() {
        let volume = Resource::new("volume", "vol-1");
        let told = Left::Remaining(vec![volume.clone()]).told();
        assert!(told.contains("volume vol-1; `nixl-launch down`"));
        assert!(!told.contains("--mlflow"), "{told}");
        let server = Resource::new(TRACKING_SERVER, "m");
        for left in [Left::Remaining(vec![volume, server]), Left::Unknown] {
            let told = left.told();
            assert!(told.contains("`nixl-launch down --mlflow`"), "{told}");
        }
    }
}
