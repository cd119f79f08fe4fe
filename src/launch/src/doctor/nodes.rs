//! Each node: EC2's view, SSM's view, its own.

use super::drift::of_node;
use super::{Facts, unread};
use crate::check::Check;
use crate::keys;
use crate::plan::is_ours;
use crate::report::{endpoint_of, state_of};
use nixl_aws::Tag;
use nixl_aws::ec2::Instance;
use nixl_cluster::check::{Item, Verdict};
use nixl_cluster::{Phase, Provider, ProviderChoice, reason};

pub(super) fn judge(facts: &Facts, nodes: &[Instance]) -> Vec<Check> {
    nodes.iter().flat_map(|node| self::node(facts, node)).collect()
}

fn node(facts: &Facts, node: &Instance) -> Vec<Check> {
    let name = facts.cluster.node(node.launch_index);
    let mut checks = vec![instance(node)];
    if node.state == "running" {
        checks.push(interfaces(node));
        let mut groups = facts.groups.iter().flatten();
        let group = groups.find(|group| is_ours(&facts.cluster, &group.tags));
        checks.extend(of_node(node, &facts.cluster.node_role(&facts.region), group));
        checks.push(ssm(facts, node));
        checks.push(daemon(facts, node));
        checks.push(pairing(node));
        if let Some(Ok(says)) = facts.says.get(&node.id) {
            checks.extend(says.items().into_iter().map(own));
            checks.push(link(says));
        }
    }
    checks.into_iter().map(|check| check.of(&name)).collect()
}

fn instance(node: &Instance) -> Check {
    let found = format!("{} is {}", node.id, node.state);
    match node.state.as_str() {
        "running" => Check::pass("instance", found),
        "pending" => Check::warn("instance", found, "wait: `nixl-launch wait`"),
        _ => {
            let code = node.state_reason_code.as_deref().unwrap_or("no reason given");
            let why = node.state_reason.as_deref().unwrap_or(code);
            let fix = "`nixl-launch down`, then `nixl-launch up`: a pair is launched whole";
            Check::fail("instance", format!("{found}: {why}"), fix)
        }
    }
}

fn interfaces(node: &Instance) -> Check {
    let told = Tag::find(&node.tags, keys::PROVIDER).and_then(|told| told.parse().ok());
    let efa = node.interfaces.iter().filter(|it| it.interface_type.starts_with("efa")).count();
    let found = format!("{efa} of {} are EFA", node.interfaces.len());
    if told == Some(ProviderChoice::Only(Provider::Efa)) && efa == 0 {
        let fix = "EFA can only be had at launch: `nixl-launch down`, then `nixl-launch up`";
        return Check::fail("interfaces", found, fix);
    }
    Check::pass("interfaces", found)
}

fn ssm(facts: &Facts, node: &Instance) -> Check {
    match &facts.online {
        Err(error) => unread("ssm", error),
        Ok(online) if online.contains(&node.id) => Check::pass("ssm", "agent online"),
        Ok(_) => {
            let way = match &node.public_ip {
                Some(_) => "it has a public address",
                None => "it has no public address, so it needs a NAT gateway or VPC endpoints",
            };
            let fix = "its role needs AmazonSSMManagedInstanceCore and its subnet a way to ssm, ssmmessages and ec2messages; an agent tries again after up to 30 minutes, or reboot the node";
            Check::warn("ssm", format!("agent not online; {way}"), fix)
        }
    }
}

fn daemon(facts: &Facts, node: &Instance) -> Check {
    let fix = "`systemctl status nixl-noded` and `cloud-init status --long` on the node";
    match facts.says.get(&node.id) {
        None => match state_of(node) {
            Some(state) => Check::pass("daemon", format!("last said {}", state.phase)),
            None => Check::fail("daemon", "has said nothing yet", fix),
        },
        Some(Err(why)) => Check::warn("daemon", format!("could not be asked: {why}"), fix),
        Some(Ok(says)) if says.link.is_none() => {
            let last = says.journal.last().map(|line| format!("; it said last: {line}"));
            let found = format!("does not answer on the node{}", last.unwrap_or_default());
            Check::fail("daemon", found, format!("`systemctl restart nixl-noded`; {fix}"))
        }
        Some(Ok(_)) => Check::pass("daemon", "answers"),
    }
}

fn pairing(node: &Instance) -> Check {
    let Some(state) = state_of(node) else {
        return Check::skip("pairing", "it has not registered");
    };
    let over = endpoint_of(node).map(|it| format!(" over {}", it.provider)).unwrap_or_default();
    let found = match &state.reason {
        Some(reason) => format!("{}{over}: {reason}", state.phase),
        None => format!("{}{over}", state.phase),
    };
    let known = state.reason.as_deref().and_then(reason::find);
    let fix = known.map_or_else(
        || "wait, or see /health on the node".to_owned(),
        |known| format!("{} {}", known.meaning, known.advice),
    );
    match state.phase {
        Phase::Paired if state.reason.is_none() => Check::pass("pairing", found),
        Phase::Paired | Phase::Booting => Check::warn("pairing", found, fix),
        Phase::Registered | Phase::Degraded | Phase::Failed => Check::fail("pairing", found, fix),
    }
}

/// A check of the node's own.
fn own(item: &Item) -> Check {
    let (found, fix) = match &item.reason {
        Some(reason) => (format!("{}: {}", reason.code, reason.evidence), reason.advice.clone()),
        None => ("not good".to_owned(), "`nixl-noded check` on the node".to_owned()),
    };
    let about = item.about.as_ref().map(|about| format!("{about}: ")).unwrap_or_default();
    match item.verdict {
        Verdict::Fail => Check::fail(&item.name, format!("{about}{found}"), fix),
        _ => Check::warn(&item.name, format!("{about}{found}"), fix),
    }
}

fn link(says: &crate::node_says::NodeSays) -> Check {
    let links = says.links();
    if let Some(bad) = links.iter().find(|link| link.degraded) {
        let found = format!("to rank {}: slower than expected", bad.to_rank);
        return Check::warn("link", found, "`nixl-noded link` on the node shows what is expected");
    }
    match links.first() {
        Some(link) => {
            let found = format!("{:.1} µs, {:.1} Gbit/s", link.p50_micros, link.gbps);
            Check::pass("link", found)
        }
        None => Check::skip("link", "not measured"),
    }
}
