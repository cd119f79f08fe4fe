//! What a region may leave on a computer, looked at from outside of it.

use anyhow::{Context, Result, ensure};
use nixl_tests::{Program, Region, wait_for};
use std::collections::BTreeSet;
use std::time::Duration;

/// Namespaces, links, mounts, processes, cgroups, packet filters, loop devices and
/// files in `/run` that carry our name.
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
    for folder in [
        "/run",
        "/run/netns",
        "/run/systemd/nspawn/propagate",
        "/sys/fs/cgroup",
        "/sys/fs/cgroup/systemd",
        "/sys/fs/cgroup/unified",
    ] {
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
    for entry in std::fs::read_dir("/sys/block").into_iter().flatten().flatten() {
        if let Ok(file) = std::fs::read_to_string(entry.path().join("loop/backing_file")) {
            found.insert(format!("loop device over {}", file.trim()));
        }
    }
    let tables = std::process::Command::new("nft").args(["list", "tables"]).output();
    for table in String::from_utf8_lossy(&tables.map(|o| o.stdout).unwrap_or_default()).lines() {
        found.insert(format!("packet filter {table}"));
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

/// What goes on in a region when it is killed, told in words and brought about.
type Happening = fn(&Region) -> Result<()>;

/// All that is tried.
pub const HAPPENING: &[(&str, Happening)] = &[
    ("with a running machine", |region| launch(region, "one").and_then(|_| running(region, 1))),
    ("while machines start", |region| {
        launch(region, "one")?;
        launch(region, "two").map(drop)
    }),
    ("with a full disk, a slow link, a stopped machine and one without power", trouble),
    ("during a build", building),
];

/// Brings the region up, lets something happen, kills it, takes it down.
pub fn killed(region: &mut Region, happening: Happening) -> Result<()> {
    region.up_with(&["--machine-disks", "1G", "--machine-clocks"])?;
    happening(region)?;
    let status = region.control().json(&["status", "--output", "json"])?;
    let pid = status["pid"].as_u64().context("status shows no pid")?.to_string();
    Program::new("/bin/kill").ok(&["-9", &pid])?;
    let state = region.state_dir();
    region.down()?;
    ensure!(!state.exists(), "{} is still there", state.display());
    Ok(())
}

/// The public image.
fn image(region: &Region) -> Result<String> {
    let aws = region.venv_program("aws");
    let images = aws.json(&["ec2", "describe-images", "--owners", "136693071363"])?;
    Ok(images["Images"][0]["ImageId"].as_str().context("no base image")?.to_owned())
}

/// Launches a machine; its id.
fn launch(region: &Region, name: &str) -> Result<String> {
    let tags = format!("ResourceType=instance,Tags=[{{Key=Name,Value={name}}}]");
    let launched = region.venv_program("aws").json(&[
        "ec2",
        "run-instances",
        "--image-id",
        &image(region)?,
        "--instance-type",
        "t3.micro",
        "--tag-specifications",
        &tags,
    ])?;
    Ok(launched["Instances"][0]["InstanceId"].as_str().context("no instance")?.to_owned())
}

fn running(region: &Region, count: usize) -> Result<()> {
    let aws = region.venv_program("aws");
    wait_for("running machines", Duration::from_secs(60), || {
        let found = aws.json(&[
            "ec2",
            "describe-instances",
            "--query",
            "Reservations[].Instances[].State.Name",
        ])?;
        let run = found.as_array().map_or(0, |all| all.iter().filter(|s| *s == "running").count());
        ensure!(run == count, "{found}");
        Ok(())
    })
    .map(drop)
}

fn trouble(region: &Region) -> Result<()> {
    let names = ["full", "slow", "stopped", "off"];
    let ids = names.iter().map(|name| launch(region, name)).collect::<Result<Vec<_>>>()?;
    running(region, names.len())?;
    let control = region.control();
    control.ok(&["fill-disk", "full", "--leave", "1M"])?;
    control.ok(&["machine-clock", "full", "+1h"])?;
    control.ok(&["slow", "slow", "--latency", "5ms"])?;
    control.ok(&["partition", "slow", "full"])?;
    control.ok(&["power-cut", "off"])?;
    let aws = region.venv_program("aws");
    aws.ok(&["ec2", "stop-instances", "--instance-ids", &ids[2]])?;
    aws.ok(&["ec2", "wait", "instance-stopped", "--instance-ids", &ids[2]]).map(drop)
}

/// Starts a build that takes long, and waits until it runs.
fn building(region: &Region) -> Result<()> {
    let aws = region.venv_program("aws");
    let sleep = "schemaVersion: 1.0\nphases: [{name: build, steps: [{name: Sleep, action: \
                 ExecuteBash, inputs: {commands: ['sleep 600']}}]}]";
    let make = |args: &[&str], arn: &str| -> Result<String> {
        let made = aws.json(&[&["imagebuilder"], args].concat())?;
        Ok(made[arn].as_str().with_context(|| format!("no {arn} in {made}"))?.to_owned())
    };
    let named = ["--name", "sleep", "--semantic-version", "1.0.0"];
    let component = make(
        &[&["create-component", "--platform", "Linux", "--data", sleep], &named[..]].concat(),
        "componentBuildVersionArn",
    )?;
    let components = format!("componentArn={component}");
    let parent = image(region)?;
    let recipe = make(
        &[
            &["create-image-recipe", "--components", &components, "--parent-image", &parent],
            &named[..],
        ]
        .concat(),
        "imageRecipeArn",
    )?;
    let iam = |args: &[&str]| aws.ok(&[&["iam"], args].concat());
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    iam(&["create-role", "--role-name", "build", "--assume-role-policy-document", trust])?;
    iam(&["create-instance-profile", "--instance-profile-name", "build"])?;
    iam(&[
        "add-role-to-instance-profile",
        "--instance-profile-name",
        "build",
        "--role-name",
        "build",
    ])?;
    let infrastructure = make(
        &[
            "create-infrastructure-configuration",
            "--name",
            "build",
            "--instance-profile-name",
            "build",
        ],
        "infrastructureConfigurationArn",
    )?;
    make(
        &[
            "create-image",
            "--image-recipe-arn",
            &recipe,
            "--infrastructure-configuration-arn",
            &infrastructure,
        ],
        "imageBuildVersionArn",
    )?;
    wait_for("a running build", Duration::from_secs(60), || {
        let processes = look();
        let sleeps = |line: &String| line.starts_with("process ") && line.contains("sleep 600");
        ensure!(processes.iter().any(sleeps), "{processes:#?}");
        Ok(())
    })
    .map(drop)
}
