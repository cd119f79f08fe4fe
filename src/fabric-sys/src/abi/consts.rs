//! Flags, modes and error numbers; fi_getinfo(3), fi_errno(3).

// Capabilities and operation flags.
pub const FI_MSG: u64 = 1 << 1;
pub const FI_RMA: u64 = 1 << 2;
pub const FI_TAGGED: u64 = 1 << 3;
pub const FI_WRITE: u64 = 1 << 9;
pub const FI_RECV: u64 = 1 << 10;
pub const FI_SEND: u64 = 1 << 11;
pub const FI_TRANSMIT: u64 = FI_SEND;
pub const FI_REMOTE_WRITE: u64 = 1 << 13;
pub const FI_REMOTE_CQ_DATA: u64 = 1 << 17;
pub const FI_NUMERICHOST: u64 = 1 << 55;
pub const FI_SOURCE: u64 = 1 << 57;

// Modes.
pub const FI_CONTEXT: u64 = 1 << 59;
pub const FI_CONTEXT2: u64 = 1 << 52;

// Memory registration modes.
pub const FI_MR_LOCAL: i32 = 1 << 2;
pub const FI_MR_VIRT_ADDR: i32 = 1 << 4;
pub const FI_MR_ALLOCATED: i32 = 1 << 5;
pub const FI_MR_PROV_KEY: i32 = 1 << 6;

// Enumerations.
pub const FI_EP_RDM: i32 = 3;
pub const FI_AV_UNSPEC: i32 = 0;
pub const FI_CQ_FORMAT_TAGGED: i32 = 4;
pub const FI_WAIT_NONE: i32 = 0;
pub const FI_BUS_PCI: i32 = 1;
pub const FI_SOCKADDR: u32 = 1;
pub const FI_SOCKADDR_IN: u32 = 2;
pub const FI_SOCKADDR_IN6: u32 = 3;
pub const FI_ADDR_STR: u32 = 9;
pub const FI_ADDR_UNSPEC: u64 = u64::MAX;
pub const FI_ADDR_NOTAVAIL: u64 = u64::MAX;

// Commands and options.
pub const FI_ENABLE: i32 = 6;
pub const FI_OPT_ENDPOINT: i32 = 0;
/// Since 1.18.
pub const FI_OPT_CUDA_API_PERMITTED: i32 = 10;
/// Since 1.19.
pub const FI_OPT_SHARED_MEMORY_PERMITTED: i32 = 11;
/// Of the EFA provider, since 1.19 (fi_ext.h).
pub const FI_OPT_EFA_EMULATED_WRITE: i32 = -(0xefa << 16) + 2;

// Errors: errno's, then libfabric's own.
pub const FI_EAGAIN: i32 = libc::EAGAIN;
pub const FI_ENOMEM: i32 = libc::ENOMEM;
pub const FI_EINVAL: i32 = libc::EINVAL;
pub const FI_ENOSYS: i32 = libc::ENOSYS;
pub const FI_ENODATA: i32 = libc::ENODATA;
pub const FI_EMSGSIZE: i32 = libc::EMSGSIZE;
pub const FI_EALREADY: i32 = libc::EALREADY;
pub const FI_ENOPROTOOPT: i32 = libc::ENOPROTOOPT;
pub const FI_EOPNOTSUPP: i32 = libc::EOPNOTSUPP;
pub const FI_ECANCELED: i32 = libc::ECANCELED;
pub const FI_ETOOSMALL: i32 = 257;
pub const FI_EOPBADSTATE: i32 = 258;
pub const FI_EAVAIL: i32 = 259;
pub const FI_ETRUNC: i32 = 265;
pub const FI_ENOKEY: i32 = 266;
pub const FI_ENOAV: i32 = 267;
