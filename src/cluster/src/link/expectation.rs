//! What EFA should reach on an instance type.

use crate::instance_type::InstanceType;

/// Share of a rail's line rate that operations of 1 MiB and more must reach.
///
/// Ours: AWS promises none. libfabric-efa-rs reached line rate (24.0 GB/s of
/// 200 Gb/s) from 8 MiB on; a healthy rail has a wide margin above a half,
/// which kernel TCP over one flow has not.
const SHARE_OF_LINE_RATE: f64 = 0.5;

/// Latencies that aws-ofi-nccl's tuning reckons with, in microseconds: 35 on
/// p5en and p6, 75 on p4d, p5, g5 and older. AWS publishes none.
const NCCL_MICROS: (f64, f64) = (35.0, 75.0);
/// Where it is the first.
const FASTER: [&str; 2] = ["p5en.", "p6-"];

/// What one rail of EFA should reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expectation {
    /// Line rate of a rail, in 10^9 bits a second.
    pub line_gbps: f64,
    /// Least rate of operations of 1 MiB and more.
    pub least_gbps: f64,
    /// Longest median round trip of 64 bytes. Ours: there and back by the
    /// latency aws-ofi-nccl reckons with one way; measured ones are well below.
    pub most_round_trip_micros: f64,
}

impl Expectation {
    /// For the provider `efa` on this type; other providers have none.
    #[must_use]
    pub fn of_efa(of: &InstanceType) -> Self {
        let line_gbps = f64::from(of.network_gbps) / f64::from(of.efa_interfaces.max(1));
        let faster = FASTER.iter().any(|family| of.name.starts_with(family));
        let one_way = if faster { NCCL_MICROS.0 } else { NCCL_MICROS.1 };
        Self {
            line_gbps,
            least_gbps: SHARE_OF_LINE_RATE * line_gbps,
            most_round_trip_micros: 2.0 * one_way,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance_type::{TABLE, find};

    #[test]
    fn a_rail_has_its_share_of_the_type() {
        let of = |name| Expectation::of_efa(find(name).unwrap());
        assert_eq!(of("g5.12xlarge").least_gbps, 20.0);
        assert_eq!(of("p4d.24xlarge").line_gbps, 100.0);
        assert_eq!(of("p5.48xlarge").line_gbps, 100.0);
        assert_eq!(of("p5en.48xlarge").line_gbps, 200.0);
        assert_eq!(of("p5en.48xlarge").most_round_trip_micros, 70.0);
        assert_eq!(of("p6-b200.48xlarge").line_gbps, 400.0);
        assert_eq!(of("p6-b300.48xlarge").line_gbps, 400.0);
        assert_eq!(of("p6-b300.48xlarge").most_round_trip_micros, 70.0);
    }

    #[test]
    fn no_type_expects_nothing() {
        for row in TABLE {
            assert!(Expectation::of_efa(row).least_gbps >= 20.0, "{}", row.name);
        }
    }
}
