//! The structs of `rdma/*.h` that are used, as C lays them out, and the
//! constants that go with them. Names are C's, so that the manual pages
//! (fi_getinfo(3), fi_endpoint(3), fi_cq(3) …) are their documentation.
//!
//! `layout/layout.c` prints sizes and offsets from the real headers; a test
//! compares them with these structs.
#![allow(missing_docs, non_camel_case_types)]

mod consts;
mod info;
mod object;
mod ops;
mod queue;

pub use consts::*;
pub use info::*;
pub use object::*;
pub use ops::*;
pub use queue::*;

#[cfg(test)]
mod layout_tests;
