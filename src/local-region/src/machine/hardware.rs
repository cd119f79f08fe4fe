//! What machines are given beyond a root filesystem and a network, if asked for.

/// The same for all machines of a region.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hardware {
    /// Size of a disk of its own for each machine; without, all write to this
    /// computer's.
    pub disk_bytes: Option<u64>,
    /// A clock of its own for each machine.
    pub clocks: bool,
}
