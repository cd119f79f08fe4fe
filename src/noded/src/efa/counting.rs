//! What the devices count, judged.
//!
//! No AWS page gives a threshold for any counter. The rates here are those of
//! EKS's node monitoring agent (100 events and 10^6 retransmitted bytes a
//! second), which says that there is no authoritative approach. What counts
//! errors only must not move at all.

use super::Snapshot;
use nixl_cluster::Reading;
use nixl_cluster::reason::{self, Reason};
use nixl_efa::{Count, Tally, counters};
use std::collections::BTreeMap;

const MOST_EVENTS_PER_SEC: f64 = 100.0;
const MOST_RETRANS_BYTES_PER_SEC: f64 = 1e6;

/// Counter, most a second, unit, reason; the worst first.
const RATES: [(&str, f64, &str, &Reason); 3] = [
    (counters::RETRANS_TIMEOUT_EVENTS, MOST_EVENTS_PER_SEC, "timeouts", &reason::EFA_TIMEOUTS),
    (counters::RX_DROPS, MOST_EVENTS_PER_SEC, "packets dropped", &reason::EFA_DROPS),
    (
        counters::RETRANS_BYTES,
        MOST_RETRANS_BYTES_PER_SEC,
        "bytes sent again",
        &reason::EFA_RETRANSMITS,
    ),
];

/// Counters that must not move, the worst first.
const STILL: [(&[&str], &Reason); 4] = [
    (&counters::DEVICE_ERRORS, &reason::EFA_COMMAND_ERRORS),
    (&[counters::RDMA_READ_WR_ERR, counters::RDMA_WRITE_WR_ERR], &reason::EFA_RDMA_ERRORS),
    (&[counters::IMPAIRED_REMOTE_CONN_EVENTS], &reason::EFA_REMOTE_IMPAIRED),
    (&[counters::UNRESPONSIVE_REMOTE_EVENTS], &reason::EFA_REMOTE_UNRESPONSIVE),
];

/// Each device: bytes it moves a second, and what goes wrong too often.
pub(super) fn rates(snapshot: &Snapshot) -> Vec<Reading> {
    of_each(snapshot, |tally| {
        let over = RATES.iter().filter_map(|row @ (name, most, _, _)| {
            tally.per_sec(name).filter(|rate| rate >= most).map(|rate| (row, rate))
        });
        let over: Vec<_> = over.collect();
        let reading = match over.first() {
            None => Reading::default(),
            Some(((_, _, _, reason), rate)) => {
                let told = over.iter().map(|((name, most, unit, _), rate)| {
                    format!("{rate:.0} {unit} a second ({name}, limit {most:.0})")
                });
                Reading::bad(reason, told.collect::<Vec<_>>().join(", "))
                    .field("per_sec", rate.round())
            }
        };
        let moved = [counters::TX_BYTES, counters::RX_BYTES].map(|name| tally.per_sec(name));
        match moved {
            [Some(sent), Some(received)] => {
                reading.value((sent + received).round() as u64).unit("bytes/s")
            }
            _ => reading,
        }
    })
}

/// Each device: errors since the daemon looks, and which are new.
pub(super) fn errors(snapshot: &Snapshot) -> Vec<Reading> {
    let seen = snapshot.at;
    of_each(snapshot, |tally| {
        let counts = STILL.iter().flat_map(|(names, reason)| {
            names.iter().filter_map(|name| Some((*name, tally.count(name)?, *reason)))
        });
        let counts: Vec<(&str, Count, &'static Reason)> = counts.collect();
        let total: u64 = counts.iter().map(|(_, count, _)| count.total).sum();
        let new: Vec<_> = counts.iter().filter(|(_, count, _)| count.grown > 0).collect();
        let reading = match new.first() {
            None => Reading::default(),
            Some((_, _, reason)) => {
                let told = new.iter().map(|(name, count, _)| {
                    let Count { grown, total, value, .. } = count;
                    format!("{name} +{grown} ({total} since this daemon looks, {value} in all)")
                });
                let grown: BTreeMap<&str, u64> =
                    new.iter().map(|(name, count, _)| (*name, count.grown)).collect();
                Reading::bad(reason, told.collect::<Vec<_>>().join(", "))
                    .field("new", serde_json::json!(grown))
                    .happened(seen)
            }
        };
        reading.value(total).unit("errors")
    })
}

fn of_each(snapshot: &Snapshot, judge: impl Fn(&Tally) -> Reading) -> Vec<Reading> {
    let present = snapshot.inventory.present();
    let counted = present.filter_map(|(device, _)| {
        Some(judge(snapshot.tallies.get(&device.pci_address)?).about(device.name()))
    });
    counted.collect()
}
