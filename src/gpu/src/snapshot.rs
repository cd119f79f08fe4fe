//! What NVML says of a node's GPUs at one moment.
//!
//! `None` is what a GPU does not have or NVML does not tell, which is neither
//! zero nor a fault: a g5 has no `NVLink`, an L4 retires no pages.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All GPUs of a node. It goes over the worker's socket as postcard, so no
/// field may be left out when it is written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Of the kernel's driver, e.g. `580.95.05` (`nvmlSystemGetDriverVersion`).
    pub driver_version: Option<String>,
    /// Of the library (`nvmlSystemGetNVMLVersion`).
    pub nvml_version: Option<String>,
    /// Those that answer, by NVML's index.
    pub gpus: Vec<Gpu>,
    /// Those that NVML counts, but that cannot be used.
    pub lost: Vec<Lost>,
}

/// A GPU that NVML counts and cannot use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// NVML's index.
    pub index: u32,
    /// As [`Gpu::pci_address`], if it was ever told.
    pub pci_address: Option<String>,
    /// NVML says that a reset brings it back; else it has fallen off the bus.
    pub needs_reset: bool,
    /// NVML's words.
    pub error: String,
}

/// One GPU.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Gpu {
    /// NVML's index; may change at the next boot.
    pub index: u32,
    /// `GPU-…`
    pub uuid: Option<String>,
    /// E.g. `NVIDIA H100 80GB HBM3`.
    pub name: Option<String>,
    /// As sysfs writes it: `0000:53:00.0`.
    pub pci_address: String,
    /// Errors of its memories, where ECC is there and on.
    pub ecc: Option<Ecc>,
    /// Ampere and later.
    pub remapped_rows: Option<RemappedRows>,
    /// Before Ampere: pages wait to be retired, which the next reset does.
    pub retired_pages_pending: Option<bool>,
    /// What the driver asks for (field 230, driver 570 and later).
    pub recovery_action: Option<RecoveryAction>,
    /// Its links to other GPUs, where it has any.
    pub nvlink: Option<NvLink>,
    /// Its link to the host.
    pub pcie: Pcie,
    /// Why its clocks are lower than they could be.
    pub throttle_reasons: Option<Vec<Throttle>>,
    /// The driver stays loaded while nothing uses the GPU.
    pub persistence_mode: Option<bool>,
    /// Of its core.
    pub temperature_celsius: Option<u32>,
    /// At this one the hardware halves the clocks.
    pub slowdown_celsius: Option<u32>,
    /// What it draws now.
    pub power_watts: Option<f64>,
    /// What it may draw.
    pub power_limit_watts: Option<f64>,
    /// Its own memory.
    pub memory: Option<Memory>,
    /// Processes with a CUDA context.
    pub processes: Option<u32>,
    /// Of the last sample period, in which a kernel ran.
    pub utilization_percent: Option<u32>,
    /// What the driver failed to tell, by what was asked for, in NVML's words.
    pub unread: BTreeMap<String, String>,
}

/// Numbers of ECC errors; volatile ones are since the driver was loaded,
/// aggregate ones of the GPU's life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ecc {
    /// Corrected since the driver was loaded.
    pub volatile_corrected: Option<u64>,
    /// Not corrected since the driver was loaded.
    pub volatile_uncorrected: Option<u64>,
    /// Corrected ever.
    pub aggregate_corrected: Option<u64>,
    /// Not corrected ever.
    pub aggregate_uncorrected: Option<u64>,
}

/// Rows of memory that others stand in for (fields 142 to 145).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemappedRows {
    /// After corrected errors.
    pub corrected: u32,
    /// After errors that could not be corrected.
    pub uncorrected: u32,
    /// One waits for the next reset.
    pub pending: bool,
    /// One could not be replaced: there are no spare rows left.
    pub failure: bool,
}

/// `nvmlDeviceGpuRecoveryAction_t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryAction {
    /// Nothing.
    None,
    /// Reset this GPU.
    Reset,
    /// Reboot the node.
    Reboot,
    /// End what speaks to other GPUs directly; then it is reset.
    DrainP2p,
    /// Let what runs end, start nothing more, and reset it.
    DrainAndReset,
    /// One that a newer driver knows.
    Other(u32),
}

/// Links of one GPU.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NvLink {
    /// How many it has.
    pub links: u32,
    /// Numbers of those that are not active.
    pub inactive: Vec<u32>,
    /// All links together, as far as told.
    pub errors: NvLinkErrors,
}

impl NvLink {
    /// How many are active.
    #[must_use]
    pub fn active(&self) -> u32 {
        self.links.saturating_sub(u32::try_from(self.inactive.len()).unwrap_or(u32::MAX))
    }
}

/// `nvmlNvLinkErrorCounter_t`, since the driver was loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NvLinkErrors {
    /// Data was sent again.
    pub replay: Option<u64>,
    /// The link was trained again.
    pub recovery: Option<u64>,
    /// Checksums of flow control.
    pub crc_flit: Option<u64>,
    /// Checksums of data.
    pub crc_data: Option<u64>,
}

/// The link to the host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pcie {
    /// Now; it drops when the GPU is idle.
    pub generation: Option<u32>,
    /// What this GPU in this slot can have.
    pub max_generation: Option<u32>,
    /// Lanes now.
    pub width: Option<u32>,
    /// Lanes that this GPU in this slot can have.
    pub max_width: Option<u32>,
    /// Packets sent again, since the driver was loaded.
    pub replays: Option<u32>,
}

/// Memory of a GPU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Taken.
    pub used_bytes: u64,
    /// All of it.
    pub total_bytes: u64,
}

/// `nvmlClocksEventReasons`, as far as they have a meaning for a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Throttle {
    /// Nothing runs.
    Idle,
    /// Someone has set the clocks.
    ClocksSetting,
    /// It draws as much as it may, which under load is as it should be.
    SwPowerCap,
    /// It waits for others of its group.
    SyncBoost,
    /// The driver holds it back: GPU or memory is too hot.
    SwThermal,
    /// The hardware has at least halved the clocks.
    HwSlowdown,
    /// The same for heat.
    HwThermal,
    /// The same because the power supply asks for it.
    HwPowerBrake,
}

impl Throttle {
    /// Whether something is wrong then.
    #[must_use]
    pub fn is_harmful(self) -> bool {
        matches!(self, Self::SwThermal | Self::HwSlowdown | Self::HwThermal | Self::HwPowerBrake)
    }

    /// As it is written in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::ClocksSetting => "clocks_setting",
            Self::SwPowerCap => "sw_power_cap",
            Self::SyncBoost => "sync_boost",
            Self::SwThermal => "sw_thermal",
            Self::HwSlowdown => "hw_slowdown",
            Self::HwThermal => "hw_thermal",
            Self::HwPowerBrake => "hw_power_brake",
        }
    }
}
