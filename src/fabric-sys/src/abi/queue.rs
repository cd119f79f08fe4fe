//! Attributes of queues and address vectors, and what queues are read into.

use super::fid;
use std::ffi::{c_char, c_int, c_void};

#[repr(C)]
pub struct fi_av_attr {
    pub r#type: c_int,
    pub rx_ctx_bits: c_int,
    pub count: usize,
    pub ep_per_node: usize,
    pub name: *const c_char,
    pub map_addr: *mut c_void,
    pub flags: u64,
}

#[repr(C)]
pub struct fi_cq_attr {
    pub size: usize,
    pub flags: u64,
    pub format: c_int,
    pub wait_obj: c_int,
    pub signaling_vector: c_int,
    pub wait_cond: c_int,
    pub wait_set: *mut c_void,
}

#[repr(C)]
pub struct fi_eq_attr {
    pub size: usize,
    pub flags: u64,
    pub wait_obj: c_int,
    pub signaling_vector: c_int,
    pub wait_set: *mut c_void,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct fi_cq_tagged_entry {
    pub op_context: *mut c_void,
    pub flags: u64,
    pub len: usize,
    pub buf: *mut c_void,
    pub data: u64,
    pub tag: u64,
}

/// As of API 1.18; 1.20 appends `src_addr`.
#[repr(C)]
pub struct fi_cq_err_entry {
    pub op_context: *mut c_void,
    pub flags: u64,
    pub len: usize,
    pub buf: *mut c_void,
    pub data: u64,
    pub tag: u64,
    pub olen: usize,
    pub err: c_int,
    pub prov_errno: c_int,
    pub err_data: *mut c_void,
    pub err_data_size: usize,
}

#[repr(C)]
pub struct fi_eq_err_entry {
    pub fid: *mut fid,
    pub context: *mut c_void,
    pub data: u64,
    pub err: c_int,
    pub prov_errno: c_int,
    pub err_data: *mut c_void,
    pub err_data_size: usize,
}

/// An error entry with room for what later versions append.
#[repr(C)]
pub struct ErrorSpace<T> {
    pub entry: T,
    room: [u8; 256],
}

impl ErrorSpace<fi_cq_err_entry> {
    /// All zero, so the library has no error data to copy.
    #[must_use]
    pub fn new() -> Self {
        // SAFETY: integers and raw pointers; zero is valid for all.
        unsafe { std::mem::zeroed() }
    }
}

impl Default for ErrorSpace<fi_cq_err_entry> {
    fn default() -> Self {
        Self::new()
    }
}

impl ErrorSpace<fi_eq_err_entry> {
    /// All zero, so the library has no error data to copy.
    #[must_use]
    pub fn new() -> Self {
        // SAFETY: integers and raw pointers; zero is valid for all.
        unsafe { std::mem::zeroed() }
    }
}

impl Default for ErrorSpace<fi_eq_err_entry> {
    fn default() -> Self {
        Self::new()
    }
}
