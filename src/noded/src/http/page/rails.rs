//! The EFA devices as a table.

use super::table::{Cell, Table};
use super::words;
use crate::efa::Snapshot;
use nixl_cluster::health::HealthDocument;
use nixl_efa::counters::{
    DEVICE_ERRORS, RDMA_READ_WR_ERR, RDMA_WRITE_WR_ERR, RETRANS_BYTES, RETRANS_TIMEOUT_EVENTS,
    RX_BYTES, RX_DROPS, TX_BYTES,
};
use nixl_efa::{Device, Tally, Verbs};

const HEADS: [&str; 11] = [
    "Device",
    "State",
    "Out",
    "In",
    "Dropped",
    "Sent again",
    "Timeouts",
    "Errors",
    "Speed",
    "NUMA",
    "PCI address",
];
const BYTES_PER_GBPS: f64 = 1e9 / 8.0;

pub(super) fn table(told: Option<&Snapshot>, document: &HealthDocument) -> Option<Table> {
    let told = told?;
    let present: Vec<_> = told.inventory.present().collect();
    if present.is_empty() && told.expected.unwrap_or(0) == 0 {
        return None;
    }
    let count = match told.expected {
        Some(expected) => format!("{} of {expected} devices", present.len()),
        None => format!("{} devices", present.len()),
    };
    let rows = present.iter().map(|(device, verbs)| {
        let tally = told.tallies.get(&device.pci_address);
        row(device, verbs, tally, document)
    });
    Some(Table::new(HEADS.to_vec(), rows.collect(), count))
}

fn row(
    device: &Device,
    verbs: &Verbs,
    tally: Option<&Tally>,
    document: &HealthDocument,
) -> Vec<Cell> {
    let rate = |name| tally.and_then(|tally| tally.per_sec(name));
    let since = |name| tally.and_then(|tally| tally.count(name)).map(|count| count.total);
    let gbps = |name| Cell::maybe(rate(name).map(|bytes| words::gbps(bytes / BYTES_PER_GBPS)));
    let count = |count: Option<u64>| {
        let mood = if count > Some(0) { "warn" } else { "" };
        Cell::maybe(count.map(|count| count.to_string())).with(mood)
    };
    let errors = DEVICE_ERRORS.into_iter().chain([RDMA_READ_WR_ERR, RDMA_WRITE_WR_ERR]);
    let speed = verbs.rate_gbps.as_ref().ok().copied().flatten();
    let numa = device.numa_node.as_ref().ok().copied().flatten();
    vec![
        Cell::plain(device.name()),
        super::view::worst(document, "efa:", device.name()),
        gbps(TX_BYTES),
        gbps(RX_BYTES),
        count(since(RX_DROPS)),
        Cell::maybe(rate(RETRANS_BYTES).map(|bytes| words::gbps(bytes / BYTES_PER_GBPS))),
        count(since(RETRANS_TIMEOUT_EVENTS)),
        count(errors.filter_map(since).reduce(|sum, count| sum + count)),
        Cell::maybe(speed.map(words::gbps)),
        Cell::maybe(numa.map(|node| node.to_string())),
        Cell::plain(device.pci_address.as_str()),
    ]
}
