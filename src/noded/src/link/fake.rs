//! A link for tests: what a measurement of it would say, at once.

use nixl_cluster::link::{Bandwidth, Latency, Mode, OneSided, Rail};
use nixl_fabric::protocol::{Measurement, Outcome};

pub(super) fn rails(count: u16, one_sided: OneSided) -> Vec<Rail> {
    let rail = |index| Rail {
        index,
        provider_name: "tcp;ofi_rxm".to_owned(),
        fabric: "10.0.0.0/24".to_owned(),
        domain: format!("eth{index}"),
        pci_address: None,
        speed_gbps: None,
        numa_node: None,
        gpus: Vec::new(),
        one_sided,
    };
    (0..count).map(rail).collect()
}

/// How the link is.
pub(super) struct Wire {
    /// Round trip of nothing.
    pub base_nanos: u64,
    pub bytes_per_nano: f64,
    pub fails: Option<Mode>,
    pub lost: bool,
}

impl Wire {
    /// 20 us and 80 Gb/s.
    pub fn fast() -> Self {
        Self { base_nanos: 20_000, bytes_per_nano: 10.0, fails: None, lost: false }
    }

    pub fn measure(&self, what: &Measurement) -> Outcome {
        let (Measurement::Latency { mode, .. } | Measurement::Bandwidth { mode, .. }) = *what;
        if self.fails == Some(mode) {
            let (code, message) = ("fabric.error".to_owned(), "told so".to_owned());
            return Outcome::Failed { code, message };
        }
        match *what {
            Measurement::Latency { rail, mode, size_bytes, count } => {
                let nanos =
                    self.base_nanos + (2.0 * f64::from(size_bytes) / self.bytes_per_nano) as u64;
                let (answered, lost) = if self.lost { (0, 3) } else { (count, 0) };
                let told = if self.lost { 0 } else { nanos };
                let summary = Latency {
                    rail,
                    mode,
                    size_bytes,
                    answered,
                    lost,
                    min_nanos: told,
                    p50_nanos: told,
                    p99_nanos: told,
                    max_nanos: told,
                };
                Outcome::Latency { summary, samples_nanos: vec![nanos; answered as usize] }
            }
            Measurement::Bandwidth { rail, mode, size_bytes, max_bytes, max_millis } => {
                let in_time = f64::from(max_millis) * 1e6 * self.bytes_per_nano;
                let bytes = (in_time as u64).min(max_bytes).max(u64::from(size_bytes));
                let elapsed_nanos = (bytes as f64 / self.bytes_per_nano) as u64;
                Outcome::Bandwidth(Bandwidth { rail, mode, size_bytes, bytes, elapsed_nanos })
            }
        }
    }
}
