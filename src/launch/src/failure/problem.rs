//! What can go wrong, with its facts, its words and a stable code.

use super::refusal::{Refusal, lines};
use super::{Stuck, indented, joined};
use crate::check::Checks;
use crate::input::UsageError;
use crate::lifetime::{ChangeError, NoTime};
use crate::plan::Changed;
use nixl_aws::AwsError;
use nixl_cluster::Provider;

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
    /// It does not come into use by itself.
    #[error("{what} is {status}")]
    Tracking {
        /// What it is and its name.
        what: String,
        /// Status.
        status: String,
    },
    /// There is no MLflow.
    #[error("cluster {cluster} in {region} has no MLflow and its nodes were told of none")]
    NoMlflow {
        /// Cluster.
        cluster: String,
        /// Region.
        region: String,
    },
    /// An App is there as long as it is there.
    #[error("{what} has no hours: it costs nothing while nobody uses it, and cannot be stopped")]
    NoHours {
        /// What it is and its name.
        what: String,
    },
    /// Nodes log to what was to be removed.
    #[error(
        "{} log to it: `nixl-launch down` first, or `nixl-launch down --mlflow` for all of it with its runs", joined(.nodes)
    )]
    MlflowInUse {
        /// Instances.
        nodes: Vec<String>,
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
            Self::Tracking { .. } => "tracking_server",
            Self::NoMlflow { .. } => "no_mlflow",
            Self::NoHours { .. } => "no_hours",
            Self::MlflowInUse { .. } => "mlflow_in_use",
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

fn scheduled(end: &str, unscheduled: Option<&str>) -> String {
    match unscheduled {
        None => format!("tag and schedule say {end}"),
        Some(why) => format!("the tag says {end}, the schedules were not moved ({why})"),
    }
}

fn told(advice: &Option<&'static str>) -> String {
    advice.map(|advice| format!("; {advice}")).unwrap_or_default()
}
