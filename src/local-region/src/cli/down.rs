//! `nixl-region down`: asks the region to end, then removes by name what is
//! left; the same after `kill -9`, and a second time.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::state;
use crate::layout::Layout;
use crate::machine::sweep::sweep;

/// Machines get 5 s to power off, all at the same time.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn run(layout: &Layout, purge: Option<&PathBuf>) -> anyhow::Result<ExitCode> {
    let pretends = layout.pretends();
    if !pretends && !rustix::process::geteuid().is_root() {
        bail!("down removes machines and namespaces: run it as root (sudo nixl-region down)");
    }
    let was_there = layout.claimed();
    stop(layout);
    let left = if pretends { Vec::new() } else { sweep(layout) };
    if was_there {
        std::fs::remove_dir_all(layout.state_dir())
            .with_context(|| format!("remove {}", layout.state_dir().display()))?;
    }
    if let Some(cache_dir) = purge {
        purge_cache(cache_dir)?;
    }
    if !left.is_empty() {
        bail!("not all could be removed: {}", left.join("; "));
    }
    println!("{}", if was_there { "the region is down" } else { "the region was not up" });
    Ok(ExitCode::SUCCESS)
}

/// Ends the region's process, by force when it does not listen.
fn stop(layout: &Layout) {
    let Some(region) = state::process(layout) else { return };
    region.signal(libc::SIGTERM);
    let deadline = Instant::now() + PATIENCE;
    while region.alive() {
        if Instant::now() > deadline {
            eprintln!("the region does not end by itself: killed");
            region.signal(libc::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Removes base images, and the folder when nothing else is in it.
fn purge_cache(cache_dir: &Path) -> anyhow::Result<()> {
    let Ok(entries) = std::fs::read_dir(cache_dir) else { return Ok(()) };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        let removed = match name.as_str() {
            "base-image.log" => std::fs::remove_file(&path),
            name if name.starts_with("base-") || name.starts_with(".base-") => {
                std::fs::remove_dir_all(&path)
            }
            _ => Ok(()),
        };
        removed.with_context(|| format!("remove {}", path.display()))?;
    }
    // Fails when something else is there, and then it stays.
    let _ = std::fs::remove_dir(cache_dir);
    Ok(())
}
