//! `fi_getinfo`: hints, query and choice. Every `fi_info` is allocated and
//! freed by the library.

use super::failed;
use crate::{FabricError, accepts};
use nixl_cluster::Provider;
use nixl_fabric_sys::Library;
use nixl_fabric_sys::abi::{
    FI_BUS_PCI, FI_CONTEXT, FI_CONTEXT2, FI_ENODATA, FI_ENOMEM, FI_EP_RDM, FI_MR_ALLOCATED,
    FI_MR_LOCAL, FI_MR_PROV_KEY, FI_MR_VIRT_ADDR, FI_MSG, FI_NUMERICHOST, FI_RMA, FI_SOURCE,
    FI_TAGGED, fi_bus_attr, fi_info,
};
use std::ffi::{CStr, CString, c_char};
use std::net::IpAddr;
use std::ptr::NonNull;

/// An info (list), owned.
#[derive(Debug)]
pub(super) struct Info {
    library: Library,
    head: NonNull<fi_info>,
}

impl Info {
    /// An entry for each rail: every device of `efa`, every source of `tcp`,
    /// one for `shm`.
    pub(super) fn choose(
        library: &Library,
        provider: Provider,
        sources: &[IpAddr],
    ) -> Result<Vec<Self>, FabricError> {
        let sources = match (provider, sources) {
            (Provider::Tcp, []) => return Err(FabricError::SourceMissing),
            (Provider::Tcp, sources) => sources.iter().copied().map(Some).collect(),
            (Provider::Efa | Provider::Shm, _) => vec![None],
        };
        let mut rails = Vec::new();
        for source in sources {
            let found = match Self::query(library, provider, source)? {
                Some(list) => list.rails(provider)?,
                None => Vec::new(),
            };
            if found.is_empty() {
                return Err(missing(library, provider, source));
            }
            rails.extend(found);
        }
        Ok(rails)
    }

    /// The first entry of each domain that is of the provider asked for.
    fn rails(&self, provider: Provider) -> Result<Vec<Self>, FabricError> {
        let mut rails: Vec<Self> = Vec::new();
        let mut entry = self.head.as_ptr();
        while !entry.is_null() {
            // SAFETY: an entry of the list.
            let copy = Self::own(&self.library, unsafe { self.library.dupinfo(entry) })?;
            let known = rails.iter().any(|rail| rail.domain_name() == copy.domain_name());
            if !known && accepts(provider, &copy.provider_name(), &copy.fabric_name()) {
                rails.push(copy);
            }
            // Only devices are several; other providers list what they have
            // once for each way to use it.
            if provider != Provider::Efa && !rails.is_empty() {
                break;
            }
            // SAFETY: as above.
            entry = unsafe { (*entry).next };
        }
        // A rail speaks to the one of its number: devices in the order of their
        // slots, which is the same on nodes of one type.
        rails.sort_by_cached_key(|rail| (rail.device().0, rail.domain_name()));
        Ok(rails)
    }

    /// Every entry; `None` where there is none.
    fn query(
        library: &Library,
        provider: Provider,
        source: Option<IpAddr>,
    ) -> Result<Option<Self>, FabricError> {
        let node = source.and_then(|source| CString::new(source.to_string()).ok());
        let (node, flags) = match &node {
            Some(node) => (node.as_ptr(), FI_SOURCE | FI_NUMERICHOST),
            None => (std::ptr::null(), 0),
        };
        // A provider without RMA still has messages.
        for caps in [FI_MSG | FI_TAGGED | FI_RMA, FI_MSG | FI_TAGGED] {
            let hints = Self::hints(library, provider, caps)?;
            let mut head = std::ptr::null_mut();
            // SAFETY: hints come from the library, the node is terminated.
            let code = unsafe {
                library.getinfo(node, std::ptr::null(), flags, hints.as_ptr(), &raw mut head)
            };
            match code {
                0 => return Self::own(library, head).map(Some),
                code if code == -FI_ENODATA => {}
                code => return Err(failed(library, "fi_getinfo", code)),
            }
        }
        Ok(None)
    }

    fn hints(library: &Library, provider: Provider, caps: u64) -> Result<Self, FabricError> {
        let hints = Self::own(library, library.allocinfo())?;
        let name = CString::new(provider.as_str()).unwrap_or_default();
        // SAFETY: an allocated info has all its parts; fi_freeinfo frees the
        // name, so it must come from malloc.
        unsafe {
            let info = hints.as_ptr();
            // Tagged messages also tell fabric `efa` from `efa-direct`, which
            // has none.
            (*info).caps = caps;
            // Every operation is given a context, so every provider is content.
            (*info).mode = FI_CONTEXT | FI_CONTEXT2;
            (*(*info).ep_attr).r#type = FI_EP_RDM;
            (*(*info).domain_attr).mr_mode =
                FI_MR_LOCAL | FI_MR_ALLOCATED | FI_MR_VIRT_ADDR | FI_MR_PROV_KEY;
            (*(*info).fabric_attr).prov_name = libc::strdup(name.as_ptr());
            if (*(*info).fabric_attr).prov_name.is_null() {
                return Err(failed(library, "strdup", -FI_ENOMEM));
            }
        }
        Ok(hints)
    }

    fn own(library: &Library, head: *mut fi_info) -> Result<Self, FabricError> {
        match NonNull::new(head) {
            Some(head) => Ok(Self { library: library.clone(), head }),
            None => Err(failed(library, "fi_dupinfo", -FI_ENOMEM)),
        }
    }

    pub(super) fn as_ptr(&self) -> *mut fi_info {
        self.head.as_ptr()
    }

    pub(super) fn provider_name(&self) -> String {
        // SAFETY: the info is whole.
        unsafe { text((*(*self.as_ptr()).fabric_attr).prov_name) }
    }

    pub(super) fn fabric_name(&self) -> String {
        // SAFETY: the info is whole.
        unsafe { text((*(*self.as_ptr()).fabric_attr).name) }
    }

    pub(super) fn domain_name(&self) -> String {
        // SAFETY: the info is whole.
        unsafe { text((*(*self.as_ptr()).domain_attr).name) }
    }

    /// Whether local buffers must be registered.
    pub(super) fn needs_registration(&self) -> bool {
        // SAFETY: the info is whole.
        unsafe { (*(*self.as_ptr()).domain_attr).mr_mode & FI_MR_LOCAL != 0 }
    }

    /// Whether peers count a region's addresses as this process does, and not
    /// from 0.
    pub(super) fn virtual_addresses(&self) -> bool {
        // SAFETY: the info is whole.
        unsafe { (*(*self.as_ptr()).domain_attr).mr_mode & FI_MR_VIRT_ADDR != 0 }
    }

    /// Whether it writes remotely with at least 32 bits of immediate data.
    pub(super) fn writes(&self) -> bool {
        // SAFETY: the info is whole.
        unsafe {
            let info = self.as_ptr();
            (*info).caps & FI_RMA != 0 && (*(*info).domain_attr).cq_data_size >= size_of::<u32>()
        }
    }

    /// Most bytes that `fi_tinject` takes.
    pub(super) fn inject_bytes(&self) -> usize {
        // SAFETY: the info is whole.
        unsafe { (*(*self.as_ptr()).tx_attr).inject_size }
    }

    /// PCI address and speed in 10^9 bits a second, as far as they are told.
    pub(super) fn device(&self) -> (Option<String>, Option<f64>) {
        // SAFETY: the info is whole; the device and its parts may be null.
        unsafe {
            let Some(nic) = (*self.as_ptr()).nic.as_ref() else { return (None, None) };
            let pci = nic.bus_attr.as_ref().filter(|bus| bus.bus_type == FI_BUS_PCI);
            let pci = pci.map(|fi_bus_attr { attr, .. }| {
                let (domain, bus) = (attr.domain_id, attr.bus_id);
                format!("{domain:04x}:{bus:02x}:{:02x}.{:x}", attr.device_id, attr.function_id)
            });
            let speed = nic.link_attr.as_ref().map(|link| link.speed as f64 / 1e9);
            (pci, speed.filter(|speed| *speed > 0.0))
        }
    }

    pub(super) fn address_format(&self) -> u32 {
        // SAFETY: the info is whole.
        unsafe { (*self.as_ptr()).addr_format }
    }
}

impl Drop for Info {
    fn drop(&mut self) {
        // SAFETY: owned; objects made from it hold copies.
        unsafe { self.library.freeinfo(self.as_ptr()) }
    }
}

/// The answer when there is no such device or address.
pub(super) fn missing(
    library: &Library,
    provider: Provider,
    source_address: Option<IpAddr>,
) -> FabricError {
    FabricError::ProviderMissing {
        provider: provider.as_str(),
        source_address,
        library: library.path().to_owned(),
        version: library.version(),
    }
}

/// # Safety
/// Null or a terminated string.
unsafe fn text(string: *const c_char) -> String {
    if string.is_null() {
        return String::new();
    }
    // SAFETY: as promised.
    unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned()
}
