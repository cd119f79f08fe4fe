//! What is measured of a link, in one form for the fabric worker, the daemon,
//! its HTTP interface and the command line.
//!
//! Times are nanoseconds of the whole round trip unless a name says otherwise;
//! rates are in 10^9 bits a second, as AWS states the bandwidth of a type.

mod document;
mod expectation;

pub use document::*;
pub use expectation::Expectation;

use serde::{Deserialize, Serialize};
use std::fmt;

/// How bytes get to the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Tagged messages into a buffer that the receiver has posted.
    TwoSided,
    /// RMA writes with immediate data, which is what NIXL uses.
    OneSided,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::TwoSided => "two-sided",
            Self::OneSided => "one-sided",
        })
    }
}

/// Who carries out an RMA write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OneSided {
    /// The device, without the target's processor.
    Device,
    /// The provider, in software on the target: as good as two-sided.
    Emulated,
    /// Nobody: the provider has no RMA.
    None,
}

impl fmt::Display for OneSided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Device => "device",
            Self::Emulated => "emulated",
            Self::None => "none",
        })
    }
}

/// One endpoint of a node: an EFA device, an address of TCP, the shared memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rail {
    /// Its number on this node, from 0; rail 0 carries the pairing.
    pub index: u16,
    /// Provider libfabric really uses, e.g. `tcp;ofi_rxm`.
    pub provider_name: String,
    /// Fabric, e.g. `efa` or `10.0.0.0/24`.
    pub fabric: String,
    /// Domain, e.g. `rdmap0s6-rdm` or `eth0`.
    pub domain: String,
    /// PCI address of the device, e.g. `0000:00:06.0`, where libfabric tells it.
    pub pci_address: Option<String>,
    /// Speed of the device in 10^9 bits a second, where libfabric tells it.
    pub speed_gbps: Option<f64>,
    /// Who carries out its RMA writes.
    pub one_sided: OneSided,
    /// NUMA node of the device, where the machine has several; the daemon adds
    /// this and what follows.
    pub numa_node: Option<u32>,
    /// PCI addresses of the GPUs nearest to it.
    pub gpus: Vec<String>,
}

/// Round trips of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Rail of the measuring node.
    pub rail: u16,
    /// How the bytes went, both ways.
    pub mode: Mode,
    /// Bytes each way.
    pub size_bytes: u32,
    /// Round trips that came back.
    pub answered: u32,
    /// Round trips that did not, within a second each.
    pub lost: u32,
    /// Shortest; 0 where none came back, as those below.
    pub min_nanos: u64,
    /// Median.
    pub p50_nanos: u64,
    /// 99th percentile, nearest rank.
    pub p99_nanos: u64,
    /// Longest.
    pub max_nanos: u64,
}

/// Bytes of one transfer from the measuring node to the other, counted where
/// they arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bandwidth {
    /// Rail of the measuring node; `None` is all of them at once.
    pub rail: Option<u16>,
    /// How the bytes went.
    pub mode: Mode,
    /// Bytes of one operation.
    pub size_bytes: u32,
    /// Bytes that arrived.
    pub bytes: u64,
    /// From the first operation until the other node had all of them.
    pub elapsed_nanos: u64,
}

impl Bandwidth {
    /// Rate in 10^9 bits a second; 0 where nothing was measured.
    #[must_use]
    pub fn gbps(&self) -> f64 {
        if self.elapsed_nanos == 0 {
            return 0.0;
        }
        // Bits a nanosecond are 10^9 bits a second.
        self.bytes as f64 * 8.0 / self.elapsed_nanos as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_in_bits() {
        let mut transfer = Bandwidth {
            rail: None,
            mode: Mode::OneSided,
            size_bytes: 1 << 20,
            bytes: 12_500_000_000,
            elapsed_nanos: 1_000_000_000,
        };
        assert!((transfer.gbps() - 100.0).abs() < 1e-9);
        transfer.elapsed_nanos = 0;
        assert!(transfer.gbps().abs() < f64::EPSILON);
    }

    #[test]
    fn words_are_those_of_the_field() {
        assert_eq!(serde_json::to_string(&Mode::OneSided).unwrap(), r#""one-sided""#);
        assert_eq!(format!("{:>10}|{}", Mode::TwoSided, OneSided::Emulated), " two-sided|emulated");
    }
}
