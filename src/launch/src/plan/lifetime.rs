//! How long the cluster lives, and the most it can cost.

use super::price::{Price, most_usd_per_hour};
use super::{Facts, Spec};
use crate::check::Check;

const NAME: &str = "lifetime";
/// EC2 ends the instances of a Capacity Block from 30 minutes before its end on,
/// and warns 10 minutes before that (EC2 user guide, "Capacity Blocks for ML").
const BLOCK_MARGIN_SECS: i64 = 40 * 60;

/// `90m`, `8h`, `2d`.
pub(super) fn told(secs: u64) -> String {
    match secs {
        _ if secs.is_multiple_of(86_400) => format!("{}d", secs / 86_400),
        _ if secs.is_multiple_of(3600) => format!("{}h", secs / 3600),
        _ if secs.is_multiple_of(60) => format!("{}m", secs / 60),
        _ => format!("{secs}s"),
    }
}

pub(super) fn checks(spec: &Spec, facts: &Facts, prices: &[Price]) -> Vec<Check> {
    let mut checks = vec![match spec.ttl_secs {
        None => Check::warn(
            NAME,
            "without end: it runs, and costs, until somebody takes it down",
            "say how long with --ttl, e.g. --ttl 8h",
        ),
        Some(secs) => {
            let most = most_usd_per_hour(spec, facts, prices)
                .map_or("what it costs is not known".to_owned(), |usd| {
                    format!("instances cost ${:.2} at most", usd * secs as f64 / 3600.0)
                });
            Check::pass(NAME, format!("{}; {most}", told(secs)))
        }
    }];
    if let Some(idle) = spec.idle_secs {
        checks.push(Check::pass(NAME, format!("ends after {} without use", told(idle))));
    }
    if let (Some(reservation), Some(ttl)) = (super::reservation::of(spec, facts), spec.ttl_secs)
        && let Some(end) =
            reservation.end.as_deref().and_then(|end| end.parse::<jiff::Timestamp>().ok())
        && let Some(now) = facts.read_at
    {
        let left = end.duration_since(now).as_secs()
            - if reservation.capacity_block { BLOCK_MARGIN_SECS } else { 0 };
        if left < i64::try_from(ttl).unwrap_or(i64::MAX) {
            checks.push(Check::warn(
                NAME,
                format!("reservation {} ends at {end}, before the cluster does", reservation.id),
                "its nodes are ended, or cost On-Demand, from then on; choose a shorter --ttl",
            ));
        }
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_they_are_asked_for() {
        assert_eq!([60, 5400, 28_800, 172_800, 61].map(told), ["1m", "90m", "8h", "2d", "61s"]);
    }
}
