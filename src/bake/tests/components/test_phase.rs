//! What runs on a test instance.

use crate::recipe::{component, pins};
use crate::stage::{Ran, Stage};
use std::collections::BTreeMap;

fn test(stage: &Stage, folder: &str, more: &str) -> Ran {
    let component = component(folder, "ubuntu-24.04", more);
    stage.test(&component, &pins(&component, &BTreeMap::new()))
}

#[test]
fn the_daemon_has_to_see_the_gpus_in_time_and_no_unit_may_fail() {
    let Some(stage) = Stage::new() else { return };
    stage.stand_in("sleep", "");
    stage.stand_in("systemctl", "");
    // Nothing is seen at the first look, and they are well from the third on.
    let late = "case $(grep -c ^nixl-noded /run/nixl-stand-ins/log) in 1) echo 'SKIP  gpu:present';; 2) exit 1;; *) echo 'PASS  gpu:present';; esac";
    stage.stand_in("nixl-noded", late);
    test(&stage, "nixl-noded", "").is_well();
    assert_eq!(stage.log().matches("nixl-noded check").count(), 3, "{}", stage.log());
    let settings = stage.sh("cat /etc/nixl/node.toml").1;
    assert!(settings.contains("cluster ="), "{settings}");
    assert!(stage.log().contains("nixl-noded check --section gpu\nsleep 5\n"), "{}", stage.log());

    stage.stand_in("systemctl", "echo 'nixl-mlflow.service loaded failed failed it'");
    test(&stage, "nixl-noded", "")
        .failed_at("test", "units of the node failed: nixl-mlflow.service");
    // Of a known type whose GPUs are not seen the check only warns.
    stage.stand_in("nixl-noded", "echo 'WARN  gpu:present'");
    test(&stage, "nixl-noded", "").failed_at("test", "are not well");
    stage.stand_in("nixl-noded", "echo 'gpu:present fail: 3 of 4'; exit 1");
    let ran = test(&stage, "nixl-noded", "");
    ran.failed_at("test", "gpu:present fail: 3 of 4");
    ran.failed_at("test", "are not well");
}

#[test]
fn what_cannot_be_imported_fails_the_image() {
    let Some(stage) = Stage::new() else { return };
    for (code, why) in [(0, None), (1, Some("cannot be imported"))] {
        stage.stand_in("nixl-noded", &format!("exit {code}"));
        let ran = test(&stage, "inference", "sets = [\"inference\"]");
        match why {
            None => drop(ran.is_well()),
            Some(why) => ran.failed_at("test", why),
        }
    }
    assert!(stage.log().contains("check --section nixl --section vllm"), "{}", stage.log());
}
