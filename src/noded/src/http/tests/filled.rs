//! A node of which everything is known: a pair that lives, GPUs, EFA devices
//! in a tree of files, reasons, and names that would like to be more.

use super::*;
use crate::events::Stage;
use crate::history::WithMessageId;
use std::path::Path;
use tempfile::TempDir;
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;

/// What a peer or a device could be called.
pub(super) const NASTY: &str = "<script>alert(\"i-2\")</script>&'";

/// Everything filled; the folder holds the files it is read from.
pub(super) fn serve_filled() -> (Served, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let peer = "i-0f3c2b1a09e8d7c65";
    let link = crate::link::fake::lived(folder.path(), 2, &[peer, NASTY]);
    let served = serve_with(link);
    board(&served.shared.board, peer);
    gpu(&served.shared);
    efa(&served.shared, &folder.path().join("tree"));
    system(&served.shared);
    events(&served.shared);
    (served, folder)
}

fn board(board: &Board, peer: &str) {
    board.identify("i-0a1b2c3d4e5f60718");
    board.describe(|node| {
        node.phase = "paired".to_owned();
        node.cluster = Some("nixl".to_owned());
        node.rank = Some(0);
        node.role = Some("prefill".to_owned());
        node.provider = Some("efa".to_owned());
        node.peers = vec![peer.to_owned(), NASTY.to_owned()];
        node.peers_expected = Some(2);
    });
    board.set(name::SETTINGS, Reading::good("/etc/nixl/node.toml"));
    board.set(name::IMDS, Reading::good("i-0a1b2c3d4e5f60718"));
    board.set(name::ENDPOINT, Reading::good("efa"));
    board.set(name::REGISTRATION, Reading::good("written"));
    board.set(name::PEERS, Reading::good(2));
    let peers = [Reading::good("paired").about(peer), Reading::good("paired").about(NASTY)];
    board.set_all(name::PEER, peers.to_vec());
    board.set_all_paired(true);
    let skews = [
        Reading::bad(&reason::RAILS_DIFFER, "it has 3 rails, this node 4"),
        Reading::bad(&reason::RELEASE_SKEW, "its daemon is release 1.1.0"),
        Reading::bad(&reason::RELEASE_SKEW, "its daemon is release 1.1.0, again"),
    ];
    board.set_all(name::PEER_SKEW, skews.map(|skew| skew.about(peer)).to_vec());
    // Before what comes later by name: the oldest is told first.
    let stale = "MLflow's variables are not in /etc/environment";
    board.set(name::ENVIRONMENT, Reading::bad(&reason::ENVIRONMENT_STALE, stale));
    let slow = "median round trip 41.2 us, expected 18.9 us, limit 28.4 us, 3 times in a row";
    let slow = Reading::bad(&reason::LINK_LATENCY_DEGRADED, slow).value(41.2).unit("us");
    board.set(name::LINK_P50, slow.about(peer));
    board.set(name::MLFLOW, Reading::bad(&reason::MLFLOW_DENIED, NASTY).value("no URL is at hand"));
    board.acknowledge(reason::MLFLOW_DENIED.code, None, Some("asked for it")).unwrap();
}

fn gpu(shared: &Shared) {
    use nixl_gpu::snapshot::{Ecc, Gpu, Memory, NvLink, RemappedRows, Snapshot};
    use nixl_gpu::xid::{Counters, Fault};
    let gpu = |index: u32| Gpu {
        index,
        uuid: Some(format!("GPU-{index:08x}-0000-4000-8000-000000000000")),
        name: Some("NVIDIA H100 80GB HBM3".to_owned()),
        pci_address: format!("0000:{:02x}:00.0", 0x53 + index),
        ecc: Some(Ecc {
            volatile_corrected: Some(2),
            volatile_uncorrected: Some(u64::from(index == 5)),
            aggregate_corrected: Some(2),
            aggregate_uncorrected: Some(0),
        }),
        remapped_rows: Some(RemappedRows { corrected: 1, ..RemappedRows::default() }),
        nvlink: Some(NvLink { links: 18, ..NvLink::default() }),
        throttle_reasons: Some(Vec::new()),
        persistence_mode: Some(true),
        temperature_celsius: Some(41 + index),
        power_watts: Some(301.5),
        power_limit_watts: Some(700.0),
        memory: Some(Memory { used_bytes: 61 << 30, total_bytes: 80 << 30 }),
        processes: Some(1),
        utilization_percent: Some(87),
        ..Gpu::default()
    };
    let gpus = (0..8).map(gpu).collect();
    let driver_version = Some("580.95.05".to_owned());
    shared.gpu.expect(Some(8));
    shared.gpu.saw(Snapshot { driver_version, gpus, ..Snapshot::default() });
    let mut faults = Counters::default();
    for fault in [Fault::Xid(13), Fault::Xid(13), Fault::SXid(12028), Fault::OffBus] {
        faults.add("0000:58:00.0", fault, jiff::Timestamp::now(), "a fault");
    }
    shared.gpu.count(faults);
}

/// The files that nixl-efa reads of 32 devices, as on a p5.48xlarge.
fn tree(root: &Path) {
    let put = |path: std::path::PathBuf, text: &str| {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    for index in 0..32 {
        let address = format!("0000:{:02x}:00.0", 0x4f + index);
        let function = root.join("sys/bus/pci/devices").join(&address);
        for (file, text) in [("vendor", "0x1d0f"), ("device", "0xefa2"), ("class", "0x020000")] {
            put(function.join(file), text);
        }
        put(function.join("numa_node"), if index < 16 { "0" } else { "1" });
        let verbs = root.join(format!("sys/class/infiniband/rdmap{}s0", 0x4f + index));
        std::fs::create_dir_all(&verbs).unwrap();
        std::os::unix::fs::symlink(&function, verbs.join("device")).unwrap();
        put(verbs.join("fw_ver"), "0.0.0.0");
        put(verbs.join("ports/1/rate"), "100 Gb/sec (4X EDR)");
        for (counter, value) in nixl_efa::counters::PORT.iter().zip(1_000_000..) {
            put(verbs.join("ports/1/hw_counters").join(counter), &value.to_string());
        }
        for counter in nixl_efa::counters::DEVICE {
            put(verbs.join("hw_counters").join(counter), "7");
        }
    }
    put(root.join("sys/module/efa/version"), "2.13.0g");
    put(root.join("proc/sys/kernel/osrelease"), "6.8.0-1021-aws");
    put(
        root.join("proc/meminfo"),
        "HugePages_Total:    5128\nHugePages_Free:     4000\nHugepagesize:       2048 kB\n",
    );
}

fn efa(shared: &Shared, root: &Path) {
    tree(root);
    let inventory = nixl_efa::Tree::below(root).look();
    assert_eq!(inventory.present().count(), 32);
    let now = std::time::Instant::now();
    let mut tallies = std::collections::BTreeMap::<String, nixl_efa::Tally>::new();
    for (device, verbs) in inventory.present() {
        let tally = tallies.entry(device.pci_address.clone()).or_default();
        for secs in 0..3 {
            let grown = verbs.counters.values.iter().map(|(name, value)| {
                let step = if name.ends_with("bytes") { 900_000_000 } else { 0 };
                (*name, value + secs * step)
            });
            let at = now + std::time::Duration::from_secs(secs);
            tally.take(&grown.collect(), None, None, at);
        }
    }
    let at = jiff::Timestamp::now();
    let expected = Some(32);
    shared.efa.put(efa::Snapshot { at, expected, inventory, tallies }.into());
}

fn system(shared: &Shared) {
    let now = jiff::Timestamp::now();
    let hours = |hours: i64| now + jiff::SignedDuration::from_hours(hours);
    shared.system.change(|facts| {
        facts.host = Some(system::Host {
            kernel: "6.8.0-1021-aws".to_owned(),
            boot_id: "b".to_owned(),
            booted_at: hours(-30),
        });
        facts.instance = Some(system::Instance {
            id: "i-0a1b2c3d4e5f60718".to_owned(),
            instance_type: "p5.48xlarge".to_owned(),
            zone: "us-east-1a".to_owned(),
        });
        facts.clock = Some(system::Clock {
            synchronised: true,
            estimated_error_secs: Some(1e-5),
            max_error_secs: Some(4e-4),
        });
        facts.disks = vec![system::Disk {
            paths: vec!["/".to_owned(), "/var/lib/nixl".to_owned()],
            size_bytes: 100 << 30,
            available_bytes: 42 << 30,
            inodes: 1 << 20,
            available_inodes: 1 << 19,
            read_only: false,
        }];
        facts.memory =
            Some(system::Memory { total_bytes: 2 << 40, available_bytes: 1 << 40, oom_kills: 1 });
        facts.credentials = Some(system::Credentials {
            role: Some("nixl-node".to_owned()),
            code: Some("Success".to_owned()),
            updated_at: Some(now),
            expires_at: Some(hours(5)),
        });
        facts.notices.rebalance_at = Some(hours(-1));
        facts.expires_at = Some(hours(7));
    });
}

fn events(shared: &Shared) {
    let layer = shared.history.layer().with_filter(WithMessageId);
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        crate::events::started(([127, 0, 0, 1], 9100).into());
        crate::events::registered();
        let lost = &reason::FABRIC_WORKER_ABORTED;
        crate::events::worker_died(Stage::Paired, 1, lost, "SIGABRT; last words: provider aborts");
        let peer = crate::events::Peer { id: Some("i-2"), rank: 1, pair_id: None };
        crate::events::link_bad(peer, &reason::LINK_LATENCY_DEGRADED, NASTY);
        crate::events::link_good(peer, &reason::LINK_LATENCY_DEGRADED);
        let checks = ["link:roundTripP50".to_owned()];
        crate::events::acknowledged(Stage::Paired, "link.latency_degraded", &checks, None);
        crate::events::taken_back(Stage::Paired, "link.latency_degraded", &checks);
    });
}
