//! All devices of a node and what they share.

use crate::device::{CLASS, Device, Verbs};
use crate::fact::{self, Fact, Unreadable};
use crate::pci::Function;
use crate::{HugePages, Tree, Versions};
use std::collections::BTreeMap;
use std::fs;

/// What was found at one look.
#[derive(Debug, Clone, PartialEq)]
pub struct Inventory {
    /// Every EFA function, by PCI address; those without [`Device::verbs`] are
    /// of no use to programs.
    pub devices: Vec<Device>,
    /// Number of GPUs on the PCI bus.
    pub gpus: usize,
    /// Whether the `efa` module is loaded, or built in.
    pub driver_loaded: bool,
    /// Version of AWS's driver; the kernel's own has none.
    pub driver_version: Fact<String>,
    /// Release of the kernel.
    pub kernel: Fact<String>,
    /// Huge pages of the default size; `None` where `/proc` does not tell.
    pub huge_pages: Fact<HugePages>,
    /// What could not be read and is no device's own.
    pub unreadable: Vec<Unreadable>,
}

impl Tree {
    /// Looks at everything. Reading a counter asks the device, so this may wait
    /// as long as the device does.
    #[must_use]
    pub fn look(&self) -> Inventory {
        let mut unreadable = Vec::new();
        let mut told = |names: Result<Vec<String>, Unreadable>| {
            names.map_err(|error| unreadable.push(error)).unwrap_or_default()
        };
        let mut devices: BTreeMap<String, Device> = BTreeMap::new();
        for address in told(self.functions(Function::is_efa)) {
            let device = Device::read(&address, &self.function(&address));
            devices.insert(address, device);
        }
        for name in told(fact::names(&self.at(CLASS))) {
            let function = Function { folder: self.at(CLASS).join(&name).join("device") };
            let Some(address) = function.address().filter(|_| function.is_efa()) else { continue };
            let device = devices.entry(address);
            let device = device.or_insert_with_key(|address| Device::read(address, &function));
            device.verbs = Some(Verbs::read(self, &name));
        }
        let gpus = told(self.functions(Function::is_gpu)).len();
        let module = self.at("sys/module/efa");
        Inventory {
            devices: devices.into_values().collect(),
            gpus,
            driver_loaded: module.is_dir(),
            driver_version: fact::text(&module.join("version")),
            kernel: fact::text(&self.at("proc/sys/kernel/osrelease")),
            huge_pages: fact::parsed(&self.at("proc/meminfo"), HugePages::parse),
            unreadable,
        }
    }
}

impl Function {
    /// Its PCI address, which the path through a class does not tell.
    fn address(&self) -> Option<String> {
        Some(fs::canonicalize(&self.folder).ok()?.file_name()?.to_string_lossy().into_owned())
    }
}

impl Inventory {
    /// Devices that programs can see.
    pub fn present(&self) -> impl Iterator<Item = (&Device, &Verbs)> {
        self.devices.iter().filter_map(|device| Some((device, device.verbs.as_ref()?)))
    }

    /// Versions that should be alike on both ends of a link.
    #[must_use]
    pub fn versions(&self) -> Versions {
        let known = |fact: &Fact<String>| fact.clone().unwrap_or_default();
        let firmware = self.present().filter_map(|(_, verbs)| known(&verbs.firmware));
        Versions {
            driver: known(&self.driver_version),
            kernel: known(&self.kernel),
            firmware: firmware.collect(),
        }
    }
}
