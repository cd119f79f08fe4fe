//! What the inline functions of `rdma/*.h` do: calls through an object's
//! tables. A slot that the provider does not have answers `-FI_ENOSYS`.
//!
//! # Safety
//! Every function here needs live objects of one opened library, used by one
//! thread at a time, and pointers that are good for as long as libfabric's
//! manual pages say.
#![allow(clippy::missing_safety_doc, clippy::too_many_arguments)]

use crate::abi::*;
use std::ffi::{c_char, c_int, c_void};

/// The slot, if the table is there, long enough and the slot filled in
/// (`FI_CHECK_OP`).
macro_rules! slot {
    ($table:expr, $kind:ident, $field:ident) => {{
        let table: *const $kind = $table;
        if table.is_null() || (*table).size <= std::mem::offset_of!($kind, $field) {
            None
        } else {
            (*table).$field
        }
    }};
}

macro_rules! call {
    ($table:expr, $kind:ident, $field:ident, ($($argument:expr),*)) => {
        match slot!($table, $kind, $field) {
            Some(function) => function($($argument),*),
            None => -FI_ENOSYS as _,
        }
    };
}

/// `fi_close`.
pub unsafe fn close(object: *mut fid) -> c_int {
    unsafe { call!((*object).ops, fi_ops, close, (object)) }
}

/// `fi_eq_open`.
pub unsafe fn eq_open(
    fabric: *mut fid_fabric,
    attr: *mut fi_eq_attr,
    eq: *mut *mut fid_eq,
) -> c_int {
    let none = std::ptr::null_mut();
    unsafe { call!((*fabric).ops, fi_ops_fabric, eq_open, (fabric, attr, eq, none)) }
}

/// `fi_domain`.
pub unsafe fn domain(
    fabric: *mut fid_fabric,
    info: *mut fi_info,
    domain: *mut *mut fid_domain,
) -> c_int {
    let none = std::ptr::null_mut();
    unsafe { call!((*fabric).ops, fi_ops_fabric, domain, (fabric, info, domain, none)) }
}

/// `fi_av_open`.
pub unsafe fn av_open(
    domain: *mut fid_domain,
    attr: *mut fi_av_attr,
    av: *mut *mut fid_av,
) -> c_int {
    let none = std::ptr::null_mut();
    unsafe { call!((*domain).ops, fi_ops_domain, av_open, (domain, attr, av, none)) }
}

/// `fi_cq_open`.
pub unsafe fn cq_open(
    domain: *mut fid_domain,
    attr: *mut fi_cq_attr,
    cq: *mut *mut fid_cq,
) -> c_int {
    let none = std::ptr::null_mut();
    unsafe { call!((*domain).ops, fi_ops_domain, cq_open, (domain, attr, cq, none)) }
}

/// `fi_endpoint`.
pub unsafe fn endpoint(domain: *mut fid_domain, info: *mut fi_info, ep: *mut *mut fid_ep) -> c_int {
    let none = std::ptr::null_mut();
    unsafe { call!((*domain).ops, fi_ops_domain, endpoint, (domain, info, ep, none)) }
}

/// `fi_ep_bind`.
pub unsafe fn ep_bind(ep: *mut fid_ep, object: *mut fid, flags: u64) -> c_int {
    unsafe {
        let this = &raw mut (*ep).fid;
        call!((*this).ops, fi_ops, bind, (this, object, flags))
    }
}

/// `fi_setopt` at level `FI_OPT_ENDPOINT`.
pub unsafe fn setopt(ep: *mut fid_ep, option: c_int, value: *const c_void, length: usize) -> c_int {
    unsafe {
        let this = &raw mut (*ep).fid;
        call!((*ep).ops, fi_ops_ep, setopt, (this, FI_OPT_ENDPOINT, option, value, length))
    }
}

/// `fi_getopt` of a boolean at level `FI_OPT_ENDPOINT`.
pub unsafe fn getopt(ep: *mut fid_ep, option: c_int, value: *mut bool) -> c_int {
    let mut length = size_of::<bool>();
    unsafe {
        let this = &raw mut (*ep).fid;
        let (value, length) = (value.cast(), &raw mut length);
        call!((*ep).ops, fi_ops_ep, getopt, (this, FI_OPT_ENDPOINT, option, value, length))
    }
}

/// `fi_cancel`.
pub unsafe fn cancel(ep: *mut fid_ep, context: *mut fi_context2) -> isize {
    unsafe {
        let this = &raw mut (*ep).fid;
        call!((*ep).ops, fi_ops_ep, cancel, (this, context.cast()))
    }
}

/// `fi_enable`.
pub unsafe fn enable(ep: *mut fid_ep) -> c_int {
    unsafe {
        let this = &raw mut (*ep).fid;
        call!((*this).ops, fi_ops, control, (this, FI_ENABLE, std::ptr::null_mut()))
    }
}

/// `fi_getname`.
pub unsafe fn getname(ep: *mut fid_ep, address: *mut c_void, length: *mut usize) -> c_int {
    unsafe {
        let this = &raw mut (*ep).fid;
        call!((*ep).cm, fi_ops_cm, getname, (this, address, length))
    }
}

/// `fi_mr_reg` with `access` and a key, which counts where the provider does
/// not choose it; the rest zero.
pub unsafe fn mr_reg(
    domain: *mut fid_domain,
    buffer: *const c_void,
    length: usize,
    access: u64,
    key: u64,
    mr: *mut *mut fid_mr,
) -> c_int {
    let none = std::ptr::null_mut();
    unsafe {
        let this = &raw mut (*domain).fid;
        call!((*domain).mr, fi_ops_mr, reg, (this, buffer, length, access, 0, key, 0, mr, none))
    }
}

/// `fi_av_insert` of one address; 1 is success.
pub unsafe fn av_insert(av: *mut fid_av, address: *const c_void, handle: *mut u64) -> c_int {
    let none = std::ptr::null_mut();
    unsafe { call!((*av).ops, fi_ops_av, insert, (av, address, 1, handle, 0, none)) }
}

/// `fi_av_remove` of one address.
pub unsafe fn av_remove(av: *mut fid_av, handle: *mut u64) -> c_int {
    unsafe { call!((*av).ops, fi_ops_av, remove, (av, handle, 1, 0)) }
}

/// `fi_recv` from anyone.
pub unsafe fn recv(
    ep: *mut fid_ep,
    buffer: *mut c_void,
    length: usize,
    descriptor: *mut c_void,
    context: *mut fi_context2,
) -> isize {
    unsafe {
        call!(
            (*ep).msg,
            fi_ops_msg,
            recv,
            (ep, buffer, length, descriptor, FI_ADDR_UNSPEC, context.cast())
        )
    }
}

/// `fi_send`.
pub unsafe fn send(
    ep: *mut fid_ep,
    buffer: *const c_void,
    length: usize,
    descriptor: *mut c_void,
    to: u64,
    context: *mut fi_context2,
) -> isize {
    unsafe {
        call!((*ep).msg, fi_ops_msg, send, (ep, buffer, length, descriptor, to, context.cast()))
    }
}

/// `fi_trecv` from this peer; bits of `ignore` may differ from the tag's.
pub unsafe fn trecv(
    ep: *mut fid_ep,
    buffer: *mut c_void,
    length: usize,
    descriptor: *mut c_void,
    from: u64,
    tag: u64,
    ignore: u64,
    context: *mut fi_context2,
) -> isize {
    let context = context.cast();
    unsafe {
        call!(
            (*ep).tagged,
            fi_ops_tagged,
            recv,
            (ep, buffer, length, descriptor, from, tag, ignore, context)
        )
    }
}

/// `fi_tsend`.
pub unsafe fn tsend(
    ep: *mut fid_ep,
    buffer: *const c_void,
    length: usize,
    descriptor: *mut c_void,
    to: u64,
    tag: u64,
    context: *mut fi_context2,
) -> isize {
    let context = context.cast();
    unsafe {
        call!((*ep).tagged, fi_ops_tagged, send, (ep, buffer, length, descriptor, to, tag, context))
    }
}

/// `fi_tinject`: the bytes are copied away, no completion comes.
pub unsafe fn tinject(
    ep: *mut fid_ep,
    buffer: *const c_void,
    length: usize,
    to: u64,
    tag: u64,
) -> isize {
    unsafe { call!((*ep).tagged, fi_ops_tagged, inject, (ep, buffer, length, to, tag)) }
}

/// `fi_writedata`: an RMA write that tells its target with immediate data.
pub unsafe fn writedata(
    ep: *mut fid_ep,
    buffer: *const c_void,
    length: usize,
    descriptor: *mut c_void,
    data: u64,
    to: u64,
    address: u64,
    key: u64,
    context: *mut fi_context2,
) -> isize {
    let context = context.cast();
    unsafe {
        call!(
            (*ep).rma,
            fi_ops_rma,
            writedata,
            (ep, buffer, length, descriptor, data, to, address, key, context)
        )
    }
}

/// `fi_cq_read` of a queue in `FI_CQ_FORMAT_TAGGED`.
pub unsafe fn cq_read(cq: *mut fid_cq, entries: *mut fi_cq_tagged_entry, count: usize) -> isize {
    unsafe { call!((*cq).ops, fi_ops_cq, read, (cq, entries.cast(), count)) }
}

/// `fi_cq_readerr`.
pub unsafe fn cq_readerr(cq: *mut fid_cq, space: *mut ErrorSpace<fi_cq_err_entry>) -> isize {
    unsafe {
        let entry = &raw mut (*space).entry;
        call!((*cq).ops, fi_ops_cq, readerr, (cq, entry, 0))
    }
}

/// `fi_cq_strerror`; null without the slot.
pub unsafe fn cq_strerror(
    cq: *mut fid_cq,
    prov_errno: c_int,
    error_data: *const c_void,
    buffer: *mut c_char,
    length: usize,
) -> *const c_char {
    unsafe {
        match slot!((*cq).ops, fi_ops_cq, strerror) {
            Some(function) => function(cq, prov_errno, error_data, buffer, length),
            None => std::ptr::null(),
        }
    }
}

/// `fi_eq_read`.
pub unsafe fn eq_read(
    eq: *mut fid_eq,
    event: *mut u32,
    buffer: *mut c_void,
    length: usize,
) -> isize {
    unsafe { call!((*eq).ops, fi_ops_eq, read, (eq, event, buffer, length, 0)) }
}

/// `fi_eq_readerr`.
pub unsafe fn eq_readerr(eq: *mut fid_eq, space: *mut ErrorSpace<fi_eq_err_entry>) -> isize {
    unsafe {
        let entry = &raw mut (*space).entry;
        call!((*eq).ops, fi_ops_eq, readerr, (eq, entry, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "C" fn closed(_object: *mut fid) -> c_int {
        7
    }

    fn table(size: usize) -> fi_ops {
        fi_ops {
            size,
            close: Some(closed),
            bind: None,
            control: None,
            ops_open: std::ptr::null(),
            tostr: std::ptr::null(),
            ops_set: std::ptr::null(),
        }
    }

    #[test]
    fn a_slot_past_the_tables_size_is_not_called() {
        for (size, answer) in [(size_of::<fi_ops>(), 7), (8, -FI_ENOSYS)] {
            let mut ops = table(size);
            let mut object = fid { fclass: 0, context: std::ptr::null_mut(), ops: &raw mut ops };
            // SAFETY: object and table live here.
            assert_eq!(unsafe { close(&raw mut object) }, answer);
        }
    }
}
