//! Each node by itself: EC2's view, SSM's view, its own.

use super::drift::of_node;
use super::{Facts, cause, fix, lifetime, skipped, unread};
use crate::check::Check;
use crate::keys;
use crate::node_says::{MachineState, NodeSays};
use crate::plan::is_ours;
use nixl_aws::Tag;
use nixl_aws::ec2::Instance;
use nixl_cluster::{Provider, ProviderChoice};

/// What is asked of the node itself.
const ASKED: [&str; 5] = ["timer", "clock-skew", "disk", "cloud-init", "daemon"];
/// With less, agents and daemons begin to fail.
const FREE_FAILS_BYTES: u64 = 100 << 20;
/// How long an agent may take to register: users see 2 to 5 minutes after a boot.
const REGISTERED_WITHIN_SECS: i64 = 600;
/// Beyond this, what nodes log cannot be compared, and AWS begins to refuse what
/// they sign 5 minutes off (General Reference, Signature Version 4).
const SKEW_FAILS_SECS: f64 = 60.0;
const SKEW_WARNS_SECS: f64 = 2.0;

pub(super) fn judge(facts: &Facts, node: &Instance, checks: &mut Vec<Check>) {
    let name = facts.cluster.node(node.launch_index);
    let instance = instance(facts, node).of(&name);
    if node.state != "running" {
        let why = instance.clone();
        checks.push(instance);
        checks.extend(["ssm"].iter().chain(&ASKED).map(|it| skipped(it, &why).of(&name)));
        return;
    }
    checks.push(instance);
    checks.push(interfaces(facts, node).of(&name));
    let mut groups = facts.groups.iter().flatten();
    let group = groups.find(|group| is_ours(&facts.cluster, &group.tags));
    let own = of_node(node, &facts.cluster.node_role(&facts.region), group);
    checks.extend(own.into_iter().map(|check| check.of(&name)));
    let ssm = ssm(facts, node).of(&name);
    let needs = ["role", "profile", "ssm-policy", "node-profile", "imds"];
    match cause(checks, &needs, &name) {
        Some(cause) if ssm.fix.is_some() => {
            let skip = skipped("ssm", cause).of(&name);
            checks.push(skip);
        }
        _ => checks.push(ssm),
    }
    asked(facts, node, &name, checks);
}

/// What only the node knows.
fn asked(facts: &Facts, node: &Instance, name: &str, checks: &mut Vec<Check>) {
    match facts.says.get(&node.id) {
        Some(Ok(says)) => {
            checks.push(lifetime::timer(node, says).of(name));
            let Some(state) = &says.state else { return };
            checks.push(clock(facts, name, state).of(name));
            checks.push(disk(name, state).of(name));
            checks.push(cloud_init(name, state).of(name));
            checks.push(daemon(name, says, state).of(name));
        }
        Some(Err(why)) => {
            let fix = fix::on(name, "systemctl --failed");
            checks.push(
                Check::fail("ask", format!("cannot be asked through SSM: {why}"), fix).of(name),
            );
            let skip =
                |it: &&str| Check::skip(it, "not looked at: the node cannot be asked").of(name);
            checks.extend(ASKED.iter().map(skip));
        }
        None => {
            let skip =
                |it: &&str| Check::skip(it, "not looked at: SSM does not reach the node").of(name);
            checks.extend(ASKED.iter().map(skip));
        }
    }
}

fn instance(facts: &Facts, node: &Instance) -> Check {
    let found = format!("{} is {}", node.id, node.state);
    match node.state.as_str() {
        "running" => Check::pass("instance", found),
        "pending" => Check::warn("instance", found, "wait: `nixl-launch wait`"),
        _ => {
            let code = node.state_reason_code.as_deref().unwrap_or("no reason given");
            let why = node.state_reason.as_deref().unwrap_or(code);
            let nodes = facts.instances.as_deref().unwrap_or_default();
            let found = format!("{found}: {why}; a pair is launched whole");
            Check::fail("instance", found, fix::again(nodes))
        }
    }
}

fn interfaces(facts: &Facts, node: &Instance) -> Check {
    let told = Tag::find(&node.tags, keys::PROVIDER).and_then(|told| told.parse().ok());
    let efa = node.interfaces.iter().filter(|it| it.interface_type.starts_with("efa")).count();
    let found = format!("{efa} of {} are EFA", node.interfaces.len());
    if told == Some(ProviderChoice::Only(Provider::Efa)) && efa == 0 {
        let found = format!("{found}, which can only be had at launch");
        let nodes = facts.instances.as_deref().unwrap_or_default();
        return Check::fail("interfaces", found, fix::again(nodes));
    }
    Check::pass("interfaces", found)
}

fn ssm(facts: &Facts, node: &Instance) -> Check {
    const NAME: &str = "ssm";
    let agents = match &facts.agents {
        Err(error) => return unread(NAME, error),
        Ok(agents) => agents,
    };
    let id = &node.id;
    let reboot = format!("`aws ec2 reboot-instances --instance-ids {id}` starts it again");
    match agents.get(id).map(String::as_str) {
        Some("Online") => Check::pass(NAME, "agent online"),
        Some(ping) => {
            let found = format!("the agent was online and is not now ({ping})");
            Check::fail(NAME, found, reboot)
        }
        None => {
            let launched = node.launch_time.as_deref().and_then(|it| it.parse().ok());
            let age = launched.map(|at| facts.now.duration_since(at).as_secs());
            if age.is_some_and(|age| age < REGISTERED_WITHIN_SECS) {
                let fix = "wait: `nixl-launch wait --for ssm`; it takes minutes after a boot";
                return Check::warn(NAME, "the agent has not registered yet", fix);
            }
            let found = "the agent has never registered: no way to ssm, ssmmessages and ec2messages, or it started before its role was there and sleeps up to 30 minutes";
            Check::fail(NAME, found, reboot)
        }
    }
}

/// Its clock beside this computer's, whose time AWS accepts.
fn clock(facts: &Facts, name: &str, state: &MachineState) -> Check {
    const NAME: &str = "clock-skew";
    let Some((before, after)) = facts.asked else {
        return Check::skip(NAME, "nobody was asked");
    };
    let seconds = |at: jiff::Timestamp| at.as_nanosecond() as f64 / 1e9;
    let skew =
        (state.at_secs - seconds(after)).max(0.0) + (state.at_secs - seconds(before)).min(0.0);
    let found = format!("{skew:+.0} s from this computer's time, which AWS accepts");
    let fix = fix::on(name, "chronyc makestep");
    match skew.abs() {
        SKEW_FAILS_SECS.. => Check::fail(NAME, found, fix),
        SKEW_WARNS_SECS.. => Check::warn(NAME, found, fix),
        _ => Check::pass(NAME, "this computer's time"),
    }
}

fn disk(name: &str, state: &MachineState) -> Check {
    const NAME: &str = "disk";
    let Some(free) = state.free_bytes else { return Check::skip(NAME, "it does not say") };
    let found = format!("{} MiB free on /", free >> 20);
    if free >= FREE_FAILS_BYTES {
        return Check::pass(NAME, found);
    }
    let large = fix::on(name, "find / -xdev -type f -size +50M");
    let journal = fix::on(name, "journalctl --vacuum-size=100M");
    Check::fail(
        NAME,
        found,
        format!("remove what is not needed: {large} lists it, {journal} cuts the journal"),
    )
}

fn cloud_init(name: &str, state: &MachineState) -> Check {
    const NAME: &str = "cloud-init";
    let fix = || fix::on(name, "cloud-init status --long");
    match state.cloud_init.as_deref() {
        None => Check::skip(NAME, "it is not there"),
        Some("done" | "disabled") if state.errors.is_empty() => {
            Check::pass(NAME, "user data was carried out")
        }
        Some("running" | "not started" | "not run") => Check::warn(NAME, "still runs", fix()),
        Some(status) if state.errors.is_empty() => Check::fail(NAME, status, fix()),
        Some(status) => Check::fail(NAME, format!("{status}: {}", state.errors.join("; ")), fix()),
    }
}

fn daemon(name: &str, says: &NodeSays, state: &MachineState) -> Check {
    const NAME: &str = "daemon";
    let last =
        says.journal.last().map(|line| format!("; it said last: {line}")).unwrap_or_default();
    let start =
        |how: &str| fix::on(name, &format!("systemctl {how} nixl-noded.socket nixl-noded.service"));
    match (state.unit.as_str(), &says.link) {
        ("active", Some(_)) => Check::pass(NAME, "runs and answers"),
        ("activating", Some(_)) => Check::warn(NAME, "has just begun", "wait: `nixl-launch wait`"),
        ("active" | "activating" | "reloading", None) => {
            Check::fail(NAME, format!("runs and does not answer{last}"), start("restart"))
        }
        // The socket starts it at a question, this one too.
        (unit, Some(_)) => Check::fail(NAME, format!("did not run ({unit}){last}"), start("start")),
        (unit, None) => Check::fail(NAME, format!("does not run ({unit}){last}"), start("start")),
    }
}
