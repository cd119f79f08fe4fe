//! The GPUs as a table.

use super::table::{Cell, Table};
use super::words;
use crate::gpu::State;
use jiff::Timestamp;
use nixl_cluster::health::HealthDocument;
use nixl_gpu::Gpu;

const HEADS: [&str; 11] = [
    "GPU",
    "State",
    "Load",
    "Memory",
    "Temperature",
    "Power",
    "ECC uncorrected",
    "NVLinks",
    "Xids",
    "Name",
    "PCI address",
];
/// An older answer is told with its age.
const OLD_SECS: i64 = 60;

pub(super) fn table(state: &State, document: &HealthDocument, now: Timestamp) -> Option<Table> {
    let (expected, seen) = (state.expected(), state.snapshot());
    let present = seen.as_ref().map_or(0, |seen| seen.snapshot.gpus.len());
    if present == 0 && expected.unwrap_or(0) == 0 {
        return None;
    }
    let mut note = match expected {
        Some(expected) => format!("{present} of {expected}"),
        None => present.to_string(),
    };
    if let Some(at) = state.seen_at().filter(|at| now.duration_since(*at).as_secs() > OLD_SECS) {
        note = format!("{note}, seen {} ago", words::ago(&at.to_string(), now));
    }
    let mut rows = Vec::new();
    if let Some(seen) = &seen {
        if let Some(driver) = &seen.snapshot.driver_version {
            note = format!("{note}, driver {driver}");
        }
        rows.extend(seen.snapshot.gpus.iter().map(|gpu| row(gpu, state, document)));
        rows.extend(seen.snapshot.lost.iter().map(|lost| {
            let state = Cell::plain(lost.error.as_str()).with("fail");
            let address = Cell::maybe(lost.pci_address.as_deref());
            let unknown = (3..HEADS.len()).map(|_| Cell::maybe(None::<&str>));
            [Cell::plain(lost.index.to_string()), state]
                .into_iter()
                .chain(unknown)
                .chain([address])
                .collect()
        }));
    }
    Some(Table::new(HEADS.to_vec(), rows, note))
}

fn row(gpu: &Gpu, state: &State, document: &HealthDocument) -> Vec<Cell> {
    let memory = gpu.memory.map(|memory| {
        format!("{} of {}", words::bytes(memory.used_bytes), words::bytes(memory.total_bytes))
    });
    let power = gpu.power_watts.map(|watts| match gpu.power_limit_watts {
        Some(limit) => format!("{watts:.0} of {limit:.0} W"),
        None => format!("{watts:.0} W"),
    });
    let uncorrected = gpu.ecc.as_ref().and_then(|ecc| ecc.volatile_uncorrected);
    let links = gpu.nvlink.as_ref();
    let inactive = links.is_some_and(|links| !links.inactive.is_empty());
    let xids = state.xids();
    let xids: Vec<String> = xids
        .iter()
        .filter(|count| count.device == gpu.pci_address)
        .map(|count| format!("{} ×{}", count.fault, count.count))
        .collect();
    let bad = |cell: Cell, is_bad| cell.with(if is_bad { "warn" } else { "" });
    vec![
        Cell::plain(gpu.index.to_string()),
        super::view::worst(document, "gpu:", &gpu.pci_address),
        Cell::maybe(gpu.utilization_percent.map(|percent| format!("{percent} %"))),
        Cell::maybe(memory),
        Cell::maybe(gpu.temperature_celsius.map(|celsius| format!("{celsius} °C"))),
        Cell::maybe(power),
        bad(Cell::maybe(uncorrected.map(|count| count.to_string())), uncorrected > Some(0)),
        bad(Cell::maybe(links.map(|of| format!("{} of {}", of.active(), of.links))), inactive),
        Cell::maybe((!xids.is_empty()).then(|| xids.join(", "))).with(if xids.is_empty() {
            ""
        } else {
            "warn"
        }),
        Cell::maybe(gpu.name.as_deref()),
        Cell::plain(gpu.pci_address.as_str()),
    ]
}
