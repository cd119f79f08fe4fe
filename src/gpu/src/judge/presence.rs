//! Whether the driver answers, and with as many GPUs as there should be.

use super::{Known, Verdict};
use crate::look::{Absent, Look, Missing};
use crate::name;
use crate::snapshot::{Lost, Snapshot};
use nixl_cluster::Reading;
use nixl_cluster::reason::{self, Reason};

pub(super) fn judge(expected: Option<u32>, known: &Known, look: &Look) -> Verdict {
    match look {
        Look::Absent(absent) => vec![
            (name::DRIVER, vec![driver(expected, known, absent)]),
            (name::PRESENT, none_present(expected)),
            (name::LOST, Vec::new()),
        ],
        Look::Seen(snapshot) => vec![
            (name::DRIVER, vec![version(snapshot)]),
            (name::PRESENT, vec![present(expected, known, snapshot)]),
            (name::LOST, snapshot.lost.iter().map(lost).collect()),
        ],
    }
}

fn driver(expected: Option<u32>, known: &Known, absent: &Absent) -> Reading {
    let Absent { what, error } = absent;
    let wanted = expected.unwrap_or(0);
    if wanted == 0 && known.addresses.is_empty() {
        return Reading::good(if expected.is_some() { "none expected" } else { "none found" });
    }
    let told = format!("{error}; the instance type has {wanted} GPUs");
    let reason: &Reason = match what {
        Missing::Library => {
            return Reading::bad(&reason::GPU_LIBRARY_MISSING, told).field("expected", wanted);
        }
        Missing::Match => &reason::GPU_DRIVER_MISMATCH,
        Missing::Permission => &reason::GPU_PERMISSION_DENIED,
        // It may be on its way.
        Missing::Driver | Missing::Answer if !known.complete => &reason::INITIALIZING,
        Missing::Driver | Missing::Answer => &reason::GPU_DRIVER_FAILED,
    };
    Reading::bad(reason, told)
}

/// Where GPUs are expected, the driver's reason says why there are none.
fn none_present(expected: Option<u32>) -> Vec<Reading> {
    if expected.unwrap_or(0) == 0 { vec![Reading::good(0)] } else { Vec::new() }
}

fn version(snapshot: &Snapshot) -> Reading {
    let told = |version: &Option<String>| version.clone().unwrap_or_else(|| "unknown".to_owned());
    let (driver, nvml) = (told(&snapshot.driver_version), told(&snapshot.nvml_version));
    Reading::good(format!("{driver} (NVML {nvml})"))
}

fn present(expected: Option<u32>, known: &Known, snapshot: &Snapshot) -> Reading {
    let present = snapshot.gpus.len();
    let listed = |address: &&String| {
        snapshot.gpus.iter().any(|gpu| gpu.pci_address == **address)
            || snapshot.lost.iter().any(|lost| lost.pci_address.as_ref() == Some(*address))
    };
    let gone: Vec<&str> =
        known.addresses.iter().filter(|address| !listed(address)).map(String::as_str).collect();
    let wanted = expected.map_or(known.addresses.len(), |gpus| gpus as usize);
    if gone.is_empty() && present + snapshot.lost.len() >= wanted {
        return Reading::good(present);
    }
    let told = format!("{present} of {wanted} GPUs answer");
    if !known.complete {
        return Reading::bad(&reason::INITIALIZING, told).value(present);
    }
    let evidence = match gone[..] {
        [] => told,
        [..] => format!("{told}; gone: {}", gone.join(", ")),
    };
    Reading::bad(&reason::GPU_MISSING, evidence)
        .value(present)
        .field("expected", wanted)
        .field("present", present)
        .field("gone", gone)
}

fn lost(lost: &Lost) -> Reading {
    let Lost { index, pci_address, needs_reset, error } = lost;
    let id = pci_address.clone().unwrap_or_else(|| format!("GPU {index}"));
    let evidence = format!("GPU {index} at {id}: {error}");
    let reading = if *needs_reset {
        Reading::bad(&reason::GPU_NEEDS_RESET, evidence).field("asked", "reset")
    } else {
        Reading::bad(&reason::GPU_LOST, evidence).field("index", *index)
    };
    reading.about(id)
}
