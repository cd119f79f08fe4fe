//! The baked image on a computer of its own: exported as a disk, started twice under
//! qemu with NoCloud seeds, and asked what it became.

mod vm;

use anyhow::{Context, Result, ensure};
use nixl_tests::programs::bin;
use nixl_tests::{Region, Story};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use vm::{Accelerator, Vm};

/// Two machines on a busy computer that has to emulate every instruction.
const UP_WITHIN: Duration = Duration::from_secs(900);
/// The overlays have 10 GiB, of which the root filesystem of the disk of 8 GiB is to get the rest.
const GROWN_BYTES: u64 = 9 << 30;

type Told = HashMap<String, String>;

fn get<'a>(told: &'a Told, key: &str) -> Result<&'a str> {
    told.get(key).map(String::as_str).with_context(|| format!("{key} was not told: {told:?}"))
}

fn rootfs(region: &Region, ami: &str, folder: &Path) -> Result<()> {
    let target = folder.join("rootfs");
    let path = target.to_string_lossy();
    region.control().ok(&["export", ami, "--rootfs", &path])?;
    let same =
        std::fs::read(target.join("usr/bin/nixl-noded"))? == std::fs::read(bin("nixl-noded"))?;
    ensure!(same, "/usr/bin/nixl-noded is not the one that was baked");
    ensure!(std::fs::read(target.join("etc/machine-id"))?.is_empty(), "/etc/machine-id is set");
    ensure!(!target.join("vmlinuz").exists(), "the image itself has no kernel");
    region.control().refused(&["export", ami, "--rootfs", &path], 1, &["is there already"])?;
    Ok(std::fs::remove_dir_all(target)?)
}

/// The disk is whole, and holds no more than was written.
fn disk(region: &Region, ami: &str, disk: &Path) -> Result<Value> {
    let path = disk.to_string_lossy();
    let control = region.control();
    let small = ["export", ami, "--disk", &path, "--size"];
    control.refused(&[&small[..], &["600M"]].concat(), 1, &["too small"])?;
    control.refused(&[&small[..], &["700M"]].concat(), 1, &["give a larger --size"])?;
    ensure!(!disk.exists(), "a disk that failed was left");
    let lock = disk.with_extension("lock");
    let locked = ["export", ami, "--disk", &path, "--lock", &lock.to_string_lossy()];
    let told = control.json(&[&locked[..], &["--output", "json"]].concat())?;
    let kernel = "linux-image-cloud-amd64";
    let version = told["packages"][kernel].as_str().context("the kernel is not told")?;
    let text = std::fs::read_to_string(&lock)?;
    ensure!(text.contains(&format!("{kernel} = {version:?}")), "{text}");
    std::fs::write(&lock, text.replace(version, "0.1-1"))?;
    std::fs::rename(disk, disk.with_extension("kept"))?;
    control.refused(&locked, 1, &["what its lock says", "0.1-1", "--update-lock"])?;
    std::fs::write(&lock, text)?;
    control.ok(&locked)?;
    ensure!(told["image_id"] == ami && told["disk_bytes"] == 8_u64 << 30, "{told}");
    let file_bytes = told["file_bytes"].as_u64().unwrap_or_default();
    ensure!((1..2 << 30).contains(&file_bytes), "not sparse: {told}");
    nixl_tests::Program::new("qemu-img").ok(&["check", "-q", &path])?;
    let left = std::fs::read_dir(region.state_dir().join("exports"))?.count();
    ensure!(left == 0, "{left} exports left their folders");
    Ok(told)
}

fn judge(name: &str, told: &Told, disk: &Value) -> Result<()> {
    ensure!(get(told, "hostname")? == format!("seeded-{name}"), "{told:?}");
    ensure!(get(told, "machine_id")?.len() == 32, "{told:?}");
    ensure!(get(told, "cloud_init")?.contains("status: done"), "{told:?}");
    ensure!(get(told, "cloud_init")?.contains("NoCloud"), "{told:?}");
    ensure!(get(told, "noded")? == "active", "{told:?}");
    ensure!(get(told, "failed")?.is_empty(), "{told:?}");
    ensure!(disk["kernel"] == get(told, "kernel")?, "{told:?}");
    ensure!(get(told, "journal")? == get(told, "boot")?, "the journal is not kept: {told:?}");
    let root_bytes: u64 = get(told, "root_bytes")?.parse()?;
    ensure!(root_bytes > GROWN_BYTES, "the root filesystem has {root_bytes} bytes");
    let health: Value = serde_json::from_str(get(told, "health")?)?;
    ensure!(health["checks"].is_object(), "{health:#}");
    ensure!(health["node"]["cluster"] == "disk", "node.toml was not read: {:#}", health["node"]);
    Ok(())
}

fn main() -> ExitCode {
    let mut story = Story::begin("disk");
    let Some(mut region) = story.always("a state folder and a free port", Region::new) else {
        return story.end();
    };
    let Some(folder) = story.step("a folder for disks", || {
        let base = nixl_tests::programs::root().join("target/e2e");
        Ok(tempfile::Builder::new().prefix("disk-").tempdir_in(base)?)
    }) else {
        return story.end();
    };
    story.step("the region comes up", || region.up());
    let ami = story.step("an image is baked", || {
        let baked = region.bake()?;
        Ok(baked["ami_id"].as_str().context("no AMI")?.to_owned())
    });
    let ami = ami.unwrap_or_default();
    story.check("images that are not there are named", || {
        let target = folder.path().join("none");
        let args = ["export", "nixl-typo", "--rootfs", &target.to_string_lossy()];
        region.control().refused(&args, 1, &["no image nixl-typo", &ami])
    });
    story.check("its root filesystem is the image's", || rootfs(&region, &ami, folder.path()));
    let file = folder.path().join("nixl.qcow2");
    let made = story.step("a disk is made of it", || {
        let made = disk(&region, &ami, &file)?;
        println!("        {made}");
        Ok(made)
    });
    story.always("the region goes down", || region.down());
    let told = story.step("two machines start from it", || {
        let with = Accelerator::probe(folder.path())?;
        println!("        with {with:?}");
        let names = ["a", "b"];
        let started = names.map(|name| Vm::start(folder.path(), &file, name, with));
        let mut all = Vec::new();
        for (name, vm) in names.into_iter().zip(started) {
            let (told, took) = vm?.ended(UP_WITHIN)?;
            println!("        {name}: up after {} s, off after {took:.0?}", get(&told, "up_secs")?);
            all.push((name, told));
        }
        Ok(all)
    });
    for (name, told) in told.iter().flatten() {
        story.check(&format!("{name} is a node, with what its seed says"), || {
            judge(name, told, made.as_ref().unwrap_or(&Value::Null))
        });
    }
    story.check("they share no identity", || {
        let all: Vec<&Told> = told.iter().flatten().map(|(_, told)| told).collect();
        let [a, b] = all[..] else { anyhow::bail!("{} of 2 told", all.len()) };
        ensure!(get(a, "machine_id")? != get(b, "machine_id")?, "one machine-id: {a:?}");
        // There is no sshd in the image, so no keys; with one they would be made at first boot.
        let keys = get(a, "host_keys")?;
        ensure!(keys.is_empty() || keys != get(b, "host_keys")?, "one set of host keys: {keys}");
        Ok(())
    });
    story.end()
}
