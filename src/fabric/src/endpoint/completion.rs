//! Reading the queues. Progress of every provider happens in here, so it is
//! called all the time, also when nothing is expected.

use super::memory::{Owner, Slot};
use super::{Endpoint, FabricError, code_of};
use crate::provider_error;
use nixl_fabric_sys::abi::{
    ErrorSpace, FI_EAGAIN, FI_EAVAIL, FI_REMOTE_CQ_DATA, FI_REMOTE_WRITE, fi_cq_err_entry,
    fi_cq_tagged_entry, fi_eq_err_entry,
};
use nixl_fabric_sys::call;
use std::collections::VecDeque;
use std::ffi::CStr;

/// Entries read at once.
const BATCH: usize = 16;

/// Something that finished.
#[derive(Debug)]
pub enum Completion {
    /// A message came in.
    Received(Message),
    /// A send is done and its buffer free.
    Sent {
        /// The sender's tag.
        tag: u64,
    },
    /// A send failed and its buffer is free.
    SendFailed {
        /// The sender's tag.
        tag: u64,
        /// Why.
        error: FabricError,
    },
    /// A bulk operation is done.
    Bulk {
        /// The caller's tag.
        tag: u64,
        /// Tag the message came with, where it was received.
        wire_tag: u64,
    },
    /// A bulk operation failed or was cancelled.
    BulkFailed {
        /// The caller's tag.
        tag: u64,
        /// Why.
        error: FabricError,
    },
    /// A peer has written into a region, with this immediate data.
    Written {
        /// The data.
        data: u32,
    },
    /// An error of no send: a receive that failed (it is posted again), or
    /// one the provider could not attach to an operation.
    Fault(FabricError),
}

/// A message in its receive buffer; give it back with [`Endpoint::release`].
#[derive(Debug)]
#[must_use = "its buffer is posted again by `release`"]
pub struct Message {
    slot: Slot,
    length: usize,
}

/// What is to be done: receives to post, entries read and not looked at.
#[derive(Debug)]
pub(super) struct Backlog {
    unposted: Vec<Slot>,
    entries: VecDeque<fi_cq_tagged_entry>,
}

impl Backlog {
    pub(super) fn new(receives: impl Iterator<Item = Slot>) -> Self {
        Self { unposted: receives.collect(), entries: VecDeque::with_capacity(BATCH) }
    }
}

impl Endpoint {
    /// The next thing that finished; `None` when nothing has.
    ///
    /// # Errors
    /// The completion queue itself fails: the endpoint is of no use any more.
    pub fn poll(&mut self) -> Result<Option<Completion>, FabricError> {
        if self.backlog.entries.is_empty() {
            if !self.backlog.unposted.is_empty() {
                self.post_receives()?;
            }
            match self.read_batch()? {
                Batch::Empty => return Ok(None),
                Batch::Entries => {}
                Batch::Error(completion) => return Ok(completion),
            }
        }
        let Some(entry) = self.backlog.entries.pop_front() else {
            return Ok(None);
        };
        // A peer's write is no operation of ours; some providers tell a
        // context of theirs with it. A message may carry such data too.
        const WRITTEN: u64 = FI_REMOTE_CQ_DATA | FI_REMOTE_WRITE;
        if entry.flags & WRITTEN == WRITTEN {
            // As much as was written: 32 bits are what EFA carries.
            let data = u32::try_from(entry.data & u64::from(u32::MAX)).unwrap_or_default();
            return Ok(Some(Completion::Written { data }));
        }
        // Other completions without a context of ours do not exist: every
        // operation is given one.
        Ok(self.memory.owner(entry.op_context).and_then(|owner| match owner {
            Owner::Slot(slot) if slot.is_receive() => {
                Some(Completion::Received(Message { slot, length: entry.len }))
            }
            Owner::Slot(slot) => Some(Completion::Sent { tag: self.memory.give_back(slot) }),
            Owner::Bulk(index) => {
                let tag = self.bulk_finished(index)?;
                Some(Completion::Bulk { tag, wire_tag: entry.tag })
            }
        }))
    }

    fn bulk_finished(&mut self, index: usize) -> Option<u64> {
        let tag = self.bulk.finished(index)?;
        self.memory.give_back_bulk(index);
        Some(tag)
    }

    /// The bytes of a message.
    #[must_use]
    pub fn bytes(&self, message: &Message) -> &[u8] {
        self.memory.received(message.slot, message.length)
    }

    /// Posts a message's buffer again.
    ///
    /// # Errors
    /// The provider does not take receives any more.
    #[expect(clippy::needless_pass_by_value, reason = "a message is released once")]
    pub fn release(&mut self, message: Message) -> Result<(), FabricError> {
        self.backlog.unposted.push(message.slot);
        self.post_receives()
    }

    /// Posts what is not posted, as far as the provider takes it now.
    pub(super) fn post_receives(&mut self) -> Result<(), FabricError> {
        while let Some(&slot) = self.backlog.unposted.last() {
            // SAFETY: buffer and context stay put and unused until the
            // completion, or the endpoint is closed.
            let code = unsafe {
                call::recv(
                    self.ep.as_ptr(),
                    self.memory.buffer(slot).cast(),
                    crate::protocol::MAX_MESSAGE_BYTES,
                    self.descriptor(),
                    self.memory.context(slot),
                )
            };
            match code_of(code) {
                0 => {
                    self.backlog.unposted.pop();
                }
                code if code == -FI_EAGAIN => break,
                code => return Err(self.failed("fi_recv", code)),
            }
        }
        Ok(())
    }

    fn read_batch(&mut self) -> Result<Batch, FabricError> {
        let empty = fi_cq_tagged_entry {
            op_context: std::ptr::null_mut(),
            flags: 0,
            len: 0,
            buf: std::ptr::null_mut(),
            data: 0,
            tag: 0,
        };
        let mut entries = [empty; BATCH];
        // SAFETY: the queue is in this format and `BATCH` entries fit.
        let count = unsafe { call::cq_read(self.cq.as_ptr(), entries.as_mut_ptr(), BATCH) };
        match usize::try_from(count) {
            Ok(0) => Ok(Batch::Empty),
            Ok(count) => {
                self.backlog.entries.extend(&entries[..count.min(BATCH)]);
                Ok(Batch::Entries)
            }
            Err(_) => match code_of(count) {
                code if code == -FI_EAGAIN => Ok(Batch::Empty),
                code if code == -FI_EAVAIL => self.read_error().map(Batch::Error),
                code => Err(self.failed("fi_cq_read", code)),
            },
        }
    }

    fn read_error(&mut self) -> Result<Option<Completion>, FabricError> {
        let mut space = ErrorSpace::<fi_cq_err_entry>::new();
        // SAFETY: the space is larger than any version's entry.
        let code = code_of(unsafe { call::cq_readerr(self.cq.as_ptr(), &raw mut space) });
        if code == -FI_EAGAIN {
            return Ok(None);
        }
        if code < 0 {
            return Err(self.failed("fi_cq_readerr", code));
        }
        let entry = space.entry;
        let error = self.operation_error(entry.err, entry.prov_errno, &entry);
        Ok(Some(match self.memory.owner(entry.op_context) {
            Some(Owner::Slot(slot)) if slot.is_receive() => {
                self.backlog.unposted.push(slot);
                Completion::Fault(error)
            }
            Some(Owner::Slot(slot)) => {
                Completion::SendFailed { tag: self.memory.give_back(slot), error }
            }
            Some(Owner::Bulk(index)) => match self.bulk_finished(index) {
                Some(tag) => Completion::BulkFailed { tag, error },
                None => Completion::Fault(error),
            },
            None => Completion::Fault(error),
        }))
    }

    fn operation_error(&self, errno: i32, prov_errno: i32, entry: &fi_cq_err_entry) -> FabricError {
        let mut buffer = [0; 256];
        // SAFETY: error data is the entry's, the buffer is writable.
        let own_words = unsafe {
            let words = call::cq_strerror(
                self.cq.as_ptr(),
                prov_errno,
                entry.err_data,
                buffer.as_mut_ptr(),
                buffer.len(),
            );
            if words.is_null() { "".into() } else { CStr::from_ptr(words).to_string_lossy() }
        };
        self.error(errno, prov_errno, &own_words)
    }

    fn error(&self, errno: i32, prov_errno: i32, own_words: &str) -> FabricError {
        let mut text = format!("{} ({errno})", self.library.strerror(errno));
        let provider = &self.description.provider_name;
        let explained = provider_error::explain(provider, prov_errno);
        let words = explained.as_deref().unwrap_or(own_words);
        if prov_errno != 0 {
            text.push_str(&format!(", {provider} {prov_errno}"));
            if !words.is_empty() {
                text.push_str(&format!(": {words}"));
            }
        }
        let code = provider_error::reason(provider, prov_errno)
            .unwrap_or_else(|| crate::errno::reason(errno))
            .code;
        FabricError::Operation { code, errno, prov_errno, text }
    }

    /// The next error of the event queue; other events are of no interest to
    /// an endpoint without connections.
    #[must_use]
    pub fn poll_events(&mut self) -> Option<FabricError> {
        let mut event = 0;
        let mut entry = [0u64; 32];
        // SAFETY: the buffer has the length told.
        let code = code_of(unsafe {
            call::eq_read(
                self.eq.as_ptr(),
                &raw mut event,
                entry.as_mut_ptr().cast(),
                size_of_val(&entry),
            )
        });
        if code == -FI_EAGAIN || code >= 0 {
            return None;
        }
        if code != -FI_EAVAIL {
            return Some(self.failed("fi_eq_read", code));
        }
        let mut space = ErrorSpace::<fi_eq_err_entry>::new();
        // SAFETY: the space is larger than any version's entry.
        let code = code_of(unsafe { call::eq_readerr(self.eq.as_ptr(), &raw mut space) });
        match code {
            code if code == -FI_EAGAIN => None,
            code if code < 0 => Some(self.failed("fi_eq_readerr", code)),
            _ => Some(self.error(space.entry.err, space.entry.prov_errno, "")),
        }
    }
}

enum Batch {
    Empty,
    Entries,
    Error(Option<Completion>),
}
