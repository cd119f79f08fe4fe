//! Baking: once, and not again; and what is in the image.

use anyhow::{Context, Result, ensure};
use nixl_tests::Region;

/// The first build makes an image and tags it with its digest.
pub fn build(region: &Region) -> Result<()> {
    let built = region.bake()?;
    ensure!(built["reused"] == false, "{built}");
    let id = built["ami_id"].as_str().context("no ami_id")?;
    let digest = built["digest"].as_str().context("no digest")?;
    let found = region.venv_program("aws").json(&[
        "ec2",
        "describe-images",
        "--owners",
        "self",
        "--filters",
        &format!("Name=tag:nixl:digest,Values={digest}"),
    ])?;
    ensure!(found["Images"][0]["ImageId"] == id, "describe-images shows {found}");
    ensure!(found["Images"].as_array().is_some_and(|images| images.len() == 1), "{found}");
    Ok(())
}

/// The second finds it, by three calls at most, and starts no build.
pub fn again(region: &Region) -> Result<()> {
    let builds = |region: &Region| -> Result<usize> {
        let listed = region.venv_program("aws").json(&["imagebuilder", "list-images"])?;
        Ok(listed["imageVersionList"].as_array().map_or(0, Vec::len))
    };
    let calls = || -> Result<u64> {
        let told = region.control().json(&["calls", "--output", "json"])?;
        told["summary"]["calls"].as_u64().context("no number of calls")
    };
    let before = builds(region)?;
    let calls_before = calls()?;
    let built = region.bake()?;
    let made = calls()? - calls_before;
    ensure!(built["reused"] == true, "{built}");
    ensure!(made <= 3, "{made} calls to find what is there");
    ensure!(builds(region)? == before, "a build was started");
    Ok(())
}

/// What the components should have done, seen in a machine.
pub fn image_in_machine(region: &Region) -> Result<()> {
    let sh = |script: &str| region.exec_ok("nixl-node1", &["sh", "-ec", script]);
    sh("ldconfig -p | grep -q libfabric.so.1")?;
    sh(
        "systemctl is-enabled nixl-noded.socket nixl-noded.service nixl-environment.service nixl-mlflow.service cloud-init.service",
    )?;
    sh(
        "id nixl-noded && test -e /usr/lib/sysusers.d/nixl.conf && test -e /usr/lib/tmpfiles.d/nixl.conf",
    )?;
    // Both nodes come from one image: an id baked into it would be the same on both.
    let ids: Vec<_> = ["nixl-node1", "nixl-node2"]
        .iter()
        .map(|node| region.exec_ok(node, &["cat", "/etc/machine-id"]))
        .collect::<Result<_>>()?;
    ensure!(ids[0] != ids[1] && ids[0].trim().len() == 32, "machine ids {ids:?}");
    sh("! ls /etc/ssh/ssh_host_*_key 2>/dev/null")?;
    Ok(())
}
