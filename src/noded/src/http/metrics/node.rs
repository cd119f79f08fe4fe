//! The node, its checks with their reasons, what happened, and MLflow.

use super::Snapshot;
use super::families::{Families, Labels, alone, truth};
use crate::events::kind::{ACKNOWLEDGED, CHECK_GOOD, LINK_GOOD, TAKEN_BACK, WORKER_DIED};
use nixl_cluster::health::{Check, Status};
use nixl_cluster::reason::{self, Severity};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Entries that name a reason which does not begin with them.
const NO_OCCURRENCE: [&str; 4] = [CHECK_GOOD.id, LINK_GOOD.id, ACKNOWLEDGED.id, TAKEN_BACK.id];

pub(super) fn write(told: &Snapshot, families: &mut Families<'_>) -> fmt::Result {
    node(told, families)?;
    checks(told, families)?;
    events(told, families)?;
    mlflow(told, families)
}

fn node(told: &Snapshot, families: &mut Families<'_>) -> fmt::Result {
    let document = &told.document;
    let (node, text) = (&document.node, |text: &Option<String>| text.clone().unwrap_or_default());
    let build = vec![("version", document.release_id.clone())];
    families.info("nixl_build", "The daemon.", [build])?;
    let who = vec![
        ("instance_id", document.service_id.clone()),
        ("cluster", text(&node.cluster)),
        ("rank", node.rank.map(|rank| rank.to_string()).unwrap_or_default()),
        ("role", text(&node.role)),
        ("provider", text(&node.provider)),
        ("phase", node.phase.clone()),
    ];
    families.info("nixl_node", "Who this node is.", [who])?;
    let help = "Status of the whole: 0 pass, 1 warn, 2 fail.";
    families.gauge("nixl_health_status", help, alone(Some(number(document.status))))?;
    let help = "Whether the node can be used: 1 if /readyz says ok.";
    families.gauge("nixl_ready", help, alone(Some(truth(told.ready))))?;
    let help = "Peers this node is paired with.";
    families.gauge("nixl_peers_paired", help, alone(Some(node.peers.len() as f64)))?;
    let help = "Peers this node should be paired with, once the settings are read.";
    families.gauge("nixl_peers_expected", help, alone(node.peers_expected.map(f64::from)))
}

fn number(status: Status) -> f64 {
    match status {
        Status::Pass => 0.0,
        Status::Warn => 1.0,
        Status::Fail => 2.0,
    }
}

fn checks(told: &Snapshot, families: &mut Families<'_>) -> fmt::Result {
    let checks = told.document.checks.iter();
    let all: Vec<(&str, &Check)> =
        checks.flat_map(|(name, all)| all.iter().map(|check| (name.as_str(), check))).collect();
    let of = |name: &str, check: &Check| -> Labels {
        let id = check.component_id.clone().unwrap_or_default();
        vec![("check", name.to_owned()), ("id", id)]
    };
    let help = "Status of each check of /health: 0 pass, 1 warn, 2 fail.";
    // A peer may have two checks of one name, and no series may be told twice.
    let mut worst = BTreeMap::<Labels, f64>::new();
    for (name, check) in &all {
        let told = worst.entry(of(name, check)).or_default();
        *told = told.max(number(check.status));
    }
    let samples = worst;
    families.gauge("nixl_check_status", help, samples)?;
    let help = "1 for each reason that holds; `nixl-noded explain CODE` says what to do.";
    let reasons = all.iter().filter_map(|(name, check)| {
        let reason = check.reason.as_ref()?;
        let mut labels = vec![("code", reason.code.clone())];
        labels.extend(of(name, check));
        labels.push(("severity", severity(reason.severity).to_owned()));
        labels.push(("acknowledged", reason.acknowledged.is_some().to_string()));
        Some(labels)
    });
    let reasons: BTreeSet<Labels> = reasons.collect();
    families.gauge("nixl_reason", help, reasons.into_iter().map(|labels| (labels, 1.0)))
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn events(told: &Snapshot, families: &mut Families<'_>) -> fmt::Result {
    let occurred = told.events.iter().filter(|(told, _)| {
        !told.reason.is_empty() && !NO_OCCURRENCE.contains(&told.message_id.as_str())
    });
    let mut reasons = BTreeMap::<&str, u64>::new();
    for (told, count) in occurred {
        *reasons.entry(&told.reason).or_default() += count;
    }
    let help = "How often each reason was told anew since the daemon started.";
    let samples =
        reasons.iter().map(|(code, count)| (vec![("code", (*code).to_owned())], *count as f64));
    families.counter("nixl_reason_events", help, samples)?;
    // `fabric.worker_aborted` is how the fabric worker ended; each is told from
    // the start, or a first one would be no increase.
    let kinds = reason::all().filter_map(|row| row.code.strip_prefix("fabric.worker_"));
    let fabric = kinds.map(|kind| {
        let deaths = told.events.iter().filter(|(told, _)| told.message_id == WORKER_DIED.id);
        let of_kind =
            deaths.filter(|(told, _)| told.reason.strip_prefix("fabric.worker_") == Some(kind));
        ("fabric", kind, of_kind.map(|(_, count)| count).sum())
    });
    let all = fabric.chain([("gpu", "any", told.gpu.worker_deaths)]);
    let samples = all.map(|(worker, kind, count): (_, _, u64)| {
        (vec![("worker", worker.to_owned()), ("kind", kind.to_owned())], count as f64)
    });
    let help = "Ends of worker processes since the daemon started, by how they ended.";
    families.counter("nixl_worker_deaths", help, samples)
}

fn mlflow(told: &Snapshot, families: &mut Families<'_>) -> fmt::Result {
    let Some(status) = &told.mlflow else { return Ok(()) };
    let help = "Whether an unspent presigned MLflow URL is at hand.";
    families.gauge("nixl_mlflow_url_ready", help, alone(Some(truth(status.ready))))?;
    let help = "Age of the presigned MLflow URL at hand.";
    let age = status.age.map(|age| age.as_secs_f64());
    families.gauge("nixl_mlflow_url_age_seconds", help, alone(age))?;
    let help = "Presigned MLflow URLs made since the daemon started.";
    families.counter("nixl_mlflow_urls_minted", help, alone(Some(status.minted as f64)))?;
    let help = "Presigned MLflow URLs handed out since the daemon started.";
    families.counter("nixl_mlflow_urls_handed_out", help, alone(Some(status.handed_out as f64)))
}
