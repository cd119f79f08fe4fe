//! What happens to a node, and what it says of that.

use crate::NODES;
use anyhow::{Result, ensure};
use nixl_tests::{Region, node, wait_for};
use serde_json::Value;
use std::time::Duration;

const NODE: &str = NODES[0];
/// The slowest look takes a minute, and a machine boots in between.
const PATIENCE: Duration = Duration::from_secs(120);
/// A stand-in for the agent, which the region's machines do not have.
const AGENT: &str = "[Unit]\nDescription=agent\n[Service]\nExecStart=/bin/sleep infinity\n\
    [Install]\nWantedBy=multi-user.target\n";

fn sh(region: &Region, script: &str) -> Result<String> {
    region.exec_ok(NODE, &["sh", "-ec", script]).map(|text| text.trim().to_owned())
}

/// Waits until the first check of this name has this reason, or none.
fn told(region: &Region, name: &str, code: Option<&str>, within: Duration) -> Result<Value> {
    let (check, _) = wait_for(name, within, || {
        let (_, document) = node::health(region, NODE)?;
        let check = document["checks"][name][0].clone();
        ensure!(check.is_object(), "no {name} in {document:#}");
        ensure!(check["reason"]["code"].as_str() == code, "{check:#}");
        Ok(check)
    })?;
    Ok(check)
}

fn notice(region: &Region, words: &[&str]) -> Result<()> {
    region.control().ok(&[&["notice", NODE], words].concat()).map(drop)
}

pub fn well(region: &Region) -> Result<()> {
    for name in [
        "system:clock",
        "system:disk",
        "system:stateFolder",
        "system:memory",
        "system:imdsTokens",
        "system:credentials",
        "system:spot",
        "system:rebalance",
        "system:maintenance",
        "system:lifetime",
    ] {
        told(region, name, None, PATIENCE)?;
    }
    wait_for("cloud-init", PATIENCE, || {
        let (_, document) = node::health(region, NODE)?;
        let check = &document["checks"]["system:cloudInit"][0];
        ensure!(check["observedValue"] == "done", "{check:#}");
        Ok(())
    })?;
    let agent = told(region, "system:ssmAgent", None, PATIENCE)?;
    ensure!(agent["observedValue"] == "not installed", "{agent:#}");
    Ok(())
}

pub fn spot(region: &Region) -> Result<()> {
    notice(region, &["spot", "terminate", "--in", "2m"])?;
    let check = told(region, "system:spot", Some("system.spot_interruption"), PATIENCE)?;
    let evidence = check["reason"]["evidence"].as_str().unwrap_or_default();
    ensure!(evidence.contains("is terminated in 1 min"), "{evidence}");
    let (code, _) = node::health(region, NODE)?;
    ensure!(code == 503, "{code}");
    notice(region, &["clear"])?;
    told(region, "system:spot", None, PATIENCE).map(drop)
}

pub fn maintenance(region: &Region) -> Result<()> {
    notice(region, &["maintenance", "instance-retirement", "--in", "48h"])?;
    let check = told(region, "system:maintenance", Some("system.maintenance"), PATIENCE)?;
    ensure!(check["reason"]["fields"]["code"] == "instance-retirement", "{check:#}");
    notice(region, &["clear"])?;
    told(region, "system:maintenance", None, PATIENCE).map(drop)
}

pub fn full_disk(region: &Region) -> Result<()> {
    region.control().ok(&["fill-disk", NODE, "--leave", "50M"])?;
    let check = told(region, "system:disk", Some("system.disk_full"), PATIENCE)?;
    ensure!(check["componentId"] == "/", "{check:#}");
    region.control().ok(&["free-disk", NODE])?;
    told(region, "system:disk", None, PATIENCE).map(drop)
}

/// As if a script of the user data had failed; it is read again by a new daemon.
pub fn cloud_init(region: &Region) -> Result<()> {
    sh(
        region,
        r#"cp /run/cloud-init/result.json /root/result.json
        cp --preserve=all /var/log/cloud-init-output.log /root/output.log
        sed -i "s/\"errors\": \[\]/\"errors\": [\"('scripts-user', RuntimeError('1 failure'))\"]/" /run/cloud-init/result.json
        printf '%s\n' 'part-001: line 2: nvidia-smu: command not found' \
            'subp.py[WARNING]: Failed running part-001 [127]' >> /var/log/cloud-init-output.log
        systemctl restart nixl-noded"#,
    )?;
    let check = told(region, "system:cloudInit", Some("system.cloud_init_failed"), PATIENCE)?;
    let line = check["reason"]["fields"]["line"].as_str().unwrap_or_default();
    ensure!(line == "part-001: line 2: nvidia-smu: command not found", "{check:#}");
    sh(
        region,
        "cp /root/result.json /run/cloud-init/; cat /root/output.log > /var/log/cloud-init-output.log; \
         systemctl restart nixl-noded",
    )?;
    told(region, "system:cloudInit", None, PATIENCE).map(drop)
}

pub fn late_role(region: &Region) -> Result<()> {
    let started = || sh(region, "systemctl show -P ActiveEnterTimestampMonotonic amazon-ssm-agent");
    let window = |length| region.control().ok(&["set", "window", "imds.role_visible", length]);
    sh(
        region,
        &format!(
            "printf '{}' > /etc/systemd/system/amazon-ssm-agent.service; \
             systemctl enable amazon-ssm-agent.service",
            AGENT.replace('\n', "\\n")
        ),
    )?;
    window("24h")?;
    let boot = sh(region, "cat /proc/sys/kernel/random/boot_id")?;
    region.control().ok(&["reboot", NODE])?;
    wait_for("another boot", PATIENCE, || {
        ensure!(sh(region, "cat /proc/sys/kernel/random/boot_id")? != boot, "the same boot");
        Ok(())
    })?;
    told(region, "system:credentials", Some("node.initializing"), PATIENCE)?;
    let (early, _) = wait_for("an agent", PATIENCE, || {
        let early = started()?;
        ensure!(early.parse::<u64>().is_ok_and(|micros| micros > 0), "{early}");
        Ok(early)
    })?;
    // A look after the agent's start must miss them.
    std::thread::sleep(Duration::from_secs(15));
    window("default")?;
    told(region, "system:credentials", None, PATIENCE)?;
    wait_for("a restart of the agent", PATIENCE, || {
        let now = started()?;
        ensure!(now != early, "still from {early}");
        Ok(())
    })?;
    let (agent, _) = wait_for("word of it", PATIENCE, || {
        let agent = told(region, "system:ssmAgent", None, Duration::from_secs(5))?;
        ensure!(agent["observedValue"].as_str().is_some_and(|v| v.contains("once")), "{agent:#}");
        Ok(agent)
    })?;
    let again = started()?;
    sh(region, "systemctl restart nixl-noded")?;
    told(region, "system:credentials", None, PATIENCE)?;
    told(region, "system:ssmAgent", None, PATIENCE)?;
    ensure!(started()? == again, "restarted twice: {agent:#}");
    Ok(())
}

pub fn tell(region: &Region) -> Result<()> {
    let journal = "journalctl --no-pager -n 80 -u nixl-noded -u nixl-restart-ssm-agent.service";
    println!("{}", sh(region, journal)?);
    println!("{:?}", node::health(region, NODE));
    Ok(())
}
