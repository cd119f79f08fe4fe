//! The links of this node, shared by the engine, which measures, and HTTP,
//! which tells and asks.

use super::asked::{Asked, RunRefused};
use super::figures::LinkFigures;
use super::known::{Known, Moment, rfc3339};
use super::schedule::{Answer, Finished, Job, Pace, Schedule};
use super::store::{Store, Written};
use super::traffic::Meter;
use super::{baseline, plan, words};
use crate::board::{Board, Reading, name};
use jiff::Timestamp;
use nixl_cluster::link::{Baseline, LinkDocument, LinkNode, Measuring, Rail, Report};
use nixl_cluster::{ClusterName, Provider, pair_id};
use nixl_efa::Tree;
use nixl_fabric::protocol::{Command, Outcome};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{Notify, mpsc};

/// Reports that wait for whoever logs them.
const MOST_MEASURED: usize = 64;

/// What the links are measured by.
#[derive(Debug, Clone)]
pub struct Local {
    /// Name of the cluster.
    pub cluster: ClusterName,
    /// `i-…`
    pub instance_id: String,
    /// EC2 instance type.
    pub instance_type: String,
    /// Launch index.
    pub rank: u32,
    /// Provider in use.
    pub provider: Provider,
    /// What continuous measuring may move.
    pub budget_bytes_per_sec: u64,
    /// From paired to the first measurement.
    pub probe_delay: Duration,
    /// Between two rounds of a link.
    pub probe_interval: Duration,
}

/// A full report, and of which link.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Who measured.
    pub node: LinkNode,
    /// Its rails.
    pub rails: Vec<Rail>,
    /// Instance id of the peer.
    pub peer: String,
    /// Rank of the peer.
    pub peer_rank: u32,
    /// As in the journal of both nodes.
    pub pair_id: Option<String>,
    /// What was measured.
    pub report: Report,
}

/// All links; clones share them.
#[derive(Clone)]
pub struct Monitor(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// HTTP asked for something.
    asked: Notify,
}

struct State {
    tree: Tree,
    store: Store,
    cluster: Option<ClusterName>,
    node: LinkNode,
    of_type: Option<Baseline>,
    /// While an endpoint is open.
    open: Option<Open>,
    known: BTreeMap<String, Known>,
    asked: Asked,
    /// Whoever wants each report once.
    measured: Option<mpsc::Sender<Measured>>,
}

struct Open {
    schedule: Schedule,
    meter: Meter,
    rails: Vec<Rail>,
    probe_interval: Duration,
}

impl Default for Monitor {
    fn default() -> Self {
        Self::new(None, Path::new("/"))
    }
}

impl Monitor {
    /// Keeps the past in this `STATE_DIRECTORY`, if there is one, and reads
    /// counters below this root.
    pub fn new(state_directory: Option<&OsStr>, root: &Path) -> Self {
        let store = Store::new(state_directory);
        store.clean(SystemTime::now());
        let state = State {
            tree: Tree::below(root),
            store,
            cluster: None,
            node: LinkNode::default(),
            of_type: None,
            open: None,
            known: BTreeMap::new(),
            asked: Asked::default(),
            measured: None,
        };
        Self(Arc::new(Shared { state: Mutex::new(state), asked: Notify::new() }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody asked for a report: [`Monitor::due`] may have changed.
    pub async fn asked(&self) {
        self.0.asked.notified().await;
    }

    /// Each full report from now on, once; for one reader.
    pub fn reports(&self) -> mpsc::Receiver<Measured> {
        let (sender, reports) = mpsc::channel(MOST_MEASURED);
        self.lock().measured = Some(sender);
        reports
    }

    /// An endpoint is open.
    pub fn opened(&self, local: &Local, rails: Vec<Rail>, library: String) {
        let (mut state, now) = (self.lock(), Instant::now());
        let pace = Pace { probe_delay: local.probe_delay, probe_interval: local.probe_interval };
        let schedule = Schedule::new(local.rank, pace, local.budget_bytes_per_sec, now);
        // Of another provider it is another link.
        let provider_name = rails.first().map(|rail| rail.provider_name.clone());
        state.known.retain(|_, known| Some(&known.record.provider_name) == provider_name.as_ref());
        let meter = Meter::new(&state.tree, &rails, now);
        state.open = Some(Open { schedule, meter, rails, probe_interval: local.probe_interval });
        state.of_type = baseline::of_type(local.provider, &local.instance_type);
        state.cluster = Some(local.cluster.clone());
        state.node = LinkNode {
            instance_id: local.instance_id.clone(),
            rank: local.rank,
            instance_type: local.instance_type.clone(),
            library: Some(library),
        };
    }

    /// The endpoint is closed, and with it every pair.
    pub fn closed(&self) {
        let mut state = self.lock();
        state.open = None;
        state.known.values_mut().for_each(|known| known.paired = false);
        state.asked.cut_off();
    }

    /// A pair is new; of its rails only the first is known.
    pub fn paired(&self, rank: u32, instance_id: &str) -> Vec<Command> {
        let (mut state, now) = (self.lock(), Instant::now());
        let cancel = state.unpaired(rank);
        let State { open, store, known, of_type, cluster, node, .. } = &mut *state;
        if let Some(open) = open {
            // A replaced node is another link.
            known.retain(|id, known| known.rank != rank || id == instance_id);
            let provider_name = open.rails.first().map_or("", |rail| &rail.provider_name);
            let known = known.entry(instance_id.to_owned()).or_insert_with(|| {
                let record = store.load(instance_id, provider_name);
                Known::new(instance_id, rank, record, *of_type, now)
            });
            let known_as = cluster.as_ref();
            let pair_id = known_as.map(|name| pair_id(name, &node.instance_id, instance_id));
            known.paired(rank, pair_id, now);
            open.schedule.paired(rank, open.rails.first().cloned(), now);
        }
        cancel
    }

    /// So many rails of a peer are known beside the first.
    pub fn further_rails(&self, rank: u32, count: usize) {
        if let Some(Open { schedule, rails, .. }) = &mut self.lock().open {
            schedule.rails(rank, rails.iter().take(1 + count).cloned().collect());
        }
    }

    /// A pair is no more.
    pub fn unpaired(&self, rank: u32) -> Vec<Command> {
        self.lock().unpaired(rank)
    }

    /// When [`Monitor::start`] has something to do.
    pub fn due(&self) -> Option<Instant> {
        self.lock().open.as_ref()?.schedule.due()
    }

    /// What to tell the worker now.
    pub fn start(&self) -> Vec<Command> {
        let (mut state, now) = (self.lock(), Instant::now());
        let overdue = state.open.as_mut().and_then(|open| open.schedule.overdue(now));
        let (cancel, answer) = overdue.unzip();
        if let Some(answer) = answer.flatten() {
            state.take(answer, now);
        }
        let measure = state
            .open
            .as_mut()
            .and_then(|Open { schedule, meter, .. }| schedule.next(now, &mut || meter.busy(now)));
        cancel.into_iter().chain(measure).collect()
    }

    /// The worker answered a measurement.
    pub fn measured(&self, id: u32, outcome: Outcome) {
        let (mut state, now) = (self.lock(), Instant::now());
        let outcome = words::harmless(outcome);
        let Some(open) = &mut state.open else { return };
        let (rail, sent, received) = plan::moved_bytes(&outcome);
        open.meter.moved(rail, sent, received);
        if let Some(answer) = open.schedule.answered(id, outcome, now) {
            state.take(answer, now);
        }
    }

    /// Tells every paired link's readings to the board.
    pub fn tell(&self, board: &Board) {
        self.tell_at(board, Instant::now());
    }

    pub(super) fn tell_at(&self, board: &Board, now: Instant) {
        let mut state = self.lock();
        let interval = state.open.as_ref().map(|open| open.probe_interval).unwrap_or_default();
        let paired = state.known.values_mut().filter(|known| known.paired);
        let (mut p50, mut p99, mut lost, mut bandwidth) = (vec![], vec![], vec![], vec![]);
        for known in paired {
            known.tell_blind(now, interval);
            let readings = known.readings(now, interval);
            p50.extend(readings.p50);
            p99.extend(readings.p99);
            lost.extend(readings.lost);
            bandwidth.extend(readings.bandwidth);
        }
        drop(state);
        let told: [(_, Vec<Reading>); 4] = [
            (name::LINK_P50, p50),
            (name::LINK_P99, p99),
            (name::LINK_LOST, lost),
            (name::LINK_BANDWIDTH, bandwidth),
        ];
        for (name, readings) in told {
            board.set_all(name, readings);
        }
    }

    /// Everything known.
    #[must_use]
    pub fn document(&self) -> LinkDocument {
        self.lock().document()
    }

    /// The same in numbers.
    #[must_use]
    pub fn figures(&self) -> LinkFigures {
        self.figures_at(Instant::now())
    }

    pub(super) fn figures_at(&self, now: Instant) -> LinkFigures {
        let state = self.lock();
        let open = state.open.as_ref();
        let skipped = |rank| open.map(|open| open.schedule.skipped(rank)).unwrap_or_default();
        let interval = open.map(|open| open.probe_interval).unwrap_or_default();
        let figures = |known: &Known| known.figures(skipped(known.rank), now, interval);
        let peers = state.known.values().map(figures);
        let mut peers: Vec<_> = peers.collect();
        peers.sort_by_key(|peer| peer.rank);
        LinkFigures {
            rails: open.map(|open| open.rails.clone()).unwrap_or_default(),
            budget: open.map(|open| open.schedule.budget()),
            peers,
        }
    }

    /// Asks for a full report of the link to this peer (instance id or rank),
    /// or of every link; its number.
    ///
    /// # Errors
    /// If there is no such pair or a report is being measured.
    pub fn run(&self, peer: Option<&str>) -> Result<u64, RunRefused> {
        let number = self.lock().run(peer, Instant::now())?;
        self.0.asked.notify_one();
        Ok(number)
    }

    /// Records that are due to be written: once a minute if there is news, or
    /// all of them at the `end`.
    pub fn to_write(&self, end: bool) -> Vec<Written> {
        self.to_write_at(end, Instant::now())
    }

    pub(super) fn to_write_at(&self, end: bool, now: Instant) -> Vec<Written> {
        let mut state = self.lock();
        let State { store, known, .. } = &mut *state;
        let due = known.values_mut().filter_map(|known| {
            if end {
                known.record.history.close();
            } else if !known.due_to_write(now) {
                return None;
            }
            store.prepare(&known.instance_id, &known.record)
        });
        due.collect()
    }
}

impl State {
    fn unpaired(&mut self, rank: u32) -> Vec<Command> {
        for known in self.known.values_mut().filter(|known| known.rank == rank) {
            known.paired = false;
        }
        let cancel = self.open.as_mut().and_then(|open| open.schedule.unpaired(rank));
        self.asked.ended(rank, false);
        cancel.into_iter().collect()
    }

    fn take(&mut self, answer: Answer, now: Instant) {
        let Answer { rank, job, outcome, other_traffic, finished } = answer;
        let of_rank = |known: &&mut Known| known.paired && known.rank == rank;
        let seen = Moment { clock: now, wall: Timestamp::now() };
        if let Some(known) = self.known.values_mut().find(of_rank) {
            match (job, outcome) {
                (Job::Probe(_), Outcome::Latency { summary, samples_nanos }) => {
                    known.probed(summary, &samples_nanos, other_traffic.is_none(), seen);
                }
                (Job::Probe(rail), Outcome::Failed { code, message }) => {
                    known.not_probed(rail, format!("{code}: {message}"));
                }
                (Job::Sample, Outcome::Bandwidth(bandwidth)) => known.sampled(bandwidth, seen),
                _ => {}
            }
            if let Some(Finished { report, started }) = finished {
                let took = now.saturating_duration_since(started);
                let at = seen.wall - jiff::SignedDuration::try_from(took).unwrap_or_default();
                let took_millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                let report = Report { at: rfc3339(at), took_millis, ..report };
                if let Some(reader) = &self.measured {
                    let measured = Measured {
                        node: self.node.clone(),
                        rails: self
                            .open
                            .as_ref()
                            .map(|open| open.rails.clone())
                            .unwrap_or_default(),
                        peer: known.instance_id.clone(),
                        peer_rank: known.rank,
                        pair_id: known.pair_id.clone(),
                        report: report.clone(),
                    };
                    if reader.try_send(measured).is_err() {
                        tracing::warn!("nobody takes the reports of the links");
                    }
                }
                known.reported(report, seen);
                self.asked.ended(rank, true);
            }
        }
    }

    fn run(&mut self, peer: Option<&str>, now: Instant) -> Result<u64, RunRefused> {
        let is =
            |known: &Known, peer: &str| known.instance_id == peer || known.rank.to_string() == peer;
        let wanted = self.known.values().filter(|known| known.paired);
        let peers: BTreeMap<u32, String> = wanted
            .filter(|known| peer.is_none_or(|peer| is(known, peer)))
            .map(|known| (known.rank, known.instance_id.clone()))
            .collect();
        let open = self.open.as_mut().filter(|_| !peers.is_empty());
        let Some(open) = open else {
            return Err(match peer {
                Some(peer) => RunRefused::NotPairedWith { peer: peer.to_owned() },
                None => RunRefused::NotPaired,
            });
        };
        let measuring = open.schedule.measuring().map(|(rank, _)| rank);
        if let Some(rank) = measuring.or(self.asked.waits_for()) {
            return Err(RunRefused::UnderWay { peer: self.id_of(rank) });
        }
        for rank in peers.keys() {
            open.schedule.run(*rank, now);
        }
        Ok(self.asked.begin(peers))
    }

    fn id_of(&self, rank: u32) -> String {
        let known = self.known.values().find(|known| known.rank == rank);
        known.map_or_else(|| format!("rank {rank}"), |known| known.instance_id.clone())
    }

    fn document(&self) -> LinkDocument {
        let schedule = self.open.as_ref().map(|open| &open.schedule);
        let measuring = schedule
            .and_then(Schedule::measuring)
            .map(|(rank, (done, of))| Measuring { peer: self.id_of(rank), done, of });
        let skipped = |rank| schedule.map(|schedule| schedule.skipped(rank)).unwrap_or_default();
        let mut peers: Vec<_> =
            self.known.values().map(|known| known.document(skipped(known.rank))).collect();
        peers.sort_by_key(|peer| peer.rank);
        LinkDocument {
            node: self.node.clone(),
            rails: self.open.as_ref().map(|open| open.rails.clone()).unwrap_or_default(),
            runs: self.asked.told(measuring),
            budget: schedule.map(Schedule::budget).unwrap_or_default(),
            traffic: self.open.as_ref().map(|open| open.meter.told()).unwrap_or_default(),
            peers,
        }
    }
}
