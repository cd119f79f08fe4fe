//! The node around the daemon: disks, memory, clock, credentials, notices.

use super::families::{Families, Labels, alone, truth};
use crate::system::Facts;
use jiff::Timestamp;
use std::fmt;

pub(super) fn write(facts: &Facts, families: &mut Families<'_>) -> fmt::Result {
    if let Some(host) = &facts.host {
        let instance = facts.instance.as_ref();
        let who = vec![
            ("kernel", host.kernel.clone()),
            ("instance_type", instance.map(|of| of.instance_type.clone()).unwrap_or_default()),
            ("zone", instance.map(|of| of.zone.clone()).unwrap_or_default()),
        ];
        families.info("nixl_system", "Kernel and instance.", [who])?;
        let help = "When the node booted, Unix time.";
        let booted = alone(Some(secs(host.booted_at)));
        families.gauge("nixl_system_boot_time_seconds", help, booted)?;
    }
    clock(facts, families)?;
    disks(facts, families)?;
    if let Some(memory) = &facts.memory {
        let help = "Memory of the node.";
        let total = alone(Some(memory.total_bytes as f64));
        families.gauge("nixl_memory_size_bytes", help, total)?;
        let help = "Memory of the node that can be had without swapping.";
        let available = alone(Some(memory.available_bytes as f64));
        families.gauge("nixl_memory_available_bytes", help, available)?;
        let help = "Processes that the kernel has killed for memory since the boot.";
        families.counter("nixl_memory_oom_kills", help, alone(Some(memory.oom_kills as f64)))?;
    }
    ends(facts, families)
}

fn secs(at: Timestamp) -> f64 {
    at.as_second() as f64
}

fn clock(facts: &Facts, families: &mut Families<'_>) -> fmt::Result {
    let Some(clock) = &facts.clock else { return Ok(()) };
    let help = "Whether something keeps the clock to the time of others.";
    families.gauge("nixl_clock_synchronised", help, alone(Some(truth(clock.synchronised))))?;
    let help = "Largest error that the clock can have.";
    families.gauge("nixl_clock_max_error_seconds", help, alone(clock.max_error_secs))
}

fn disks(facts: &Facts, families: &mut Families<'_>) -> fmt::Result {
    let of =
        |path: &Option<&String>| -> Labels { vec![("path", path.cloned().unwrap_or_default())] };
    let disks = || facts.disks.iter().map(|disk| (disk.paths.first(), disk));
    let help = "Size of a filesystem that the node's software writes to.";
    let sizes = disks().map(|(path, disk)| (of(&path), disk.size_bytes as f64));
    families.gauge("nixl_disk_size_bytes", help, sizes)?;
    let help = "What is left of a filesystem.";
    let left = disks().map(|(path, disk)| (of(&path), disk.available_bytes as f64));
    families.gauge("nixl_disk_available_bytes", help, left)
}

/// What ends when.
fn ends(facts: &Facts, families: &mut Families<'_>) -> fmt::Result {
    let credentials = facts.credentials.as_ref().and_then(|told| told.expires_at);
    let help = "When the credentials of the node's role end, Unix time.";
    let name = "nixl_credentials_expiry_timestamp_seconds";
    families.gauge(name, help, alone(credentials.map(secs)))?;
    let help = "When the cluster may be removed, Unix time.";
    let name = "nixl_cluster_expiry_timestamp_seconds";
    families.gauge(name, help, alone(facts.expires_at.map(secs)))?;
    let notices = &facts.notices;
    let told = [
        ("spot", usize::from(notices.spot.is_some())),
        ("rebalance", usize::from(notices.rebalance_at.is_some())),
        ("maintenance", notices.maintenance.len()),
    ];
    let samples = told.map(|(kind, count)| (vec![("kind", kind.to_owned())], count as f64));
    families.gauge("nixl_instance_notices", "What AWS announces of this instance.", samples)
}
