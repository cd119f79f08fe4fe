//! `nixl-region up`: checks, makes the base image, starts the region as a
//! process of its own and waits until it answers.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::status::WITHOUT_MACHINES;
use super::{MachineKind, Settings, client, half, port_owner, prerequisites, state};
use crate::base_image;
use crate::layout::Layout;
use crate::machine::sweep::sweep;

const START_PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn run(
    layout: &Layout,
    cache_dir: &Path,
    settings: &Settings,
) -> anyhow::Result<ExitCode> {
    if state::process(layout).is_some() {
        let credentials = state::credentials(layout)?;
        if credentials.port != settings.port {
            bail!(
                "the region is already up, at {}: `nixl-region down` first to move it to port {}",
                credentials.endpoint_url,
                settings.port
            );
        }
        if let Some(option) = credentials.fixed.lacks(&settings.fixed()?) {
            bail!("the region is already up, with another {option}: `nixl-region down` first");
        }
        println!("already up at {}", credentials.endpoint_url);
        println!("next: eval \"$(nixl-region env)\"");
        return Ok(ExitCode::SUCCESS);
    }
    let venv = settings.venv(cache_dir);
    let pretend = settings.machines == MachineKind::Pretend;
    // What an earlier region of another kind left is removed as that kind.
    let swept = !pretend || (layout.claimed() && !layout.pretends());
    let mut missing = match swept {
        true => prerequisites::missing(&prerequisites::ThisHost, &venv),
        false => Vec::new(),
    };
    if settings.machine_disks.is_some() {
        missing.extend(prerequisites::missing_for_disks(&prerequisites::ThisHost));
    }
    if pretend {
        half::script(settings)?;
    }
    if let Some(why) = port_owner::taken(settings.port) {
        missing.push(prerequisites::Missing {
            what: why,
            fix: "stop it, or choose another with --port".into(),
        });
    }
    if !missing.is_empty() {
        bail!("cannot start:\n{}", prerequisites::table(&missing));
    }
    // What a killed region left would be in the way.
    let left = if swept { sweep(layout) } else { Vec::new() };
    if !left.is_empty() {
        bail!("remains of an earlier region cannot be removed: {}", left.join("; "));
    }
    if layout.claimed() {
        std::fs::remove_dir_all(layout.state_dir()).context("remove an earlier region's state")?;
    }
    layout.claim().context("make the state folder")?;
    if pretend {
        std::fs::write(layout.pretend_file(), WITHOUT_MACHINES)
            .context("write the state folder")?;
    } else {
        base_image::ensure(cache_dir, &|line| eprintln!("{line}"))?;
    }
    let mut child = start(layout, cache_dir, settings, &venv)?;
    wait(layout, &mut child)?;
    let credentials = state::credentials(layout)?;
    println!("region {} is up at {}", credentials.region, credentials.endpoint_url);
    if pretend {
        println!("{WITHOUT_MACHINES}");
    }
    println!(
        "next: eval \"$(nixl-region env)\", then any AWS tool; `nixl-region status`, `logs`, `down`"
    );
    Ok(ExitCode::SUCCESS)
}

/// `nixl-region base-image`: for who wants to look into it.
pub(super) fn base_image(cache_dir: &Path) -> anyhow::Result<ExitCode> {
    let root = base_image::ensure(cache_dir, &|line| eprintln!("{line}"))?;
    for layer in root.layers {
        println!("{}", layer.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn start(
    layout: &Layout,
    cache_dir: &Path,
    settings: &Settings,
    venv: &Path,
) -> anyhow::Result<Child> {
    let log = File::create(layout.region_log()).context("make the region's log")?;
    let mut command = Command::new(std::env::current_exe().context("find this program")?);
    command
        .arg("--state-dir")
        .arg(layout.state_dir())
        .arg("--cache-dir")
        .arg(cache_dir)
        .args(["serve", "--port", &settings.port.to_string(), "--region", &settings.region])
        .arg("--venv")
        .arg(venv);
    if let Some(bytes) = settings.machine_disks {
        command.args(["--machine-disks", &bytes.to_string()]);
    }
    if settings.machine_clocks {
        command.arg("--machine-clocks");
    }
    if let Some(record) = settings.fixed()?.record {
        command.arg("--record").arg(record);
    }
    if settings.machines == MachineKind::Pretend {
        command.args(["--machines", "pretend"]);
    }
    if let Some(script) = &settings.script {
        command.arg("--script").arg(std::path::absolute(script)?);
    }
    command.current_dir("/").stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    // SAFETY: setsid(2) and umask(2) are async-signal-safe and touch no memory.
    unsafe {
        command.pre_exec(|| {
            // A session of its own: the region outlives this terminal.
            libc::setsid();
            // Folders made here become the machines' folders.
            libc::umask(0o022);
            Ok(())
        });
    }
    command.spawn().context("start the region")
}

fn wait(layout: &Layout, child: &mut Child) -> anyhow::Result<()> {
    let deadline = Instant::now() + START_PATIENCE;
    loop {
        if let Some(status) = child.try_wait()? {
            let log = std::fs::read_to_string(layout.region_log()).unwrap_or_default();
            let last =
                log.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no output");
            bail!("the region ended with {status}: {last}");
        }
        if let Ok(credentials) = state::credentials(layout)
            && client::machines(&credentials).is_ok()
        {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("the region does not answer after 60 s: see `nixl-region logs`");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
