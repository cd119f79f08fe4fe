//! PCI functions (Documentation/ABI/testing/sysfs-bus-pci).

use crate::Tree;
use crate::fact::{self, Fact, Unreadable};
use std::fs;
use std::path::PathBuf;

const AMAZON: &str = "0x1d0f";
/// `0xefa0` to `0xefaf`: the driver knows the first few of them.
const EFA_PREFIX: &str = "0xefa";
const EFA_DRIVER: &str = "efa";
const NVIDIA: &str = "0x10de";
/// Display and 3D controllers.
const DISPLAY_CLASS: &str = "0x03";

/// One PCI function.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    pub folder: PathBuf,
}

impl Tree {
    pub(crate) fn function(&self, address: &str) -> Function {
        Function { folder: self.at("sys/bus/pci/devices").join(address) }
    }

    /// Addresses of the functions that are wanted, sorted.
    pub(crate) fn functions(
        &self,
        wanted: impl Fn(&Function) -> bool,
    ) -> Result<Vec<String>, Unreadable> {
        let mut names = fact::names(&self.at("sys/bus/pci/devices"))?;
        names.retain(|name| wanted(&self.function(name)));
        Ok(names)
    }

    /// PCI addresses of the EFA devices, whether or not they have a driver.
    #[must_use]
    pub fn efa_addresses(&self) -> Vec<String> {
        self.functions(Function::is_efa).unwrap_or_default()
    }

    /// PCI addresses of the GPUs.
    #[must_use]
    pub fn gpu_addresses(&self) -> Vec<String> {
        self.functions(Function::is_gpu).unwrap_or_default()
    }
}

impl Function {
    fn says(&self, file: &str) -> Option<String> {
        fact::text(&self.folder.join(file)).unwrap_or_default()
    }

    /// By its ids, or by its driver where they cannot be read.
    pub fn is_efa(&self) -> bool {
        match (self.says("vendor"), self.says("device")) {
            (Some(vendor), _) if vendor != AMAZON => false,
            (_, Some(device)) if !is_efa_device(&device) => false,
            (Some(_), Some(_)) => true,
            _ => self.driver() == Ok(Some(EFA_DRIVER.to_owned())),
        }
    }

    pub fn is_gpu(&self) -> bool {
        self.says("vendor").as_deref() == Some(NVIDIA)
            && self.says("class").is_some_and(|class| class.starts_with(DISPLAY_CLASS))
    }

    /// Name of the driver it is bound to.
    pub fn driver(&self) -> Fact<String> {
        fact::link(&self.folder.join("driver"))
    }

    /// NUMA node; `None` where the machine has but one, which the kernel calls -1.
    pub fn numa_node(&self) -> Fact<u32> {
        let node = fact::parsed(&self.folder.join("numa_node"), |text| text.parse::<i32>().ok())?;
        Ok(node.and_then(|node| u32::try_from(node).ok()))
    }

    /// Who lets the device reach GPU memory: a file of AWS's own driver, which
    /// the kernel's has not; empty if nobody does.
    pub fn p2p(&self) -> Fact<String> {
        fact::text(&self.folder.join("p2p"))
    }

    /// PCI bridges, roots among them, that are above both.
    pub fn shared_bridges(&self, other: &Self) -> usize {
        let paths = (fs::canonicalize(&self.folder), fs::canonicalize(&other.folder));
        let (Ok(a), Ok(b)) = paths else { return 0 };
        let shared = a.components().zip(b.components()).take_while(|(a, b)| a == b);
        shared.filter(|(part, _)| part.as_os_str().to_string_lossy().contains(':')).count()
    }
}

fn is_efa_device(id: &str) -> bool {
    let last = id.strip_prefix(EFA_PREFIX).map(str::as_bytes);
    matches!(last, Some([digit]) if digit.is_ascii_hexdigit())
}
