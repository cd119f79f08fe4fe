//! How many devices are there, of how many.

use super::Snapshot;
use super::watch::Watch;
use nixl_cluster::{Reading, reason};
use nixl_efa::{Device, Inventory};
use std::time::Instant;

/// Devices against what the instance type has and what was there before.
pub(super) fn devices(watch: &Watch, snapshot: &Snapshot, now: Instant) -> Reading {
    let inventory = &snapshot.inventory;
    let present = inventory.present().count();
    let gone = watch.gone(inventory);
    let wished = if watch.wanted {
        inventory.devices.len().max(snapshot.expected.map_or(0, |expected| expected as usize))
    } else {
        0
    };
    let expected = wished.max(present + gone.len());
    if present == expected {
        return match &inventory.unreadable[..] {
            [] => Reading::good(present),
            unreadable => super::rail::unreadable(unreadable).value(present),
        }
        .unit("devices");
    }
    let count = format!("{present} of {expected} EFA devices");
    if gone.is_empty() && watch.starting(now) {
        return Reading::bad(&reason::INITIALIZING, format!("{count} are there so far"))
            .value(present);
    }
    if inventory.devices.is_empty() && gone.is_empty() {
        let evidence = format!("no EFA device is attached, this type can have {expected}");
        return Reading::bad(&reason::EFA_NOT_ATTACHED, evidence)
            .value(0)
            .field("expected", expected);
    }
    let driverless = without_driver(inventory);
    if !driverless.is_empty() && present + driverless.len() == expected {
        return driver_missing(&driverless).value(present).unit("devices");
    }
    let of_no_use = inventory.devices.iter().filter(|device| device.verbs.is_none());
    let of_no_use = of_no_use.map(|device| format!("{} ({})", device.pci_address, why(device)));
    // Those that are on the bus are told with what they lack.
    let off_bus = gone
        .iter()
        .filter(|gone| !inventory.devices.iter().any(|device| device.pci_address == **gone));
    let which: Vec<String> = off_bus
        .map(|gone| format!("{gone} (not on the PCI bus any more)"))
        .chain(of_no_use)
        .collect();
    let mut evidence = format!("{count} are there");
    if !which.is_empty() {
        evidence = format!("{evidence}; missing: {}", which.join(", "));
    }
    Reading::bad(&reason::EFA_MISSING, evidence)
        .value(present)
        .unit("devices")
        .field("expected", expected)
        .field("present", present)
        .field("gone", gone)
}

/// Version of the driver; none is told where there is no device.
pub(super) fn driver(watch: &Watch, snapshot: &Snapshot, now: Instant) -> Option<Reading> {
    let inventory = &snapshot.inventory;
    if inventory.devices.is_empty() {
        return None;
    }
    let driverless = without_driver(inventory);
    if watch.wanted && !driverless.is_empty() {
        if watch.starting(now) {
            let evidence = format!("{} have no driver so far", driverless.join(", "));
            return Some(Reading::bad(&reason::INITIALIZING, evidence));
        }
        return Some(driver_missing(&driverless));
    }
    Some(match &inventory.driver_version {
        Ok(Some(version)) => Reading::good(version.as_str()),
        Ok(None) if inventory.driver_loaded => Reading::good("the kernel's own"),
        Ok(None) => Reading::good("not loaded"),
        Err(unreadable) => super::rail::unreadable([unreadable]),
    })
}

fn without_driver(inventory: &Inventory) -> Vec<&str> {
    let without = inventory
        .devices
        .iter()
        .filter(|device| device.verbs.is_none() && device.driver == Ok(None));
    without.map(|device| device.pci_address.as_str()).collect()
}

fn driver_missing(devices: &[&str]) -> Reading {
    let evidence = format!("no driver is bound to {}", devices.join(", "));
    Reading::bad(&reason::EFA_DRIVER_MISSING, evidence).field("devices", devices.to_vec())
}

fn why(device: &Device) -> String {
    match &device.driver {
        Ok(None) => "no driver".to_owned(),
        Ok(Some(driver)) => format!("driver {driver} has made no InfiniBand device of it"),
        Err(unreadable) => unreadable.to_string(),
    }
}
