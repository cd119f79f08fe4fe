//! NVML, opened at run time. It never makes a CUDA context.
//!
//! A library that is there is opened once and kept: GPUs that appear later are
//! seen by a new process, which also has the right devices in its sandbox.

mod gpu;

use crate::look::{Absent, Look, Missing};
use crate::pci;
use crate::snapshot::{Lost, Snapshot};
use nvml_wrapper::Nvml;
use nvml_wrapper::bitmasks::InitFlags;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::struct_wrappers::device::PciInfo;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

/// Where the loader finds it.
const LIBRARY: &str = "libnvidia-ml.so.1";

/// The opened library. Own it on one thread.
pub struct Driver {
    nvml: Nvml,
    /// By index, as told when they could still be reached.
    addresses: BTreeMap<u32, String>,
}

impl Driver {
    /// Opens `library`, or else the loader's.
    ///
    /// # Errors
    /// What is missing.
    pub fn open(library: Option<&Path>) -> Result<Self, Absent> {
        let path = library.map_or(OsStr::new(LIBRARY), Path::as_os_str);
        // Without GPUs, too: they may come later.
        let opened = Nvml::builder().lib_path(path).flags(InitFlags::NO_GPUS).init();
        opened.map(|nvml| Self { nvml, addresses: BTreeMap::new() }).map_err(|error| absent(&error))
    }

    /// Everything of this moment.
    pub fn look(&mut self) -> Look {
        let count = match self.nvml.device_count() {
            Ok(count) => count,
            Err(error) => return Look::Absent(absent(&error)),
        };
        let mut snapshot = Snapshot {
            driver_version: self.nvml.sys_driver_version().ok(),
            nvml_version: self.nvml.sys_nvml_version().ok(),
            ..Snapshot::default()
        };
        for index in 0..count {
            match self.gpu(index) {
                Ok(gpu) => snapshot.gpus.push(gpu),
                Err(error) => snapshot.lost.push(Lost {
                    index,
                    pci_address: self.addresses.get(&index).cloned(),
                    needs_reset: matches!(error, NvmlError::ResetRequired),
                    error: error.to_string(),
                }),
            }
        }
        Look::Seen(snapshot)
    }

    fn gpu(&mut self, index: u32) -> Result<crate::Gpu, NvmlError> {
        let device = self.nvml.device_by_index(index)?;
        let place = address(&device.pci_info()?);
        self.addresses.insert(index, place.clone());
        gpu::read(&device, index, place)
    }
}

fn address(info: &PciInfo) -> String {
    // NVML has no functions: a GPU is function 0.
    pci::format(info.domain, info.bus, info.device, 0)
}

fn absent(error: &NvmlError) -> Absent {
    let what = match error {
        NvmlError::LibloadingError(_)
        | NvmlError::LibraryNotFound
        | NvmlError::FailedToLoadSymbol(_) => Missing::Library,
        NvmlError::DriverNotLoaded => Missing::Driver,
        NvmlError::LibRmVersionMismatch => Missing::Match,
        NvmlError::NoPermission | NvmlError::OperatingSystem => Missing::Permission,
        _ => Missing::Answer,
    };
    Absent { what, error: error.to_string() }
}
