//! What a region may leave on a computer, looked at from outside of it.

use anyhow::{Context, Result, ensure};
use nixl_tests::{Program, Region, wait_for};
use std::collections::BTreeSet;
use std::time::Duration;

/// Namespaces, links, mounts, processes and cgroups that carry our name.
pub struct Snapshot(BTreeSet<String>);

impl Snapshot {
    /// Now.
    pub fn take() -> Self {
        Self(look())
    }

    /// Nothing is there that was not there before.
    pub fn compare(&self) -> Result<()> {
        // A killed process is gone once its parent has taken note of it.
        wait_for("a clean computer", Duration::from_secs(5), || {
            let left: Vec<_> = look().difference(&self.0).cloned().collect();
            ensure!(left.is_empty(), "left behind: {left:#?}");
            Ok(())
        })
        .map(drop)
    }
}

fn look() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for folder in
        ["/run/netns", "/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"]
    {
        // One level below our own cgroup too: an empty parent would hide nothing.
        for path in [folder.to_owned(), format!("{folder}/nixl-region")] {
            for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
                if entry.path().to_string_lossy().contains("nixl-region") {
                    found.insert(entry.path().to_string_lossy().into_owned());
                }
            }
        }
    }
    for entry in std::fs::read_dir("/sys/class/net").into_iter().flatten().flatten() {
        found.insert(format!("link {}", entry.file_name().to_string_lossy()));
    }
    for mount in std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default().lines() {
        // Without the ids, which say nothing.
        found.insert(format!("mount {}", mount.split(' ').nth(4).unwrap_or_default()));
    }
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let argv = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let argv = String::from_utf8_lossy(&argv).replace('\0', " ");
        let ours = ["nixl-region", "systemd-nspawn", "mlflow", "nixl-noded"];
        if ours.iter().any(|name| argv.contains(name)) {
            found.insert(format!("process {} {argv}", entry.file_name().to_string_lossy()));
        }
    }
    found
}

/// Brings the region up with a machine in it, kills it, takes it down.
pub fn killed_region(region: &mut Region) -> Result<()> {
    region.up()?;
    let aws = region.venv_program("aws");
    let images = aws.json(&["ec2", "describe-images", "--owners", "136693071363"])?;
    let image = images["Images"][0]["ImageId"].as_str().context("no base image")?.to_owned();
    aws.ok(&["ec2", "run-instances", "--image-id", &image, "--instance-type", "t3.micro"])?;
    wait_for("a running machine", Duration::from_secs(30), || {
        let found = aws.json(&["ec2", "describe-instances"])?;
        let state = &found["Reservations"][0]["Instances"][0]["State"]["Name"];
        ensure!(state == "running", "{state}");
        Ok(())
    })?;
    let status = region.control().json(&["status", "--output", "json"])?;
    let pid = status["pid"].as_u64().context("status shows no pid")?.to_string();
    Program::new("/bin/kill").ok(&["-9", &pid])?;
    let state = region.state_dir();
    region.down()?;
    ensure!(!state.exists(), "{} is still there", state.display());
    Ok(())
}
