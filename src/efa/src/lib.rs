//! The EFA devices of a node, as the kernel's files tell of them: which are
//! there, what they count and what they need of the node.
//!
//! Everything is read below a root that is given, `/` on a node. What a file
//! says is a [`Fact`]: a file that is not there and one that cannot be read are
//! two things, and neither makes its device vanish. An EFA is known by its PCI
//! ids and driver, never by counting `/sys/class/infiniband`, where the NVLink
//! bridges of p6 are, too. Sources: amzn-drivers (`efa_main.c`, `efa_verbs.c`,
//! `efa_sysfs.c`), Documentation/ABI/stable/sysfs-class-infiniband.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod counters;
mod device;
mod fact;
mod huge_pages;
mod inventory;
mod pci;
mod place;
mod tally;
mod versions;

pub use device::{Device, Uverbs, Verbs};
pub use fact::{Fact, Unreadable};
pub use huge_pages::HugePages;
pub use inventory::Inventory;
pub use place::Place;
pub use tally::{Count, Tally};
pub use versions::{Libfabric, Versions};

use std::path::{Path, PathBuf};

/// The files of a node.
#[derive(Debug, Clone)]
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    /// `root` is `/` on a node.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}
