//! What is near a device.

use crate::Tree;
use crate::pci::Function;

/// What is near a device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// NUMA node; `None` where the machine has but one.
    pub numa_node: Option<u32>,
    /// PCI addresses of the GPUs that share the most bridges with it, or else
    /// the NUMA node.
    pub gpus: Vec<String>,
}

impl Tree {
    /// What is near the device with this PCI address.
    #[must_use]
    pub fn place(&self, pci_address: &str) -> Place {
        let device = self.function(pci_address);
        let gpus = self.functions(Function::is_gpu).unwrap_or_default();
        let bridges = |gpu: &String| device.shared_bridges(&self.function(gpu));
        let most = gpus.iter().map(bridges).max().unwrap_or(0);
        let numa_of = |function: &Function| function.numa_node().unwrap_or_default();
        let numa_node = numa_of(&device);
        let near = |gpu: &String| match most {
            0 => numa_node.is_some() && numa_of(&self.function(gpu)) == numa_node,
            most => bridges(gpu) == most,
        };
        Place { numa_node, gpus: gpus.iter().filter(|gpu| near(gpu)).cloned().collect() }
    }
}
