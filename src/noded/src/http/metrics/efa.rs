//! EFA devices: how many, what they are, what they count.

use super::families::{Families, Labels, alone};
use crate::efa::Snapshot;
use nixl_efa::counters::{DEVICE, PORT};
use nixl_efa::{Device, Unreadable, Verbs};
use std::fmt;

/// Bytes a second of 10^9 bits a second.
const BYTES_PER_GBPS: f64 = 1e9 / 8.0;

type Known<T> = Result<Option<T>, Unreadable>;

pub(super) fn write(told: Option<&Snapshot>, families: &mut Families<'_>) -> fmt::Result {
    let Some(told) = told else { return Ok(()) };
    let present: Vec<_> = told.inventory.present().collect();
    let help = "EFA devices that the instance type has, where the type is known.";
    families.gauge("nixl_efa_devices_expected", help, alone(told.expected.map(f64::from)))?;
    let help = "EFA devices that programs can see.";
    families.gauge("nixl_efa_devices_present", help, alone(Some(present.len() as f64)))?;
    let driver = known(&told.inventory.driver_version);
    let help = "EFA devices; the driver's version is empty for the kernel's own.";
    let who = present.iter().map(|(device, verbs)| who(device, verbs, &driver));
    families.info("nixl_efa_device", help, who)?;
    let help = "Line rate of an EFA device.";
    let speeds = present.iter().filter_map(|(device, verbs)| {
        let gbps = verbs.rate_gbps.as_ref().ok().copied().flatten()?;
        Some((vec![of(device)], gbps * BYTES_PER_GBPS))
    });
    families.gauge("nixl_efa_speed_bytes_per_second", help, speeds)?;
    counters(&present, families)?;
    huge_pages(told, families)
}

/// As far as it is known.
fn known(fact: &Known<String>) -> String {
    fact.clone().unwrap_or_default().unwrap_or_default()
}

fn of(device: &Device) -> (&'static str, String) {
    ("device", device.name().to_owned())
}

fn who(device: &Device, verbs: &Verbs, driver: &str) -> Labels {
    let numa = device.numa_node.as_ref().ok().copied().flatten();
    vec![
        of(device),
        ("pci_address", device.pci_address.clone()),
        ("driver_version", driver.to_owned()),
        ("firmware", known(&verbs.firmware)),
        ("numa_node", numa.map(|node| node.to_string()).unwrap_or_default()),
        ("gpu_direct", known(&device.p2p)),
    ]
}

/// Under the driver's own names, as the device counts since it was made.
fn counters(present: &[(&Device, &Verbs)], families: &mut Families<'_>) -> fmt::Result {
    for name in PORT.into_iter().chain(DEVICE) {
        let help = format!("Counter {name} of each EFA device that has it.");
        let samples = present.iter().filter_map(|(device, verbs)| {
            Some((vec![of(device)], *verbs.counters.values.get(name)? as f64))
        });
        families.counter(&format!("nixl_efa_{name}"), &help, samples)?;
    }
    Ok(())
}

fn huge_pages(told: &Snapshot, families: &mut Families<'_>) -> fmt::Result {
    let pages = told.inventory.huge_pages.as_ref().ok().and_then(Option::as_ref);
    let Some(pages) = pages else { return Ok(()) };
    let sizes = [("all", pages.total), ("free", pages.free)];
    let samples = sizes.map(|(state, count)| {
        (vec![("state", state.to_owned())], (count * pages.size_bytes) as f64)
    });
    let help = "Memory in huge pages of the default size, which EFA's provider uses.";
    families.gauge("nixl_huge_pages_bytes", help, samples)
}
