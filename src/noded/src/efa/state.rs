//! What is known of the EFA devices, for every part of the daemon.

use jiff::Timestamp;
use nixl_cluster::Provider;
use nixl_efa::{Inventory, Tally, Versions};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The last look; clones share it.
#[derive(Debug, Clone, Default)]
pub struct State(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    snapshot: Option<Arc<Snapshot>>,
    fabric: Option<Fabric>,
}

/// One look.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// When.
    pub at: Timestamp,
    /// Devices that the instance type has, if the type is known.
    pub expected: Option<u32>,
    /// What was there.
    pub inventory: Inventory,
    /// What each device that was ever there counts, by PCI address: values,
    /// totals since the daemon looks and rates.
    pub tallies: BTreeMap<String, Tally>,
}

/// What the fabric runs over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fabric {
    /// Provider in use.
    pub provider: Provider,
    /// Version of libfabric, e.g. `2.4`.
    pub library_version: String,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last look; `None` before the first.
    #[must_use]
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.lock().snapshot.clone()
    }

    /// Versions of driver, kernel and firmware at the last look.
    #[must_use]
    pub fn versions(&self) -> Option<Versions> {
        self.snapshot().map(|snapshot| snapshot.inventory.versions())
    }

    /// What the fabric ran over when it was opened last.
    #[must_use]
    pub fn fabric(&self) -> Option<Fabric> {
        self.lock().fabric.clone()
    }

    /// The fabric is open.
    pub fn opened(&self, provider: Provider, library_version: &str) {
        let library_version = library_version.to_owned();
        self.lock().fabric = Some(Fabric { provider, library_version });
    }

    pub(crate) fn put(&self, snapshot: Arc<Snapshot>) {
        self.lock().snapshot = Some(snapshot);
    }
}
