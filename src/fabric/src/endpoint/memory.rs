//! Buffers and contexts of operations: one page-aligned block, so that one
//! registration covers it, and small, because memlock is often 8 MiB. Bulk
//! operations have contexts here and buffers of their own.

use super::bulk::MAX_BULK;
use crate::protocol::MAX_MESSAGE_BYTES;
use nixl_fabric_sys::abi::fi_context2;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::ptr::NonNull;

/// Receives posted at any time.
pub(super) const RECEIVES: usize = 64;
/// Sends under way at any time.
pub(super) const SENDS: usize = 64;
const SLOTS: usize = RECEIVES + SENDS;
const SLOT_BYTES: usize = MAX_MESSAGE_BYTES;
const PAGE_BYTES: usize = 4096;

/// A buffer and its context; the first [`RECEIVES`] are for receiving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(usize);

impl Slot {
    pub(super) fn is_receive(self) -> bool {
        self.0 < RECEIVES
    }

    /// Every slot for receiving.
    pub(super) fn receives() -> impl Iterator<Item = Slot> {
        (0..RECEIVES).map(Slot)
    }
}

/// What a context is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Slot(Slot),
    /// Bulk operation of this index.
    Bulk(usize),
}

#[derive(Debug)]
pub(super) struct Memory {
    block: NonNull<u8>,
    contexts: Box<[UnsafeCell<fi_context2>]>,
    /// Send slots that are free.
    free: Vec<Slot>,
    /// Indices of bulk operations that are free.
    free_bulk: Vec<usize>,
    /// The caller's tag of each slot under way.
    tags: Vec<u64>,
}

impl Memory {
    pub(super) fn new() -> Self {
        let layout = Self::layout();
        // SAFETY: the layout is not empty.
        let Some(block) = NonNull::new(unsafe { alloc_zeroed(layout) }) else {
            handle_alloc_error(layout)
        };
        let empty = fi_context2 { internal: [std::ptr::null_mut(); 8] };
        Self {
            block,
            contexts: (0..SLOTS + MAX_BULK).map(|_| UnsafeCell::new(empty)).collect(),
            free: (RECEIVES..SLOTS).map(Slot).collect(),
            free_bulk: (0..MAX_BULK).collect(),
            tags: vec![0; SLOTS],
        }
    }

    const fn layout() -> Layout {
        match Layout::from_size_align(SLOTS * SLOT_BYTES, PAGE_BYTES) {
            Ok(layout) => layout,
            Err(_) => panic!("a power of two, and far from overflow"),
        }
    }

    /// Start and length of the whole block.
    pub(super) fn block(&self) -> (*const c_void, usize) {
        (self.block.as_ptr().cast_const().cast(), SLOTS * SLOT_BYTES)
    }

    pub(super) fn buffer(&self, slot: Slot) -> *mut u8 {
        // SAFETY: slots are within the block.
        unsafe { self.block.as_ptr().add(slot.0 * SLOT_BYTES) }
    }

    pub(super) fn context(&self, slot: Slot) -> *mut fi_context2 {
        self.contexts[slot.0].get()
    }

    pub(super) fn bulk_context(&self, index: usize) -> *mut fi_context2 {
        self.contexts[SLOTS + index].get()
    }

    pub(super) fn has_free_bulk(&self) -> bool {
        !self.free_bulk.is_empty()
    }

    pub(super) fn take_bulk(&mut self) -> Option<usize> {
        self.free_bulk.pop()
    }

    pub(super) fn give_back_bulk(&mut self, index: usize) {
        debug_assert!(!self.free_bulk.contains(&index));
        self.free_bulk.push(index);
    }

    /// What a completion is about, if its context is one of ours.
    pub(super) fn owner(&self, context: *const c_void) -> Option<Owner> {
        let offset = (context as usize).checked_sub(self.contexts.as_ptr() as usize)?;
        let index = offset / size_of::<fi_context2>();
        if offset % size_of::<fi_context2>() != 0 || index >= self.contexts.len() {
            return None;
        }
        Some(match index.checked_sub(SLOTS) {
            None => Owner::Slot(Slot(index)),
            Some(bulk) => Owner::Bulk(bulk),
        })
    }

    pub(super) fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// A send slot filled with the message, at most [`MAX_MESSAGE_BYTES`].
    pub(super) fn take(&mut self, tag: u64, message: &[u8]) -> Option<Slot> {
        debug_assert!(message.len() <= SLOT_BYTES);
        let slot = self.free.pop()?;
        self.tags[slot.0] = tag;
        // SAFETY: the slot is free, so nothing else uses its buffer.
        unsafe {
            std::ptr::copy_nonoverlapping(
                message.as_ptr(),
                self.buffer(slot),
                message.len().min(SLOT_BYTES),
            );
        }
        Some(slot)
    }

    /// Frees a send slot and tells its tag.
    pub(super) fn give_back(&mut self, slot: Slot) -> u64 {
        debug_assert!(!slot.is_receive() && !self.free.contains(&slot));
        self.free.push(slot);
        self.tags[slot.0]
    }

    /// What was received into a slot that is not posted.
    pub(super) fn received(&self, slot: Slot, length: usize) -> &[u8] {
        // SAFETY: within the slot, initialised, and the provider has given
        // the buffer back.
        unsafe { std::slice::from_raw_parts(self.buffer(slot), length.min(SLOT_BYTES)) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.block.as_ptr(), Self::layout()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_lead_back_to_their_owners() {
        let memory = Memory::new();
        for index in [0, RECEIVES - 1, RECEIVES, SLOTS - 1] {
            let context = memory.context(Slot(index)).cast_const().cast();
            assert_eq!(memory.owner(context), Some(Owner::Slot(Slot(index))));
        }
        for index in [0, MAX_BULK - 1] {
            let context = memory.bulk_context(index).cast_const().cast();
            assert_eq!(memory.owner(context), Some(Owner::Bulk(index)));
        }
        assert_eq!(memory.owner(std::ptr::null()), None);
        let inside = memory.context(Slot(1)).cast_const().cast::<u8>().wrapping_add(1);
        assert_eq!(memory.owner(inside.cast()), None);
        let past = memory.bulk_context(MAX_BULK - 1).wrapping_add(1);
        assert_eq!(memory.owner(past.cast_const().cast()), None);
    }

    #[test]
    fn send_slots_run_out_and_come_back() {
        let mut memory = Memory::new();
        let slots: Vec<_> = (0..SENDS as u64).map_while(|tag| memory.take(tag, b"x")).collect();
        assert_eq!(slots.len(), SENDS);
        assert!(!memory.has_free() && memory.take(0, b"x").is_none());
        assert!(slots.iter().all(|slot| !slot.is_receive()));
        assert_eq!(memory.give_back(slots[5]), 5);
        assert!(memory.has_free());
    }

    #[test]
    fn the_block_is_page_aligned_and_small() {
        let memory = Memory::new();
        let (start, length) = memory.block();
        assert_eq!(start as usize % PAGE_BYTES, 0);
        assert!(length <= 1 << 20);
    }
}
