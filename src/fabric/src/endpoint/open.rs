//! Opening, step by step; a step that fails closes what came before.

use super::bulk::{Bulk, MAX_BULK};
use super::completion::Backlog;
use super::guard::{Guard, Object};
use super::info::{self, Info};
use super::leftover;
use super::memory::{Memory, RECEIVES, SENDS, Slot};
use super::{Description, Endpoint, Options, failed};
use crate::FabricError;
use nixl_cluster::Provider;
use nixl_cluster::link::OneSided;
use nixl_fabric_sys::abi::{
    FI_AV_UNSPEC, FI_CQ_FORMAT_TAGGED, FI_ENOPROTOOPT, FI_ENOSYS, FI_EOPNOTSUPP,
    FI_OPT_CUDA_API_PERMITTED, FI_OPT_EFA_EMULATED_WRITE, FI_OPT_SHARED_MEMORY_PERMITTED, FI_RECV,
    FI_SEND, FI_TRANSMIT, FI_WAIT_NONE, fi_av_attr, fi_cq_attr, fi_eq_attr, fid, fid_ep, fid_mr,
};
use nixl_fabric_sys::{Library, call};
use std::net::IpAddr;

/// Longest address any provider has: `FI_ADDR_STR` paths.
const MAX_ADDRESS_BYTES: usize = 512;
/// Peers the address vector is sized for; it grows by itself.
const PEERS: usize = 64;

impl Endpoint {
    /// Opens an endpoint on every rail and posts its receives.
    ///
    /// # Errors
    /// Any [`FabricError`]; nothing stays open.
    pub fn open_rails(options: &Options) -> Result<Vec<Self>, FabricError> {
        let library = Library::open(options.library.as_deref())?;
        let mut absent = None;
        for provider in options.provider.providers() {
            match Self::open_provider(&library, provider, &options.sources) {
                // What is there and cannot be opened is an error, not a reason
                // to use something slower.
                Err(error @ FabricError::ProviderMissing { .. }) => {
                    tracing::info!(%provider, %error, "not there");
                    absent.get_or_insert(error);
                }
                other => return other,
            }
        }
        Err(absent.unwrap_or(FabricError::SourceMissing))
    }

    fn open_provider(
        library: &Library,
        provider: Provider,
        sources: &[IpAddr],
    ) -> Result<Vec<Self>, FabricError> {
        if provider == Provider::Shm {
            leftover::remove();
        }
        let infos = Info::choose(library, provider, sources)?;
        let open = |(rail, info)| match Self::open(library, provider, info) {
            // TCP before 1.18 offers any source address and fails later.
            Err(FabricError::Call { errno: libc::EADDRNOTAVAIL, .. }) => {
                Err(info::missing(library, provider, sources.get(rail).copied()))
            }
            other => other,
        };
        infos.into_iter().enumerate().map(open).collect()
    }

    #[expect(clippy::needless_late_init, reason = "declared in reverse of the closing order")]
    fn open(library: &Library, provider: Provider, info: Info) -> Result<Self, FabricError> {
        // Declared in reverse of the order in which they must be closed when
        // a later step fails.
        let memory = Memory::new();
        let fabric;
        let domain;
        let mr;
        let eq;
        let cq;
        let av;

        let step = Steps { library };
        // SAFETY, all steps: arguments are open objects of this library and
        // live attributes; results are checked before use.
        fabric = step.open("fi_fabric", |out| unsafe {
            library.fabric((*info.as_ptr()).fabric_attr, out)
        })?;
        let mut attributes = event_queue_attributes();
        // Without an event queue the EFA provider answers an internal error
        // with abort().
        eq = step.open("fi_eq_open", |out| unsafe {
            call::eq_open(fabric.as_ptr(), &raw mut attributes, out)
        })?;
        domain = step.open("fi_domain", |out| unsafe {
            call::domain(fabric.as_ptr(), info.as_ptr(), out)
        })?;
        let mut attributes = address_vector_attributes();
        av = step.open("fi_av_open", |out| unsafe {
            call::av_open(domain.as_ptr(), &raw mut attributes, out)
        })?;
        let mut attributes = completion_queue_attributes();
        cq = step.open("fi_cq_open", |out| unsafe {
            call::cq_open(domain.as_ptr(), &raw mut attributes, out)
        })?;
        let ep = step.open("fi_endpoint", |out| unsafe {
            call::endpoint(domain.as_ptr(), info.as_ptr(), out)
        })?;
        step.bind(&ep, "fi_ep_bind av", av.fid(), 0)?;
        step.bind(&ep, "fi_ep_bind cq", cq.fid(), FI_TRANSMIT | FI_RECV)?;
        step.bind(&ep, "fi_ep_bind eq", eq.fid(), 0)?;
        // A test between two processes of one host must not run over shared
        // memory unseen, and a health daemon must not make GPU contexts.
        // The shm provider answers -FI_EINVAL, not "no such option".
        if provider != Provider::Shm {
            step.forbid(&ep, FI_OPT_SHARED_MEMORY_PERMITTED)?;
            step.forbid(&ep, FI_OPT_CUDA_API_PERMITTED)?;
        }
        step.check("fi_enable", unsafe { call::enable(ep.as_ptr()) })?;
        mr = if info.needs_registration() {
            let (start, length) = memory.block();
            Some(step.open::<fid_mr>("fi_mr_reg", |out| unsafe {
                call::mr_reg(domain.as_ptr(), start, length, FI_SEND | FI_RECV, 0, out)
            })?)
        } else {
            None
        };
        let address = step.name(&ep)?;

        let one_sided = match (info.writes(), provider) {
            (false, _) => OneSided::None,
            (true, Provider::Efa) if step.writes_by_device(&ep) => OneSided::Device,
            (true, _) => OneSided::Emulated,
        };
        let (pci_address, speed_gbps) = info.device();
        let description = Description {
            provider,
            provider_name: info.provider_name(),
            fabric: info.fabric_name(),
            domain: info.domain_name(),
            pci_address,
            speed_gbps,
            one_sided,
            library: library.path().to_owned(),
            library_version: library.version().to_string(),
            address,
        };
        let mut endpoint = Self {
            ep,
            av,
            cq,
            eq,
            mr,
            bulk: Bulk::new(),
            domain,
            _fabric: fabric,
            address_format: info.address_format(),
            virtual_addresses: info.virtual_addresses(),
            inject_bytes: info.inject_bytes(),
            _info: info,
            memory,
            library: library.clone(),
            description,
            backlog: Backlog::new(Slot::receives()),
        };
        endpoint.post_receives()?;
        Ok(endpoint)
    }
}

struct Steps<'a> {
    library: &'a Library,
}

impl Steps<'_> {
    fn open<T: Object>(
        &self,
        name: &'static str,
        call: impl FnOnce(*mut *mut T) -> i32,
    ) -> Result<Guard<T>, FabricError> {
        Guard::open(call).map_err(|code| failed(self.library, name, code))
    }

    fn check(&self, name: &'static str, code: i32) -> Result<(), FabricError> {
        if code == 0 { Ok(()) } else { Err(failed(self.library, name, code)) }
    }

    fn bind(
        &self,
        ep: &Guard<fid_ep>,
        name: &'static str,
        object: *mut fid,
        flags: u64,
    ) -> Result<(), FabricError> {
        // SAFETY: both are open.
        self.check(name, unsafe { call::ep_bind(ep.as_ptr(), object, flags) })
    }

    /// Sets a boolean option to false where the provider knows it.
    fn forbid(&self, ep: &Guard<fid_ep>, option: i32) -> Result<(), FabricError> {
        let value = false;
        // SAFETY: C's bool is one byte, as Rust's.
        let code = unsafe {
            call::setopt(ep.as_ptr(), option, (&raw const value).cast(), size_of::<bool>())
        };
        match -code {
            // No such option, or nothing that it could forbid.
            FI_ENOPROTOOPT | FI_EOPNOTSUPP | FI_ENOSYS => Ok(()),
            _ => self.check("fi_setopt", code),
        }
    }

    /// Whether the EFA device itself writes; before 1.19 there is no such
    /// question, and no device that would.
    fn writes_by_device(&self, ep: &Guard<fid_ep>) -> bool {
        let mut emulated = true;
        // SAFETY: C's bool is one byte, as Rust's.
        let code =
            unsafe { call::getopt(ep.as_ptr(), FI_OPT_EFA_EMULATED_WRITE, &raw mut emulated) };
        code == 0 && !emulated
    }

    fn name(&self, ep: &Guard<fid_ep>) -> Result<Vec<u8>, FabricError> {
        let mut address = vec![0u8; MAX_ADDRESS_BYTES];
        let mut length = address.len();
        // SAFETY: `length` bytes are writable.
        self.check("fi_getname", unsafe {
            call::getname(ep.as_ptr(), address.as_mut_ptr().cast(), &raw mut length)
        })?;
        address.truncate(length);
        Ok(address)
    }
}

fn event_queue_attributes() -> fi_eq_attr {
    fi_eq_attr {
        size: 0,
        flags: 0,
        wait_obj: FI_WAIT_NONE,
        signaling_vector: 0,
        wait_set: std::ptr::null_mut(),
    }
}

fn address_vector_attributes() -> fi_av_attr {
    fi_av_attr {
        r#type: FI_AV_UNSPEC,
        rx_ctx_bits: 0,
        count: PEERS,
        ep_per_node: 0,
        name: std::ptr::null(),
        map_addr: std::ptr::null_mut(),
        flags: 0,
    }
}

fn completion_queue_attributes() -> fi_cq_attr {
    fi_cq_attr {
        // Twice the bulk operations: a peer's writes complete here, too.
        size: RECEIVES + SENDS + 2 * MAX_BULK,
        flags: 0,
        format: FI_CQ_FORMAT_TAGGED,
        // Wait objects are not portable over providers; the queue is polled.
        wait_obj: FI_WAIT_NONE,
        signaling_vector: 0,
        wait_cond: 0,
        wait_set: std::ptr::null_mut(),
    }
}
