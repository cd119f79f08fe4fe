//! `nixl-region logs`.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};

use super::exec::find;
use crate::layout::Layout;

pub(super) fn run(
    layout: &Layout,
    machine: Option<&str>,
    follow: bool,
) -> anyhow::Result<ExitCode> {
    let path = match machine {
        Some(machine) => layout.console_log(&find(layout, machine)?),
        // Readable also when the region has died: that is when it is wanted.
        None => layout.region_log(),
    };
    if !path.exists() {
        bail!("no log at {}: start the region with `nixl-region up`", path.display());
    }
    if follow {
        let error = Command::new("tail").args(["-n", "+1", "-F"]).arg(&path).exec();
        return Err(error).context("run tail");
    }
    let mut file =
        std::fs::File::open(&path).with_context(|| format!("read {}", path.display()))?;
    match std::io::copy(&mut file, &mut std::io::stdout().lock()) {
        // A reader that has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        result => drop(result.context("print the log")?),
    }
    Ok(ExitCode::SUCCESS)
}
