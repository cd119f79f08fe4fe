//! `nixl-region reboot`, `power-cut`, `power-on`, `fill-disk`, `free-disk`,
//! `machine-clock` and `gpu`: what happens to machines in the field, on request.

use std::process::ExitCode;

use clap::Subcommand;
use http::Method;
use jiff::SignedDuration;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::client::{MACHINES, ask};
use super::machine_routes::{ClockMoved, Done, FillDisk, MoveClock, PowerCut, SetGpu};
use super::{exec, state};
use crate::layout::Layout;
use crate::machine::{DiskSpace, GpuState};

/// Commands for one machine.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Reboots a machine in an orderly way, as RebootInstances does.
    Reboot {
        /// Name tag or instance id.
        machine: String,
    },
    /// Takes a machine's power away: its processes end at once, without shutdown.
    ///
    /// It stays off until `power-on`, or for the time given. The instance is
    /// `running` all the while, as on EC2. What the machine had written to its
    /// disk is there when it boots, also what was not synced: this computer
    /// keeps power.
    PowerCut {
        /// Name tag or instance id.
        machine: String,
        /// Power comes back after this time, e.g. `5s`.
        #[arg(long = "for", value_name = "TIME", value_parser = time)]
        off_for: Option<SignedDuration>,
    },
    /// Gives a machine its power back; it boots.
    PowerOn {
        /// Name tag or instance id.
        machine: String,
    },
    /// Fills a machine's disk (`up --machine-disks`); the space is only reserved.
    FillDisk {
        /// Name tag or instance id.
        machine: String,
        /// What stays free, e.g. `1M`.
        #[arg(long, value_name = "SIZE", default_value = "0", value_parser = size)]
        leave: u64,
    },
    /// Gives back what `fill-disk` took.
    FreeDisk {
        /// Name tag or instance id.
        machine: String,
    },
    /// Moves a machine's calendar clock (`up --machine-clocks`); monotonic time goes on evenly.
    MachineClock {
        /// Name tag or instance id.
        machine: String,
        /// From where it stands: `+1h`, `-30s`; or `reset`.
        #[arg(value_name = "CHANGE", allow_hyphen_values = true, value_parser = change)]
        change: Change,
    },
    /// Makes one of a machine's GPUs lost, hot or well again.
    ///
    /// Machines have as many as their instance type, by a library in the place
    /// of NVIDIA's that answers what NVML is asked; nothing computes on them.
    Gpu {
        /// Name tag or instance id.
        machine: String,
        /// Its number, from 0.
        index: u32,
        /// `well`, `lost` (off the bus), `absent`, `hot` (slowed down by its hardware), `ecc`
        /// (an uncorrectable error, a row to be remapped) or `wedged` (the driver does not answer).
        state: GpuState,
    },
}

/// What becomes of a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    By(SignedDuration),
    Reset,
}

/// Runs one.
pub(super) fn run(layout: &Layout, command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Reboot { machine } => {
            let Done {} = send(layout, machine, "reboot", &())?;
            println!("{machine} reboots");
        }
        Command::PowerCut { machine, off_for } => {
            let off_secs = off_for.map(|time| time.as_secs_f64());
            let Done {} = send(layout, machine, "power-cut", &PowerCut { off_secs })?;
            match off_for {
                Some(time) => println!("{machine} is off for {time:#}"),
                None => println!("{machine} is off; next: nixl-region power-on {machine}"),
            }
        }
        Command::PowerOn { machine } => {
            let Done {} = send(layout, machine, "power-on", &())?;
            println!("{machine} boots");
        }
        Command::FillDisk { machine, leave } => {
            let fill = FillDisk { leave_bytes: *leave };
            let space: DiskSpace = send(layout, machine, "fill-disk", &fill)?;
            println!("{machine} has {} bytes left on its disk", space.free_bytes);
        }
        Command::FreeDisk { machine } => {
            let space: DiskSpace = send(layout, machine, "free-disk", &())?;
            println!("{machine} has {} bytes left on its disk", space.free_bytes);
        }
        Command::Gpu { machine, index, state } => {
            let set = SetGpu { index: *index, state: *state };
            let Done {} = send(layout, machine, "gpu", &set)?;
            println!(
                "GPU {index} of {machine} is {}",
                serde_json::to_value(state)?.as_str().unwrap_or("set")
            );
        }
        Command::MachineClock { machine, change } => {
            let by_secs = match change {
                Change::By(time) => Some(time.as_secs()),
                Change::Reset => None,
            };
            let moved: ClockMoved = send(layout, machine, "clock", &MoveClock { by_secs })?;
            println!(
                "{machine} is {:#} ahead of this computer",
                SignedDuration::from_secs(moved.ahead_secs)
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn send<T: DeserializeOwned>(
    layout: &Layout,
    machine: &str,
    command: &str,
    body: &impl Serialize,
) -> anyhow::Result<T> {
    let id = exec::find(layout, machine)?;
    let body = serde_json::to_value(body)?;
    let path = format!("{MACHINES}/{id}/{command}");
    ask(&state::credentials(layout)?, Method::POST, &path, Some(&body))
}

fn time(text: &str) -> Result<SignedDuration, String> {
    let time: SignedDuration =
        text.parse().map_err(|_| format!("{text:?} is no time such as 5s or 2m"))?;
    if time.is_negative() { Err("a time cannot be negative".into()) } else { Ok(time) }
}

fn change(text: &str) -> Result<Change, String> {
    if text == "reset" {
        return Ok(Change::Reset);
    }
    let told = "is no change such as +1h, -30s or reset";
    let time: SignedDuration = match text.strip_prefix('+') {
        Some(ahead) => time(ahead).map_err(|_| format!("{text:?} {told}"))?,
        None if text.starts_with('-') => text.parse().map_err(|_| format!("{text:?} {told}"))?,
        None => return Err(format!("{text:?} {told}")),
    };
    if time.subsec_nanos() != 0 {
        return Err("a machine's clock moves by whole seconds".into());
    }
    Ok(Change::By(time))
}

/// A size in bytes, with K, M, G or T as powers of 1024.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let told = || format!("{text:?} is no size such as 512K, 1M or 8G");
    let digits = text.trim_end_matches(['K', 'M', 'G', 'T']);
    let power = match &text[digits.len()..] {
        "" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => return Err(told()),
    };
    let number: u64 = digits.parse().map_err(|_| told())?;
    number.checked_mul(1024_u64.pow(power)).ok_or_else(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_changes_and_sizes_are_read_as_people_write_them() {
        assert_eq!(time("5s"), Ok(SignedDuration::from_secs(5)));
        assert!(time("-5s").is_err() && time("soon").is_err());
        assert_eq!(change("+1h"), Ok(Change::By(SignedDuration::from_hours(1))));
        assert_eq!(change("-30s"), Ok(Change::By(SignedDuration::from_secs(-30))));
        assert_eq!(change("reset"), Ok(Change::Reset));
        for wrong in ["1h", "+", "+100ms", "--1s", "+-1s"] {
            assert!(change(wrong).is_err(), "{wrong}");
        }
        assert_eq!((size("0"), size("512K"), size("8G")), (Ok(0), Ok(512 << 10), Ok(8 << 30)));
        for wrong in ["", "M", "1MK", "1.5G", "-1", "99999999T"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
