//! One EFA device.

use crate::Tree;
use crate::counters::Counters;
use crate::fact::{self, Fact, Unreadable};
use crate::pci::Function;
use rustix::fs::Access;
use std::path::{Path, PathBuf};

pub(crate) const CLASS: &str = "sys/class/infiniband";

/// An EFA function on the PCI bus.
#[derive(Debug, Clone, PartialEq)]
pub struct Device {
    /// E.g. `0000:4f:00.0`.
    pub pci_address: String,
    /// Driver it is bound to, usually `efa`; `None` without one.
    pub driver: Fact<String>,
    /// NUMA node; `None` where the machine has but one.
    pub numa_node: Fact<u32>,
    /// Who lets it reach GPU memory (GPUDirect), e.g. `NVIDIA`; empty if nobody
    /// does, `None` where the driver does not tell, as the kernel's own.
    pub p2p: Fact<String>,
    /// What its driver made of it; `None` before, and after it vanished.
    pub verbs: Option<Verbs>,
}

/// The InfiniBand device that the driver makes.
#[derive(Debug, Clone, PartialEq)]
pub struct Verbs {
    /// E.g. `rdmap79s0`, or `efa_0` without rdma-core's naming.
    pub name: String,
    /// Changes when the device is replaced; `None` of drivers that do not tell,
    /// which write zeros.
    pub node_guid: Fact<String>,
    /// Version of its firmware.
    pub firmware: Fact<String>,
    /// Speed of its port, in 10^9 bits a second. The port's state is none: the
    /// driver always says that it is up.
    pub rate_gbps: Fact<f64>,
    /// Its address on the fabric.
    pub gid: Fact<String>,
    /// Where programs open it.
    pub uverbs: Result<PathBuf, Uverbs>,
    /// What it has counted.
    pub counters: Counters,
}

/// Why programs cannot open a device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Uverbs {
    /// The kernel has no node for it.
    #[error("the kernel has made no uverbs device of it; ib_uverbs is not loaded")]
    NotMade,
    /// The folder that names the node does not tell.
    #[error("{0}")]
    Unknown(#[from] Unreadable),
    /// The node is not in `/dev`.
    #[error("{} is not there", path.display())]
    NoNode {
        /// Where it should be.
        path: PathBuf,
    },
    /// Not for this user.
    #[error("{}: {why}", path.display())]
    Refused {
        /// The node.
        path: PathBuf,
        /// The kernel's words.
        why: String,
    },
}

impl Device {
    pub(crate) fn read(pci_address: &str, function: &Function) -> Self {
        Self {
            pci_address: pci_address.to_owned(),
            driver: function.driver(),
            numa_node: function.numa_node(),
            p2p: function.p2p(),
            verbs: None,
        }
    }

    /// Name of its InfiniBand device, or else its PCI address.
    #[must_use]
    pub fn name(&self) -> &str {
        self.verbs.as_ref().map_or(&self.pci_address, |verbs| &verbs.name)
    }

    /// Every file of it that is there and could not be read.
    #[must_use]
    pub fn unreadable(&self) -> Vec<&Unreadable> {
        let own =
            [self.driver.as_ref().err(), self.numa_node.as_ref().err(), self.p2p.as_ref().err()];
        let verbs = self.verbs.iter().flat_map(|verbs| {
            let facts = [
                verbs.node_guid.as_ref().err(),
                verbs.firmware.as_ref().err(),
                verbs.rate_gbps.as_ref().err(),
                verbs.gid.as_ref().err(),
            ];
            facts.into_iter().flatten().chain(&verbs.counters.unreadable)
        });
        own.into_iter().flatten().chain(verbs).collect()
    }
}

impl Verbs {
    pub(crate) fn read(tree: &Tree, name: &str) -> Self {
        let folder = tree.at(CLASS).join(name);
        Self {
            name: name.to_owned(),
            node_guid: fact::text(&folder.join("node_guid")).map(|guid| guid.filter(|g| is_set(g))),
            firmware: fact::text(&folder.join("fw_ver")),
            rate_gbps: fact::parsed(&folder.join("ports/1/rate"), gbps),
            gid: fact::text(&folder.join("ports/1/gids/0")),
            uverbs: uverbs(tree, &folder.join("device/infiniband_verbs")),
            counters: Counters::read(&folder),
        }
    }
}

fn is_set(guid: &str) -> bool {
    guid.chars().any(|c| !matches!(c, '0' | ':'))
}

/// `100 Gb/sec (4X EDR)`
fn gbps(text: &str) -> Option<f64> {
    let (number, _) = text.split_once(" Gb/sec")?;
    number.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate >= 0.0)
}

fn uverbs(tree: &Tree, folder: &Path) -> Result<PathBuf, Uverbs> {
    let names = fact::names(folder)?;
    let path = tree.at("dev/infiniband").join(names.first().ok_or(Uverbs::NotMade)?);
    match rustix::fs::access(&path, Access::READ_OK | Access::WRITE_OK) {
        Ok(()) => Ok(path),
        Err(rustix::io::Errno::NOENT) => Err(Uverbs::NoNode { path }),
        Err(error) => Err(Uverbs::Refused { path, why: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rates_are_those_of_the_kernel() {
        for (text, rate) in [
            ("100 Gb/sec (4X EDR)", Some(100.0)),
            ("2.5 Gb/sec (1X SDR)", Some(2.5)),
            ("400 Gb/sec (8X HDR)", Some(400.0)),
            ("100", None),
            ("inf Gb/sec (4X)", None),
            ("-1 Gb/sec", None),
            ("", None),
        ] {
            assert_eq!(gbps(text), rate, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_rate_is_read_and_any_text_is_met(tenths in 0_u32..100_000, text in ".{0,40}") {
            let rate = f64::from(tenths) / 10.0;
            prop_assert_eq!(gbps(&format!("{rate} Gb/sec (4X HDR)")), Some(rate));
            let read = gbps(&text);
            prop_assert!(read.is_none_or(|rate| rate >= 0.0));
        }
    }
}
