//! One GPU, value by value.

use crate::snapshot::{
    Ecc, Gpu, Memory, NvLink, NvLinkErrors, Pcie, RecoveryAction, RemappedRows, Throttle,
};
use nvml_wrapper::Device;
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{
    EccCounter, MemoryError, TemperatureSensor, TemperatureThreshold,
};
use nvml_wrapper::enum_wrappers::nv_link::ErrorCounter;
use nvml_wrapper::enums::device::SampleValue;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::structs::device::FieldId;
use nvml_wrapper::sys_exports::field_id::{
    NVML_FI_DEV_GET_GPU_RECOVERY_ACTION, NVML_FI_DEV_REMAPPED_COR, NVML_FI_DEV_REMAPPED_FAILURE,
    NVML_FI_DEV_REMAPPED_PENDING, NVML_FI_DEV_REMAPPED_UNC,
};
use std::collections::BTreeMap;

/// `NVML_NVLINK_MAX_LINKS`.
const MOST_LINKS: u32 = 18;

/// Values whose calls `nvml-wrapper` does not have, by field id.
const FIELDS: [u32; 5] = [
    NVML_FI_DEV_REMAPPED_COR,
    NVML_FI_DEV_REMAPPED_UNC,
    NVML_FI_DEV_REMAPPED_PENDING,
    NVML_FI_DEV_REMAPPED_FAILURE,
    NVML_FI_DEV_GET_GPU_RECOVERY_ACTION,
];

/// Everything that this GPU tells.
///
/// # Errors
/// If it cannot be reached any more.
pub(super) fn read(device: &Device<'_>, index: u32, pci_address: String) -> Result<Gpu, NvmlError> {
    let mut reader = Reader::default();
    let r = &mut reader;
    let (remapped_rows, recovery_action) = fields(r, device);
    let mut gpu = Gpu {
        index,
        pci_address,
        uuid: r.get("uuid", device.uuid()),
        name: r.get("name", device.name()),
        ecc: ecc(r, device),
        remapped_rows,
        retired_pages_pending: r.get("retired pages", device.are_pages_pending_retired()),
        recovery_action,
        nvlink: nvlink(r, device),
        pcie: pcie(r, device),
        throttle_reasons: r
            .get("throttle reasons", device.current_throttle_reasons())
            .map(throttle),
        persistence_mode: r.get("persistence mode", device.is_in_persistent_mode()),
        temperature_celsius: r.get("temperature", device.temperature(TemperatureSensor::Gpu)),
        slowdown_celsius: r.get(
            "slowdown temperature",
            device.temperature_threshold(TemperatureThreshold::Slowdown),
        ),
        power_watts: r.get("power", device.power_usage()).map(watts),
        power_limit_watts: r.get("power limit", device.enforced_power_limit()).map(watts),
        memory: r
            .get("memory", device.memory_info())
            .map(|memory| Memory { used_bytes: memory.used, total_bytes: memory.total }),
        processes: r.get("processes", device.running_compute_processes_count()),
        utilization_percent: r.get("utilisation", device.utilization_rates()).map(|of| of.gpu),
        unread: BTreeMap::new(),
    };
    if let Some(error) = reader.gone {
        return Err(error);
    }
    gpu.unread = reader.unread;
    Ok(gpu)
}

/// Tells what a GPU does not have from what the driver fails at.
#[derive(Default)]
struct Reader {
    unread: BTreeMap<String, String>,
    gone: Option<NvmlError>,
}

impl Reader {
    fn get<T>(&mut self, what: &str, answer: Result<T, NvmlError>) -> Option<T> {
        match answer {
            Ok(value) => return Some(value),
            // Not of this GPU, this driver, this user or this setting.
            Err(
                NvmlError::NotSupported
                | NvmlError::FailedToLoadSymbol(_)
                | NvmlError::FunctionNotFound
                | NvmlError::InvalidArg
                | NvmlError::NoData
                | NvmlError::NotFound
                | NvmlError::NoPermission
                | NvmlError::VgpuEccNotSupported
                | NvmlError::UnexpectedVariant(_),
            ) => {}
            Err(error @ (NvmlError::GpuLost | NvmlError::ResetRequired)) => {
                self.gone.get_or_insert(error);
            }
            Err(error) => {
                self.unread.insert(what.to_owned(), error.to_string());
            }
        }
        None
    }
}

fn watts(milliwatts: u32) -> f64 {
    f64::from(milliwatts) / 1000.0
}

fn fields(r: &mut Reader, device: &Device<'_>) -> (Option<RemappedRows>, Option<RecoveryAction>) {
    let Some(answers) = r.get("fields", device.field_values_for(&FIELDS.map(FieldId))) else {
        return (None, None);
    };
    let names = ["remapped rows"; 4].into_iter().chain(["recovery action"]);
    let values: Vec<Option<u64>> = names
        .zip(answers)
        .map(|(name, answer)| r.get(name, answer.and_then(|sample| sample.value)).and_then(number))
        .collect();
    let small = |at: usize| {
        values.get(at).copied().flatten().map(|value| u32::try_from(value).unwrap_or(u32::MAX))
    };
    let rows = small(0).zip(small(1)).zip(small(2)).zip(small(3));
    let rows = rows.map(|(((corrected, uncorrected), pending), failure)| RemappedRows {
        corrected,
        uncorrected,
        pending: pending != 0,
        failure: failure != 0,
    });
    (rows, small(4).map(recovery))
}

fn number(value: SampleValue) -> Option<u64> {
    match value {
        SampleValue::U32(value) => Some(value.into()),
        SampleValue::U64(value) => Some(value),
        SampleValue::I64(value) => value.try_into().ok(),
        SampleValue::F64(_) => None,
    }
}

/// `nvmlDeviceGpuRecoveryAction_t`.
fn recovery(number: u32) -> RecoveryAction {
    match number {
        0 => RecoveryAction::None,
        1 => RecoveryAction::Reset,
        2 => RecoveryAction::Reboot,
        3 => RecoveryAction::DrainP2p,
        4 => RecoveryAction::DrainAndReset,
        other => RecoveryAction::Other(other),
    }
}

fn ecc(r: &mut Reader, device: &Device<'_>) -> Option<Ecc> {
    let mode = r.get("ECC mode", device.is_ecc_enabled());
    if mode.is_some_and(|mode| !mode.currently_enabled) {
        return None;
    }
    let mut total = |kind, since| r.get("ECC errors", device.total_ecc_errors(kind, since));
    let ecc = Ecc {
        volatile_corrected: total(MemoryError::Corrected, EccCounter::Volatile),
        volatile_uncorrected: total(MemoryError::Uncorrected, EccCounter::Volatile),
        aggregate_corrected: total(MemoryError::Corrected, EccCounter::Aggregate),
        aggregate_uncorrected: total(MemoryError::Uncorrected, EccCounter::Aggregate),
    };
    (ecc != Ecc::default()).then_some(ecc)
}

/// What has no link answers that it is not supported, or no valid argument.
fn nvlink(r: &mut Reader, device: &Device<'_>) -> Option<NvLink> {
    let mut found = NvLink::default();
    for number in 0..MOST_LINKS {
        let link = device.link_wrapper_for(number);
        let Some(active) = r.get("NVLink", link.is_active()) else { continue };
        found.links += 1;
        if !active {
            found.inactive.push(number);
            continue;
        }
        let mut add = |sum: &mut Option<u64>, counter| {
            if let Some(errors) = r.get("NVLink errors", link.error_counter(counter)) {
                *sum = Some(sum.unwrap_or(0).saturating_add(errors));
            }
        };
        let NvLinkErrors { replay, recovery, crc_flit, crc_data } = &mut found.errors;
        add(replay, ErrorCounter::DlReplay);
        add(recovery, ErrorCounter::DlRecovery);
        add(crc_flit, ErrorCounter::DlCrcFlit);
        add(crc_data, ErrorCounter::DlCrcData);
    }
    (found.links > 0).then_some(found)
}

fn pcie(r: &mut Reader, device: &Device<'_>) -> Pcie {
    Pcie {
        generation: r.get("PCIe generation", device.current_pcie_link_gen()),
        max_generation: r.get("PCIe generation", device.max_pcie_link_gen()),
        width: r.get("PCIe width", device.current_pcie_link_width()),
        max_width: r.get("PCIe width", device.max_pcie_link_width()),
        replays: r.get("PCIe replays", device.pcie_replay_counter()),
    }
}

fn throttle(reasons: ThrottleReasons) -> Vec<Throttle> {
    let known = [
        (ThrottleReasons::GPU_IDLE, Throttle::Idle),
        (ThrottleReasons::APPLICATIONS_CLOCKS_SETTING, Throttle::ClocksSetting),
        (ThrottleReasons::SW_POWER_CAP, Throttle::SwPowerCap),
        (ThrottleReasons::SYNC_BOOST, Throttle::SyncBoost),
        (ThrottleReasons::SW_THERMAL_SLOWDOWN, Throttle::SwThermal),
        (ThrottleReasons::HW_SLOWDOWN, Throttle::HwSlowdown),
        (ThrottleReasons::HW_THERMAL_SLOWDOWN, Throttle::HwThermal),
        (ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN, Throttle::HwPowerBrake),
    ];
    known.into_iter().filter(|(bit, _)| reasons.contains(*bit)).map(|(_, told)| told).collect()
}
