//! A pair whose link is cut, closed, slowed, or whose other end loses power.

use anyhow::{Context, Result, ensure};
use nixl_tests::{Region, node, wait_for};
use std::time::Duration;

const NODES: [&str; 2] = ["nixl-node1", "nixl-node2"];
const PATIENCE: Duration = Duration::from_secs(60);

fn both_paired(region: &Region) -> Result<()> {
    NODES.iter().try_for_each(|name| node::paired(region, name).map(drop))
}

/// Both nodes say that they lost each other, and pair again once `mend` is done.
fn broken(region: &Region, mend: impl FnOnce() -> Result<()>) -> Result<()> {
    let ((), lost) = wait_for("word of the lost peer", PATIENCE, || {
        for name in NODES {
            let (_, document) = node::health(region, name)?;
            ensure!(document["node"]["phase"] != "paired", "{name} is still paired");
            let text = document.to_string();
            let named = text.contains("pair.peer_lost") || text.contains("pair.peer_unreachable");
            ensure!(named, "{name}: {document:#}");
        }
        Ok(())
    })?;
    mend()?;
    let ((), again) = wait_for("pairing again", PATIENCE, || both_paired(region))?;
    let secs = |time: Duration| time.as_secs_f64();
    println!("        told after {:.1} s, paired again after {:.1} s", secs(lost), secs(again));
    Ok(())
}

/// `nixl-region partition` and `heal`.
pub fn cut(region: &Region) -> Result<()> {
    region.control().ok(&["partition", NODES[0], NODES[1]])?;
    broken(region, || region.control().ok(&["heal", NODES[0], NODES[1]]).map(drop))
}

/// The trap of many templates: only the egress rule to everywhere is there.
pub fn egress_rule(region: &Region) -> Result<()> {
    let aws = region.venv_program("aws");
    let groups = aws.json(&[
        "ec2",
        "describe-security-groups",
        "--filters",
        "Name=tag-key,Values=nixl:cluster",
    ])?;
    let id = groups["SecurityGroups"][0]["GroupId"].as_str().context("no group")?.to_owned();
    let rule = format!("IpProtocol=-1,UserIdGroupPairs=[{{GroupId={id}}}]");
    let change = |operation: &str| {
        aws.ok(&["ec2", operation, "--group-id", &id, "--ip-permissions", &rule]).map(drop)
    };
    change("revoke-security-group-egress")?;
    broken(region, || change("authorize-security-group-egress"))
}

fn round_trip_micros(region: &Region) -> Result<f64> {
    let document = node::paired(region, NODES[0])?;
    let check = &document["checks"]["link:roundTripP50"][0];
    check["observedValue"].as_f64().with_context(|| format!("no round trip in {document:#}"))
}

/// The daemon's own measure sees the delay, and its end.
pub fn slow(region: &Region) -> Result<()> {
    // The first measurement follows pairing.
    let (before, _) = wait_for("a round trip", PATIENCE, || round_trip_micros(region))?;
    region.control().ok(&["slow", NODES[0], NODES[1], "--latency", "5ms"])?;
    let (slowed, _) = wait_for("a slow round trip", PATIENCE, || {
        let micros = round_trip_micros(region)?;
        ensure!(micros > 9000.0, "{micros} us");
        Ok(micros)
    })?;
    region.control().ok(&["heal"])?;
    let (after, _) = wait_for("a fast round trip", PATIENCE, || {
        let micros = round_trip_micros(region)?;
        ensure!(micros < 5000.0, "{micros} us");
        Ok(micros)
    })?;
    println!("        round trip {before:.0} us, slowed {slowed:.0} us, healed {after:.0} us");
    Ok(())
}

/// No shutdown, no goodbye; the disk is kept.
pub fn power_cut(region: &Region) -> Result<()> {
    let boot = || region.exec_ok(NODES[1], &["cat", "/proc/sys/kernel/random/boot_id"]);
    let first = boot()?;
    region.control().ok(&["power-cut", NODES[1], "--for", "2s"])?;
    let ((), took) = wait_for("pairing after the power cut", Duration::from_secs(90), || {
        ensure!(boot()? != first, "not booted yet");
        both_paired(region)
    })?;
    println!("        paired again after {:.1} s", took.as_secs_f64());
    Ok(())
}
