//! Memory for transfers, from the kernel and back to it, registered with the
//! provider for as long as it lives.

use super::guard::Guard;
use super::{FabricError, failed};
use nixl_fabric_sys::abi::{FI_RECV, FI_REMOTE_WRITE, FI_SEND, FI_WRITE, fid_domain, fid_mr};
use nixl_fabric_sys::{Library, call};
use serde::{Deserialize, Serialize};
use std::ffi::c_void;
use std::ptr::NonNull;

const PAGE_BYTES: usize = 4096;

/// Where a peer writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteRegion {
    /// Address of its start, as the provider counts.
    pub address: u64,
    /// `fi_mr_key`.
    pub key: u64,
}

/// Closed before the memory goes: fields are dropped in this order.
#[derive(Debug)]
pub(super) struct Region {
    mr: Guard<fid_mr>,
    mapping: Mapping,
    bytes: usize,
}

impl Region {
    /// `key` counts where the provider does not choose it: one nobody has.
    pub(super) fn new(
        domain: &Guard<fid_domain>,
        library: &Library,
        mapping: Mapping,
        bytes: usize,
        key: u64,
        writable_by_peers: bool,
    ) -> Result<Self, FabricError> {
        let remote = if writable_by_peers { FI_WRITE | FI_REMOTE_WRITE } else { 0 };
        // SAFETY: the domain is open, the memory is there until after the close.
        let mr = Guard::open(|out| unsafe {
            let start = mapping.start.as_ptr().cast_const();
            call::mr_reg(domain.as_ptr(), start, bytes, FI_SEND | FI_RECV | remote, key, out)
        })
        .map_err(|code| failed(library, "fi_mr_reg", code))?;
        Ok(Self { mr, mapping, bytes })
    }

    /// Ends the registration and gives the memory back, empty.
    pub(super) fn close(self) -> Mapping {
        drop(self.mr);
        self.mapping.emptied()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn start(&self) -> *mut c_void {
        self.mapping.start.as_ptr()
    }

    pub(super) fn descriptor(&self) -> *mut c_void {
        // SAFETY: the registration is open.
        unsafe { (*self.mr.as_ptr()).mem_desc }
    }

    pub(super) fn remote(&self, virtual_addresses: bool) -> RemoteRegion {
        let address = if virtual_addresses { self.start() as u64 } else { 0 };
        // SAFETY: the registration is open.
        RemoteRegion { address, key: unsafe { (*self.mr.as_ptr()).key } }
    }
}

/// Pages of our own, all there from the beginning: a page fault would be
/// measured as the link's.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<c_void>,
    bytes: usize,
}

impl Mapping {
    pub(super) fn new(bytes: usize) -> Option<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
        // SAFETY: a new mapping; nothing is mapped over.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return None;
        }
        NonNull::new(start).map(|start| Self { start, bytes })
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Its pages back to the kernel; the addresses stay.
    fn emptied(self) -> Self {
        // SAFETY: mapped here. It fails only for pages that are locked, which
        // then stay.
        unsafe { libc::madvise(self.start.as_ptr(), self.bytes, libc::MADV_DONTNEED) };
        self
    }

    /// All of its pages there again.
    pub(super) fn filled(self) -> Self {
        for offset in (0..self.bytes).step_by(PAGE_BYTES) {
            // SAFETY: within the mapping, which is ours.
            unsafe { self.start.as_ptr().cast::<u8>().add(offset).write_volatile(0) };
        }
        self
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped here, and used by nobody any more. It cannot fail for
        // a whole mapping.
        unsafe { libc::munmap(self.start.as_ptr(), self.bytes) };
    }
}
