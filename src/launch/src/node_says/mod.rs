//! What nodes say of themselves through Run Command: the checks that are not
//! good, the links, and the daemon's last words.

use crate::engine::remote::{self, Outcome, RemoteNode, RemoteScript};
use crate::report::LinkReport;
use nixl_aws::Result;
use nixl_aws::ssm::ManagedNodes;
use nixl_cluster::check::{CheckDocument, Item, Verdict};
use nixl_cluster::link::{Bandwidth, Latency, LinkDocument, PeerLink};
use serde::Deserialize;
use std::time::Duration;

/// What is run on the node.
const ASK: &str = include_str!("ask.py");
/// Each part has its own minute.
const TIMEOUT_SECS: u32 = 150;

/// What a node can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `nixl-noded check`, without what is good.
    Check,
    /// `nixl-noded link`, rail 0 and all rails at once.
    Link,
    /// Last lines of the daemon's journal.
    Journal,
    /// Its clock, timer, daemon's unit, settings and cloud-init.
    State,
}

impl Part {
    fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Link => "link",
            Self::Journal => "journal",
            Self::State => "state",
        }
    }
}

/// What a node said.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct NodeSays {
    /// Checks that warn or fail; none where the program is not there.
    pub check: Option<CheckDocument>,
    /// Links; none where the daemon does not answer.
    pub link: Option<LinkDocument>,
    /// Last lines of the daemon's journal.
    pub journal: Vec<String>,
    /// The machine around the daemon.
    pub state: Option<MachineState>,
}

/// The machine around the daemon.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct MachineState {
    /// Its time when it was asked, seconds since the epoch.
    pub at_secs: f64,
    /// When its own timer powers it off, seconds since the epoch.
    pub end_secs: Option<i64>,
    /// That timer waits.
    pub timer: bool,
    /// `ActiveState` of the daemon's unit.
    pub unit: String,
    /// Provider that user data told it.
    pub provider: Option<String>,
    /// Room left on its root filesystem.
    pub free_bytes: Option<u64>,
    /// Status of cloud-init, e.g. `done`, `running`, `error`; none where there is
    /// no cloud-init.
    pub cloud_init: Option<String>,
    /// What cloud-init failed with.
    pub errors: Vec<String>,
}

/// Asks nodes at once; what each said, or why it said nothing, in their order.
///
/// # Errors
/// Of SSM's calls.
pub async fn ask(
    ssm: &dyn ManagedNodes,
    nodes: &[RemoteNode],
    parts: &[Part],
    poll: Duration,
) -> Result<Vec<(RemoteNode, std::result::Result<NodeSays, String>)>> {
    let wanted: Vec<&str> = parts.iter().map(|part| part.as_str()).collect();
    let text = format!("python3 - {} <<'END-OF-ASK'\n{ASK}END-OF-ASK\n", wanted.join(" "));
    let purpose = "nixl-launch asks how a node is";
    let script = RemoteScript { text: &text, timeout_secs: TIMEOUT_SECS, purpose, poll };
    let told = remote::run(ssm, nodes, &script).await?;
    Ok(told.into_iter().map(|(node, outcome)| (node, understood(&outcome))).collect())
}

fn understood(outcome: &Outcome) -> std::result::Result<NodeSays, String> {
    let Some(text) = outcome.success() else {
        let last = match outcome {
            Outcome::Ended { stderr, .. } => stderr.trim().lines().last().unwrap_or_default(),
            _ => "",
        };
        let separator = if last.is_empty() { "" } else { ": " };
        return Err(format!("{outcome}{separator}{last}"));
    };
    serde_json::from_str(text).map_err(|error| format!("its answer is not understood: {error}"))
}

impl NodeSays {
    /// What fails, then what warns, each in one line with what to do.
    #[must_use]
    pub fn findings(&self) -> Vec<String> {
        let items = self.items();
        let of = |verdict| items.iter().filter(move |item| item.verdict == verdict);
        of(Verdict::Fail).chain(of(Verdict::Warn)).map(|item| finding(item)).collect()
    }

    /// Checks of the node itself that warn or fail.
    #[must_use]
    pub fn items(&self) -> Vec<&Item> {
        let own = self.check.iter().flat_map(|it| &it.nodes).filter(|node| !node.peer);
        own.flat_map(|node| &node.sections).flat_map(|section| &section.items).collect()
    }

    /// Its links to the peers it is paired with; none of those not measured yet.
    #[must_use]
    pub fn links(&self) -> Vec<LinkReport> {
        let Some(document) = &self.link else { return Vec::new() };
        let paired = document.peers.iter().filter(|peer| peer.paired);
        paired.filter_map(|peer| link(document, peer)).collect()
    }

    /// Whether each of its pairs was measured.
    #[must_use]
    pub fn measured(&self) -> bool {
        let pairs = self.link.iter().flat_map(|it| &it.peers).filter(|peer| peer.paired).count();
        pairs > 0 && self.links().len() == pairs
    }
}

fn finding(item: &Item) -> String {
    let about = item.about.as_ref().map(|about| format!(" {about}")).unwrap_or_default();
    match &item.reason {
        Some(reason) => {
            format!("{}{about}: {}: {}; {}", item.name, reason.code, reason.evidence, reason.advice)
        }
        None => format!("{}{about}", item.name),
    }
}

/// The median round trip of the smallest message and the best rate of all.
fn link(document: &LinkDocument, peer: &PeerLink) -> Option<LinkReport> {
    let report = peer.report.as_ref();
    let latencies = report.map(|it| &it.latencies).into_iter().flatten();
    let latencies = latencies.chain(peer.probes.iter().map(|probe| &probe.latency));
    let answered = latencies.filter(|it| it.answered > 0);
    let latency: &Latency = answered.min_by_key(|it| (it.size_bytes, it.p50_nanos))?;
    let bandwidths = report.map(|it| &it.bandwidths).into_iter().flatten();
    let bandwidths = bandwidths.chain(peer.sample.iter().map(|sample| &sample.bandwidth));
    let best: &Bandwidth = bandwidths.max_by(|a, b| a.gbps().total_cmp(&b.gbps()))?;
    Some(LinkReport {
        from_rank: document.node.rank,
        to_rank: peer.rank,
        mode: latency.mode,
        size_bytes: latency.size_bytes,
        p50_micros: latency.p50_nanos as f64 / 1000.0,
        gbps: best.gbps(),
        degraded: peer.judgements.iter().any(|judgement| judgement.degraded),
    })
}

#[cfg(test)]
mod tests;
