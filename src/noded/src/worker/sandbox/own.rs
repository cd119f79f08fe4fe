//! What concerns the process itself: limits, capabilities, who may look into
//! it, and its last words when it tries what it must not.

use super::{SandboxError, calls, step};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets};
use std::io;

/// Sockets of a thousand peers, with room.
const MAX_FILES: u64 = 4096;

/// No core, and files as far as providers need them. The answer is what could
/// not be had.
pub(super) fn limit() -> Result<Option<String>, SandboxError> {
    for (resource, most) in [(Resource::Core, 0), (Resource::Nofile, MAX_FILES)] {
        let now = getrlimit(resource);
        let most = now.maximum.map_or(most, |maximum| maximum.min(most));
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        if now != limit
            && let Err(error) = setrlimit(resource, limit)
        {
            return Ok(Some(format!("limits of resources ({error})")));
        }
    }
    Ok(None)
}

/// As root, the worker would have all of them.
pub(super) fn drop_capabilities() -> Result<(), SandboxError> {
    let failed = || step("capabilities");
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    let now = rustix::thread::capabilities(None).map_err(|e| failed()(e.into()))?;
    if now.permitted.is_empty() && now.inheritable.is_empty() {
        return Ok(());
    }
    rustix::thread::set_capabilities(None, none).map_err(|e| failed()(e.into()))
}

/// No other process of this user can trace it or read its memory.
pub(super) fn close_to_others() -> Result<(), SandboxError> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|e| step("not dumpable")(e.into()))
}

/// Makes a system call that the filter traps the last words of the process.
pub(super) fn tell_blocked_calls() -> Result<(), SandboxError> {
    // SAFETY: all zero is an empty mask without flags.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = blocked as *const () as usize;
    // Reset at once and not held back, so that the handler can end by it.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESETHAND | libc::SA_NODEFER;
    // SAFETY: the handler makes async-signal-safe calls only.
    if unsafe { libc::sigaction(libc::SIGSYS, &raw const action, std::ptr::null_mut()) } < 0 {
        return Err(step("sigaction")(io::Error::last_os_error()));
    }
    Ok(())
}

/// The part of `siginfo_t` that SIGSYS has, sigaction(2); the same on every
/// 64-bit Linux.
#[repr(C)]
struct SystemCall {
    signo: i32,
    errno: i32,
    code: i32,
    address: *const libc::c_void,
    number: i32,
    architecture: u32,
}

extern "C" fn blocked(_: i32, info: *const SystemCall, _: *const libc::c_void) {
    // SAFETY: the kernel passes the information of this signal.
    let number = unsafe { (*info).number };
    let mut digits = [b'0'; 10];
    let mut rest = number.unsigned_abs();
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    let zeros = digits.iter().take(9).take_while(|digit| **digit == b'0').count();
    for part in [
        b"blocked system call ".as_slice(),
        &digits[zeros..],
        b" (",
        calls::name(number.into()).as_bytes(),
        b")\n",
    ] {
        // SAFETY: the bytes are there; a closed stderr is no matter.
        unsafe { libc::write(2, part.as_ptr().cast(), part.len()) };
    }
    // SAFETY: async-signal-safe; the handler is reset, so this ends the process.
    unsafe { libc::raise(libc::SIGSYS) };
}
