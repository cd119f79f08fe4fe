//! One look after the other: what has changed between them.

use super::Snapshot;
use jiff::Timestamp;
use nixl_cluster::ProviderChoice;
use nixl_cluster::{Provider, instance_type};
use nixl_efa::{Inventory, Tally};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Devices of p5en come late: AWS's own check looks four times in 15 s. Ours is
/// the time that a slow boot has.
pub(super) const STARTING: Duration = Duration::from_secs(60);

/// What was seen so far.
#[derive(Debug)]
pub(super) struct Watch {
    /// Whether EFA is to be used.
    pub wanted: bool,
    expected: Option<u32>,
    started: Instant,
    seen: BTreeSet<String>,
    tallies: BTreeMap<String, Tally>,
}

impl Watch {
    pub fn new(provider: ProviderChoice, instance_type: &str, now: Instant) -> Self {
        Self {
            wanted: provider.providers().contains(&Provider::Efa),
            expected: instance_type::find(instance_type).map(|known| known.efa_interfaces),
            started: now,
            seen: BTreeSet::new(),
            tallies: BTreeMap::new(),
        }
    }

    pub fn take(&mut self, inventory: Inventory, now: Instant) -> Snapshot {
        for (device, verbs) in inventory.present() {
            self.seen.insert(device.pci_address.clone());
            let guid = verbs.node_guid.as_ref().ok().and_then(Option::as_deref);
            let counters = &verbs.counters;
            let tally = self.tallies.entry(device.pci_address.clone()).or_default();
            tally.take(&counters.values, guid, counters.lifespan, now);
        }
        Snapshot {
            at: Timestamp::now(),
            expected: self.expected,
            inventory,
            tallies: self.tallies.clone(),
        }
    }

    /// Whether devices may still be to come.
    pub fn starting(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.started) < STARTING
    }

    /// PCI addresses of devices that were there and are not now.
    pub fn gone(&self, inventory: &Inventory) -> Vec<String> {
        let present: BTreeSet<&str> =
            inventory.present().map(|(device, _)| device.pci_address.as_str()).collect();
        self.seen.iter().filter(|seen| !present.contains(seen.as_str())).cloned().collect()
    }
}
