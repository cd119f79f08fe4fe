//! A real daemon on an instance that AWS is about to take back, and whose role
//! comes late. It has no settings: that must not keep it from telling.

#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "node/cloud.rs"]
mod cloud;
mod daemon;

use cloud::Cloud;
use daemon::{Daemon, wait_for};
use nixl_cluster::HealthDocument;
use nixl_cluster::health::Check;
use nixl_noded::client::get;
use std::path::Path;

fn check(daemon: &Daemon, name: &str, code: Option<&str>) -> Check {
    wait_for(&format!("{name} with {code:?}"), || {
        let (_, body) = get(daemon.address, "/health").ok()?;
        let document: HealthDocument = serde_json::from_str(&body).unwrap();
        let checks = document.checks.get(name)?.iter();
        let told = |check: &&Check| check.reason.as_ref().map(|r| r.code.as_str()) == code;
        checks.clone().find(told).cloned()
    })
}

fn kept(folder: &Path) -> serde_json::Value {
    wait_for("a record", || {
        let text = std::fs::read(folder.join("late-credentials.json")).ok()?;
        serde_json::from_slice(&text).ok()
    })
}

#[test]
fn an_interruption_is_told_and_taken_back() {
    let (cloud, folder) = (Cloud::default(), tempfile::tempdir().unwrap());
    let daemon = Daemon::start_on(folder.path(), Some(cloud.serve(0)));
    check(&daemon, "settings:file", Some("node.settings_missing"));
    check(&daemon, "system:spot", None);
    cloud.say("spot/instance-action", r#"{"action": "stop", "time": "2999-01-01T00:00:00Z"}"#);
    let told = check(&daemon, "system:spot", Some("system.spot_interruption"));
    let reason = told.reason.unwrap();
    assert!(reason.evidence.contains("is stopped in"), "{}", reason.evidence);
    assert_eq!(reason.fields["at"], "2999-01-01T00:00:00Z");
    cloud.say("spot/instance-action", "");
    check(&daemon, "system:spot", None);
    check(&daemon, "system:imdsTokens", None);
    check(&daemon, "system:stateFolder", None);
}

#[test]
fn a_role_that_comes_late_is_remembered_over_a_restart() {
    let (cloud, folder) = (Cloud::default(), tempfile::tempdir().unwrap());
    cloud.say("iam/security-credentials/", "");
    let mut daemon = Daemon::start_on(folder.path(), Some(cloud.serve(0)));
    check(&daemon, "system:credentials", Some("node.initializing"));
    let before = kept(folder.path());
    assert!(before["missed_secs"].is_i64() && before["seen_secs"].is_null(), "{before}");

    cloud.say("iam/security-credentials/", "nixl-node");
    daemon.again();
    let told = check(&daemon, "system:credentials", None);
    assert_eq!(told.component_id.as_deref(), Some("nixl-node"));
    wait_for("that it was seen", || kept(folder.path())["seen_secs"].as_i64());
    assert_eq!(kept(folder.path())["missed_secs"], before["missed_secs"]);
}
