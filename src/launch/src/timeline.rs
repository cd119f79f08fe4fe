//! How far a node has come, and since when: the one record behind the live
//! display, the lines, the result and what a timeout says.

use crate::report::{endpoint_of, state_of};
use nixl_aws::ec2::Instance;
use nixl_cluster::{Phase, Provider};
use serde::Serialize;

/// A step on a node's way. SSM and the daemon come in either order: pairing does
/// not need SSM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// EC2 has accepted the launch.
    Requested,
    /// EC2 says `running`.
    Running,
    /// Its SSM agent is online, so commands and sessions reach it.
    SsmOnline,
    /// Its daemon has registered: identity and endpoint are in its tags.
    Registered,
    /// Paired with every peer over the provider asked for.
    Paired,
    /// The link to its peers was measured.
    LinkMeasured,
}

impl Stage {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 6] = [
        Self::Requested,
        Self::Running,
        Self::SsmOnline,
        Self::Registered,
        Self::Paired,
        Self::LinkMeasured,
    ];

    /// In a sentence.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Running => "running",
            Self::SsmOnline => "SSM online",
            Self::Registered => "daemon registered",
            Self::Paired => "paired",
            Self::LinkMeasured => "link measured",
        }
    }

    /// In a narrow place.
    #[must_use]
    pub fn short(self) -> &'static str {
        match self {
            Self::SsmOnline => "SSM",
            Self::Registered => "daemon",
            Self::LinkMeasured => "link",
            other => other.words(),
        }
    }
}

/// When a step was seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Mark {
    /// Which.
    pub name: Stage,
    /// Seconds since the command started.
    pub at_secs: f64,
}

/// A node's way so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    /// Steps seen, in the order in which they were.
    pub marks: Vec<Mark>,
    /// Steps that are not waited for any more.
    pub given_up: Vec<Stage>,
    /// What the node says beside its step, e.g. a reason code.
    pub note: Option<String>,
}

impl Timeline {
    /// Takes note of a step, once; whether it is new.
    pub fn mark(&mut self, name: Stage, at_secs: f64) -> bool {
        let new = !self.has(name);
        if new {
            // A tenth of a second is more than a look each second can tell.
            let at_secs = (at_secs * 10.0).round() / 10.0;
            self.marks.push(Mark { name, at_secs });
        }
        new
    }

    /// What EC2 and the node's own tags show, as far as it is new.
    pub fn see(&mut self, node: &Instance, at_secs: f64) {
        let state = state_of(node);
        self.note = state.as_ref().and_then(|state| state.reason.clone());
        if node.state == "pending" {
            return;
        }
        self.mark(Stage::Running, at_secs);
        let phase = state.map(|state| state.phase);
        let registered = matches!(phase, Some(Phase::Registered | Phase::Paired | Phase::Degraded));
        if registered || endpoint_of(node).is_some() {
            self.mark(Stage::Registered, at_secs);
        }
        if phase == Some(Phase::Paired) {
            self.mark(Stage::Paired, at_secs);
        } else {
            // It was paired and is not: both must be at the same time.
            self.marks.retain(|mark| mark.name != Stage::Paired);
        }
    }

    /// Whether the step was seen.
    #[must_use]
    pub fn has(&self, name: Stage) -> bool {
        self.marks.iter().any(|mark| mark.name == name)
    }

    /// The first step that is still waited for.
    #[must_use]
    pub fn awaited(&self) -> Option<Stage> {
        Stage::ALL.into_iter().find(|stage| !self.has(*stage) && !self.given_up.contains(stage))
    }
}

/// Another provider than the one asked for carries the pair of this node.
#[must_use]
pub fn other_provider(node: &Instance, asked: Provider) -> Option<Provider> {
    endpoint_of(node).map(|endpoint| endpoint.provider).filter(|used| *used != asked)
}

/// What usually keeps a node from a step.
#[must_use]
pub fn usual_cause(timeline: &Timeline) -> &'static str {
    let ssm = timeline.has(Stage::SsmOnline);
    match timeline.awaited() {
        None => "nothing is missing",
        Some(Stage::Requested) => "EC2 does not show it yet; `nixl-launch status` looks again",
        Some(Stage::Running) => {
            "EC2 has not started it: look at the instance's state reason, and at the KMS key of its volume if that is encrypted"
        }
        // Neither the agent nor the daemon got out.
        Some(Stage::SsmOnline) if !timeline.has(Stage::Registered) => {
            "neither SSM nor the daemon can be heard: no way out of the subnet (a public address, a NAT gateway, or VPC endpoints for ssm, ssmmessages, ec2messages and ec2), or user data failed"
        }
        Some(Stage::SsmOnline) => {
            "SSM needs a way to its endpoints (public address, NAT gateway, or VPC endpoints for ssm, ssmmessages, ec2messages) and AmazonSSMManagedInstanceCore on the role; an agent that started before its role could be seen tries again after up to 30 minutes"
        }
        Some(Stage::Registered) if ssm => {
            "the daemon did not start or may not tag the instance: image, user data or the role's policy; look at `nixl-launch logs` and `cloud-init status --long`"
        }
        Some(Stage::Registered) => {
            "the daemon did not start, may not tag the instance, or has no way to the EC2 API"
        }
        Some(Stage::Paired) => {
            "the security group must allow all traffic from and to itself in both directions: EFA is matched only by rules that name the group, 0.0.0.0/0 does not count"
        }
        Some(Stage::LinkMeasured) => {
            "the daemon measures each link when it is paired; `nixl-noded link` on the node says what goes on"
        }
    }
}

/// The way in at most `columns` characters, `now_secs` after the start: all
/// steps if they fit, else how many and the one that is waited for.
#[must_use]
pub fn line(timeline: &Timeline, now_secs: f64, columns: usize) -> String {
    let awaited = timeline.awaited();
    let waiting = |words: &str| match &timeline.note {
        Some(note) => format!("{words}… {now_secs:.0}s ({note})"),
        None => format!("{words}… {now_secs:.0}s"),
    };
    let steps = |name: fn(Stage) -> &'static str, separator: &str| {
        let mut marks = timeline.marks.clone();
        marks.sort_by(|a, b| a.at_secs.total_cmp(&b.at_secs).then(a.name.cmp(&b.name)));
        let seen = marks.iter().map(|mark| format!("{} {:.0}s", name(mark.name), mark.at_secs));
        seen.chain(awaited.map(|stage| waiting(name(stage)))).collect::<Vec<_>>().join(separator)
    };
    let last = awaited.map_or_else(|| "ready".to_owned(), |stage| waiting(stage.words()));
    let counted = format!("{}/{} {last}", timeline.marks.len(), Stage::ALL.len());
    let fits = |text: &String| text.chars().count() <= columns;
    [steps(Stage::words, " → "), steps(Stage::short, ", "), counted]
        .into_iter()
        .find(fits)
        .unwrap_or_else(|| last.chars().take(columns).collect())
}

#[cfg(test)]
mod tests;
