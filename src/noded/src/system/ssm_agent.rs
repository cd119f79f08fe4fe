//! Whether the SSM agent runs, as systemd tells.

use super::ask::ask;
use super::facts::SsmAgent;
use crate::board::Reading;
use jiff::SignedDuration;
use nixl_cluster::reason;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Names of the agent's unit: of its own package, and of the snap on Ubuntu.
const UNITS: [&str; 2] =
    ["amazon-ssm-agent.service", "snap.amazon-ssm-agent.amazon-ssm-agent.service"];
const PROPERTIES: &str = "--property=Id,LoadState,ActiveState,ActiveEnterTimestampMonotonic";
/// There where systemd is the service manager, sd_booted(3).
const SYSTEMD: &str = "run/systemd/system";
/// Until then other units may still be starting.
const GRACE: Duration = Duration::from_secs(60);

/// The agent's unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its name.
    pub name: String,
    /// `active`, `inactive`, `failed`, …
    pub state: String,
    /// When it became active, on the monotonic clock.
    pub started: Option<SignedDuration>,
}

/// Asks systemd; `None` if no agent is installed. `root` is `/` on a node.
///
/// # Errors
/// If systemd does not tell.
pub async fn read(root: &Path) -> io::Result<Option<Unit>> {
    if !root.join(SYSTEMD).is_dir() {
        return Ok(None);
    }
    let told = ask("systemctl", &["show", PROPERTIES, UNITS[0], UNITS[1]]).await?;
    Ok(parse(&told))
}

/// One block of `Key=value` a unit, with an empty line between.
fn parse(told: &str) -> Option<Unit> {
    let mut units: Vec<Unit> = told.split("\n\n").filter_map(unit).collect();
    // Both may be there; the one that is active is the agent.
    let active = units.iter().position(|unit| unit.state == "active").unwrap_or(0);
    (!units.is_empty()).then(|| units.swap_remove(active))
}

fn unit(block: &str) -> Option<Unit> {
    let value =
        |key: &str| block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let started = value("ActiveEnterTimestampMonotonic")
        .and_then(|micros| micros.parse().ok())
        .filter(|micros| *micros > 0)
        .map(SignedDuration::from_micros);
    (value("LoadState")? == "loaded").then_some(())?;
    Some(Unit { name: value("Id")?.to_owned(), state: value("ActiveState")?.to_owned(), started })
}

impl SsmAgent {
    pub(super) fn of(unit: Option<&Unit>, restarted: bool) -> Self {
        Self {
            unit: unit.map(|unit| unit.name.clone()),
            state: unit.map(|unit| unit.state.clone()),
            restarted,
        }
    }
}

/// What that means to a node that has been `up` this long; an agent that is
/// `asleep` started before there were credentials.
pub fn judge(agent: &SsmAgent, asleep: bool, up: Duration) -> Reading {
    let (Some(unit), Some(state)) = (agent.unit.as_deref(), agent.state.as_deref()) else {
        return Reading::good("not installed");
    };
    let restarted =
        if agent.restarted { ", restarted once for its role's late credentials" } else { "" };
    if state == "active" && asleep {
        let evidence = format!("{unit} started before the role's credentials were there");
        return Reading::bad(&reason::SSM_AGENT_ASLEEP, evidence)
            .field("unit", unit)
            .value(state)
            .about(unit);
    }
    if state == "active" {
        return Reading::good(format!("{state}{restarted}")).about(unit);
    }
    let evidence = format!("{unit} is {state}");
    if up < GRACE {
        return Reading::bad(&reason::INITIALIZING, evidence).about(unit);
    }
    Reading::bad(&reason::SSM_AGENT_DOWN, evidence)
        .field("unit", unit)
        .field("state", state)
        .value(state)
        .about(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWN: &str = "Id=amazon-ssm-agent.service\nLoadState=not-found\nActiveState=inactive\n\
        ActiveEnterTimestampMonotonic=0\n\n\
        Id=snap.amazon-ssm-agent.amazon-ssm-agent.service\nLoadState=loaded\n\
        ActiveState=active\nActiveEnterTimestampMonotonic=12500000\n";

    #[test]
    fn the_unit_that_is_there_is_the_agent() {
        let unit = parse(SHOWN).unwrap();
        assert_eq!(unit.name, UNITS[1]);
        assert_eq!(unit.started, Some(SignedDuration::from_millis(12_500)));
        let none = SHOWN.replace("=loaded", "=not-found");
        assert_eq!(parse(&none), None);
        let both = SHOWN.replace("=not-found", "=loaded");
        assert_eq!(parse(&both).unwrap().name, UNITS[1]);
    }

    #[test]
    fn no_agent_is_fine_and_one_that_does_not_run_is_not() {
        let (long, short) = (Duration::from_secs(61), Duration::ZERO);
        let of = |state: &str| {
            let shown = SHOWN.replace("ActiveState=active", &format!("ActiveState={state}"));
            SsmAgent::of(parse(&shown).as_ref(), false)
        };
        let none = judge(&SsmAgent::of(None, false), false, long);
        assert_eq!((none.code(), none.value), (None, Some("not installed".into())));
        assert_eq!(judge(&of("active"), false, long).code(), None);
        assert_eq!(judge(&of("failed"), false, long).code(), Some("system.ssm_agent_down"));
        assert_eq!(judge(&of("inactive"), false, short).code(), Some("node.initializing"));
        assert_eq!(judge(&of("active"), true, long).code(), Some("system.ssm_agent_asleep"));
    }

    #[tokio::test]
    async fn without_systemd_there_is_no_agent() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(read(root.path()).await.unwrap(), None);
    }
}
