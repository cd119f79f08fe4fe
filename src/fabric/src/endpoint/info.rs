//! `fi_getinfo`: hints, query and choice. Every `fi_info` is allocated and
//! freed by the library.

use super::{Options, failed};
use crate::{FabricError, Provider};
use nixl_fabric_sys::Library;
use nixl_fabric_sys::abi::{
    FI_CONTEXT, FI_CONTEXT2, FI_ENODATA, FI_ENOMEM, FI_EP_RDM, FI_MR_ALLOCATED, FI_MR_LOCAL,
    FI_MR_PROV_KEY, FI_MR_VIRT_ADDR, FI_MSG, FI_NUMERICHOST, FI_SOURCE, FI_TAGGED, fi_info,
};
use std::ffi::{CStr, CString, c_char};
use std::ptr::NonNull;

/// An info (list), owned.
#[derive(Debug)]
pub(super) struct Info {
    library: Library,
    head: NonNull<fi_info>,
}

impl Info {
    /// The first entry that is the provider asked for.
    pub(super) fn choose(library: &Library, options: &Options) -> Result<Self, FabricError> {
        let list = Self::query(library, options)?;
        let mut entry = list.head.as_ptr();
        while !entry.is_null() {
            // SAFETY: an entry of the list; its parts are never null.
            let (provider, fabric, next) = unsafe {
                let fabric = (*entry).fabric_attr;
                (text((*fabric).prov_name), text((*fabric).name), (*entry).next)
            };
            if options.provider.accepts(&provider, &fabric) {
                // SAFETY: as above.
                let copy = unsafe { library.dupinfo(entry) };
                return Self::own(library, copy);
            }
            entry = next;
        }
        Err(missing(library, options))
    }

    fn query(library: &Library, options: &Options) -> Result<Self, FabricError> {
        let hints = Self::hints(library, options.provider)?;
        let node = match (options.provider, options.source) {
            (Provider::Tcp, None) => return Err(FabricError::SourceMissing),
            // An address in text has no zero byte.
            (Provider::Tcp, Some(source)) => CString::new(source.to_string()).ok(),
            (Provider::Efa | Provider::Shm, _) => None,
        };
        let (node, flags) = match &node {
            Some(node) => (node.as_ptr(), FI_SOURCE | FI_NUMERICHOST),
            None => (std::ptr::null(), 0),
        };
        let mut head = std::ptr::null_mut();
        // SAFETY: hints come from the library, the node is terminated.
        let code = unsafe {
            library.getinfo(node, std::ptr::null(), flags, hints.as_ptr(), &raw mut head)
        };
        match code {
            0 => Self::own(library, head),
            code if code == -FI_ENODATA => Err(missing(library, options)),
            code => Err(failed(library, "fi_getinfo", code)),
        }
    }

    fn hints(library: &Library, provider: Provider) -> Result<Self, FabricError> {
        let hints = Self::own(library, library.allocinfo())?;
        let name = CString::new(provider.name()).unwrap_or_default();
        // SAFETY: an allocated info has all its parts; fi_freeinfo frees the
        // name, so it must come from malloc.
        unsafe {
            let info = hints.as_ptr();
            (*info).caps = match provider {
                // Only fabric `efa` has tagged messages; `efa-direct` has not.
                Provider::Efa => FI_MSG | FI_TAGGED,
                Provider::Tcp | Provider::Shm => FI_MSG,
            };
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

    pub(super) fn domain_name(&self) -> String {
        // SAFETY: the info is whole.
        unsafe { text((*(*self.as_ptr()).domain_attr).name) }
    }

    /// Whether local buffers must be registered.
    pub(super) fn needs_registration(&self) -> bool {
        // SAFETY: the info is whole.
        unsafe { (*(*self.as_ptr()).domain_attr).mr_mode & FI_MR_LOCAL != 0 }
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
pub(super) fn missing(library: &Library, options: &Options) -> FabricError {
    FabricError::ProviderMissing {
        provider: options.provider.name(),
        source_address: options.source.filter(|_| options.provider == Provider::Tcp),
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
