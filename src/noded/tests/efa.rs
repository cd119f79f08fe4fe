//! A real daemon on a node of files: what `/health` says of an EFA device that
//! comes late, errs and goes.

#![allow(clippy::unwrap_used)]

mod node;
#[path = "../../efa/tests/tree/mod.rs"]
mod tree;

use nixl_noded::efa::name;
use node::{Cloud, Node, wait_for};
use std::fs;
use std::time::Instant;

const VERBS: &str = "sys/class/infiniband/rdmap0s26";

#[test]
fn a_device_comes_late_errs_and_goes() {
    let root = tree::unfold("g5.12xlarge");
    let root = root.path();
    let target = fs::read_link(root.join(VERBS)).unwrap();
    tree::remove(root, VERBS);
    let node = Node::start_below(root, &Cloud::default(), 0, "efa", "getinfo as efa");
    let begun = Instant::now();
    let heard = |code: &str, words: &[&str]| wait_for(code, || node.heard(code, words, begun)).1;
    heard("node.initializing", &["0 of 1 EFA devices are there so far"]);

    std::os::unix::fs::symlink(target, root.join(VERBS)).unwrap();
    wait_for("rail", || {
        let document = node.last();
        let rail = document.checks.get(name::RAIL).ok_or("none")?[0].clone();
        (rail.component_id.as_deref() == Some("rdmap0s26")
            && rail.observed_value == Some(40.0.into()))
        .then_some(())
        .ok_or(format!("{rail:?}"))
    });
    // Its first sample is the baseline; this is more.
    tree::write(root, &format!("{VERBS}/hw_counters/create_qp_err"), 2);
    heard("efa.command_errors", &["create_qp_err +2 (2 since this daemon looks, 2 in all)"]);

    tree::remove(root, VERBS);
    tree::remove(root, "sys/bus/pci/devices/0000:00:1a.0");
    let reason = heard("efa.missing", &["0 of 1", "0000:00:1a.0 (not on the PCI bus any more)"]);
    assert_eq!(reason.fields["gone"], serde_json::json!(["0000:00:1a.0"]));
    let document = node.last();
    assert!(document.checks[name::DEVICES][0].observed_value == Some(0.into()), "{document:?}");
}
