//! What the devices need of the node.

use super::{Fabric, Snapshot, rail};
use nixl_cluster::{Provider, Reading, reason};
use nixl_efa::{HugePages, Libfabric};

/// Bytes of huge pages for each device. Ours: the EFA installer sets aside 5128
/// pages of 2 MiB whatever the type, and the most devices are 32.
const HUGE_BYTES_EACH: u64 = 160 * 2 * 1024 * 1024;

/// Memory that this process and its worker may lock; `None` is no limit.
pub(super) fn memlock(limit_bytes: Option<u64>) -> Reading {
    match limit_bytes {
        None => Reading::good("unlimited"),
        Some(limit) => Reading::bad(&reason::EFA_MEMLOCK, format!("the limit is {limit} bytes"))
            .value(limit)
            .unit("bytes")
            .field("limit_bytes", limit),
    }
}

/// Huge pages set aside for all devices, where the kernel tells. Those that are
/// in use may be in ours, so what is free is told and not judged.
pub(super) fn huge_pages(snapshot: &Snapshot) -> Option<Reading> {
    let devices = snapshot.inventory.present().count() as u64;
    let HugePages { total, free, size_bytes } = match &snapshot.inventory.huge_pages {
        Ok(pages) => (*pages)?,
        Err(unreadable) => return Some(rail::unreadable([unreadable])),
    };
    let wanted = (devices * HUGE_BYTES_EACH).div_ceil(size_bytes.max(1));
    if total >= wanted {
        return Some(Reading::good(free).unit("pages"));
    }
    let evidence = format!(
        "{total} huge pages of {size_bytes} bytes are set aside, {devices} devices take {wanted}"
    );
    let reading = Reading::bad(&reason::EFA_HUGE_PAGES, evidence)
        .value(free)
        .unit("pages")
        .field("total", total)
        .field("free", free)
        .field("wanted", wanted);
    Some(reading)
}

/// Version of libfabric, where the fabric runs over EFA.
pub(super) fn libfabric(fabric: Option<&Fabric>) -> Option<Reading> {
    let Fabric { library_version, .. } = fabric.filter(|f| f.provider == Provider::Efa)?;
    let least = Libfabric::LEAST_FOR_NIXL;
    let old = Libfabric::parse(library_version).is_some_and(|version| version < least);
    Some(if old {
        let evidence = format!("libfabric {library_version} is in use, NIXL needs {least}");
        Reading::bad(&reason::EFA_LIBFABRIC_OLD, evidence)
            .value(library_version.as_str())
            .field("version", library_version.as_str())
            .field("least", least.to_string())
    } else {
        Reading::good(library_version.as_str())
    })
}

/// Who lets the devices reach GPU memory, where there are GPUs and the driver
/// tells.
pub(super) fn gpu_direct(snapshot: &Snapshot) -> Option<Reading> {
    if snapshot.inventory.gpus == 0 {
        return None;
    }
    let told = snapshot
        .inventory
        .present()
        .filter_map(|(device, _)| Some((device.name(), device.p2p.as_ref().ok()?.as_deref()?)));
    let told: Vec<(&str, &str)> = told.collect();
    let nobody: Vec<&str> =
        told.iter().filter(|(_, p2p)| p2p.is_empty()).map(|(name, _)| *name).collect();
    let first = told.first().map(|(_, p2p)| *p2p)?;
    Some(if nobody.is_empty() {
        Reading::good(first)
    } else {
        let evidence = format!("no provider of GPU memory for {}", nobody.join(", "));
        Reading::bad(&reason::EFA_NO_GPUDIRECT, evidence).value("none").field("devices", nobody)
    })
}
