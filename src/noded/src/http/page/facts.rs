//! The node around the daemon, in words.

use super::table::Fact;
use super::words::{self, bytes};
use crate::system::{CloudInit, Facts, NOT_UNDERSTOOD};
use jiff::Timestamp;

pub(super) fn list(facts: &Facts, now: Timestamp) -> Vec<Fact> {
    let mut list = Vec::new();
    let mut tell = |name, text: String| list.push(Fact { name, text });
    if let Some(instance) = &facts.instance {
        tell("Instance", format!("{} in {}", instance.instance_type, instance.zone));
    }
    if let Some(host) = &facts.host {
        tell("Kernel", format!("{}, up {}", host.kernel, words::duration(host.uptime_secs())));
    }
    if let Some(memory) = &facts.memory {
        let (available, total) = (bytes(memory.available_bytes), bytes(memory.total_bytes));
        tell("Memory", format!("{available} of {total} available"));
    }
    for disk in &facts.disks {
        let (left, size) = (bytes(disk.available_bytes), bytes(disk.size_bytes));
        let mode = if disk.read_only { ", takes no writes" } else { "" };
        tell("Disk", format!("{}: {left} of {size} left{mode}", disk.paths.join(", ")));
    }
    if let Some(clock) = &facts.clock {
        let error =
            clock.max_error_secs.map(|secs| format!(", {} off at most", words::micros(secs * 1e6)));
        let kept = if clock.synchronised { "synchronised" } else { "kept by nobody" };
        tell("Clock", format!("{kept}{}", error.unwrap_or_default()));
    }
    if let Some(credentials) = &facts.credentials {
        let role = credentials.role.as_deref().unwrap_or("no role");
        let until = credentials.expires_at.map(|at| format!(", good for {}", left(at, now)));
        tell("Credentials", format!("{role}{}", until.unwrap_or_default()));
    }
    if let Some(agent) = &facts.ssm_agent {
        let state = agent.state.as_deref().unwrap_or("not installed");
        let again = if agent.restarted { ", restarted once for late credentials" } else { "" };
        tell("SSM agent", format!("{state}{again}"));
    }
    if let Some(state) = &facts.cloud_init {
        tell("cloud-init", cloud_init(state));
    }
    let notices = &facts.notices;
    if let Some(spot) = &notices.spot {
        tell(
            "Spot",
            match spot.action.as_str() {
                NOT_UNDERSTOOD => "a notice that is not understood".to_owned(),
                action => format!("{action} in {}", left(spot.at, now)),
            },
        );
    }
    if let Some(at) = notices.rebalance_at {
        tell(
            "Spot",
            format!("EC2 recommended to leave it, {} ago", words::ago(&at.to_string(), now)),
        );
    }
    for event in &notices.maintenance {
        let when = event.not_before.map(|at| format!(", in {}", left(at, now)));
        tell("Maintenance", format!("{}{}", event.description, when.unwrap_or_default()));
    }
    if let Some(at) = facts.expires_at {
        tell("Time to live", left(at, now));
    }
    list
}

fn left(at: Timestamp, now: Timestamp) -> String {
    words::duration(u64::try_from(at.duration_since(now).as_secs()).unwrap_or(0))
}

fn cloud_init(state: &CloudInit) -> String {
    match state {
        CloudInit::Absent => "not there".to_owned(),
        CloudInit::Running { stage, .. } => format!("runs ({stage})"),
        CloudInit::Done { errors, line, .. } => match (errors.first(), line) {
            (None, _) => "done".to_owned(),
            (Some(error), None) => format!("failed: {error}"),
            (Some(error), Some(line)) => format!("failed: {error}; {line}"),
        },
    }
}
