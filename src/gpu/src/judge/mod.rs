//! What a look at the GPUs means for the node.

mod gpu;
mod presence;
#[cfg(test)]
mod tests;

use crate::{Look, name};
use nixl_cluster::Reading;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What was there before, in this boot: only what has worked can be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// All GPUs of the instance type have answered at once.
    pub complete: bool,
    /// PCI addresses that ever answered.
    pub addresses: BTreeSet<String>,
}

impl Known {
    /// Takes in what is there; whether that was new.
    pub fn learn(&mut self, expected: Option<u32>, look: &Look) -> bool {
        let Look::Seen(snapshot) = look else { return false };
        let before = (self.complete, self.addresses.len());
        self.addresses.extend(snapshot.gpus.iter().map(|gpu| gpu.pci_address.clone()));
        let wanted = expected.map_or(1, |gpus| gpus as usize).max(1);
        self.complete |= snapshot.gpus.len() >= wanted;
        before != (self.complete, self.addresses.len())
    }
}

/// Readings under each name of a look, also where there is none now.
pub type Verdict = Vec<(&'static str, Vec<Reading>)>;

/// Judges one look. `expected` is what the instance type has; without it,
/// whatever was there must stay.
#[must_use]
pub fn judge(expected: Option<u32>, known: &Known, look: &Look) -> Verdict {
    let mut verdict = presence::judge(expected, known, look);
    let gpus = match look {
        Look::Seen(snapshot) => &snapshot.gpus[..],
        Look::Absent(_) => &[],
    };
    let linked = gpus.iter().filter_map(|gpu| gpu.nvlink.as_ref()).any(|link| link.active() > 0);
    let alone = gpus.len() < 2;
    let each = |of: &dyn Fn(&crate::Gpu) -> Option<Reading>| {
        let about = |gpu: &crate::Gpu| Some(of(gpu)?.about(gpu.pci_address.as_str()));
        gpus.iter().filter_map(about).collect::<Vec<Reading>>()
    };
    verdict.extend([
        (name::ECC, each(&gpu::ecc)),
        (name::ROWS, each(&gpu::rows)),
        (name::RECOVERY, each(&gpu::recovery)),
        (name::NVLINK, each(&|gpu| gpu::nvlink(gpu, linked, alone))),
        (name::PCIE, each(&gpu::pcie)),
        (name::THROTTLE, each(&gpu::throttle)),
        (name::TEMPERATURE, each(&gpu::temperature)),
        (name::PERSISTENCE, each(&gpu::persistence)),
        (name::UNREAD, each(&gpu::unread)),
    ]);
    verdict
}
