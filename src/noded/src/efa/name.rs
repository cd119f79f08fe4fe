//! Names of readings.

/// How many devices are there.
pub const DEVICES: &str = "efa:devices";
/// Each device: its line rate.
pub const RAIL: &str = "efa:rail";
/// Each device: bytes it moves, and how much of them goes wrong.
pub const COUNTERS: &str = "efa:counters";
/// Each device: errors since the daemon looks.
pub const ERRORS: &str = "efa:errors";
/// Version of the driver.
pub const DRIVER: &str = "efa:driver";
/// Version of libfabric.
pub const LIBFABRIC: &str = "efa:libfabric";
/// Who lets the devices reach GPU memory.
pub const GPU_DIRECT: &str = "efa:gpuDirect";
/// Memory that may be locked.
pub const MEMLOCK: &str = "efa:memlock";
/// Huge pages that are free.
pub const HUGE_PAGES: &str = "efa:hugePages";
