//! What scripts find before their first line.

/// Before every script: strict mode, `die` and `retry`.
pub const BASE: &str = include_str!("base.sh");
/// Before an install script that calls it: `reboot_once`.
pub const REBOOT: &str = include_str!("reboot.sh");
/// Before downloads: `fetch`, and curl to do it with.
pub const FETCH: &str = include_str!("fetch.sh");

/// Everything there is, for the digest.
pub const ALL: [&str; 3] = [BASE, REBOOT, FETCH];

/// Whether a script reboots the machine.
#[must_use]
pub fn reboots(script: &str) -> bool {
    script.contains("reboot_once ")
}
