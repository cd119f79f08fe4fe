//! What a look at the GPUs means for the node.

mod gpu;
mod presence;
#[cfg(test)]
mod tests;

use crate::{Look, name};
use nixl_cluster::Reading;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What was there before, in this boot: only what has worked can be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// All GPUs of the instance type have answered at once.
    pub complete: bool,
    /// PCI addresses that ever answered.
    pub addresses: BTreeSet<String>,
    /// Most lanes that a GPU, by its address, ever had.
    #[serde(default)]
    pub widest: BTreeMap<String, u32>,
}

impl Known {
    /// Takes in what is there; whether that was new.
    pub fn learn(&mut self, expected: Option<u32>, look: &Look) -> bool {
        let Look::Seen(snapshot) = look else { return false };
        let mut new = false;
        for gpu in &snapshot.gpus {
            new |= self.addresses.insert(gpu.pci_address.clone());
            let Some(width) = gpu.pcie.width else { continue };
            let widest = self.widest.entry(gpu.pci_address.clone()).or_default();
            new |= width > *widest;
            *widest = width.max(*widest);
        }
        let wanted = expected.map_or(1, |gpus| gpus as usize).max(1);
        let complete = snapshot.gpus.len() >= wanted;
        new |= complete && !self.complete;
        self.complete |= complete;
        new
    }

    /// As many GPUs as there should be are counted, be they of use or not.
    #[must_use]
    pub fn accounts_for(&self, expected: Option<u32>, look: &Look) -> bool {
        let Look::Seen(snapshot) = look else { return false };
        let wanted = self.addresses.len().max(expected.unwrap_or(0) as usize).max(1);
        snapshot.gpus.len() + snapshot.lost.len() >= wanted
    }
}

/// Readings under each name of a look, also where there is none now.
pub type Verdict = Vec<(&'static str, Vec<Reading>)>;

/// Judges one look. `expected` is what the instance type has; without it,
/// whatever was there must stay. While the node is `starting`, what has not
/// answered yet may be on its way.
#[must_use]
pub fn judge(expected: Option<u32>, known: &Known, starting: bool, look: &Look) -> Verdict {
    let mut verdict = presence::judge(expected, known, starting, look);
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
        (name::PCIE, each(&|gpu| gpu::pcie(gpu, lanes(gpu, gpus, known)))),
        (name::THROTTLE, each(&gpu::throttle)),
        (name::TEMPERATURE, each(&gpu::temperature)),
        (name::PERSISTENCE, each(&gpu::persistence)),
        (name::UNREAD, each(&gpu::unread)),
    ]);
    verdict
}

/// Lanes that a GPU should have: as many as it had, or as its likes have. What
/// it could have says nothing: a T4 in a slot of eight lanes is told to take 16.
fn lanes(gpu: &crate::Gpu, all: &[crate::Gpu], known: &Known) -> Option<u32> {
    let likes = all.iter().filter(|other| other.name == gpu.name);
    let had = known.widest.get(&gpu.pci_address).copied();
    likes.filter_map(|other| other.pcie.width).chain(had).max()
}
