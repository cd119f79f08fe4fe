//! `nixl-region partition`, `slow` and `heal`: what happens to the network
//! between machines, on request.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use http::Method;
use jiff::SignedDuration;

use super::client::{MACHINES, ask};
use super::link_routes::{Heal, Healed, LINKS, LinkRow, Partition, Slow};
use super::{exec, state};
use crate::layout::Layout;

/// Commands for links.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Cuts a machine off from another, or from all.
    Partition {
        /// Name tag or instance id.
        machine: String,
        /// The machine it is cut off from; all if none is named.
        peer: Option<String>,
        /// Only what the first machine sends is lost.
        #[arg(long)]
        one_way: bool,
    },
    /// Slows a machine's link with another, or with all; each direction for itself.
    Slow {
        /// Name tag or instance id.
        machine: String,
        /// Only between the two; all that have no shape of their own if none is named.
        peer: Option<String>,
        #[command(flatten)]
        shape: ShapeArgs,
    },
    /// Takes partitions and slow links away: between two machines, of one, or all.
    Heal {
        /// Name tag or instance id.
        machine: Option<String>,
        /// Only what is between the two.
        peer: Option<String>,
    },
}

/// How slow; at least one of them.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct ShapeArgs {
    /// Added to every frame, e.g. `5ms`.
    #[arg(long, value_name = "TIME", value_parser = time)]
    latency: Option<Duration>,
    /// Up to this much more, e.g. `1ms`.
    #[arg(long, value_name = "TIME", value_parser = time)]
    jitter: Option<Duration>,
    /// Bits a second, e.g. `100mbit`.
    #[arg(long, value_name = "RATE", value_parser = rate)]
    rate: Option<u64>,
    /// Part of the frames that are lost, e.g. `1%`.
    #[arg(long, value_name = "PART", value_parser = part)]
    loss: Option<f64>,
}

/// Runs one.
pub(super) fn run(layout: &Layout, command: &Command) -> anyhow::Result<ExitCode> {
    let credentials = state::credentials(layout)?;
    let find = |name: &String| exec::find(layout, name);
    match command {
        Command::Partition { machine, peer, one_way } => {
            let body = Partition { peer: peer.as_ref().map(find).transpose()?, one_way: *one_way };
            let path = format!("{MACHINES}/{}/partition", find(machine)?);
            let row: LinkRow =
                ask(&credentials, Method::POST, &path, Some(&serde_json::to_value(body)?))?;
            println!("{}", row.told(str::to_owned));
        }
        Command::Slow { machine, peer, shape } => {
            let body = Slow {
                peer: peer.as_ref().map(find).transpose()?,
                latency_micros: micros(shape.latency),
                jitter_micros: micros(shape.jitter),
                bits_per_sec: shape.rate,
                loss: shape.loss.unwrap_or_default(),
            };
            let path = format!("{MACHINES}/{}/slow", find(machine)?);
            let row: LinkRow =
                ask(&credentials, Method::POST, &path, Some(&serde_json::to_value(body)?))?;
            println!("{}", row.told(str::to_owned));
        }
        Command::Heal { machine, peer } => {
            let body = Heal {
                machine: machine.as_ref().map(find).transpose()?,
                peer: peer.as_ref().map(find).transpose()?,
            };
            let path = format!("{LINKS}/heal");
            let Healed { healed } =
                ask(&credentials, Method::POST, &path, Some(&serde_json::to_value(body)?))?;
            println!("{healed} healed");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn micros(time: Option<Duration>) -> u64 {
    time.map_or(0, |time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}

/// Longer than any link; what is held back lies in memory.
const LONGEST: SignedDuration = SignedDuration::from_secs(60);

fn time(text: &str) -> Result<Duration, String> {
    let told = || format!("{text:?} is no time from 0 to 60s such as 5ms or 200us");
    let time: SignedDuration = text.parse().map_err(|_| told())?;
    Duration::try_from(time).ok().filter(|_| time <= LONGEST).ok_or_else(told)
}

/// A rate as tc(8) writes it.
fn rate(text: &str) -> Result<u64, String> {
    let told = || format!("{text:?} is no rate such as 100mbit, 1.5gbit or 64kbit");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "bit" => 1.0,
        "kbit" => 1e3,
        "mbit" => 1e6,
        "gbit" => 1e9,
        _ => return Err(told()),
    };
    let number: f64 = digits.parse().map_err(|_| told())?;
    let bits = number * factor;
    if bits.is_finite() && bits >= 1.0 { Ok(bits as u64) } else { Err(told()) }
}

fn part(text: &str) -> Result<f64, String> {
    let told = || format!("{text:?} is no part such as 1% or 0.5%");
    let percent: f64 = text.strip_suffix('%').and_then(|p| p.parse().ok()).ok_or_else(told)?;
    if (0.0..=100.0).contains(&percent) { Ok(percent / 100.0) } else { Err(told()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_rates_and_parts_are_read_as_people_write_them() {
        assert_eq!(time("5ms"), Ok(Duration::from_millis(5)));
        assert_eq!(time("200us"), Ok(Duration::from_micros(200)));
        for wrong in ["5", "-5ms", "61s", "soon", ""] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        assert_eq!((rate("100mbit"), rate("1.5gbit")), (Ok(100_000_000), Ok(1_500_000_000)));
        for wrong in ["100", "mbit", "0bit", "-1mbit", "1mb", "infbit", "nanbit"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
        assert_eq!((part("1%"), part("100%"), part("0.5%")), (Ok(0.01), Ok(1.0), Ok(0.005)));
        for wrong in ["1", "101%", "-1%", "%", "nan%"] {
            assert!(part(wrong).is_err(), "{wrong}");
        }
    }
}
