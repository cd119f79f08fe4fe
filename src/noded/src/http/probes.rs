//! `/livez` and `/readyz` as Kubernetes answers them: `?verbose`, `?exclude=`
//! as often as wanted, and each check by itself. What fails says why.
//!
//! A check is named as in `/health`, or by its component: `exclude=gpu`.

use super::{NO_STORE, Shared, error};
use crate::board::name;
use crate::terminal::plain;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use nixl_cluster::health::{Check, HealthDocument, Status};
use nixl_cluster::reason::Severity;
use std::fmt::Write as _;
use std::time::Duration;

/// A loop that has not gone round for so long is dead.
const DEAD: Duration = Duration::from_secs(10);
/// What has to hold before a node is paired, in the order of the boot.
const BOOT: [&str; 4] = [name::SETTINGS, name::IMDS, name::ENDPOINT, name::REGISTRATION];

/// What must hold.
struct Gate {
    name: String,
    /// Why it does not.
    fault: Option<String>,
}

type Asked = Query<Vec<(String, String)>>;

pub(super) async fn livez(State(shared): State<Shared>, asked: Asked) -> Response {
    all("livez", alive(&shared), &asked)
}

pub(super) async fn livez_one(State(shared): State<Shared>, Path(name): Path<String>) -> Response {
    some(alive(&shared), &name)
}

pub(super) async fn readyz(State(shared): State<Shared>, asked: Asked) -> Response {
    all("readyz", ready(&shared), &asked)
}

pub(super) async fn readyz_one(State(shared): State<Shared>, Path(name): Path<String>) -> Response {
    some(ready(&shared), &name)
}

/// The daemon's loops go round.
fn alive(shared: &Shared) -> Vec<Gate> {
    let gate = |(name, silent): (&str, Duration)| Gate {
        name: name.to_owned(),
        fault: (silent > DEAD).then(|| format!("no progress for {} s", silent.as_secs())),
    };
    shared.beats.silence().into_iter().map(gate).collect()
}

/// The node can be used; without exclusions this is what `Board::ready` says.
fn ready(shared: &Shared) -> Vec<Gate> {
    let paired = shared.board.all_paired();
    let document = shared.board.document();
    let checks = |name: &str| document.checks.get(name).map(Vec::as_slice).unwrap_or_default();
    let boot = BOOT.iter().map(|name| Gate {
        name: (*name).to_owned(),
        // Once paired, a node is usable without them.
        fault: if paired { None } else { missing(checks(name)) },
    });
    let peers = Gate {
        name: name::PEERS.to_owned(),
        fault: (!paired).then(|| missing(checks(name::PEERS)).unwrap_or_default()),
    };
    boot.chain([peers]).chain(devices(&document)).collect()
}

fn missing(checks: &[Check]) -> Option<String> {
    if checks.is_empty() {
        return Some("not reached yet".to_owned());
    }
    checks.iter().find(|check| check.status != Status::Pass).map(told)
}

fn devices(document: &HealthDocument) -> impl Iterator<Item = Gate> {
    let devices = document.checks.iter().filter(|(name, _)| crate::board::is_device(name));
    devices.map(|(name, checks)| {
        let is_error = |check: &&Check| {
            let reason = check.reason.as_ref();
            reason.is_some_and(|r| r.severity == Severity::Error && r.acknowledged.is_none())
        };
        Gate { name: name.clone(), fault: checks.iter().find(is_error).map(told) }
    })
}

fn told(check: &Check) -> String {
    let about = check.component_id.as_ref().map(|id| format!("{id}: ")).unwrap_or_default();
    plain(&match &check.reason {
        Some(reason) => format!("{about}{}: {}", reason.code, reason.evidence),
        None => format!("{about}no reason told"),
    })
}

fn is_meant(gate: &Gate, name: &str) -> bool {
    let component = gate.name.split(':').next();
    gate.name == name || component == Some(name)
}

fn all(probe: &str, gates: Vec<Gate>, asked: &[(String, String)]) -> Response {
    let excluded: Vec<&str> =
        asked.iter().filter(|(key, _)| key == "exclude").map(|(_, name)| name.as_str()).collect();
    let is_excluded = |gate: &Gate| excluded.iter().any(|name| is_meant(gate, name));
    let failed = gates.iter().any(|gate| gate.fault.is_some() && !is_excluded(gate));
    if !failed && !asked.iter().any(|(key, _)| key == "verbose") {
        return ([NO_STORE], "ok\n").into_response();
    }
    let mut text = String::new();
    for gate in &gates {
        // Writing to a String cannot fail.
        let _ = match &gate.fault {
            _ if is_excluded(gate) => writeln!(text, "[+]{} excluded: ok", gate.name),
            None => writeln!(text, "[+]{} ok", gate.name),
            Some(why) => writeln!(text, "[-]{} failed: {why}", gate.name),
        };
    }
    for name in excluded.iter().filter(|name| !gates.iter().any(|gate| is_meant(gate, name))) {
        let _ = writeln!(text, "warn: nothing to exclude is named {name:?}");
    }
    let (status, word) = match failed {
        true => (StatusCode::SERVICE_UNAVAILABLE, "failed"),
        false => (StatusCode::OK, "passed"),
    };
    let _ = writeln!(text, "{probe} check {word}");
    (status, [NO_STORE], text).into_response()
}

fn some(gates: Vec<Gate>, name: &str) -> Response {
    let meant: Vec<&Gate> = gates.iter().filter(|gate| is_meant(gate, name)).collect();
    if meant.is_empty() {
        return error(StatusCode::NOT_FOUND, "not_found", "no such check; ?verbose lists them");
    }
    let faults: Vec<String> = meant
        .iter()
        .filter_map(|gate| Some(format!("{} failed: {}\n", gate.name, gate.fault.as_ref()?)))
        .collect();
    if faults.is_empty() {
        return ([NO_STORE], "ok\n").into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, [NO_STORE], faults.concat()).into_response()
}
