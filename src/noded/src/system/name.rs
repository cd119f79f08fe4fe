//! Names of this component's readings.

/// The kernel's clock.
pub const CLOCK: &str = "system:clock";
/// Room on each filesystem.
pub const DISK: &str = "system:disk";
/// Whether the state folder takes files.
pub const STATE_FOLDER: &str = "system:stateFolder";
/// Memory available.
pub const MEMORY: &str = "system:memory";
/// Processes that the kernel has killed for memory.
pub const OOM_KILLS: &str = "system:oomKills";
