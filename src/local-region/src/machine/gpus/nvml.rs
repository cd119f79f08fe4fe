//! In NVIDIA's place in a machine: the part of NVML that asks how GPUs are
//! (nvml.h of driver 580), answered from a file that the region writes. What it
//! does not export is "not found" to who opens it, as with an older driver.
//! Built by `build.rs` as a shared library.

use std::ffi::{CStr, c_char, c_int, c_uint, c_ulonglong, c_void};
use std::time::Duration;

/// Model, MiB of memory, a letter for each GPU; a line each.
const STATES: &str = "/usr/lib/nixl-region/gpus";

type Return = c_uint;
/// A GPU's index and one, so that no handle is null.
type Device = *mut c_void;

const SUCCESS: Return = 0;
const INVALID_ARGUMENT: Return = 2;
const NOT_SUPPORTED: Return = 3;
const INSUFFICIENT_SIZE: Return = 7;
const DRIVER_NOT_LOADED: Return = 9;
const GPU_IS_LOST: Return = 15;

/// `NVML_TEMPERATURE_THRESHOLD_SLOWDOWN`.
const SLOWDOWN: c_uint = 1;
const SLOWDOWN_CELSIUS: c_uint = 95;
/// `nvmlClocksThrottleReasonHwThermalSlowdown`, and that of the hardware.
const SLOWED_DOWN: c_ulonglong = 0x40 | 0x08;
/// `NVML_MEMORY_ERROR_TYPE_UNCORRECTED`.
const UNCORRECTED: c_uint = 1;
/// `NVML_FI_DEV_REMAPPED_COR` to `NVML_FI_DEV_REMAPPED_FAILURE`.
const REMAPPED: std::ops::RangeInclusive<c_uint> = 142..=145;
const REMAPPED_UNCORRECTED: c_uint = 143;
const REMAPPED_PENDING: c_uint = 144;

struct Gpus {
    model: String,
    memory_mib: u64,
    /// Those that are there, in order.
    states: Vec<u8>,
    /// Their places on the bus, where absent ones leave a gap.
    places: Vec<usize>,
}

fn gpus() -> Option<Gpus> {
    let text = std::fs::read_to_string(STATES).ok()?;
    let mut lines = text.lines();
    let (model, memory_mib) = (lines.next()?.to_owned(), lines.next()?.parse().ok()?);
    let all = lines.next()?.bytes().enumerate().filter(|(_, state)| *state != b'a');
    let (places, states) = all.unzip();
    Some(Gpus { model, memory_mib, states, places })
}

/// The GPUs and the number of this one, unless it is lost.
fn gpu(device: Device) -> Result<(Gpus, usize), Return> {
    let gpus = gpus().ok_or(DRIVER_NOT_LOADED)?;
    let index = (device as usize).checked_sub(1).ok_or(INVALID_ARGUMENT)?;
    match gpus.states.get(index) {
        None => Err(INVALID_ARGUMENT),
        Some(b'l') => Err(GPU_IS_LOST),
        Some(b'g') => loop {
            std::thread::sleep(Duration::from_secs(3600));
        },
        Some(_) => Ok((gpus, index)),
    }
}

/// Answers with what `tell` makes of a GPU that answers.
///
/// # Safety
/// `into` is null or can be written.
unsafe fn answer<T>(device: Device, into: *mut T, tell: impl FnOnce(&Gpus, usize) -> T) -> Return {
    if into.is_null() {
        return INVALID_ARGUMENT;
    }
    match gpu(device) {
        Ok((gpus, index)) => {
            // SAFETY: not null, and the caller's.
            unsafe { into.write(tell(&gpus, index)) };
            SUCCESS
        }
        Err(code) => code,
    }
}

/// # Safety
/// `size` bytes at `into` can be written.
unsafe fn text(into: *mut c_char, size: usize, text: &str) -> Return {
    if text.len() >= size {
        return INSUFFICIENT_SIZE;
    }
    // SAFETY: it fits, with its end.
    unsafe {
        into.copy_from(text.as_ptr().cast(), text.len());
        into.add(text.len()).write(0);
    }
    SUCCESS
}

#[unsafe(no_mangle)]
extern "C" fn nvmlInit_v2() -> Return {
    if gpus().is_some() { SUCCESS } else { DRIVER_NOT_LOADED }
}

#[unsafe(no_mangle)]
extern "C" fn nvmlInitWithFlags(_: c_uint) -> Return {
    nvmlInit_v2()
}

#[unsafe(no_mangle)]
extern "C" fn nvmlShutdown() -> Return {
    SUCCESS
}

#[unsafe(no_mangle)]
extern "C" fn nvmlErrorString(code: Return) -> *const c_char {
    let text: &CStr = match code {
        SUCCESS => c"Success",
        INVALID_ARGUMENT => c"Invalid Argument",
        NOT_SUPPORTED => c"Not Supported",
        INSUFFICIENT_SIZE => c"Insufficient Size",
        DRIVER_NOT_LOADED => c"Driver Not Loaded",
        GPU_IS_LOST => c"GPU is lost",
        _ => c"Unknown Error",
    };
    text.as_ptr()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlSystemGetDriverVersion(into: *mut c_char, size: c_uint) -> Return {
    // SAFETY: the caller's buffer.
    unsafe { text(into, size as usize, "580.95.05") }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlSystemGetNVMLVersion(into: *mut c_char, size: c_uint) -> Return {
    // SAFETY: the caller's buffer.
    unsafe { text(into, size as usize, "13.580.95.05") }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetCount_v2(count: *mut c_uint) -> Return {
    let Some(gpus) = gpus() else { return DRIVER_NOT_LOADED };
    // SAFETY: the caller's.
    unsafe { count.write(gpus.states.len() as c_uint) };
    SUCCESS
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetHandleByIndex_v2(index: c_uint, into: *mut Device) -> Return {
    let device = (index as usize + 1) as Device;
    // SAFETY: the caller's.
    unsafe { answer(device, into, |_, _| device) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetName(device: Device, into: *mut c_char, size: c_uint) -> Return {
    match gpu(device) {
        // SAFETY: the caller's buffer.
        Ok((gpus, _)) => unsafe { text(into, size as usize, &gpus.model) },
        Err(code) => code,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetUUID(device: Device, into: *mut c_char, size: c_uint) -> Return {
    match gpu(device) {
        Ok((gpus, index)) => {
            let place = gpus.places[index];
            let uuid = format!("GPU-6e78ae65-0000-4000-8000-{place:012x}");
            // SAFETY: the caller's buffer.
            unsafe { text(into, size as usize, &uuid) }
        }
        Err(code) => code,
    }
}

/// `nvmlPciInfo_t`.
#[repr(C)]
struct PciInfo {
    bus_id_legacy: [c_char; 16],
    domain: c_uint,
    bus: c_uint,
    device: c_uint,
    pci_device_id: c_uint,
    pci_subsystem_id: c_uint,
    bus_id: [c_char; 32],
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetPciInfo_v3(device: Device, into: *mut PciInfo) -> Return {
    let tell = |gpus: &Gpus, index: usize| {
        let bus = 0x31 + 2 * gpus.places[index] as c_uint;
        let mut info = PciInfo {
            bus_id_legacy: [0; 16],
            domain: 0,
            bus,
            device: 0,
            // An L4's; the second half is NVIDIA's vendor number.
            pci_device_id: 0x27b8_10de,
            pci_subsystem_id: 0x16ca_10de,
            bus_id: [0; 32],
        };
        // SAFETY: both have room for their texts.
        unsafe {
            text(info.bus_id_legacy.as_mut_ptr(), 16, &format!("0000:{bus:02X}:00.0"));
            text(info.bus_id.as_mut_ptr(), 32, &format!("00000000:{bus:02X}:00.0"));
        }
        info
    };
    // SAFETY: the caller's.
    unsafe { answer(device, into, tell) }
}

/// `nvmlMemory_t`.
#[repr(C)]
struct Memory {
    total: c_ulonglong,
    free: c_ulonglong,
    used: c_ulonglong,
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetMemoryInfo(device: Device, into: *mut Memory) -> Return {
    let tell = |gpus: &Gpus, _| {
        let (total, used) = (gpus.memory_mib << 20, 512 << 20);
        Memory { total, free: total - used, used }
    };
    // SAFETY: the caller's.
    unsafe { answer(device, into, tell) }
}

/// `nvmlMemory_v2_t`; the caller has written its version.
#[repr(C)]
struct MemoryV2 {
    version: c_uint,
    total: c_ulonglong,
    reserved: c_ulonglong,
    free: c_ulonglong,
    used: c_ulonglong,
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetMemoryInfo_v2(device: Device, into: *mut MemoryV2) -> Return {
    let mut memory = Memory { total: 0, free: 0, used: 0 };
    // SAFETY: ours.
    let code = unsafe { nvmlDeviceGetMemoryInfo(device, &mut memory) };
    if code == SUCCESS {
        let Memory { total, free, used } = memory;
        // SAFETY: the caller's.
        unsafe { into.write(MemoryV2 { version: (*into).version, total, reserved: 0, free, used }) };
    }
    code
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetEccMode(
    device: Device,
    current: *mut c_uint,
    pending: *mut c_uint,
) -> Return {
    // SAFETY: the caller's.
    unsafe {
        match answer(device, current, |_, _| 1) {
            SUCCESS => answer(device, pending, |_, _| 1),
            code => code,
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetTemperature(
    device: Device,
    _sensor: c_uint,
    into: *mut c_uint,
) -> Return {
    let hot = |gpus: &Gpus, index: usize| gpus.states[index] == b'h';
    // SAFETY: the caller's.
    unsafe { answer(device, into, |g, i| if hot(g, i) { SLOWDOWN_CELSIUS } else { 41 }) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetTemperatureThreshold(
    device: Device,
    kind: c_uint,
    into: *mut c_uint,
) -> Return {
    if kind != SLOWDOWN {
        return NOT_SUPPORTED;
    }
    // SAFETY: the caller's.
    unsafe { answer(device, into, |_, _| SLOWDOWN_CELSIUS) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetCurrentClocksThrottleReasons(
    device: Device,
    into: *mut c_ulonglong,
) -> Return {
    let tell = |gpus: &Gpus, index: usize| match gpus.states[index] {
        b'h' => SLOWED_DOWN,
        _ => 0,
    };
    // SAFETY: the caller's.
    unsafe { answer(device, into, tell) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetPowerUsage(device: Device, into: *mut c_uint) -> Return {
    // SAFETY: the caller's.
    unsafe { answer(device, into, |_, _| 17_000) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetEnforcedPowerLimit(device: Device, into: *mut c_uint) -> Return {
    // SAFETY: the caller's.
    unsafe { answer(device, into, |_, _| 72_000) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetPersistenceMode(device: Device, into: *mut c_uint) -> Return {
    // SAFETY: the caller's.
    unsafe { answer(device, into, |_, _| 1) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetCurrPcieLinkWidth(device: Device, into: *mut c_uint) -> Return {
    // SAFETY: the caller's.
    unsafe { answer(device, into, |_, _| 8) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetMaxPcieLinkWidth(device: Device, into: *mut c_uint) -> Return {
    // SAFETY: the caller's.
    unsafe { answer(device, into, |_, _| 8) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetCurrPcieLinkGeneration(
    device: Device,
    into: *mut c_uint,
) -> Return {
    // SAFETY: the caller's.
    unsafe { answer(device, into, |_, _| 4) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetMaxPcieLinkGeneration(
    device: Device,
    into: *mut c_uint,
) -> Return {
    // SAFETY: the caller's.
    unsafe { answer(device, into, |_, _| 4) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetPcieReplayCounter(device: Device, into: *mut c_uint) -> Return {
    // SAFETY: the caller's.
    unsafe { answer(device, into, |_, _| 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetTotalEccErrors(
    device: Device,
    kind: c_uint,
    _counter: c_uint,
    into: *mut c_ulonglong,
) -> Return {
    let tell = |gpus: &Gpus, index: usize| {
        c_ulonglong::from(kind == UNCORRECTED && gpus.states[index] == b'e')
    };
    // SAFETY: the caller's.
    unsafe { answer(device, into, tell) }
}

/// `nvmlUtilization_t`.
#[repr(C)]
struct Utilization {
    gpu: c_uint,
    memory: c_uint,
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetUtilizationRates(
    device: Device,
    into: *mut Utilization,
) -> Return {
    // SAFETY: the caller's.
    unsafe { answer(device, into, |_, _| Utilization { gpu: 0, memory: 0 }) }
}

/// No process has any of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetComputeRunningProcesses_v3(
    device: Device,
    count: *mut c_uint,
    _into: *mut c_void,
) -> Return {
    // SAFETY: the caller's.
    unsafe { answer(device, count, |_, _| 0) }
}

/// `nvmlFieldValue_t`; the value is a union of 8 bytes.
#[repr(C)]
struct FieldValue {
    field_id: c_uint,
    scope_id: c_uint,
    timestamp: i64,
    latency_usec: i64,
    value_type: c_uint,
    nvml_return: Return,
    value: u64,
}

/// `NVML_VALUE_TYPE_UNSIGNED_INT`.
const UNSIGNED_INT: c_uint = 1;

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetFieldValues(
    device: Device,
    count: c_int,
    values: *mut FieldValue,
) -> Return {
    let (gpus, index) = match gpu(device) {
        Ok(found) => found,
        Err(code) => return code,
    };
    let remapped = gpus.states[index] == b'e';
    for at in 0..usize::try_from(count).unwrap_or(0) {
        // SAFETY: the caller's array of `count`.
        let value = unsafe { &mut *values.add(at) };
        value.value_type = UNSIGNED_INT;
        value.nvml_return = if REMAPPED.contains(&value.field_id) { SUCCESS } else { NOT_SUPPORTED };
        value.value = match value.field_id {
            REMAPPED_UNCORRECTED | REMAPPED_PENDING => u64::from(remapped),
            _ => 0,
        };
    }
    SUCCESS
}
