//! Nodes as texts (see `src/efa/tests/tree`), looked at once and again, and
//! what the board says then.

#[path = "../../../efa/tests/tree/mod.rs"]
mod tree;

use super::*;
use nixl_cluster::Provider;
use nixl_cluster::health::{Check, HealthDocument};
use tempfile::TempDir;
use tree::{remove, spoil, unfold, write};

const COUNTERS: &str = "ports/1/hw_counters";

/// A node of a type, at a time of its own.
struct Stage {
    root: TempDir,
    watch: Watch,
    state: State,
    board: Board,
    now: Instant,
    memlock_bytes: Option<u64>,
}

impl Stage {
    fn new(name: &str, provider: ProviderChoice) -> Self {
        let now = Instant::now();
        Self {
            root: unfold(name),
            watch: Watch::new(provider, name, now),
            state: State::default(),
            board: Board::default(),
            now,
            memlock_bytes: None,
        }
    }

    /// Of EFA, long after its start.
    fn running(name: &str) -> Self {
        let mut stage = Self::new(name, Provider::Efa.into());
        stage.look(0);
        stage.now += watch::STARTING;
        stage.look(0);
        stage
    }

    fn root(&self) -> &std::path::Path {
        self.root.path()
    }

    fn look(&mut self, after_secs: u64) -> HealthDocument {
        self.now += Duration::from_secs(after_secs);
        let inventory = Tree::below(self.root.path()).look();
        let Self { watch, state, memlock_bytes, now, board, .. } = self;
        take(watch, inventory, state, *memlock_bytes, *now, board);
        board.document()
    }

    fn looks(&mut self, count: usize) -> HealthDocument {
        (0..count).map(|_| self.look(10)).last().unwrap()
    }

    fn count(&self, device: &str, name: &str, value: u64) {
        write(self.root(), &format!("sys/class/infiniband/{device}/{name}"), value);
    }
}

/// Every reason held, as `check id code`.
fn codes(document: &HealthDocument) -> Vec<String> {
    let held = document.checks.iter().filter(|(name, _)| name.starts_with("efa:"));
    let held = held.flat_map(|(name, checks)| checks.iter().map(move |check| (name, check)));
    held.filter_map(|(name, check)| {
        let code = &check.reason.as_ref()?.code;
        Some(match &check.component_id {
            Some(id) => format!("{name} {id} {code}"),
            None => format!("{name} {code}"),
        })
    })
    .collect()
}

fn check<'a>(document: &'a HealthDocument, name: &str, id: Option<&str>) -> &'a Check {
    let checks = document.checks.get(name).unwrap_or_else(|| panic!("no {name}"));
    checks.iter().find(|check| check.component_id.as_deref() == id).unwrap()
}

fn evidence(document: &HealthDocument, name: &str, id: Option<&str>) -> String {
    check(document, name, id).reason.as_ref().map(|r| r.evidence.clone()).unwrap_or_default()
}

fn value(document: &HealthDocument, name: &str, id: Option<&str>) -> serde_json::Value {
    check(document, name, id).observed_value.clone().unwrap_or_default()
}

#[test]
fn nodes_as_they_should_be_have_no_reason() {
    for (name, devices, rate) in [
        ("p4d.24xlarge", 4, 100.0),
        ("p5.48xlarge", 32, 100.0),
        ("p5en.48xlarge", 16, 200.0),
        ("p6-b300.48xlarge", 16, 400.0),
    ] {
        let document = Stage::running(name).look(10);
        assert_eq!(codes(&document), Vec::<String>::new(), "{name}");
        assert_eq!(value(&document, name::DEVICES, None), devices);
        let rails = &document.checks[name::RAIL];
        assert_eq!(rails.len(), devices);
        assert!(rails.iter().all(|rail| rail.observed_value == Some(rate.into())));
        assert_eq!(value(&document, name::GPU_DIRECT, None), "NVIDIA");
        assert_eq!(value(&document, name::MEMLOCK, None), "unlimited");
    }
    // The kernel's own driver, and nothing set aside.
    let document = Stage::running("g5.12xlarge").look(10);
    assert_eq!(codes(&document), ["efa:hugePages efa.huge_pages"]);
    assert_eq!(value(&document, name::DRIVER, None), "the kernel's own");
    assert!(!document.checks.contains_key(name::GPU_DIRECT), "that driver does not tell");
}

#[test]
fn devices_may_come_late_but_not_too_late() {
    let mut stage = Stage::new("p5en.48xlarge", ProviderChoice::Auto);
    for name in ["rdmap85s0", "rdmap163s0"] {
        remove(stage.root(), &format!("sys/class/infiniband/{name}"));
    }
    remove(stage.root(), "sys/bus/pci/devices/0000:a3:00.0");
    let document = stage.look(0);
    assert_eq!(codes(&document), ["efa:devices node.initializing"]);
    let told = evidence(&document, name::DEVICES, None);
    assert_eq!(told, "14 of 16 EFA devices are there so far");
    let document = stage.look(watch::STARTING.as_secs());
    assert_eq!(codes(&document), ["efa:devices efa.missing"]);
    assert_eq!(
        evidence(&document, name::DEVICES, None),
        "14 of 16 EFA devices are there; missing: 0000:55:00.0 (driver efa has made no InfiniBand device of it)"
    );
    let reason = check(&document, name::DEVICES, None).reason.clone().unwrap();
    assert_eq!((&reason.fields["expected"], &reason.fields["present"]), (&16.into(), &14.into()));
}

#[test]
fn a_device_that_vanishes_is_named_by_its_slot_even_while_others_may_come() {
    let mut stage = Stage::new("p4d.24xlarge", Provider::Efa.into());
    stage.look(1);
    remove(stage.root(), "sys/class/infiniband/rdmap32s27");
    remove(stage.root(), "sys/bus/pci/devices/0000:20:1b.0");
    assert_eq!(codes(&stage.look(1)), Vec::<String>::new(), "seen once is not told");
    let document = stage.look(1);
    assert_eq!(codes(&document), ["efa:devices efa.missing"]);
    assert_eq!(
        evidence(&document, name::DEVICES, None),
        "3 of 4 EFA devices are there; missing: 0000:20:1b.0 (not on the PCI bus any more)"
    );
    assert_eq!(document.checks[name::RAIL].len(), 3);
}

#[test]
fn a_driver_that_is_missing_is_not_devices_that_are() {
    let mut stage = Stage::new("p4d.24xlarge", Provider::Efa.into());
    remove(stage.root(), "sys/class/infiniband");
    remove(stage.root(), "sys/module/efa");
    for address in Tree::below(stage.root()).efa_addresses() {
        remove(stage.root(), &format!("sys/bus/pci/devices/{address}/driver"));
    }
    let document = stage.look(0);
    assert_eq!(codes(&document), ["efa:devices node.initializing", "efa:driver node.initializing"]);
    let document = stage.look(watch::STARTING.as_secs());
    assert_eq!(
        codes(&document),
        ["efa:devices efa.driver_missing", "efa:driver efa.driver_missing"]
    );
    assert!(evidence(&document, name::DRIVER, None).contains("0000:10:1b.0, 0000:20:1b.0"));
}

#[test]
fn interfaces_that_are_no_efa_ones_matter_where_efa_is_asked_for() {
    let bare = |provider| {
        let mut stage = Stage::new("p5.48xlarge", provider);
        for list in ["sys/class/infiniband", "sys/bus/pci/devices"] {
            remove(stage.root(), list);
        }
        stage.look(0);
        stage.look(watch::STARTING.as_secs())
    };
    for provider in [Provider::Efa.into(), ProviderChoice::Auto] {
        let document = bare(provider);
        assert_eq!(codes(&document), ["efa:devices efa.not_attached"]);
        let told = evidence(&document, name::DEVICES, None);
        assert_eq!(told, "no EFA device is attached, this type can have 32");
    }
    let document = bare(Provider::Tcp.into());
    assert_eq!((codes(&document), value(&document, name::DEVICES, None)), (vec![], 0.into()));
    assert_eq!(document.checks.keys().filter(|name| name.starts_with("efa:")).count(), 1);
}

#[test]
fn what_cannot_be_read_or_opened_is_told_of_its_device() {
    let mut stage = Stage::running("p4d.24xlarge");
    spoil(stage.root(), "sys/class/infiniband/rdmap16s27/ports/1/rate");
    remove(stage.root(), "dev/infiniband/uverbs1");
    let document = stage.looks(2);
    assert_eq!(
        codes(&document),
        ["efa:rail rdmap16s27 efa.unreadable", "efa:rail rdmap32s27 efa.not_openable"]
    );
    let told = evidence(&document, name::RAIL, Some("rdmap16s27"));
    assert!(told.ends_with("rdmap16s27/ports/1/rate: Is a directory (os error 21)"), "{told}");
    assert_eq!(value(&document, name::DEVICES, None), 4);
}

#[test]
fn rates_over_the_limit_are_told_with_numbers_and_not_at_the_first_sign() {
    let mut stage = Stage::running("p5.48xlarge");
    let device = "rdmap79s0";
    let counter = |name: &str| format!("{COUNTERS}/{name}");
    let mut bytes = 0;
    let mut grow = |stage: &mut Stage, by: u64| {
        bytes += by;
        stage.count(device, &counter("retrans_bytes"), bytes);
        stage.count(device, &counter("rx_drops"), bytes / 10_000);
        codes(&stage.look(10))
    };
    assert_eq!(grow(&mut stage, 9_000_000), Vec::<String>::new(), "0.9 MB/s");
    assert_eq!(grow(&mut stage, 20_000_000), Vec::<String>::new(), "once");
    assert_eq!(grow(&mut stage, 20_000_000), ["efa:counters rdmap79s0 efa.drops"]);
    assert_eq!(
        evidence(&stage.board.document(), name::COUNTERS, Some(device)),
        "200 packets dropped a second (rx_drops, limit 100), 2000000 bytes sent again a second \
         (retrans_bytes, limit 1000000)"
    );
    assert_eq!(codes(&stage.looks(5)).len(), 1);
    assert_eq!(codes(&stage.look(10)), Vec::<String>::new(), "after a minute below");
}

#[test]
fn an_error_counter_that_moves_is_told_at_once() {
    let mut stage = Stage::running("p5.48xlarge");
    stage.count("rdmap79s0", "hw_counters/reg_mr_err", 3);
    stage.count("rdmap80s0", &format!("{COUNTERS}/rdma_write_wr_err"), 1);
    stage.count("rdmap81s0", &format!("{COUNTERS}/impaired_remote_conn_events"), 1);
    stage.count("rdmap82s0", &format!("{COUNTERS}/unresponsive_remote_events"), 1);
    let document = stage.look(10);
    assert_eq!(
        codes(&document),
        [
            "efa:errors rdmap79s0 efa.command_errors",
            "efa:errors rdmap80s0 efa.rdma_errors",
            "efa:errors rdmap81s0 efa.remote_impaired",
            "efa:errors rdmap82s0 efa.remote_unresponsive",
        ]
    );
    let told = evidence(&document, name::ERRORS, Some("rdmap79s0"));
    assert_eq!(told, "reg_mr_err +3 (3 since this daemon looks, 3 in all)");
    assert_eq!(document.status.http(), 200, "they are warnings");
    assert_eq!(codes(&stage.looks(29)).len(), 4);
    let document = stage.look(10);
    assert_eq!(codes(&document), Vec::<String>::new());
    assert_eq!(value(&document, name::ERRORS, Some("rdmap79s0")), 3);
}

#[test]
fn what_was_counted_before_the_daemon_and_a_reset_are_no_errors() {
    let mut stage = Stage::new("p4d.24xlarge", Provider::Efa.into());
    stage.count("rdmap16s27", "hw_counters/cmds_err", 5_000);
    stage.look(watch::STARTING.as_secs());
    stage.count("rdmap16s27", "hw_counters/cmds_err", 0);
    assert_eq!(codes(&stage.look(10)), Vec::<String>::new());
    // Another device in its place may have counted what it likes.
    stage.count("rdmap16s27", "hw_counters/cmds_err", 77);
    stage.count("rdmap16s27", "node_guid", 77);
    assert_eq!(codes(&stage.look(10)), Vec::<String>::new());
    let snapshot = stage.state.snapshot().unwrap();
    let tally = &snapshot.tallies["0000:10:1b.0"];
    assert_eq!((tally.resets(), tally.replaced()), (1, 1));
}

#[test]
fn what_the_node_lacks_for_efa_is_told() {
    let mut stage = Stage::running("p4d.24xlarge");
    stage.memlock_bytes = Some(65_536);
    for address in Tree::below(stage.root()).efa_addresses() {
        write(stage.root(), &format!("sys/bus/pci/devices/{address}/p2p"), "");
    }
    let pages = "HugePages_Total: 100\nHugePages_Free: 90\nHugepagesize: 2048 kB";
    write(stage.root(), "proc/meminfo", pages);
    stage.state.opened(Provider::Efa, "1.17");
    let document = stage.looks(2);
    assert_eq!(
        codes(&document),
        [
            "efa:gpuDirect efa.no_gpudirect",
            "efa:hugePages efa.huge_pages",
            "efa:libfabric efa.libfabric_old",
            "efa:memlock efa.memlock",
        ]
    );
    assert_eq!(
        evidence(&document, name::HUGE_PAGES, None),
        "100 huge pages of 2097152 bytes are set aside, 4 devices take 640"
    );
    assert_eq!(
        evidence(&document, name::LIBFABRIC, None),
        "libfabric 1.17 is in use, NIXL needs 1.21"
    );
    // Those in use may be in ours.
    let pages = "HugePages_Total: 640\nHugePages_Free: 0\nHugepagesize: 2048 kB";
    write(stage.root(), "proc/meminfo", pages);
    assert!(stage.looks(2).checks[name::HUGE_PAGES][0].reason.is_none());
    stage.state.opened(Provider::Tcp, "1.17");
    assert!(!stage.look(10).checks.contains_key(name::LIBFABRIC), "it is not EFA's");
}

#[test]
fn metrics_and_check_find_the_last_look() {
    let stage = Stage::running("p5.48xlarge");
    let snapshot = stage.state.snapshot().unwrap();
    assert_eq!((snapshot.expected, snapshot.inventory.present().count()), (Some(32), 32));
    assert_eq!(snapshot.tallies["0000:4f:00.0"].count("tx_bytes").unwrap().value, 1_000_000);
    let versions = stage.state.versions().unwrap();
    assert_eq!(versions.kernel.as_deref(), Some("6.8.0-1021-aws"));
}

#[tokio::test]
async fn a_look_that_does_not_come_back_is_told_until_it_does() {
    let root = unfold("p4d.24xlarge");
    let rate = "sys/class/infiniband/rdmap16s27/ports/1/rate";
    remove(root.path(), rate);
    let rate = root.path().join(rate);
    // Who reads it waits for a writer.
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, &rate, mode).unwrap();
    let board = Board::default();
    let looking = tokio::spawn({
        let (tree, board) = (Tree::below(root.path()), board.clone());
        async move { look(tree, Duration::from_millis(1), &board).await.unwrap() }
    });
    while codes(&board.document()) != ["efa:devices efa.hangs"] {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::fs::write(rate, "100 Gb/sec (4X EDR)\n").await.unwrap();
    assert_eq!(looking.await.unwrap().present().count(), 4);
}
