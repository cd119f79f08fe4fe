//! The board as a health document.

use super::{Held, State, UNPAIRED_DEADLINE, name};
use jiff::Timestamp;
use nixl_cluster::health::{Check, CheckReason, HealthDocument, Status};
use nixl_cluster::reason::{Reason, Severity};
use std::time::Duration;

/// Version of the public interface of the document.
const INTERFACE: &str = "1";

pub(super) fn make(state: &State, now: Timestamp, unpaired: Option<Duration>) -> HealthDocument {
    let overdue = unpaired.is_some_and(|since| since > UNPAIRED_DEADLINE);
    let mut status = Status::Pass;
    let mut checks = std::collections::BTreeMap::new();
    for (name, held) in &state.checks {
        let made: Vec<Check> = held
            .iter()
            .map(|held| check(state, name, held, overdue && *name == name::PEERS))
            .collect();
        status = made.iter().map(Check::counts).fold(status, Status::max);
        checks.insert((*name).to_owned(), made);
    }
    HealthDocument {
        status,
        version: INTERFACE.to_owned(),
        release_id: env!("CARGO_PKG_VERSION").to_owned(),
        service_id: state.service_id.clone(),
        output: output(state, now, unpaired.filter(|_| overdue)),
        node: state.node.clone(),
        checks,
    }
}

fn check(state: &State, name: &str, held: &Held, overdue: bool) -> Check {
    let reading = &held.reading;
    let reason = held.reason();
    let status = match &reason {
        _ if overdue => Status::Fail,
        None => Status::Pass,
        Some((reason, _)) => status_of(reason),
    };
    Check {
        component_id: reading.id.clone(),
        component_type: component_type(name).to_owned(),
        observed_value: reading.value.clone(),
        observed_unit: reading.unit.map(str::to_owned),
        status,
        time: time(held.seen),
        reason: reason.map(|(reason, evidence)| CheckReason {
            code: reason.code.to_owned(),
            severity: reason.severity,
            meaning: reason.meaning.to_owned(),
            evidence: evidence.into_owned(),
            fields: reading.fields.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect(),
            action: reason.action,
            advice: reason.advice.to_owned(),
            since: time(held.since),
            acknowledged: state.acks.of(name, held),
        }),
    }
}

fn status_of(reason: &Reason) -> Status {
    match reason.severity {
        Severity::Info | Severity::Warning => Status::Warn,
        Severity::Error => Status::Fail,
    }
}

/// The draft's three types: what others own is a `system`.
fn component_type(name: &str) -> &'static str {
    match name.split(':').next().unwrap_or(name) {
        "imds" | "registration" | "mlflow" => "datastore",
        "link" | "peer" => "system",
        _ => "component",
    }
}

fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// One line: what is wrong first, else how far the node is.
fn output(state: &State, now: Timestamp, overdue: Option<Duration>) -> String {
    let worst = state
        .checks
        .iter()
        .flat_map(|(name, held)| held.iter().map(move |held| (name, held)))
        .filter(|(name, held)| state.acks.of(name, held).is_none())
        .filter_map(|(_, held)| held.reason().map(|reason| (reason, held.since)))
        .min_by_key(|((reason, _), since)| (std::cmp::Reverse(reason.severity), *since));
    let phase = &state.node.phase;
    let told = match worst {
        None => match state.node.provider.as_deref() {
            Some(provider) => {
                format!("{phase} with {} over {provider}", state.node.peers.join(", "))
            }
            None => phase.clone(),
        },
        Some(((reason, evidence), since)) => {
            let secs = now.duration_since(since).as_secs().max(0);
            format!("{phase}; {}: {evidence} (for {secs} s)", reason.code)
        }
    };
    match overdue {
        Some(waited) => format!("{told}; not paired for {} s", waited.as_secs()),
        None => told,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Board, Reading};
    use super::*;
    use nixl_cluster::reason;

    fn late(board: &Board, secs: u64) -> HealthDocument {
        make(&board.lock(), Timestamp::now(), Some(Duration::from_secs(secs)))
    }

    #[test]
    fn starting_warns_and_has_a_deadline() {
        let board = Board::default();
        let early = late(&board, 119);
        assert_eq!(early.status, Status::Warn);
        assert_eq!(early.checks[name::PEERS][0].reason.as_ref().unwrap().code, "node.initializing");
        let overdue = late(&board, 121);
        assert_eq!(overdue.status, Status::Fail);
        assert!(overdue.output.contains("not paired for 121 s"), "{}", overdue.output);
    }

    #[test]
    fn an_error_fails_and_is_told_in_full() {
        let board = Board::default();
        board.set(name::ENDPOINT, Reading::bad(&reason::FABRIC_LIBRARY_MISSING, "no such file"));
        let document = board.document();
        assert_eq!((document.status, document.status.http()), (Status::Fail, 503));
        let told = document.checks[name::ENDPOINT][0].reason.as_ref().unwrap();
        assert_eq!(told.evidence, "no such file");
        assert_eq!(told.advice, reason::FABRIC_LIBRARY_MISSING.advice);
        assert!(document.output.contains("fabric.library_missing: no such file"));
    }

    #[test]
    fn paired_passes() {
        let board = Board::default();
        board.set(name::PEERS, Reading::good(1));
        let seen = Timestamp::from_second(60).unwrap();
        board.set(name::LINK_P50, Reading::good(12.5).unit("us").about("i-2").at(seen));
        board.set_all_paired(true);
        board.describe(|node| {
            node.phase = "paired".to_owned();
            node.provider = Some("tcp".to_owned());
            node.peers = vec!["i-2".to_owned()];
        });
        let document = board.document();
        assert_eq!(document.status, Status::Pass);
        assert_eq!(document.checks[name::LINK_P50][0].time, "1970-01-01T00:01:00.000Z");
        assert_eq!(document.output, "paired with i-2 over tcp");
        let link = &document.checks[name::LINK_P50][0];
        assert_eq!(
            (link.component_id.as_deref(), link.observed_unit.as_deref()),
            (Some("i-2"), Some("us"))
        );
        let again: HealthDocument =
            serde_json::from_str(&serde_json::to_string(&document).unwrap()).unwrap();
        assert_eq!(again, document);
    }
}
