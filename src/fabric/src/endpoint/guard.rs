//! Closes an object when it goes out of scope, also half-way through opening.

use nixl_fabric_sys::abi::{fid, fid_av, fid_cq, fid_domain, fid_ep, fid_eq, fid_fabric, fid_mr};
use nixl_fabric_sys::call;
use std::fmt;
use std::ptr::NonNull;

/// An object of libfabric: starts with a `fid`.
///
/// # Safety
/// Only for structs whose first field is a `fid`.
pub(super) unsafe trait Object {
    const NAME: &'static str;
}

macro_rules! objects {
    ($($kind:ident $name:literal),*) => {
        // SAFETY: the layout table has `fid` at offset 0 of each.
        $(unsafe impl Object for $kind { const NAME: &'static str = $name; })*
    };
}

objects!(
    fid_ep "endpoint", fid_av "address vector", fid_cq "completion queue",
    fid_eq "event queue", fid_mr "memory registration", fid_domain "domain", fid_fabric "fabric"
);

/// An open object, owned.
pub(super) struct Guard<T: Object>(NonNull<T>);

impl<T: Object> Guard<T> {
    /// Runs an opening call; `Err` is its negative answer.
    pub(super) fn open(call: impl FnOnce(*mut *mut T) -> i32) -> Result<Self, i32> {
        let mut object = std::ptr::null_mut();
        let code = call(&raw mut object);
        match NonNull::new(object) {
            Some(object) if code == 0 => Ok(Self(object)),
            _ if code < 0 => Err(code),
            // Success without an object, or a positive answer.
            _ => Err(-nixl_fabric_sys::abi::FI_EINVAL),
        }
    }

    pub(super) fn as_ptr(&self) -> *mut T {
        self.0.as_ptr()
    }

    /// The object as what it starts with.
    pub(super) fn fid(&self) -> *mut fid {
        self.0.as_ptr().cast()
    }
}

impl<T: Object> fmt::Debug for Guard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{:p}", T::NAME, self.0)
    }
}

impl<T: Object> Drop for Guard<T> {
    fn drop(&mut self) {
        // SAFETY: open, and owned by this guard alone.
        let code = unsafe { call::close(self.fid()) };
        if code != 0 {
            tracing::warn!(object = T::NAME, errno = -code, "fi_close failed");
        }
    }
}
