//! Whether the driver answers, and with as many GPUs as there should be.

use super::{Known, Verdict};
use crate::look::{Absent, Look, Missing};
use crate::name;
use crate::snapshot::{Lost, Snapshot};
use nixl_cluster::Reading;
use nixl_cluster::reason::{self, Reason};

pub(super) fn judge(expected: Option<u32>, known: &Known, starting: bool, look: &Look) -> Verdict {
    match look {
        Look::Absent(absent) => vec![
            (name::DRIVER, vec![driver(expected, known, starting, absent)]),
            (name::PRESENT, none_present(expected)),
            (name::LOST, Vec::new()),
        ],
        Look::Seen(snapshot) => vec![
            (name::DRIVER, vec![version(snapshot)]),
            (name::PRESENT, vec![present(expected, known, starting, snapshot)]),
            (name::LOST, all_lost(known, snapshot)),
        ],
    }
}

fn driver(expected: Option<u32>, known: &Known, starting: bool, absent: &Absent) -> Reading {
    let Absent { what, error } = absent;
    let wanted = expected.unwrap_or(0);
    if wanted == 0 && known.addresses.is_empty() {
        return Reading::good(nothing(expected));
    }
    let told = format!("{error}; the instance type has {wanted} GPUs");
    let reason: &Reason = match what {
        Missing::Library => {
            return Reading::bad(&reason::GPU_LIBRARY_MISSING, told).field("expected", wanted);
        }
        Missing::Match => &reason::GPU_DRIVER_MISMATCH,
        Missing::Permission => &reason::GPU_PERMISSION_DENIED,
        // It may be on its way.
        Missing::Driver | Missing::Answer if starting && !known.complete => &reason::INITIALIZING,
        Missing::Driver | Missing::Answer => &reason::GPU_DRIVER_FAILED,
    };
    Reading::bad(reason, told)
}

/// Where GPUs are expected, the driver's reason says why there are none.
fn none_present(expected: Option<u32>) -> Vec<Reading> {
    if expected.unwrap_or(0) == 0 { vec![Reading::good(nothing(expected))] } else { Vec::new() }
}

fn nothing(expected: Option<u32>) -> &'static str {
    if expected.is_some() { "none expected" } else { "none found" }
}

fn version(snapshot: &Snapshot) -> Reading {
    let told = |version: &Option<String>| version.clone().unwrap_or_else(|| "unknown".to_owned());
    let (driver, nvml) = (told(&snapshot.driver_version), told(&snapshot.nvml_version));
    Reading::good(format!("{driver} (NVML {nvml})"))
}

fn present(expected: Option<u32>, known: &Known, starting: bool, snapshot: &Snapshot) -> Reading {
    let present = snapshot.gpus.len();
    let mut gone = gone(known, snapshot);
    // A GPU that was lost before this process asked has no address any more.
    if gone.len() <= snapshot.lost.iter().filter(|lost| lost.pci_address.is_none()).count() {
        gone.clear();
    }
    let wanted = expected.map_or(known.addresses.len(), |gpus| gpus as usize);
    if gone.is_empty() && present + snapshot.lost.len() >= wanted {
        return Reading::good(present);
    }
    let told = format!("{present} of {wanted} GPUs answer");
    if starting && !known.complete {
        return Reading::bad(&reason::INITIALIZING, told).value(present);
    }
    let evidence = match gone[..] {
        [] => told,
        [..] => format!("{told}; gone: {}", gone.join(", ")),
    };
    // The boot that would bring it back has been.
    let reason =
        if known.complete { &reason::GPU_MISSING } else { &reason::GPU_MISSING_SINCE_BOOT };
    Reading::bad(reason, evidence)
        .value(present)
        .field("expected", wanted)
        .field("present", present)
        .field("gone", gone)
}

/// Addresses that once answered, and that NVML does not count any more.
fn gone<'a>(known: &'a Known, snapshot: &Snapshot) -> Vec<&'a str> {
    let listed = |address: &&str| {
        snapshot.gpus.iter().any(|gpu| gpu.pci_address == *address)
            || snapshot.lost.iter().any(|lost| lost.pci_address.as_deref() == Some(*address))
    };
    known.addresses.iter().map(String::as_str).filter(|address| !listed(address)).collect()
}

/// Where one address is gone and one GPU has none, it is its own.
fn all_lost(known: &Known, snapshot: &Snapshot) -> Vec<Reading> {
    let unnamed = snapshot.lost.iter().filter(|lost| lost.pci_address.is_none()).count();
    let only = match gone(known, snapshot)[..] {
        [address] if unnamed == 1 => Some(address),
        _ => None,
    };
    snapshot.lost.iter().map(|one| lost(one, only)).collect()
}

fn lost(lost: &Lost, only: Option<&str>) -> Reading {
    let Lost { index, pci_address, needs_reset, error } = lost;
    let address = pci_address.as_deref().or(only);
    let id = address.map_or_else(|| format!("GPU {index}"), str::to_owned);
    let evidence = format!("GPU {index} at {id}: {error}");
    let reading = if *needs_reset {
        Reading::bad(&reason::GPU_NEEDS_RESET, evidence).field("asked", "reset")
    } else {
        Reading::bad(&reason::GPU_LOST, evidence).field("index", *index)
    };
    reading.about(id)
}
