//! A link for tests: what a measurement of it would say, at once.

use super::history::History;
use super::store::Store;
use super::{Local, Monitor};
use jiff::Timestamp;
use nixl_cluster::Provider;
use nixl_cluster::link::{Bandwidth, Latency, Mode, OneSided, Rail};
use nixl_fabric::protocol::{Command, Measurement, Outcome};
use std::path::Path;
use std::time::Duration;

/// Links of a node with so many rails to these peers, each with a past of two
/// hours in this folder, measured in full just now.
pub(crate) fn lived(folder: &Path, rails: u16, peers: &[&str]) -> Monitor {
    let rails = self::rails(rails, OneSided::Device);
    for peer in peers {
        let store = Store::new(Some(folder.as_os_str()));
        let mut record = store.load(peer, &rails[0].provider_name);
        past(&mut record.history, Timestamp::now().as_second());
        store.prepare(peer, &record).iter().for_each(super::Written::write);
    }
    let monitor = Monitor::new(Some(folder.as_os_str()), Path::new("/nonexistent"));
    let local = Local {
        instance_id: "i-1".to_owned(),
        cluster: "nixl".parse().unwrap(),
        instance_type: "p5.48xlarge".to_owned(),
        rank: 0,
        provider: Provider::Tcp,
        budget_bytes_per_sec: u64::MAX,
        probe_delay: Duration::ZERO,
        probe_interval: Duration::from_millis(1),
    };
    let count = rails.len() - 1;
    monitor.opened(&local, rails, "2.4".to_owned());
    for (rank, peer) in (1..).zip(peers) {
        let _ = monitor.paired(rank, peer);
        monitor.further_rails(rank, count);
    }
    measure(&monitor);
    monitor
}

/// Measures every link in full.
pub(crate) fn measure(monitor: &Monitor) {
    let Ok(run) = monitor.run(None) else { return };
    let wire = Wire::fast();
    // Rounds come between the steps; a look at all of it is dear.
    for measured in 1.. {
        for command in monitor.start() {
            let Command::Measure { id, what, .. } = command else { continue };
            monitor.measured(id, wire.measure(&what));
        }
        if measured % 100 == 0 && monitor.document().runs.done >= run {
            break;
        }
    }
}

/// With a spike, a gap and some losses.
fn past(history: &mut History, now_secs: i64) {
    for minute in (1..=120).filter(|minute| !(70..78).contains(minute)) {
        let wave = 18_000 + 40 * (minute * 37 % 50) as u64;
        let mut nanos: Vec<u64> = (0..100).map(|index| wave + 60 * index).collect();
        if minute == 33 {
            nanos.extend([3_000_000; 4]);
        }
        let lost = if minute % 41 == 0 { 2 } else { 0 };
        let at_secs = now_secs - (121 - minute) * 60;
        history.round_trips(at_secs, &nanos, lost);
        history.transfer(at_secs, 78.0 + (minute * 13 % 9) as f64 / 3.0);
    }
    history.close();
}

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
