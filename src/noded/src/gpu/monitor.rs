//! Asks NVML at its pace, judges what it says and puts it on the board.

use super::asker::{Asker, Workers};
use super::faults::{Faults, Shared};
use super::kernel_log::KernelLog;
use super::ledger::Ledger;
use super::{State, name};
use crate::backoff::Backoff;
use crate::board::{Board, Reading, Settle};
use crate::worker::{Death, Deaths, Kind};
use nixl_cluster::reason::{self, Action, Reason};
use nixl_gpu::judge::{Verdict, judge};
use nixl_gpu::look::{Absent, Look, Missing};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// The state folder of a node is small and local.
const LOAD_TIMEOUT: Duration = Duration::from_secs(5);
/// So many questions in a row that are not answered are a wedged driver.
const HANGS: u32 = 2;
const UPTIME: &str = "proc/uptime";

/// How long things may take, and how often they are done.
#[derive(Debug, Clone)]
pub struct Timings {
    /// Between two looks.
    pub every: Duration,
    /// While GPUs are still to come.
    pub at_first: Duration,
    /// From the node's boot: what has not come by then is missing.
    pub start: Duration,
    /// Where GPUs are missing, a worker is kept for so long: those that come
    /// later need a new one.
    pub renew: Duration,
    /// Where there is no driver and none is expected.
    pub seldom: Duration,
    /// First look of a worker: the driver wakes GPUs one after another.
    pub first_look: Duration,
    /// Every other look.
    pub look: Duration,
    /// A worker that was killed has this long to be gone.
    pub gone: Duration,
    /// First wait before a new worker.
    pub restart_first: Duration,
    /// Last wait before a new worker.
    pub restart_most: Duration,
    /// A death that does not come again for so long is over, and what was
    /// seen longer ago is not told any more.
    pub forget: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(10),
            at_first: Duration::from_secs(1),
            start: Duration::from_secs(90),
            renew: Duration::from_secs(60),
            seldom: Duration::from_secs(300),
            first_look: Duration::from_secs(45),
            look: Duration::from_secs(10),
            gone: Duration::from_secs(2),
            restart_first: Duration::from_secs(1),
            restart_most: Duration::from_secs(60),
            forget: Duration::from_secs(60),
        }
    }
}

/// What the monitor needs.
pub struct Monitor {
    /// GPUs of the instance type, if that is known.
    pub expected: Option<u32>,
    /// Starts the processes that ask.
    pub workers: Workers,
    /// Where Xids are.
    pub kernel_log: Arc<dyn KernelLog>,
    /// Where what is known outlives the daemon.
    pub state_folder: Option<PathBuf>,
    /// `/` on a node.
    pub root: PathBuf,
    /// Where readings go.
    pub board: Board,
    /// Where the rest goes.
    pub state: State,
    /// Ends the monitor.
    pub stop: CancellationToken,
    /// How long things may take.
    pub timings: Timings,
}

impl Monitor {
    /// Runs until stopped.
    pub async fn run(self) {
        let stop = self.stop.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.watch() => {}
        }
    }

    async fn watch(self) {
        let (folder, root) = (self.state_folder.clone(), self.root.clone());
        let load = move || (Ledger::load(folder.as_deref(), &root), uptime(&root));
        let loaded = tokio::task::spawn_blocking(load);
        let (ledger, up) = match tokio::time::timeout(LOAD_TIMEOUT, loaded).await {
            Ok(loaded) => loaded.unwrap_or_default(),
            Err(_) => {
                tracing::warn!("the state folder does not answer: what was known of GPUs is lost");
                Default::default()
            }
        };
        self.state.expect(self.expected);
        self.board.set(name::WORKER, Reading::good(0));
        if self.expected.is_some_and(|gpus| gpus > 0) {
            let first = Reading::bad(&reason::INITIALIZING, "the GPUs have not been looked at yet");
            self.board.set(name::PRESENT, first);
        }
        let asker = Asker::new(self.workers.clone());
        let backoff = Backoff::new(self.timings.restart_first, self.timings.restart_most);
        let mut watch = Watch {
            started: Instant::now(),
            up,
            ledger: Shared::new(ledger),
            asker,
            backoff,
            deaths: Deaths::default(),
            hangs: 0,
            last_death: None,
            last_seen: None,
            fresh: true,
            born: Instant::now(),
            counting: false,
            monitor: self,
        };
        loop {
            let wait = watch.once().await;
            tokio::time::sleep(wait).await;
        }
    }
}

struct Watch {
    monitor: Monitor,
    started: Instant,
    /// How long the node was up then.
    up: Duration,
    ledger: Shared,
    asker: Asker,
    backoff: Backoff,
    deaths: Deaths,
    /// Questions in a row that were not answered in time.
    hangs: u32,
    last_death: Option<Instant>,
    last_seen: Option<Instant>,
    /// The next look is the first one of its worker.
    fresh: bool,
    /// When this worker was asked first.
    born: Instant,
    /// The kernel log is being followed.
    counting: bool,
}

impl Watch {
    /// One look; how long to wait until the next one.
    async fn once(&mut self) -> Duration {
        let Timings { first_look, look, .. } = self.monitor.timings;
        let within = if self.fresh {
            self.born = Instant::now();
            first_look
        } else {
            look
        };
        let looked = self.asker.look(within).await;
        self.tell_sandbox();
        match looked {
            Ok(look) => self.on_look(look).await,
            Err(death) => {
                self.on_death(death).await;
                self.backoff.step()
            }
        }
    }

    async fn on_look(&mut self, look: Look) -> Duration {
        let expected = self.monitor.expected;
        self.fresh = false;
        self.hangs = 0;
        self.backoff.reset();
        self.last_seen = Some(Instant::now());
        let starting = self.started.elapsed() + self.up < self.monitor.timings.start;
        let (verdict, waited_for, whole) = {
            let mut ledger = self.ledger.lock();
            ledger.learn(expected, &look);
            let known = ledger.known();
            let verdict = judge(expected, known, starting, &look);
            (verdict, starting && !known.complete, known.accounts_for(expected, &look))
        };
        let there = matches!(look, Look::Seen(_));
        // GPUs that come later need a new sandbox and a new NVML, and one that
        // is to be reset must not be held open.
        let old = !whole && (waited_for || self.born.elapsed() >= self.monitor.timings.renew);
        let keep = holds_evidence(&look) || !(old || asks_for_reset(&verdict));
        self.put(verdict);
        self.forget();
        if there || expected.is_some_and(|gpus| gpus > 0) {
            self.count_faults();
        }
        let wait = self.wait_after(&look, waited_for);
        match look {
            Look::Seen(snapshot) => self.monitor.state.saw(snapshot),
            Look::Absent(_) => self.monitor.state.saw_none(),
        }
        if !keep {
            self.put_down().await;
        }
        wait
    }

    fn wait_after(&self, look: &Look, waited_for: bool) -> Duration {
        let Timings { every, at_first, seldom, .. } = self.monitor.timings;
        let ledger = self.ledger.lock();
        let expected = self.monitor.expected.unwrap_or(0) > 0;
        match look {
            Look::Absent(_) if !expected && ledger.known().addresses.is_empty() => seldom,
            // No driver comes to be installed within seconds.
            Look::Absent(Absent { what: Missing::Library, .. }) => every,
            _ if waited_for => at_first,
            _ => every,
        }
    }

    fn put(&self, verdict: Verdict) {
        for (name, readings) in verdict {
            self.monitor.board.set_settled(name, readings, settle(name));
        }
    }

    fn tell_sandbox(&mut self) {
        let Some(missing) = self.asker.confined.take() else { return };
        let told = if missing.is_empty() {
            "complete".to_owned()
        } else {
            format!("without {}", missing.join(", "))
        };
        self.monitor.board.set(name::SANDBOX, Reading::good(told));
    }

    async fn on_death(&mut self, death: Death) {
        let Death { kind, mut how } = death;
        self.deaths.add(kind);
        self.hangs += u32::from(kind == Kind::Hung);
        self.monitor.state.worker_died();
        self.last_death = Some(Instant::now());
        self.tell_death(self.reason_of(kind), &how);
        self.withdraw_old();
        // Two in one wedged driver are no better than one: wait for its end.
        loop {
            match self.asker.put_down(self.monitor.timings.gone).await {
                Ok(None) => break,
                Ok(Some(last)) => {
                    how = format!("{how}; {}", last.how);
                    break;
                }
                Err(error) => {
                    // A wedged driver, not a slow one.
                    self.hangs = self.hangs.max(HANGS);
                    self.tell_death(&reason::GPU_WORKER_HUNG, &format!("{how}; {error}"));
                }
            }
            self.last_death = Some(Instant::now());
            self.withdraw_old();
        }
        self.fresh = true;
        self.tell_death(self.reason_of(kind), &how);
    }

    fn reason_of(&self, kind: Kind) -> &'static Reason {
        match kind {
            Kind::Hung if self.hangs < HANGS => &reason::GPU_WORKER_SLOW,
            Kind::Hung => &reason::GPU_WORKER_HUNG,
            _ => &reason::GPU_WORKER_DIED,
        }
    }

    fn tell_death(&self, reason: &'static Reason, how: &str) {
        let total = self.deaths.total();
        let evidence = format!("{} since the daemon started, last: {how}", self.deaths.told());
        let reading = Reading::bad(reason, evidence).value(total).field("deaths", total);
        self.monitor.board.set_settled(name::WORKER, vec![reading], Settle::AT_ONCE);
    }

    /// What was seen long ago says nothing of now.
    fn withdraw_old(&mut self) {
        let old = self.last_seen.is_some_and(|at| at.elapsed() > self.monitor.timings.forget);
        if old {
            self.last_seen = None;
            self.monitor.state.saw_none();
            for name in name::MEASURED {
                self.monitor.board.set_all(name, Vec::new());
            }
        }
    }

    /// Takes a death back that has not come again.
    fn forget(&mut self) {
        let forget = self.monitor.timings.forget;
        if self.last_death.take_if(|at| at.elapsed() > forget).is_some() {
            let good = Reading::good(self.deaths.total());
            self.monitor.board.set_settled(name::WORKER, vec![good], Settle::AT_ONCE);
        }
    }

    async fn put_down(&mut self) {
        // One that was told to end is no death; one that cannot be killed is.
        if let Err(error) = self.asker.put_down(self.monitor.timings.gone).await {
            self.on_death(Death::hung(format!("it was to end, and {error}"))).await;
        }
        self.fresh = true;
    }

    /// Follows the kernel log from now on. A node without GPUs has no use for it.
    fn count_faults(&mut self) {
        if std::mem::replace(&mut self.counting, true) {
            return;
        }
        let faults = Faults {
            log: self.monitor.kernel_log.clone(),
            ledger: self.ledger.clone(),
            board: self.monitor.board.clone(),
            state: self.monitor.state.clone(),
            stop: self.monitor.stop.clone(),
            told: None,
            writing: None,
        };
        tokio::spawn(faults.run());
    }
}

/// proc(5); a node whose file cannot be read is as one that has just booted.
fn uptime(root: &Path) -> Duration {
    let text = std::fs::read_to_string(root.join(UPTIME)).unwrap_or_default();
    let secs = text.split_ascii_whitespace().next().and_then(|secs| secs.parse().ok());
    secs.and_then(|secs| Duration::try_from_secs_f64(secs).ok()).unwrap_or_default()
}

/// Without persistence mode the driver forgets errors with the last process
/// that holds the GPU, and that may be ours.
fn holds_evidence(look: &Look) -> bool {
    let Look::Seen(snapshot) = look else { return false };
    snapshot.gpus.iter().any(|gpu| {
        let errors = gpu.ecc.and_then(|ecc| ecc.volatile_uncorrected);
        gpu.persistence_mode == Some(false) && errors.is_some_and(|errors| errors > 0)
    })
}

fn asks_for_reset(verdict: &Verdict) -> bool {
    let mut readings = verdict.iter().flat_map(|(_, readings)| readings);
    readings.any(|reading| {
        reading.reason.as_ref().is_some_and(|(reason, _)| reason.action == Action::ResetGpu)
    })
}

/// What comes and goes by itself must stay for three looks; the rest is told at once.
fn settle(name: &str) -> Settle {
    match name {
        name::NVLINK | name::PCIE | name::THROTTLE | name::TEMPERATURE | name::UNREAD => {
            Settle { bad_after: 3, good_after: 3 }
        }
        name::PRESENT | name::DRIVER => Settle { bad_after: 2, good_after: 1 },
        _ => Settle::AT_ONCE,
    }
}
