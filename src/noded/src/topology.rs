//! Where this node's devices are, as sysfs tells it.
//!
//! An EFA is known by PCI vendor and device, never by counting
//! /sys/class/infiniband, where other devices are, too (amzn-drivers,
//! efa_main.c). Other files: Documentation/ABI/testing/sysfs-bus-pci.

use std::fs;
use std::path::{Path, PathBuf};

const AMAZON: &str = "0x1d0f";
const EFA_PREFIX: &str = "0xefa";
const NVIDIA: &str = "0x10de";
/// Display and 3D controllers.
const DISPLAY_CLASS: &str = "0x03";

/// The PCI devices below a `/sys`.
#[derive(Debug, Clone)]
pub struct Topology {
    devices: PathBuf,
}

/// What is near a device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// NUMA node; `None` where the machine has but one.
    pub numa_node: Option<u32>,
    /// PCI addresses of the GPUs that share the most bridges with it, or else
    /// the NUMA node.
    pub gpus: Vec<String>,
}

impl Topology {
    /// `root` is `/` on a node.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        Self { devices: root.join("sys/bus/pci/devices") }
    }

    /// PCI addresses of the EFA devices.
    #[must_use]
    pub fn efa_devices(&self) -> Vec<String> {
        self.find(|device| {
            device.read("vendor") == AMAZON && device.read("device").starts_with(EFA_PREFIX)
        })
    }

    /// What is near the device with this PCI address.
    #[must_use]
    pub fn place(&self, pci_address: &str) -> Place {
        let device = self.device(pci_address);
        let gpus = self.find(|device| {
            device.read("vendor") == NVIDIA && device.read("class").starts_with(DISPLAY_CLASS)
        });
        let bridges = |gpu: &String| device.shared_bridges(&self.device(gpu));
        let most = gpus.iter().map(bridges).max().unwrap_or(0);
        let numa_node = device.numa_node();
        let near = |gpu: &String| match most {
            0 => numa_node.is_some() && self.device(gpu).numa_node() == numa_node,
            most => bridges(gpu) == most,
        };
        Place { numa_node, gpus: gpus.iter().filter(|gpu| near(gpu)).cloned().collect() }
    }

    fn device(&self, pci_address: &str) -> Device {
        Device(self.devices.join(pci_address))
    }

    fn find(&self, wanted: impl Fn(&Device) -> bool) -> Vec<String> {
        let entries = fs::read_dir(&self.devices).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut found: Vec<String> = names.filter(|name| wanted(&self.device(name))).collect();
        found.sort();
        found
    }
}

struct Device(PathBuf);

impl Device {
    /// A file of it; empty where it cannot be read.
    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_default().trim().to_owned()
    }

    fn numa_node(&self) -> Option<u32> {
        // -1 where there is one node only.
        self.read("numa_node").parse().ok()
    }

    /// PCI bridges, roots among them, that are above both.
    fn shared_bridges(&self, other: &Self) -> usize {
        let paths = (fs::canonicalize(&self.0), fs::canonicalize(&other.0));
        let (Ok(a), Ok(b)) = paths else { return 0 };
        let shared = a.components().zip(b.components()).take_while(|(a, b)| a == b);
        shared.filter(|(part, _)| part.as_os_str().to_string_lossy().contains(':')).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A tree with devices at these places below `sys/devices`.
    fn tree(devices: &[(&str, &str, &str, &str, &str)]) -> (tempfile::TempDir, Topology) {
        let root = tempfile::tempdir().unwrap();
        let list = root.path().join("sys/bus/pci/devices");
        fs::create_dir_all(&list).unwrap();
        for (place, vendor, device, class, numa) in devices {
            let folder = root.path().join("sys/devices").join(place);
            fs::create_dir_all(&folder).unwrap();
            let files =
                [("vendor", vendor), ("device", device), ("class", class), ("numa_node", numa)];
            for (name, text) in files {
                fs::write(folder.join(name), format!("{text}\n")).unwrap();
            }
            symlink(&folder, list.join(folder.file_name().unwrap())).unwrap();
        }
        let topology = Topology::below(root.path());
        (root, topology)
    }

    const GPU: (&str, &str, &str) = ("0x10de", "0x2330", "0x030200");
    const EFA: (&str, &str, &str) = ("0x1d0f", "0xefa2", "0x020000");

    #[test]
    fn gpus_behind_the_same_switch_are_near() {
        let at = |place, (vendor, device, class), numa| (place, vendor, device, class, numa);
        let (_root, topology) = tree(&[
            at("pci0000:40/0000:40:01.0/0000:4f:00.0", EFA, "0"),
            at("pci0000:40/0000:40:01.0/0000:53:00.0", GPU, "0"),
            at("pci0000:40/0000:40:02.0/0000:64:00.0", GPU, "0"),
            at("pci0000:80/0000:80:01.0/0000:8f:00.0", EFA, "1"),
            at("pci0000:80/0000:80:01.0/0000:93:00.0", GPU, "1"),
            // A ConnectX, an ENA and NVIDIA's audio are neither.
            at("pci0000:80/0000:80:01.0/0000:99:00.0", ("0x15b3", "0x101e", "0x020700"), "1"),
            at("pci0000:00/0000:00:05.0", ("0x1d0f", "0xec20", "0x020000"), "0"),
            at("pci0000:40/0000:40:01.0/0000:4f:00.1", ("0x10de", "0x2330", "0x040300"), "0"),
        ]);
        assert_eq!(topology.efa_devices(), ["0000:4f:00.0", "0000:8f:00.0"]);
        let place = topology.place("0000:4f:00.0");
        assert_eq!((place.numa_node, place.gpus), (Some(0), vec!["0000:53:00.0".to_owned()]));
        let place = topology.place("0000:8f:00.0");
        assert_eq!((place.numa_node, place.gpus), (Some(1), vec!["0000:93:00.0".to_owned()]));
    }

    #[test]
    fn on_a_flat_bus_the_numa_node_decides() {
        let at = |place, (vendor, device, class), numa| (place, vendor, device, class, numa);
        let (_root, topology) = tree(&[
            at("pci0000:10/0000:10:1b.0", EFA, "0"),
            at("pci0000:20/0000:20:1c.0", GPU, "0"),
            at("pci0000:90/0000:90:1c.0", GPU, "1"),
        ]);
        assert_eq!(topology.place("0000:10:1b.0").gpus, ["0000:20:1c.0"]);
    }

    #[test]
    fn what_is_not_there_is_nowhere() {
        let (_root, topology) = tree(&[("pci0000:20/0000:20:1c.0", "0x10de", "0x1", "0x03", "-1")]);
        assert_eq!(topology.efa_devices(), Vec::<String>::new());
        assert_eq!(topology.place("0000:00:06.0"), Place::default());
        let none = Topology::below(Path::new("/nonexistent"));
        assert_eq!(none.efa_devices(), Vec::<String>::new());
    }
}
