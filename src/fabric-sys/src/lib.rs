//! libfabric opened at run time: no link, no header at build time.
//!
//! libfabric exports a handful of versioned functions; everything else is
//! called through tables of function pointers inside the objects it hands
//! out. [`Library`] finds the file and the exported functions, [`abi`] has the
//! structs as C lays them out, [`call`] does what the inline functions of
//! `rdma/fabric.h` do.
//!
//! What makes it sound over library versions 1.17 to 2.x:
//! - every `fi_info` is allocated by the library (`fi_dupinfo(NULL)`);
//! - the API version asked for is never newer than the structs here
//!   ([`API_VERSION`]), because providers decide by it how much they write
//!   into caller-owned structs;
//! - structs are only ever appended to, and the ones the library writes are
//!   allocated larger than today ([`abi::ErrorSpace`]);
//! - a table's leading `size` is checked before a slot is used.
//!
//! Source: fabric(7), section "ABI CHANGES"; `libfabric.map.in`.

pub mod abi;
pub mod call;
mod library;
mod search;

pub use library::{Library, LoadError, Version};
pub use search::Attempt;

/// Newest API version the structs in [`abi`] describe.
pub const API_VERSION: Version = Version { major: 1, minor: 18 };
