//! A reliable-datagram endpoint with its address vector and queues, for one
//! thread.
//!
//! The call sequence is the one the EFA provider needs and every other
//! provider accepts: `fi_getinfo`, fabric, event queue, domain, address
//! vector, completion queue, endpoint, bind, options, enable, registration,
//! receives, name. Source: fi_endpoint(3), fi_efa(7).

mod bulk;
mod completion;
mod guard;
mod info;
mod leftover;
mod memory;
mod open;
mod region;

pub use bulk::{RegionId, Started};
pub use completion::{Completion, Message};
pub use region::RemoteRegion;

pub(crate) use bulk::MAX_BULK;

use crate::error::FabricError;
use crate::protocol::MAX_MESSAGE_BYTES;
use bulk::Bulk;
use completion::Backlog;
use guard::Guard;
use info::Info;
use memory::Memory;
use nixl_cluster::link::OneSided;
use nixl_cluster::{Provider, ProviderChoice};
use nixl_fabric_sys::abi::{
    FI_ADDR_NOTAVAIL, FI_ADDR_STR, FI_EAGAIN, fid_av, fid_cq, fid_domain, fid_ep, fid_eq,
    fid_fabric, fid_mr,
};
use nixl_fabric_sys::{Library, call};
use std::ffi::c_void;
use std::net::IpAddr;
use std::path::PathBuf;

/// What to open.
#[derive(Debug, Clone)]
pub struct Options {
    /// Provider; no other is used, unless it is open which.
    pub provider: ProviderChoice,
    /// Addresses to listen on, a rail each; needed for `tcp`.
    pub sources: Vec<IpAddr>,
    /// `libfabric.so.1` to use instead of the search order.
    pub library: Option<PathBuf>,
}

/// What was opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// Provider in use.
    pub provider: Provider,
    /// Its name at libfabric, e.g. `tcp;ofi_rxm`.
    pub provider_name: String,
    /// Fabric.
    pub fabric: String,
    /// Domain.
    pub domain: String,
    /// PCI address of its device, e.g. `0000:00:06.0`.
    pub pci_address: Option<String>,
    /// Speed of its device in 10^9 bits a second.
    pub speed_gbps: Option<f64>,
    /// Who carries out RMA writes.
    pub one_sided: OneSided,
    /// Library file.
    pub library: PathBuf,
    /// Library version.
    pub library_version: String,
    /// `fi_getname`.
    pub address: Vec<u8>,
}

/// A peer in the address vector.
#[derive(Debug, PartialEq, Eq)]
pub struct PeerAddress(u64);

/// An open endpoint. Fields are dropped in this order: endpoint, address
/// vector, queues, registrations, domain, fabric, info, and only then the
/// memory that the provider may write to.
///
/// Closing an EFA endpoint can wait for ever for a peer that is gone, so do it
/// only in a process that may be killed.
#[derive(Debug)]
pub struct Endpoint {
    ep: Guard<fid_ep>,
    av: Guard<fid_av>,
    cq: Guard<fid_cq>,
    eq: Guard<fid_eq>,
    mr: Option<Guard<fid_mr>>,
    bulk: Bulk,
    domain: Guard<fid_domain>,
    _fabric: Guard<fid_fabric>,
    _info: Info,
    memory: Memory,
    library: Library,
    description: Description,
    address_format: u32,
    /// Peers count addresses of regions as this process does.
    virtual_addresses: bool,
    /// Most bytes that are sent without a completion.
    inject_bytes: usize,
    backlog: Backlog,
}

impl Endpoint {
    /// What was opened.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    fn one_sided(&self) -> bool {
        self.description.one_sided != OneSided::None
    }

    /// Inserts an address.
    ///
    /// # Errors
    /// [`FabricError::Address`] when it cannot be one of this provider,
    /// [`FabricError::Call`] when the provider refuses it.
    pub fn insert(&mut self, address: &[u8]) -> Result<PeerAddress, FabricError> {
        self.check_address(address)?;
        let mut handle = FI_ADDR_NOTAVAIL;
        // SAFETY: the address has the length the provider reads, or is
        // terminated where that is a string.
        let inserted = unsafe {
            call::av_insert(self.av.as_ptr(), address.as_ptr().cast::<c_void>(), &raw mut handle)
        };
        // The count inserted, or an error.
        match inserted {
            1 if handle != FI_ADDR_NOTAVAIL => Ok(PeerAddress(handle)),
            error if error < 0 => Err(self.failed("fi_av_insert", error)),
            _ => Err(self.failed("fi_av_insert", -nixl_fabric_sys::abi::FI_EINVAL)),
        }
    }

    /// The provider reads as many bytes as an address of its has, whatever
    /// length was published.
    fn check_address(&self, address: &[u8]) -> Result<(), FabricError> {
        let own = &self.description.address;
        let (fits, expected) = if self.address_format == FI_ADDR_STR {
            (address.last() == Some(&0), "a terminated string".to_owned())
        } else {
            (address.len() == own.len(), format!("{} bytes", own.len()))
        };
        if fits {
            return Ok(());
        }
        Err(FabricError::Address {
            bytes: address.len(),
            provider: self.description.provider_name.clone(),
            expected,
        })
    }

    /// Removes an address.
    ///
    /// # Errors
    /// [`FabricError::Call`] when the provider refuses.
    pub fn remove(&mut self, peer: PeerAddress) -> Result<(), FabricError> {
        let mut handle = peer.0;
        // SAFETY: the handle came from this address vector.
        let code = unsafe { call::av_remove(self.av.as_ptr(), &raw mut handle) };
        if code < 0 { Err(self.failed("fi_av_remove", code)) } else { Ok(()) }
    }

    /// Whether a send buffer is free.
    #[must_use]
    pub fn can_send(&self) -> bool {
        self.memory.has_free()
    }

    /// Starts to send a message. `tag` comes back in its completion. `false`:
    /// try again later; for a peer that is gone that never ends.
    ///
    /// # Errors
    /// [`FabricError::Call`] or [`FabricError::TooLong`].
    pub fn send(
        &mut self,
        peer: &PeerAddress,
        tag: u64,
        message: &[u8],
    ) -> Result<bool, FabricError> {
        if message.len() > MAX_MESSAGE_BYTES {
            return Err(FabricError::TooLong { bytes: message.len() });
        }
        let Some(slot) = self.memory.take(tag, message) else {
            return Ok(false);
        };
        // SAFETY: buffer and context stay put and unused until the
        // completion gives the slot back, or the endpoint is closed.
        let code = unsafe {
            call::send(
                self.ep.as_ptr(),
                self.memory.buffer(slot).cast_const().cast(),
                message.len(),
                self.descriptor(),
                peer.0,
                self.memory.context(slot),
            )
        };
        if code == 0 {
            return Ok(true);
        }
        self.memory.give_back(slot);
        let code = code_of(code);
        if code == -FI_EAGAIN { Ok(false) } else { Err(self.failed("fi_send", code)) }
    }

    fn descriptor(&self) -> *mut c_void {
        match &self.mr {
            // SAFETY: the registration is open.
            Some(mr) => unsafe { (*mr.as_ptr()).mem_desc },
            None => std::ptr::null_mut(),
        }
    }

    fn failed(&self, name: &'static str, code: i32) -> FabricError {
        failed(&self.library, name, code)
    }
}

/// A call's negative answer as an error.
fn failed(library: &Library, name: &'static str, code: i32) -> FabricError {
    let errno = code.saturating_neg();
    FabricError::Call { call: name, errno, text: library.strerror(errno) }
}

/// libfabric's `ssize_t` answers are errno-sized when negative.
fn code_of(code: isize) -> i32 {
    i32::try_from(code).unwrap_or(i32::MIN)
}
