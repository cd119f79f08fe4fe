//! Entries about the daemon and its node.

use super::kind::{
    CONFINED, ENDING, ENVIRONMENT_WRITTEN, KNOWN, MLFLOW_DENIED, PHASE, PORT_TAKEN, POWER_OFF,
    RAIL_OPEN, RANKED, REGISTERED, SLOW_STOP, SSM_RESTART, STARTED, STATE_FILE, STOPPING, STUCK,
    WORKER_DIED,
};
use super::{Stage, at, reason_id};
use crate::boot::Instance;
use nixl_cluster::link::Rail;
use nixl_cluster::{Phase, Reason};
use std::path::Path;

/// See [`STARTED`].
pub fn started(address: std::net::SocketAddr) {
    let (version, stage) = (env!("CARGO_PKG_VERSION"), Stage::Boot.as_str());
    tracing::info!(
        message_id = STARTED.id, stage, %address, version, "nixl-noded {version} on {address}"
    );
}

/// See [`PORT_TAKEN`].
pub fn port_taken(told: &str) {
    tracing::error!(message_id = PORT_TAKEN.id, stage = Stage::Boot.as_str(), "{told}");
}

/// See [`KNOWN`].
pub fn known(instance: &Instance) {
    let Instance { id, instance_type, zone, .. } = instance;
    tracing::info!(
        message_id = KNOWN.id,
        stage = Stage::Boot.as_str(),
        instance_id = id,
        zone,
        "this is {id} ({instance_type} in {zone})"
    );
}

/// See [`RANKED`].
pub fn ranked(rank: u32) {
    let stage = Stage::Register.as_str();
    tracing::info!(message_id = RANKED.id, stage, rank, "this node has rank {rank}");
}

/// See [`CONFINED`].
pub fn confined(sandbox: &str) {
    let stage = Stage::Open.as_str();
    tracing::info!(
        message_id = CONFINED.id,
        stage,
        sandbox,
        "the fabric worker's sandbox is {sandbox}"
    );
}

/// See [`RAIL_OPEN`].
pub fn rail_open(rail: &Rail, library: &str, library_version: &str) {
    let Rail { index, provider_name, domain, one_sided, .. } = rail;
    tracing::info!(
        message_id = RAIL_OPEN.id,
        stage = Stage::Open.as_str(),
        rail = index,
        provider = provider_name,
        domain,
        library,
        library_version,
        "rail {index} open on {provider_name} {domain}, RMA writes: {one_sided} \
         (libfabric {library_version})"
    );
}

/// See [`REGISTERED`].
pub fn registered() {
    let stage = Stage::Register.as_str();
    tracing::info!(
        message_id = REGISTERED.id,
        stage,
        "identity and endpoint are in this node's tags"
    );
}

/// See [`PHASE`].
pub fn phase(from: Phase, to: Phase) {
    let stage = Stage::of(to).as_str();
    tracing::info!(message_id = PHASE.id, stage, phase = %to, "phase {from} -> {to}");
}

/// See [`WORKER_DIED`].
pub fn worker_died(stage: Stage, restarts: u64, reason: &Reason, how: &str) {
    tracing::warn!(
        message_id = WORKER_DIED.id,
        stage = stage.as_str(),
        restarts,
        reason = reason.code,
        "the fabric worker died: {how}"
    );
}

/// See [`MLFLOW_DENIED`].
pub fn mlflow_denied(stage: Stage, evidence: &str) {
    let stage = stage.as_str();
    tracing::warn!(message_id = MLFLOW_DENIED.id, stage, reason = "mlflow.denied", "{evidence}");
}

/// See [`STUCK`].
pub fn stuck(stage: Stage, tasks: &[&str]) {
    let (stage, tasks) = (stage.as_str(), tasks.join(", "));
    tracing::error!(message_id = STUCK.id, stage, tasks, "tasks make no progress: {tasks}");
}

/// See [`STATE_FILE`].
pub fn state_file(stage: Stage, path: &Path, what: &str, why: &dyn std::fmt::Display) {
    let (stage, path) = (stage.as_str(), path.display().to_string());
    tracing::warn!(message_id = STATE_FILE.id, stage, path, "{what}: {path}: {why}");
}

/// See [`STOPPING`].
pub fn stopping(signal: &str) {
    let stage = Stage::Stop.as_str();
    tracing::info!(message_id = STOPPING.id, stage, signal, "stopping on {signal}");
}

/// See [`SLOW_STOP`].
pub fn slow_stop(what: &str) {
    tracing::warn!(message_id = SLOW_STOP.id, stage = Stage::Stop.as_str(), "{what}");
}

/// See [`ENVIRONMENT_WRITTEN`].
pub fn environment_written(path: &Path) {
    let (stage, path) = (Stage::Boot.as_str(), path.display().to_string());
    tracing::info!(message_id = ENVIRONMENT_WRITTEN.id, stage, path, "wrote {path}");
}

/// See [`SSM_RESTART`].
pub fn ssm_restart(stage: Stage) {
    let stage = stage.as_str();
    tracing::info!(
        message_id = SSM_RESTART.id,
        stage,
        "the role's credentials came after the SSM agent had started; its restart is asked for"
    );
}

/// See [`ENDING`].
pub fn ending(stage: Stage, why: &str, ends_at: jiff::Timestamp, left: &str) {
    let (stage, ends_at) = (stage.as_str(), format!("{ends_at:.0}"));
    tracing::warn!(
        message_id = ENDING.id,
        stage,
        ends_at,
        "this node powers off in {left}, at {ends_at}: {why}"
    );
}

/// See [`POWER_OFF`].
pub fn power_off(stage: Stage, why: &str) {
    let stage = stage.as_str();
    tracing::warn!(message_id = POWER_OFF.id, stage, "this node powers off now: {why}");
}

/// A reason holds that is about no peer.
pub fn reason(stage: Stage, reason: &Reason, evidence: &str) {
    let (id, code, stage) = (reason_id(reason.code), reason.code, stage.as_str());
    at!(reason.severity, message_id = id, stage, reason = code, "{code}: {evidence}");
}
