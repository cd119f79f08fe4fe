//! Names of readings.

/// The driver's version, or why it does not answer.
pub const DRIVER: &str = "gpu:driver";
/// How many GPUs there are.
pub const PRESENT: &str = "gpu:present";
/// Those that NVML counts and cannot use.
pub const LOST: &str = "gpu:lost";
/// Errors of their memories.
pub const ECC: &str = "gpu:ecc";
/// Rows and pages of memory that are given up.
pub const ROWS: &str = "gpu:rows";
/// What the driver asks for.
pub const RECOVERY: &str = "gpu:recovery";
/// Active links to other GPUs.
pub const NVLINK: &str = "gpu:nvlink";
/// Lanes of the link to the host.
pub const PCIE: &str = "gpu:pcie";
/// Why clocks are held down.
pub const THROTTLE: &str = "gpu:throttle";
/// Of the core.
pub const TEMPERATURE: &str = "gpu:temperature";
/// Whether the driver stays loaded for it.
pub const PERSISTENCE: &str = "gpu:persistence";
/// What the driver fails to tell.
pub const UNREAD: &str = "gpu:unread";
/// Faults in the kernel log.
pub const XID: &str = "gpu:xid";
