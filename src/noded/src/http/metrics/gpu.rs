//! GPUs, by PCI address: one that is lost has no UUID any more.

use super::families::{Families, Labels, alone, truth};
use crate::gpu::{Seen, State};
use jiff::Timestamp;
use nixl_gpu::Gpu;
use nixl_gpu::xid::{Count, Fault};
use std::fmt;
use std::sync::Arc;

/// What the monitor knows.
#[derive(Debug, Default)]
pub(super) struct Told {
    expected: Option<u32>,
    seen: Option<Arc<Seen>>,
    seen_at: Option<Timestamp>,
    present: Option<usize>,
    faults: Vec<Count>,
    /// Ends of the process that asks NVML.
    pub worker_deaths: u64,
}

impl Told {
    pub fn by(state: &State) -> Self {
        Self {
            expected: state.expected(),
            seen: state.snapshot(),
            seen_at: state.seen_at(),
            present: state.present(),
            faults: state.xids(),
            worker_deaths: state.worker_deaths(),
        }
    }
}

pub(super) fn write(told: &Told, families: &mut Families<'_>) -> fmt::Result {
    let help = "GPUs that the instance type has, where the type is known.";
    families.gauge("nixl_gpus_expected", help, alone(told.expected.map(f64::from)))?;
    faults(&told.faults, families)?;
    let help = "When the driver has answered last, Unix time.";
    let at = told.seen_at.map(|at| at.as_millisecond() as f64 / 1e3);
    families.gauge("nixl_gpu_seen_timestamp_seconds", help, alone(at))?;
    let count = told.present.map(|count| count as f64);
    families.gauge("nixl_gpus_present", "GPUs that the driver has.", alone(count))?;
    let Some(seen) = &told.seen else { return Ok(()) };
    let snapshot = &seen.snapshot;
    let driver = snapshot.driver_version.as_deref().unwrap_or_default();
    let who = snapshot.gpus.iter().map(|gpu| {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        vec![
            of(gpu),
            ("uuid", text(&gpu.uuid)),
            ("name", text(&gpu.name)),
            ("driver_version", driver.to_owned()),
        ]
    });
    families.info("nixl_gpu", "GPUs that the driver has.", who)?;
    gauges(&snapshot.gpus, families)?;
    counters(&snapshot.gpus, families)
}

fn of(gpu: &Gpu) -> (&'static str, String) {
    ("gpu", gpu.pci_address.clone())
}

/// Never the last one as a gauge: it would never leave, and two equal ones
/// would be one.
fn faults(faults: &[Count], families: &mut Families<'_>) -> fmt::Result {
    let labelled = |name, number: &u32, count: &Count| {
        let labels = vec![("gpu", count.device.clone()), (name, number.to_string())];
        (labels, count.count as f64)
    };
    let xids = faults.iter().filter_map(|count| match &count.fault {
        Fault::Xid(number) => Some(labelled("xid", number, count)),
        _ => None,
    });
    families.counter("nixl_gpu_xid", "Xids of a GPU since the node booted.", xids)?;
    let sxids = faults.iter().filter_map(|count| match &count.fault {
        Fault::SXid(number) => Some(labelled("sxid", number, count)),
        _ => None,
    });
    families.counter("nixl_gpu_sxid", "SXids of an NVSwitch since the node booted.", sxids)?;
    let lost = faults.iter().filter(|count| count.fault == Fault::OffBus);
    let lost = lost.map(|count| (vec![("gpu", count.device.clone())], count.count as f64));
    let help = "Times the driver has said that a GPU has fallen off the bus.";
    families.counter("nixl_gpu_off_bus", help, lost)
}

fn gauges(gpus: &[Gpu], families: &mut Families<'_>) -> fmt::Result {
    type Row = (&'static str, &'static str, fn(&Gpu) -> Option<f64>);
    let rows: [Row; 10] = [
        ("nixl_gpu_temperature_celsius", "Temperature of a GPU.", |gpu| {
            gpu.temperature_celsius.map(f64::from)
        }),
        ("nixl_gpu_power_watts", "What a GPU draws.", |gpu| gpu.power_watts),
        ("nixl_gpu_power_limit_watts", "What a GPU may draw.", |gpu| gpu.power_limit_watts),
        ("nixl_gpu_memory_used_bytes", "Memory of a GPU that is taken.", |gpu| {
            Some(gpu.memory?.used_bytes as f64)
        }),
        ("nixl_gpu_memory_size_bytes", "Memory of a GPU.", |gpu| {
            Some(gpu.memory?.total_bytes as f64)
        }),
        ("nixl_gpu_utilisation_ratio", "Share of time in which something ran on a GPU.", |gpu| {
            gpu.utilization_percent.map(|percent| f64::from(percent) / 100.0)
        }),
        ("nixl_gpu_processes", "Processes that compute on a GPU.", |gpu| {
            gpu.processes.map(f64::from)
        }),
        ("nixl_gpu_nvlinks_active", "NVLinks of a GPU that are active.", |gpu| {
            gpu.nvlink.as_ref().map(|links| f64::from(links.active()))
        }),
        ("nixl_gpu_nvlinks", "NVLinks of a GPU.", |gpu| {
            gpu.nvlink.as_ref().map(|links| f64::from(links.links))
        }),
        ("nixl_gpu_persistence_mode", "Whether the driver stays loaded for a GPU.", |gpu| {
            gpu.persistence_mode.map(truth)
        }),
    ];
    for (name, help, value) in rows {
        families.gauge(
            name,
            help,
            gpus.iter().filter_map(|gpu| Some((vec![of(gpu)], value(gpu)?))),
        )?;
    }
    let throttled = gpus.iter().filter_map(|gpu| {
        let reasons = gpu.throttle_reasons.as_ref()?;
        Some((vec![of(gpu)], truth(reasons.iter().any(|reason| reason.is_harmful()))))
    });
    let help = "Whether a GPU is held back by heat, hardware or its power supply.";
    families.gauge("nixl_gpu_throttled", help, throttled)
}

fn counters(gpus: &[Gpu], families: &mut Families<'_>) -> fmt::Result {
    let label = |gpu: &Gpu, more: &[(&'static str, &str)]| -> Labels {
        let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
        std::iter::once(of(gpu)).chain(more).collect()
    };
    let ecc = gpus.iter().filter_map(|gpu| Some((gpu, gpu.ecc.as_ref()?)));
    let samples = ecc.flat_map(|(gpu, ecc)| {
        let told = [
            ("volatile", "corrected", ecc.volatile_corrected),
            ("volatile", "uncorrected", ecc.volatile_uncorrected),
            ("aggregate", "corrected", ecc.aggregate_corrected),
            ("aggregate", "uncorrected", ecc.aggregate_uncorrected),
        ];
        told.into_iter().filter_map(move |(scope, kind, count)| {
            Some((label(gpu, &[("scope", scope), ("kind", kind)]), count? as f64))
        })
    });
    let help = "ECC errors of a GPU: volatile since the driver was loaded, aggregate ever.";
    families.counter("nixl_gpu_ecc_errors", help, samples)?;
    let rows = gpus.iter().filter_map(|gpu| Some((gpu, gpu.remapped_rows?)));
    let samples = rows.flat_map(|(gpu, rows)| {
        let told = [("corrected", rows.corrected), ("uncorrected", rows.uncorrected)];
        told.map(|(kind, count)| (label(gpu, &[("kind", kind)]), f64::from(count)))
    });
    let help = "Rows of a GPU's memory that were replaced, by the errors they had.";
    families.counter("nixl_gpu_remapped_rows", help, samples)?;
    let links = gpus.iter().filter_map(|gpu| Some((gpu, gpu.nvlink.as_ref()?.errors)));
    let samples = links.flat_map(|(gpu, errors)| {
        let told = [
            ("replay", errors.replay),
            ("recovery", errors.recovery),
            ("crc_flit", errors.crc_flit),
            ("crc_data", errors.crc_data),
        ];
        told.into_iter()
            .filter_map(move |(kind, count)| Some((label(gpu, &[("kind", kind)]), count? as f64)))
    });
    let help = "Errors of all NVLinks of a GPU since the driver was loaded.";
    families.counter("nixl_gpu_nvlink_errors", help, samples)?;
    let replays = gpus.iter().filter_map(|gpu| Some((vec![of(gpu)], f64::from(gpu.pcie.replays?))));
    let help = "Packets between a GPU and the host that were sent again.";
    families.counter("nixl_gpu_pcie_replays", help, replays)
}
