//! What two nodes need of each other: pairing, provider, link; and what a node
//! says that needs its daemon.

use super::{Facts, cause, fix, skipped};
use crate::check::Check;
use crate::keys;
use crate::node_says::NodeSays;
use crate::report::{endpoint_of, state_of};
use nixl_aws::Tag;
use nixl_aws::ec2::Instance;
use nixl_cluster::check::{Item, Verdict};
use nixl_cluster::{Phase, Provider, ProviderChoice, instance_type, reason};

/// Faults of the node or of the cluster that keep it from its peers.
const OWN: [&str; 11] = [
    "instance",
    "ssm",
    "zone",
    "security-group",
    "self-ingress",
    "self-egress",
    "role",
    "interfaces",
    "membership",
    "clock-skew",
    "daemon",
];
/// Faults of a peer that keep a node from it.
const PEERS: [&str; 6] = ["instance", "ssm", "interfaces", "membership", "clock-skew", "daemon"];
/// Of these a check of its own speaks.
const ELSEWHERE: [&str; 6] = [
    "pair.",
    "node.initializing",
    "system.cloud_init",
    "system.clock_skew",
    "system.disk_full",
    "check.daemon_silent",
];

pub(super) fn judge(facts: &Facts, node: &Instance, checks: &mut Vec<Check>) {
    let name = facts.cluster.node(node.launch_index);
    let mut pairing = pairing(node).of(&name);
    // What it said last may be old.
    let silent = cause(checks, &["instance", "ssm"], &name).is_some();
    if (silent || pairing.verdict >= Verdict::Warn)
        && let Some(cause) = why(facts, checks, node, &name)
    {
        pairing = skipped("pairing", cause).of(&name);
    }
    let unpaired = (pairing.verdict != Verdict::Pass).then(|| pairing.clone());
    checks.push(pairing);
    let says = facts.says.get(&node.id).and_then(|it| it.as_ref().ok());
    checks.push(provider(node, says, &name, checks).of(&name));
    checks.push(link(node, says, unpaired.as_ref(), &name).of(&name));
    let server = checks.iter().find(|it| it.name == "mlflow" && it.fix.is_some()).cloned();
    for item in says.iter().flat_map(|it| it.items()).filter(|it| is_own(it)) {
        let check = match &server {
            Some(server) if item.name.starts_with("mlflow") => skipped(&item.name, server),
            _ => own(item, &name),
        };
        checks.push(check.of(&name));
    }
}

/// Why it is not paired, if an earlier check tells.
fn why<'a>(facts: &Facts, checks: &'a [Check], node: &Instance, name: &str) -> Option<&'a Check> {
    cause(checks, &OWN, name).or_else(|| {
        let peers = facts.instances.iter().flatten().filter(|it| it.id != node.id);
        peers
            .filter_map(|peer| cause(checks, &PEERS, &facts.cluster.node(peer.launch_index)))
            .next()
    })
}

fn pairing(node: &Instance) -> Check {
    const NAME: &str = "pairing";
    let Some(state) = state_of(node) else {
        let fix = "wait: `nixl-launch wait`; `nixl-launch logs` tells what it does";
        return Check::fail(NAME, "it has not registered", fix);
    };
    let found = match &state.reason {
        Some(reason) => format!("{}: {reason}", state.phase),
        None => state.phase.to_string(),
    };
    let known = state.reason.as_deref().and_then(reason::find);
    let fix = known.map_or_else(
        || "wait: `nixl-launch wait`; `nixl-launch logs` tells what it does".to_owned(),
        |known| format!("{} {}", known.meaning, known.advice),
    );
    // What else is wrong with the node is told by its own checks.
    let of_pairs = state.reason.as_ref().is_some_and(|reason| reason.starts_with("pair."));
    match state.phase {
        Phase::Paired if !of_pairs => Check::pass(NAME, "paired"),
        Phase::Paired | Phase::Booting => Check::warn(NAME, found, fix),
        Phase::Registered | Phase::Degraded | Phase::Failed => Check::fail(NAME, found, fix),
    }
}

/// What it was asked to use, by its tag; what user data told it; what it uses.
fn provider(node: &Instance, says: Option<&NodeSays>, name: &str, checks: &[Check]) -> Check {
    const NAME: &str = "provider";
    let asked = Tag::find(&node.tags, keys::PROVIDER);
    let told = says.and_then(|it| it.state.as_ref()?.provider.as_deref());
    let used = endpoint_of(node).map(|endpoint| endpoint.provider);
    if let (Some(asked), Some(told)) = (asked, told)
        && asked != told
    {
        let found = format!("{asked} was asked for, its /etc/nixl/node.toml says {told}");
        let line = format!("s/^provider = .*/provider = \"{asked}\"/");
        let fix = format!(
            "{}, then {}",
            fix::on(name, &format!("sed -i '{line}' /etc/nixl/node.toml")),
            fix::on(name, "systemctl restart nixl-noded")
        );
        return Check::fail(NAME, found, fix);
    }
    match (asked.and_then(|asked| asked.parse().ok()), used) {
        (Some(ProviderChoice::Only(asked)), Some(used)) if asked != used => {
            if let Some(cause) = cause(checks, &["interfaces"], name) {
                return skipped(NAME, cause);
            }
            let found = format!("{asked} was asked for, it runs over {used}");
            Check::fail(NAME, found, fix::on(name, "nixl-noded check --section efa"))
        }
        (Some(asked), Some(used)) if asked == ProviderChoice::Auto && used == Provider::Tcp => {
            let fix = fix::on(name, "nixl-noded check --section efa");
            Check::warn(NAME, "auto, it runs over tcp: slowly", fix)
        }
        (_, Some(used)) => Check::pass(NAME, used.to_string()),
        (_, None) => Check::skip(NAME, "it has told no endpoint"),
    }
}

/// Beside what its type has.
fn link(node: &Instance, says: Option<&NodeSays>, unpaired: Option<&Check>, name: &str) -> Check {
    const NAME: &str = "link";
    if let Some(cause) = unpaired {
        return Check::skip(NAME, format!("not looked at: {} of {name} comes first", cause.name));
    }
    let links = says.map(NodeSays::links).unwrap_or_default();
    let line = instance_type::find(&node.instance_type)
        .map(|it| format!(" of {} Gbit/s of {}", it.network_gbps, it.name))
        .unwrap_or_default();
    let told = |link: &crate::report::LinkReport| {
        format!(
            "to rank {}: {:.1} µs, {:.1} Gbit/s{line}",
            link.to_rank, link.p50_micros, link.gbps
        )
    };
    if let Some(bad) = links.iter().find(|link| link.degraded) {
        let found = format!("{}; slower than it was or should be", told(bad));
        return Check::warn(NAME, found, fix::on(name, "nixl-noded link"));
    }
    match links.iter().min_by(|a, b| a.gbps.total_cmp(&b.gbps)) {
        Some(slowest) => Check::pass(NAME, told(slowest)),
        None => Check::skip(NAME, "not measured"),
    }
}

/// Whether no other check speaks of it.
fn is_own(item: &Item) -> bool {
    let code = item.reason.as_ref().map_or("", |reason| reason.code.as_str());
    !ELSEWHERE.iter().any(|prefix| code.starts_with(prefix))
}

/// A check of the node's own.
fn own(item: &Item, name: &str) -> Check {
    let (found, fix) = match &item.reason {
        Some(reason) => (format!("{}: {}", reason.code, reason.evidence), reason.advice.clone()),
        None => ("not good".to_owned(), fix::on(name, "nixl-noded check")),
    };
    let about = item.about.as_ref().map(|about| format!("{about}: ")).unwrap_or_default();
    match item.verdict {
        Verdict::Fail => Check::fail(&item.name, format!("{about}{found}"), fix),
        _ => Check::warn(&item.name, format!("{about}{found}"), fix),
    }
}
