//! `nixl-region exec` and `shell`.

use std::process::ExitCode;

use anyhow::{Context, bail};

use super::{client, state};
use crate::layout::Layout;
use crate::machine::exec::become_command;
use crate::machine::record::MachineRecord;
use crate::pretend::NO_MACHINES;

/// Becomes the command in the machine, so input, output, signals and exit
/// code are the command's own.
pub(super) fn run(layout: &Layout, machine: &str, argv: &[String]) -> anyhow::Result<ExitCode> {
    let instance_id = find(layout, machine)?;
    if layout.pretends() {
        bail!("nothing runs behind {instance_id}: {NO_MACHINES}");
    }
    let record = MachineRecord::read(&layout.machine_record(&instance_id))
        .with_context(|| format!("machine {instance_id} is not running"))?;
    let leader = record
        .leader()
        .with_context(|| format!("machine {instance_id} is not running (or just rebooting)"))?;
    Err(become_command(leader, argv)).context("run nsenter")
}

pub(super) fn shell(layout: &Layout, machine: &str) -> anyhow::Result<ExitCode> {
    run(layout, machine, &["bash".to_owned(), "-l".to_owned()])
}

/// The id of a machine given by id or Name tag.
pub(super) fn find(layout: &Layout, wanted: &str) -> anyhow::Result<String> {
    let machines = client::machines(&state::credentials(layout)?)?;
    let mut found = machines
        .iter()
        .filter(|row| row.instance_id == wanted || row.name.as_deref() == Some(wanted))
        .map(|row| row.instance_id.clone());
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id),
        (Some(one), Some(two)) => bail!("{wanted} is the name of {one} and {two}: give the id"),
        (None, _) => {
            let known: Vec<&str> = machines
                .iter()
                .map(|row| row.name.as_deref().unwrap_or(&row.instance_id))
                .collect();
            let known = if known.is_empty() { "none".into() } else { known.join(", ") };
            bail!("no machine {wanted} (there are: {known})")
        }
    }
}
