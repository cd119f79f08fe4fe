//! Operations without a copy: tagged messages and RMA writes between regions
//! of memory that are registered for them.

use super::region::{Mapping, Region, RemoteRegion};
use super::{Endpoint, FabricError, PeerAddress, code_of};
use nixl_fabric_sys::abi::{
    FI_ADDR_UNSPEC, FI_EAGAIN, FI_EMSGSIZE, FI_ENOMEM, FI_EOPNOTSUPP, fi_context2,
};
use nixl_fabric_sys::call;
use std::collections::BTreeMap;
use std::ffi::c_void;

/// Operations under way at any time.
pub(crate) const MAX_BULK: usize = 128;

/// A region of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RegionId(u64);

#[derive(Debug)]
struct Held {
    region: Region,
    under_way: usize,
    /// Nobody asks for it any more; it goes with its last operation.
    released: bool,
}

/// What an operation belongs to.
#[derive(Debug, Clone, Copy)]
struct Operation {
    region: RegionId,
    tag: u64,
}

/// The regions of an endpoint and the operations under way on them.
#[derive(Debug)]
pub(super) struct Bulk {
    regions: BTreeMap<RegionId, Held>,
    /// By the index of their context.
    operations: [Option<Operation>; MAX_BULK],
    /// Memory of regions that are gone, for the next ones: software that writes
    /// for a peer may be in the middle of it, so it is never unmapped.
    spare: Vec<Mapping>,
    next: u64,
}

impl Bulk {
    pub(super) fn new() -> Self {
        Self { regions: BTreeMap::new(), operations: [None; MAX_BULK], spare: Vec::new(), next: 0 }
    }

    /// An operation is over: the caller's tag of it.
    pub(super) fn finished(&mut self, index: usize) -> Option<u64> {
        let operation = self.operations[index].take()?;
        if let Some(held) = self.regions.get_mut(&operation.region) {
            held.under_way -= 1;
        }
        self.free(operation.region);
        Some(operation.tag)
    }

    /// Closes a region that is given up and has no operation under way.
    fn free(&mut self, id: RegionId) {
        let over = |held: &Held| held.released && held.under_way == 0;
        if self.regions.get(&id).is_some_and(over)
            && let Some(held) = self.regions.remove(&id)
        {
            self.spare.push(held.region.close());
        }
    }

    /// The least spare memory of at least so many bytes.
    fn take_spare(&mut self, bytes: usize) -> Option<Mapping> {
        let fits = self.spare.iter().enumerate().filter(|(_, spare)| spare.bytes() >= bytes);
        let index = fits.min_by_key(|(_, spare)| spare.bytes())?.0;
        Some(self.spare.swap_remove(index))
    }
}

/// How one operation is handed to libfabric.
struct Call {
    buffer: *mut c_void,
    descriptor: *mut c_void,
    context: *mut fi_context2,
}

impl Endpoint {
    /// Registers a region of so many bytes for messages and RMA.
    ///
    /// # Errors
    /// [`FabricError::Call`]: no memory, or the provider does not register it.
    pub fn register(&mut self, bytes: usize) -> Result<RegionId, FabricError> {
        self.bulk.next += 1;
        let id = RegionId(self.bulk.next);
        let mapping = match self.bulk.take_spare(bytes) {
            Some(mapping) => mapping.filled(),
            None => Mapping::new(bytes).ok_or_else(|| self.failed("mmap", -FI_ENOMEM))?,
        };
        let region =
            Region::new(&self.domain, &self.library, mapping, bytes, id.0, self.one_sided())?;
        self.bulk.regions.insert(id, Held { region, under_way: 0, released: false });
        Ok(id)
    }

    /// Gives a region up. Operations under way on it are cancelled; it is freed
    /// with the last of them.
    pub fn release_region(&mut self, id: RegionId) {
        for (index, operation) in self.bulk.operations.iter().enumerate() {
            if operation.is_some_and(|operation| operation.region == id) {
                // SAFETY: the context is in use by an operation of this endpoint.
                // Whether it can be cancelled is told by its completion.
                unsafe { call::cancel(self.ep.as_ptr(), self.memory.bulk_context(index)) };
            }
        }
        if let Some(held) = self.bulk.regions.get_mut(&id) {
            held.released = true;
        }
        self.bulk.free(id);
    }

    /// Whether an operation can be started.
    #[must_use]
    pub fn can_start(&self) -> bool {
        self.memory.has_free_bulk()
    }

    /// Bytes of all regions, also of those given up that operations hold.
    #[must_use]
    pub fn region_bytes(&self) -> usize {
        self.bulk.regions.values().map(|held| held.region.bytes()).sum()
    }

    /// Where a peer may write; `None` for a region that was given up.
    #[must_use]
    pub fn remote_region(&self, id: RegionId) -> Option<RemoteRegion> {
        self.bulk.regions.get(&id).map(|held| held.region.remote(self.virtual_addresses))
    }

    /// Receives one tagged message into the start of a region; bits of
    /// `ignore` may differ in its tag. `false`: try again later.
    ///
    /// # Errors
    /// [`FabricError::Call`].
    pub fn receive_tagged(
        &mut self,
        region: RegionId,
        bytes: usize,
        wire_tag: u64,
        ignore: u64,
        tag: u64,
    ) -> Result<bool, FabricError> {
        let ep = self.ep.as_ptr();
        // SAFETY: the region stays until the operation has ended.
        self.start("fi_trecv", region, bytes, tag, |call| unsafe {
            let Call { buffer, descriptor, context } = call;
            let from = FI_ADDR_UNSPEC;
            call::trecv(ep, buffer, bytes, descriptor, from, wire_tag, ignore, context)
        })
    }

    /// Sends the start of a region as one tagged message. `false`: try again
    /// later. Without a completion where the bytes were few enough to be
    /// copied away at once.
    ///
    /// # Errors
    /// [`FabricError::Call`].
    pub fn send_tagged(
        &mut self,
        peer: &PeerAddress,
        region: RegionId,
        bytes: usize,
        wire_tag: u64,
        tag: u64,
    ) -> Result<Started, FabricError> {
        let ep = self.ep.as_ptr();
        if bytes <= self.inject_bytes {
            let buffer = self.region_start(region, bytes)?;
            // SAFETY: the bytes are read before the call returns.
            let code = unsafe { call::tinject(ep, buffer.cast_const(), bytes, peer.0, wire_tag) };
            return match code_of(code) {
                0 => Ok(Started::Done),
                code if code == -FI_EAGAIN => Ok(Started::Again),
                code => Err(self.failed("fi_tinject", code)),
            };
        }
        // SAFETY: the region stays until the operation has ended.
        let started = self.start("fi_tsend", region, bytes, tag, |call| unsafe {
            let Call { buffer, descriptor, context } = call;
            call::tsend(ep, buffer.cast_const(), bytes, descriptor, peer.0, wire_tag, context)
        })?;
        Ok(if started { Started::UnderWay } else { Started::Again })
    }

    /// Writes the start of a region into a peer's and tells the peer with
    /// `data`. `false`: try again later.
    ///
    /// # Errors
    /// [`FabricError::Call`].
    pub fn write(
        &mut self,
        peer: &PeerAddress,
        region: RegionId,
        bytes: usize,
        remote: &RemoteRegion,
        data: u32,
        tag: u64,
    ) -> Result<bool, FabricError> {
        let ep = self.ep.as_ptr();
        // SAFETY: the region stays until the operation has ended.
        self.start("fi_writedata", region, bytes, tag, |call| unsafe {
            let Call { buffer, descriptor, context } = call;
            let (data, RemoteRegion { address, key }) = (u64::from(data), *remote);
            let buffer = buffer.cast_const();
            call::writedata(ep, buffer, bytes, descriptor, data, peer.0, address, key, context)
        })
    }

    fn region_start(&self, id: RegionId, bytes: usize) -> Result<*mut c_void, FabricError> {
        match self.bulk.regions.get(&id) {
            Some(held) if bytes <= held.region.bytes() => Ok(held.region.start()),
            _ => Err(self.failed("operation without a region of its size", -FI_EMSGSIZE)),
        }
    }

    fn start(
        &mut self,
        name: &'static str,
        id: RegionId,
        bytes: usize,
        tag: u64,
        call: impl FnOnce(Call) -> isize,
    ) -> Result<bool, FabricError> {
        let buffer = self.region_start(id, bytes)?;
        let Some(index) = self.memory.take_bulk() else { return Ok(false) };
        let Some(held) = self.bulk.regions.get_mut(&id) else {
            return Err(self.failed(name, -FI_EOPNOTSUPP));
        };
        let descriptor = held.region.descriptor();
        let context = self.memory.bulk_context(index);
        let code = code_of(call(Call { buffer, descriptor, context }));
        if code == 0 {
            held.under_way += 1;
            self.bulk.operations[index] = Some(Operation { region: id, tag });
            return Ok(true);
        }
        self.memory.give_back_bulk(index);
        if code == -FI_EAGAIN { Ok(false) } else { Err(self.failed(name, code)) }
    }
}

/// What became of a send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// The provider takes none now.
    Again,
    /// It is over; no completion will come.
    Done,
    /// Its completion will come.
    UnderWay,
}
