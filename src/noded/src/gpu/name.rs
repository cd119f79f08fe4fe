//! Names of readings.

pub use nixl_gpu::name::*;

/// The process that asks NVML: how often it died.
pub const WORKER: &str = "gpu:worker";
/// Its sandbox: `complete`, or what cannot be enforced.
pub const SANDBOX: &str = "gpu:workerSandbox";
/// Whether the kernel log, where Xids are, can be read.
pub const KERNEL_LOG: &str = "gpu:kernelLog";

/// What a look at the GPUs tells; without one there is nothing under these.
pub const MEASURED: &[&str] = &[
    DRIVER,
    PRESENT,
    LOST,
    ECC,
    ROWS,
    RECOVERY,
    NVLINK,
    PCIE,
    THROTTLE,
    TEMPERATURE,
    PERSISTENCE,
    UNREAD,
];
