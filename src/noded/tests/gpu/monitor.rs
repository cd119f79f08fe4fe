//! The monitor by itself, at a faster pace.

use crate::node::wait_for;
use crate::nvml::Fake;
use nixl_noded::board::Board;
use nixl_noded::gpu;
use nixl_noded::gpu::protocol::{Command, Event};
use nixl_noded::gpu::{Following, KernelLog, Monitor, State, Timings, name};
use nixl_noded::worker::{Spawner, Worker};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A kernel log in which nothing happens.
#[derive(Default)]
struct Silent(AtomicUsize);

impl KernelLog for Silent {
    fn follow(&self, _: Option<&str>) -> io::Result<Following> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let (open, lines) = tokio::sync::mpsc::channel(1);
        let ended = tokio::spawn(async move {
            let _open = open;
            std::future::pending().await
        });
        Ok(Following { lines, ended })
    }
}

/// Counts the workers.
struct Counted(gpu::Workers, Arc<AtomicUsize>);

impl Spawner<Command, Event> for Counted {
    fn spawn(&self) -> io::Result<Worker<Command, Event>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.spawn()
    }
}

pub fn program() -> &'static str {
    assert_cmd::cargo::cargo_bin!("nixl-noded").to_str().unwrap()
}

struct Watched {
    fake: Fake,
    board: Board,
    state: State,
    log: Arc<Silent>,
    workers: Arc<AtomicUsize>,
    stop: CancellationToken,
    _runtime: tokio::runtime::Runtime,
}

impl Watched {
    fn start(expected: Option<u32>, script: &str) -> Self {
        let fake = Fake::new();
        fake.script(script);
        let library = fake.library();
        Self::of(fake, library, expected)
    }

    fn of(fake: Fake, library: PathBuf, expected: Option<u32>) -> Self {
        Self::up(5, fake, library, expected)
    }

    /// On a node that is up for so long.
    fn up(secs: u32, fake: Fake, library: PathBuf, expected: Option<u32>) -> Self {
        let root = fake.folder().join("root");
        std::fs::create_dir_all(root.join("proc")).unwrap();
        std::fs::write(root.join("proc/uptime"), format!("{secs}.25 9.00\n")).unwrap();
        let spawned = Arc::new(AtomicUsize::new(0));
        let (board, state, log) = (Board::default(), State::default(), Arc::new(Silent::default()));
        let stop = CancellationToken::new();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let monitor = Monitor {
            expected,
            workers: Arc::new(Counted(gpu::workers(program(), Some(&library)), spawned.clone())),
            kernel_log: log.clone(),
            state_folder: Some(fake.folder().to_owned()),
            root,
            board: board.clone(),
            state: state.clone(),
            stop: stop.clone(),
            timings: Timings {
                every: Duration::from_millis(30),
                at_first: Duration::from_millis(10),
                first_look: Duration::from_secs(5),
                look: Duration::from_secs(3),
                restart_first: Duration::from_millis(10),
                restart_most: Duration::from_millis(100),
                forget: Duration::from_secs(1),
                ..Timings::default()
            },
        };
        runtime.spawn(monitor.run());
        Self { fake, board, state, log, workers: spawned, stop, _runtime: runtime }
    }

    /// Waits until this check, about `id` if given, has this code, none with "",
    /// and gives its evidence or value.
    fn until(&self, check: &str, id: Option<&str>, code: &str) -> String {
        wait_for(&format!("{code} of {check}"), || {
            let document = self.board.document();
            let checks = document.checks.get(check).ok_or("no such check")?;
            let seen = checks.iter().find(|check| check.component_id.as_deref() == id);
            let seen = seen.ok_or_else(|| format!("{checks:?}"))?;
            match &seen.reason {
                Some(reason) if reason.code == code => Ok(reason.evidence.clone()),
                None if code.is_empty() => Ok(format!("{:?}", seen.observed_value)),
                _ => Err(format!("{seen:?}")),
            }
        })
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

const GPU_3: Option<&str> = Some("0000:53:00.0");

#[test]
fn gpus_that_come_late_are_waited_for_and_missed_when_they_go() {
    let watched = Watched::start(Some(8), "init error 9");
    let told = watched.until(name::DRIVER, None, "node.initializing");
    assert_eq!(told, "NVIDIA driver is not loaded; the instance type has 8 GPUs");
    watched.fake.script("count is 0");
    assert_eq!(watched.until(name::PRESENT, None, "node.initializing"), "0 of 8 GPUs answer");
    watched.fake.script("count is 5");
    wait_for("5", || {
        let told = watched.until(name::PRESENT, None, "node.initializing");
        if told.starts_with("5 of 8") { Ok(()) } else { Err(told) }
    });
    watched.fake.script("");
    watched.until(name::PRESENT, None, "");
    assert_eq!(watched.state.snapshot().unwrap().snapshot.gpus.len(), 8);
    assert_eq!((watched.state.expected(), watched.state.worker_deaths()), (Some(8), 0));

    watched.fake.script("gpu.3 error 15");
    let told = watched.until(name::LOST, GPU_3, "gpu.lost");
    assert!(told.starts_with("GPU 3 at 0000:53:00.0: device fell off the bus"), "{told}");
    watched.until(name::PRESENT, None, "");
    watched.fake.script("");
    wait_for("its return", || {
        let document = watched.board.document();
        if document.checks.contains_key(name::LOST) { Err(document.output) } else { Ok(()) }
    });
}

#[test]
fn a_gpu_that_waits_for_its_reset_is_not_held_open() {
    let watched = Watched::start(Some(8), "");
    watched.until(name::ROWS, GPU_3, "");
    watched.fake.script("field143.3 is 2\nfield144.3 is 1\necc_uncorrected.3 is 2\nwidth.4 is 8");
    let told = watched.until(name::ROWS, GPU_3, "gpu.rows_pending");
    assert_eq!(told, "2 rows remapped (2 for uncorrected errors), one waits for a reset");
    watched.until(name::ECC, GPU_3, "gpu.ecc_uncorrected");
    watched.until(name::ECC, Some("0000:54:00.0"), "");
    watched.until(name::PCIE, Some("0000:54:00.0"), "gpu.pcie_degraded");
    // A library that is opened anew counts anew.
    watched.fake.script("field144.3 is 1\ncount is 7");
    let told = watched.until(name::PRESENT, None, "gpu.missing");
    assert_eq!(told, "7 of 8 GPUs answer; gone: 0000:57:00.0");
    assert_eq!(watched.state.worker_deaths(), 0, "ending it is no death");
}

#[test]
fn a_driver_that_does_not_return_is_told_and_started_anew() {
    let watched = Watched::start(Some(8), "");
    watched.until(name::PRESENT, None, "");
    watched.fake.script("temperature.2 hang");
    let told = watched.until(name::WORKER, None, "gpu.worker_slow");
    assert!(told.contains("hung once") && told.contains("has not answered for 3 s"), "{told}");
    watched.fake.script("");
    watched.until(name::WORKER, None, "");
    watched.until(name::PRESENT, None, "");
    watched.fake.script("temperature.2 hang");
    let told = watched.until(name::WORKER, None, "gpu.worker_slow");
    assert!(told.contains("hung 2 times"), "one that answered between them: {told}");
    let told = watched.until(name::WORKER, None, "gpu.worker_hung");
    assert!(told.contains("hung 3 times") && told.contains("has not answered for 5 s"), "{told}");
    assert_eq!(watched.state.present(), Some(0), "what was seen is old");
    assert!(watched.state.snapshot().is_none() && watched.state.seen_at().is_some());
    wait_for("its last words", || {
        let told = watched.until(name::WORKER, None, "gpu.worker_hung");
        let words = "last words: fake nvml: temperature.2 hangs";
        if told.contains(words) { Ok(()) } else { Err(told) }
    });
    watched.fake.script("");
    watched.until(name::WORKER, None, "");
    watched.until(name::PRESENT, None, "");
}

#[test]
fn a_library_that_aborts_does_not_take_the_daemon_along() {
    let watched = Watched::start(Some(8), "");
    watched.until(name::PRESENT, None, "");
    watched.fake.script("power abort");
    let told = watched.until(name::WORKER, None, "gpu.worker_died");
    assert!(told.contains("aborted") && told.contains("SIGABRT"), "{told}");
    assert!(told.contains("last words: fake nvml: power aborts"), "{told}");
    wait_for("what is old to leave", || {
        let document = watched.board.document();
        if document.checks.contains_key(name::PRESENT) { Err(document.output) } else { Ok(()) }
    });
    watched.fake.script("");
    watched.until(name::PRESENT, None, "");
    watched.until(name::WORKER, None, "");
    assert!(watched.state.worker_deaths() >= 1);
}

#[test]
fn a_node_without_gpus_is_looked_at_once_and_left_alone() {
    let fake = Fake::new();
    let watched = Watched::of(fake, "/nonexistent/libnvidia-ml.so.1".into(), Some(0));
    let told = watched.until(name::DRIVER, None, "");
    assert!(told.contains("none expected"), "{told}");
    watched.until(name::PRESENT, None, "");
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(watched.log.0.load(Ordering::Relaxed), 0, "the kernel log is not followed");
    assert!(watched.state.snapshot().is_none());
}

#[test]
fn a_library_that_is_expected_and_not_there_is_told_at_once() {
    let fake = Fake::new();
    let watched = Watched::of(fake, "/nonexistent/libnvidia-ml.so.1".into(), Some(8));
    let told = watched.until(name::DRIVER, None, "gpu.library_missing");
    assert!(told.contains("No such file") && told.contains("has 8 GPUs"), "{told}");
    wait_for("the kernel log", || match watched.log.0.load(Ordering::Relaxed) {
        0 => Err("not followed".to_owned()),
        _ => Ok(()),
    });
}

#[test]
fn a_driver_that_a_boot_did_not_bring_is_told_by_a_worker_that_stays() {
    let fake = Fake::new();
    fake.script("init error 9");
    let library = fake.library();
    let watched = Watched::up(1000, fake, library, Some(8));
    let told = watched.until(name::DRIVER, None, "gpu.driver_failed");
    assert_eq!(told, "NVIDIA driver is not loaded; the instance type has 8 GPUs");
    assert_eq!(watched.state.present(), Some(0));
    watched.fake.script("count is 7");
    assert_eq!(watched.until(name::PRESENT, None, "gpu.missing_since_boot"), "7 of 8 GPUs answer");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(watched.workers.load(Ordering::Relaxed), 1, "ten looks, one worker");
}

#[test]
fn errors_that_the_driver_would_forget_keep_the_gpu_open() {
    let watched = Watched::start(Some(8), "");
    watched.until(name::PRESENT, None, "");
    let before = watched.workers.load(Ordering::Relaxed);
    watched.fake.script("persistence.3 is 0\necc_uncorrected.3 is 2");
    watched.until(name::ECC, GPU_3, "gpu.ecc_uncorrected");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(watched.workers.load(Ordering::Relaxed), before);
}
