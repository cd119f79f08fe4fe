//! What others than this daemon move over the rails, by the devices' own
//! counters in sysfs.
//!
//! EFA devices and network interfaces count; shared memory counts nowhere. The
//! peer's measurements count as others' traffic; in the mean over
//! some seconds they are too little to matter, but for a full report.

use super::words;
use nixl_cluster::link::{Rail, Traffic};
use nixl_efa::Tree;
use nixl_efa::counters::{ByteCounter, Bytes};
use std::time::{Duration, Instant};

/// Above it measuring would disturb, and be disturbed; of the rail's speed.
const SHARE_OF_SPEED: f64 = 0.01;
/// The least that counts as traffic, for slow rails and those of unknown speed.
const LEAST_BYTES_PER_SEC: f64 = 10e6;
/// Time over which a rate means something; EFA's counters are a cache of 10 ms.
const LEAST_WINDOW: Duration = Duration::from_millis(500);
/// Headers and acknowledgements of our own bytes.
const OVERHEAD: f64 = 1.1;

/// One device and what it had counted when last looked at.
#[derive(Debug)]
struct Device {
    rail: u16,
    name: String,
    counter: ByteCounter,
    limit_bytes_per_sec: f64,
    /// `None` until it was read once, or when it could not be.
    last: Option<Bytes>,
    own: Bytes,
}

/// All devices.
#[derive(Debug)]
pub(super) struct Meter {
    devices: Vec<Device>,
    looked: Instant,
    bytes_per_sec: Option<u64>,
    busy: Option<String>,
}

impl Meter {
    /// For these rails of a node.
    pub fn new(tree: &Tree, rails: &[Rail], now: Instant) -> Self {
        let mut devices: Vec<_> = rails.iter().filter_map(|rail| Device::of(tree, rail)).collect();
        for device in &mut devices {
            device.last = device.counter.read();
        }
        Self { devices, looked: now, bytes_per_sec: None, busy: None }
    }

    /// This daemon moved so much over a rail, or evenly over all of them.
    pub fn moved(&mut self, rail: Option<u16>, sent: u64, received: u64) {
        let share = if rail.is_none() { self.devices.len().max(1) as u64 } else { 1 };
        for device in self.devices.iter_mut().filter(|d| rail.is_none_or(|rail| rail == d.rail)) {
            let own = &mut device.own;
            own.sent = own.sent.saturating_add(sent / share);
            own.received = own.received.saturating_add(received / share);
        }
    }

    /// What others move, if it is too much to measure fairly.
    pub fn busy(&mut self, now: Instant) -> Option<String> {
        let window = now.saturating_duration_since(self.looked);
        if window >= LEAST_WINDOW {
            self.looked = now;
            self.look(window.as_secs_f64());
        }
        self.busy.clone()
    }

    fn look(&mut self, secs: f64) {
        let mut busiest: Option<(f64, String)> = None;
        self.bytes_per_sec = None;
        for device in &mut self.devices {
            let Some(others) = device.others() else { continue };
            let rate = others as f64 / secs;
            self.bytes_per_sec = self.bytes_per_sec.max(Some(rate as u64));
            let times = rate / device.limit_bytes_per_sec;
            if times > 1.0 && busiest.as_ref().is_none_or(|(most, _)| times > *most) {
                let name = &device.name;
                busiest =
                    Some((times, format!("{name} moves {} of others", words::rate(rate as u64))));
            }
        }
        self.busy = busiest.map(|(_, told)| told);
    }

    pub fn told(&self) -> Traffic {
        Traffic {
            devices: self.devices.iter().map(|device| device.name.clone()).collect(),
            bytes_per_sec: self.bytes_per_sec,
            busy: self.busy.clone(),
        }
    }
}

impl Device {
    fn of(tree: &Tree, rail: &Rail) -> Option<Self> {
        // libfabric's name of an EFA domain is the device's with its kind.
        let domain = rail.domain.as_str();
        let name = domain.strip_suffix("-rdm").unwrap_or(domain);
        let counter = tree.byte_counter(name)?;
        let by_speed = rail.speed_gbps.unwrap_or(0.0) * 1e9 / 8.0 * SHARE_OF_SPEED;
        Some(Self {
            rail: rail.index,
            name: name.to_owned(),
            counter,
            limit_bytes_per_sec: by_speed.max(LEAST_BYTES_PER_SEC),
            last: None,
            own: Bytes::default(),
        })
    }

    /// Bytes of others since the last look, in the busier direction; `None`
    /// where nothing can be said, e.g. because the counters began anew.
    fn others(&mut self) -> Option<u64> {
        let own = std::mem::take(&mut self.own);
        let now = self.counter.read();
        let before = std::mem::replace(&mut self.last, now)?;
        let now = now?;
        let of = |now: u64, before: u64, own: u64| {
            let grown = now.checked_sub(before)?;
            Some(grown.saturating_sub((own as f64 * OVERHEAD) as u64))
        };
        let sent = of(now.sent, before.sent, own.sent)?;
        Some(sent.max(of(now.received, before.received, own.received)?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake;
    use super::*;
    use nixl_cluster::link::OneSided;
    use std::fs;

    struct Sys(tempfile::TempDir);

    impl Sys {
        fn new(folder: &str) -> Self {
            let root = tempfile::tempdir().unwrap();
            fs::create_dir_all(root.path().join(folder)).unwrap();
            Self(root)
        }
        fn count(&self, folder: &str, sent: u64, received: u64) {
            let folder = self.0.path().join(folder);
            fs::write(folder.join("tx_bytes"), format!("{sent}\n")).unwrap();
            fs::write(folder.join("rx_bytes"), format!("{received}\n")).unwrap();
        }
        fn meter(&self, rails: &[Rail], now: Instant) -> Meter {
            Meter::new(&Tree::below(self.0.path()), rails, now)
        }
    }

    const ETH0: &str = "sys/class/net/eth0/statistics";
    const EFA: &str = "sys/class/infiniband/rdmap0s6/ports/1/hw_counters";

    #[test]
    fn own_bytes_are_not_others_traffic() {
        let sys = Sys::new(ETH0);
        sys.count(ETH0, 1_000, 1_000);
        let start = Instant::now();
        let mut meter = sys.meter(&fake::rails(1, OneSided::None), start);
        assert_eq!(meter.busy(start), None);
        meter.moved(Some(0), 100_000_000, 0);
        sys.count(ETH0, 105_001_000, 3_000_000);
        assert_eq!(meter.busy(start + Duration::from_secs(1)), None);
        assert_eq!(meter.told().bytes_per_sec, Some(2_999_000));
        sys.count(ETH0, 305_001_000, 3_000_000);
        let told = meter.busy(start + Duration::from_secs(11));
        assert_eq!(told.as_deref(), Some("eth0 moves 20.0 MB/s of others"));
        // Too soon to say anything else.
        sys.count(ETH0, 305_001_000, 3_000_000);
        assert!(meter.busy(start + Duration::from_millis(11_100)).is_some());
        assert_eq!(meter.busy(start + Duration::from_secs(12)), None);
    }

    #[test]
    fn what_was_moved_before_the_first_look_is_spread_over_its_time() {
        let sys = Sys::new(ETH0);
        sys.count(ETH0, 0, 0);
        let start = Instant::now();
        let mut meter = sys.meter(&fake::rails(1, OneSided::None), start);
        meter.moved(Some(0), u64::MAX, 0);
        meter.moved(None, u64::MAX, 0);
        sys.count(ETH0, 0, 50_000_000);
        assert_eq!(meter.busy(start + Duration::from_secs(10)), None);
        assert_eq!(meter.told().bytes_per_sec, Some(5_000_000));
        assert_eq!(meter.busy(start + Duration::from_secs(11)), None);
    }

    #[test]
    fn a_fast_rail_has_more_room() {
        let sys = Sys::new(EFA);
        sys.count(EFA, 0, 0);
        let mut rails = fake::rails(1, OneSided::Device);
        rails[0].domain = "rdmap0s6-rdm".to_owned();
        rails[0].speed_gbps = Some(100.0);
        let start = Instant::now();
        let mut meter = sys.meter(&rails, start);
        meter.busy(start);
        sys.count(EFA, 124_000_000, 0);
        assert_eq!(meter.busy(start + Duration::from_secs(1)), None);
        sys.count(EFA, 124_000_000, 126_000_000);
        assert!(meter.busy(start + Duration::from_secs(2)).is_some());
        assert_eq!(meter.told().devices, ["rdmap0s6"]);
    }

    #[test]
    fn counters_that_begin_anew_or_are_missing_say_nothing() {
        let sys = Sys::new(ETH0);
        sys.count(ETH0, 5_000_000_000, 0);
        let start = Instant::now();
        let mut meter = sys.meter(&fake::rails(1, OneSided::None), start);
        meter.busy(start);
        sys.count(ETH0, 4_000_000_000, 0);
        assert_eq!(meter.busy(start + Duration::from_secs(1)), None);
        fs::remove_file(sys.0.path().join(ETH0).join("tx_bytes")).unwrap();
        assert_eq!(meter.busy(start + Duration::from_secs(2)), None);
        assert_eq!(meter.told().bytes_per_sec, None);
        let mut rails = fake::rails(2, OneSided::None);
        rails[0].domain = "../eth0".to_owned();
        assert!(sys.meter(&rails, start).told().devices.is_empty());
    }
}
