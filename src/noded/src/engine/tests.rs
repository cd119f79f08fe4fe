//! The engine with a scripted worker, registry and pairing.

mod enrolment;
mod opening;
mod peers;

use super::*;
use crate::beat::Beats;
use crate::board::name;
use crate::publisher::{self, Tags};
use crate::registry::{Registry, RegistryError, Roster, Standing};
use crate::worker::{Death, FromWorker, Kind, Worker};
use nixl_cluster::link::{Latency, OneSided, Rail};
use nixl_cluster::{
    EndpointRecord, IdentityRecord, Phase, Provider, ProviderChoice, StateRecord, tag,
};
use nixl_fabric::protocol::{Command, Event, Measurement, Outcome};
use nixl_pairing::{Input, LocalNode, Member, Output, PeerState, PeerView};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Mutex;
use tokio::sync::mpsc;

/// One worker as the test sees it.
struct Hands {
    commands: mpsc::UnboundedReceiver<Command>,
    events: mpsc::Sender<FromWorker>,
    killed: CancellationToken,
}

struct ScriptedSpawner(mpsc::UnboundedSender<Hands>);

impl Spawner for ScriptedSpawner {
    fn spawn(&self) -> io::Result<Worker> {
        let (commands, from_engine) = mpsc::unbounded_channel();
        let (events, to_engine) = mpsc::channel(16);
        let killed = CancellationToken::new();
        let hands = Hands { commands: from_engine, events, killed: killed.clone() };
        self.0.send(hands).map_err(|_| io::Error::other("the test is over"))?;
        Ok(Worker { commands, events: to_engine, guard: Some(killed.drop_guard()) })
    }
}

struct FakeRegistry {
    tags: mpsc::UnboundedSender<Tags>,
    roster: Mutex<Roster>,
}

#[async_trait::async_trait]
impl Registry for FakeRegistry {
    async fn publish(&self, tags: &[(&'static str, String)]) -> Result<(), RegistryError> {
        let _ = self.tags.send(tags.iter().cloned().collect());
        Ok(())
    }
    async fn roster(&self) -> Result<Roster, RegistryError> {
        Ok(self.roster.lock().unwrap().clone())
    }
}

/// Pairs with rank 1 at its word: a look-up brings it to handshaking, the
/// message `p` pairs it, `l` loses it, `r` loses it to another instance; what it says of itself is `peers`' business.
struct ScriptedMachine {
    /// This node's further rails, and so the peer's.
    rails: Vec<Vec<u8>>,
    id: &'static str,
    state: PeerState,
    looked: bool,
    told: peers::Told,
}

impl ScriptedMachine {
    fn change(&mut self, to: PeerState, reason: Option<&'static str>) -> Output {
        let from = std::mem::replace(&mut self.state, to);
        Output::Changed { rank: 1, from, to, reason }
    }
}

impl Machine for ScriptedMachine {
    fn handle(&mut self, _: Duration, input: Input) -> Vec<Output> {
        match input {
            Input::Tick if !self.looked => {
                self.looked = true;
                vec![Output::LookUp]
            }
            Input::Members(members) => match members.first().and_then(|m| m.endpoint.clone()) {
                Some(endpoint) => vec![
                    Output::AddPeer { rank: 1, address: endpoint.address },
                    self.change(PeerState::Handshaking, None),
                ],
                None => Vec::new(),
            },
            Input::Received(bytes) if bytes == b"p" => vec![
                Output::ArmProbe { rank: 1, token: [3; 16] },
                self.change(PeerState::Paired, None),
                Output::AddRails { rank: 1, addresses: self.rails.clone() },
            ],
            Input::Received(bytes) if bytes == b"l" => vec![
                Output::RemovePeer { rank: 1 },
                self.change(PeerState::Lost, Some("pair.peer_lost")),
            ],
            Input::Received(bytes) if bytes == b"r" => {
                self.id = "i-3";
                vec![Output::RemovePeer { rank: 1 }, self.change(PeerState::Lost, None)]
            }
            other => self.told.handle(other),
        }
    }
    fn bye(&mut self, _: Duration) -> Vec<Output> {
        vec![Output::Send { rank: 1, bytes: b"bye".to_vec() }]
    }
    fn deadline(&self) -> Duration {
        if self.looked { Duration::MAX } else { Duration::ZERO }
    }
    fn peers(&self) -> Vec<PeerView> {
        let reason = (self.state == PeerState::Lost).then_some("pair.peer_lost");
        vec![PeerView {
            rank: 1,
            instance_id: Some(self.id.to_owned()),
            state: self.state,
            reason,
            ..PeerView::default()
        }]
    }
    fn all_paired(&self) -> bool {
        self.state == PeerState::Paired
    }
}

struct Stage {
    board: Board,
    stop: CancellationToken,
    peers: Peers,
    workers: mpsc::UnboundedReceiver<Hands>,
    tags: mpsc::UnboundedReceiver<Tags>,
    task: tokio::task::JoinHandle<()>,
}

fn stage(timings: Timings) -> Stage {
    stage_on(timings, Provider::Tcp.into(), Path::new("/nonexistent"))
}

/// On a node whose `/sys` is below `root`.
fn stage_on(timings: Timings, provider: ProviderChoice, root: &Path) -> Stage {
    staged(timings, provider, root, "launch", Standing::Ranked(0)).0
}

/// With this membership; the registry tells how the node stands.
fn staged(
    timings: Timings,
    provider: ProviderChoice,
    root: &Path,
    membership: &str,
    standing: Standing,
) -> (Stage, Arc<FakeRegistry>) {
    let (spawned, workers) = mpsc::unbounded_channel();
    let (written, tags) = mpsc::unbounded_channel();
    let peer = Member {
        instance_id: "i-2".to_owned(),
        rank: 1,
        identity: None,
        endpoint: Some(EndpointRecord { provider: Provider::Tcp, address: vec![9] }),
    };
    let roster = Roster { standing, members: vec![peer] };
    let registry = Arc::new(FakeRegistry { tags: written, roster: Mutex::new(roster) });
    let (board, beats, stop) = (Board::default(), Beats::default(), CancellationToken::new());
    let (last, peers) = (CancellationToken::new(), Peers::default());
    let efa = efa::State::default();
    let (publisher, writer) =
        publisher::pair(registry.clone(), board.clone(), beats.task("publisher"), last.clone());
    let machine = |local: LocalNode| ScriptedMachine {
        rails: local.rails,
        id: "i-2",
        state: PeerState::Unknown,
        looked: false,
        told: peers::Told::default(),
    };
    let engine = Engine {
        settings: toml::from_str(&format!(
            "cluster = \"nixl\"\nsize = 2\nprefill = 1\nprovider = \"{}\"\nmembership = \"{membership}\"",
            provider.as_str()
        ))
        .unwrap(),
        devices: Tree::below(root),
        efa: efa.clone(),
        instance: Instance {
            id: "i-1".to_owned(),
            instance_type: "g6.12xlarge".to_owned(),
            reservation_id: "r-1".to_owned(),
            launch_index: 0,
            local_ipv4: Some(Ipv4Addr::new(10, 0, 0, 5)),
            zone: "us-east-1a".to_owned(),
            region: "us-east-1".to_owned(),
        },
        registry: registry.clone(),
        spawner: Arc::new(ScriptedSpawner(spawned)),
        machines: Arc::new(move |local, _| Box::new(machine(local))),
        board: board.clone(),
        link: Monitor::default(),
        peers: peers.clone(),
        versions: versions::source(efa, crate::gpu::State::default()),
        publisher,
        beat: beats.task("engine"),
        stop: stop.clone(),
        timings,
    };
    let task = tokio::spawn(async move {
        let writer = tokio::spawn(writer.run());
        engine.run().await;
        last.cancel();
        writer.await.unwrap();
    });
    (Stage { board, stop, peers, workers, tags, task }, registry)
}

fn quick() -> Timings {
    Timings {
        enrol_first: Duration::from_millis(1),
        enrol_most: Duration::from_millis(2),
        probe_delay: Duration::ZERO,
        clock_interval: Duration::from_millis(50),
        clock_least: Duration::from_millis(1),
        restart_first: Duration::from_millis(1),
        restart_most: Duration::from_millis(2),
        gone: Duration::from_millis(50),
        shutdown: Duration::from_millis(50),
        ..Timings::default()
    }
}

/// A test that hangs says where.
async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("within 20 s")
}

impl Stage {
    /// Takes the next worker as far as an open endpoint.
    async fn opened(&mut self) -> Hands {
        let mut hands = soon(self.workers.recv()).await.unwrap();
        hands.open().await;
        hands
    }

    /// Waits until the tags say this phase; all of that write.
    async fn phase(&mut self, wanted: Phase) -> Tags {
        loop {
            let tags = soon(self.tags.recv()).await.unwrap();
            let state: StateRecord = tags[tag::STATE].parse().unwrap();
            if state.phase == wanted {
                return tags;
            }
        }
    }

    async fn until(&self, what: impl Fn(&Board) -> bool) {
        soon(async {
            while !what(&self.board) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }
}

impl Hands {
    /// Is told to open, and says that it has.
    async fn open(&mut self) {
        let open = soon(self.commands.recv()).await.unwrap();
        let Command::Open { sources, rank, .. } = open else { panic!("{open:?}") };
        let own = [IpAddr::from([10, 0, 0, 5])];
        assert_eq!((&sources[..], rank), (&own[..], 0));
        let rail = Rail {
            index: 0,
            provider_name: "tcp;ofi_rxm".to_owned(),
            fabric: "10.0.0.0/24".to_owned(),
            domain: "eth0".to_owned(),
            pci_address: None,
            speed_gbps: None,
            one_sided: OneSided::Emulated,
            numa_node: None,
            gpus: Vec::new(),
        };
        let rails = vec![(rail.clone(), vec![1, 2, 3]), (Rail { index: 1, ..rail }, vec![4, 5])];
        let opened = Event::Opened {
            provider: Provider::Tcp,
            rails,
            library: "libfabric.so.1".to_owned(),
            library_version: "1.17".to_owned(),
        };
        self.say(opened).await;
    }
    async fn say(&self, event: Event) {
        self.events.send(FromWorker::Event(event)).await.unwrap();
    }
    async fn hear(&self, message: &[u8]) {
        self.say(Event::Received { bytes: message.to_vec() }).await;
    }
    /// Waits for a command of this kind.
    async fn commanded(&mut self, wanted: impl Fn(&Command) -> bool) -> Command {
        loop {
            let command = soon(self.commands.recv()).await.unwrap();
            if wanted(&command) {
                return command;
            }
        }
    }
}

#[tokio::test]
async fn a_node_registers_pairs_measures_and_degrades() {
    let mut stage = stage(quick());
    let mut worker = stage.opened().await;
    let first = stage.phase(Phase::Registered).await;
    assert_eq!(first.len(), 3, "identity, endpoint and state in one call");
    assert_eq!(first[tag::ENDPOINT], "1:tcp:AQID");
    assert_eq!(first[tag::IDENTITY].parse::<IdentityRecord>().unwrap().prefill, Some(1));
    assert_eq!(stage.board.document().node.role.as_deref(), Some("prefill"));
    worker.commanded(|c| *c == Command::AddPeer { peer: 1, address: vec![9] }).await;
    assert!(!stage.board.ready());

    worker.hear(b"p").await;
    worker.commanded(|c| *c == Command::ArmProbe { peer: 1, token: [3; 16] }).await;
    let rails = Command::AddRails { peer: 1, addresses: vec![vec![4, 5]] };
    worker.commanded(|c| *c == rails).await;
    let measure = worker.commanded(|c| matches!(c, Command::Measure { .. })).await;
    let Command::Measure { id, peer: 1, what } = measure else { panic!("{measure:?}") };
    let Measurement::Latency { rail: 0, mode, size_bytes: 64, count: 200 } = what else {
        panic!("{what:?}")
    };
    let summary = Latency {
        rail: 0,
        mode,
        size_bytes: 64,
        answered: 200,
        lost: 0,
        min_nanos: 1,
        p50_nanos: 12_000,
        p99_nanos: 30_000,
        max_nanos: 1,
    };
    let outcome = Outcome::Latency { summary, samples_nanos: Vec::new() };
    worker.say(Event::Measured { id, peer: 1, outcome }).await;
    stage.until(|board| board.document().checks.contains_key(name::LINK_P99)).await;
    let document = stage.board.document();
    assert_eq!(document.node.peers, ["i-2"]);
    assert_eq!(document.checks[name::LINK_P50][0].observed_value, Some(12.0.into()));
    assert!(stage.board.ready());
    stage.phase(Phase::Paired).await;

    worker.hear(b"l").await;
    let degraded = stage.phase(Phase::Degraded).await;
    assert!(degraded[tag::STATE].contains("pair.peer_lost"), "{degraded:?}");
    assert!(!degraded.contains_key(tag::IDENTITY), "only what changed is written");
    assert!(!stage.board.document().checks.contains_key(name::LINK_P50));
    assert_eq!(stage.board.document().status.http(), 200);
}

#[tokio::test]
async fn efa_that_is_not_used_is_a_failure_and_the_pairing_goes_on() {
    let mut stage = stage_on(quick(), ProviderChoice::Auto, Path::new("/nonexistent"));
    let mut worker = stage.opened().await;
    let tags = stage.phase(Phase::Registered).await;
    assert_eq!(tags[tag::ENDPOINT], "1:tcp:AQID", "what is in use is published");
    worker.commanded(|c| matches!(c, Command::AddPeer { .. })).await;
    worker.hear(b"p").await;
    stage.until(|board| board.ready()).await;
    let document = stage.board.document();
    let reason = document.checks[name::EFA][0].reason.as_ref().unwrap();
    assert_eq!((reason.code.as_str(), document.status.http()), ("fabric.efa_unused", 503));
    assert!(reason.evidence.contains("g6.12xlarge can have 1; tcp is used"), "{reason:?}");
}

#[tokio::test]
async fn an_error_that_a_setting_mends_says_more_than_the_peers_silence() {
    let mut stage = stage(quick());
    let mut worker = stage.opened().await;
    worker.commanded(|c| matches!(c, Command::AddPeer { .. })).await;
    let failed = |code: &str, prov_errno| Event::SendFailed {
        peer: 1,
        code: code.to_owned(),
        errno: 5,
        prov_errno,
        message: "told by the provider".to_owned(),
    };
    let told = |board: &Board| {
        let document = board.document();
        document.checks.get(name::PEER).and_then(|checks| checks[0].reason.clone())
    };
    worker.say(failed("fabric.peer_gone", 9)).await;
    stage.until(|board| told(board).is_some_and(|r| r.evidence.contains("provider 9"))).await;
    assert_eq!(told(&stage.board).unwrap().code, "node.initializing", "a peer that is away");
    worker.say(failed("fabric.security_group", 4126)).await;
    stage.until(|board| told(board).is_some_and(|r| r.code == "fabric.security_group")).await;
    assert!(told(&stage.board).unwrap().evidence.contains("provider 4126"));
    worker
        .say(Event::Fault {
            code: "fabric.memlock".to_owned(),
            errno: 12,
            prov_errno: 4112,
            message: "told by the provider".to_owned(),
        })
        .await;
    let fault = |board: &Board| {
        let checks = board.document().checks;
        checks.get(name::FAULTS).and_then(|checks| checks[0].reason.clone()).map(|r| r.code)
    };
    stage.until(|board| fault(board).as_deref() == Some("fabric.memlock")).await;
}

#[tokio::test]
async fn a_dead_worker_is_a_reason_and_a_new_incarnation() {
    let mut stage = stage(quick());
    let worker = stage.opened().await;
    let first = stage.phase(Phase::Registered).await;
    let how = "signal: 6; last words: abort".to_owned();
    let death = Death { kind: Kind::Aborted, how };
    worker.events.send(FromWorker::Died(death)).await.unwrap();
    stage.until(|board| board.worst().is_some_and(|r| r.code == "fabric.worker_aborted")).await;
    let told = stage.board.document().checks[name::WORKER][0].reason.clone().unwrap();
    assert!(told.evidence.contains("aborted once") && told.evidence.contains("last words: abort"));
    let _second_worker = stage.opened().await;
    let second = loop {
        let tags = soon(stage.tags.recv()).await.unwrap();
        if tags.contains_key(tag::IDENTITY) {
            break tags;
        }
    };
    let identity = |tags: &Tags| tags[tag::IDENTITY].parse::<IdentityRecord>().unwrap();
    assert!(identity(&second).epoch > identity(&first).epoch);
    assert_ne!(identity(&second).public_key, identity(&first).public_key);
}

#[tokio::test]
async fn a_silent_worker_is_killed() {
    let mut stage = stage(Timings { silence: Duration::from_millis(1), ..quick() });
    let worker = stage.opened().await;
    soon(worker.killed.cancelled()).await;
    stage.until(|board| board.worst().is_some_and(|r| r.code == "fabric.worker_hung")).await;
    assert!(stage.board.document().output.contains("no sign of life"));
}

#[tokio::test]
async fn what_a_sandbox_lacks_is_told() {
    let mut stage = stage(quick());
    for (missing, told) in [(vec![], "complete"), (vec!["Landlock".to_owned()], "without Landlock")]
    {
        let worker = soon(stage.workers.recv()).await.unwrap();
        worker.say(Event::Confined { missing }).await;
        stage
            .until(|board| {
                let checks = board.document().checks;
                checks.get(name::SANDBOX).is_some_and(|c| c[0].observed_value == Some(told.into()))
            })
            .await;
        worker.events.send(FromWorker::Died(Death::other("exit status: 0"))).await.unwrap();
    }
}

#[tokio::test]
async fn the_next_worker_waits_until_the_last_one_is_gone() {
    let timings = Timings { silence: Duration::from_millis(1), ..quick() };
    let mut stage = stage(Timings { gone: Duration::from_secs(20), ..timings });
    let worker = stage.opened().await;
    soon(worker.killed.cancelled()).await;
    let early = tokio::time::timeout(Duration::from_millis(100), stage.workers.recv()).await;
    assert!(early.is_err(), "a second worker beside the first");
    let how = "signal: 9; last words: waiting for the device".to_owned();
    worker.events.send(FromWorker::Died(Death { kind: Kind::Killed, how })).await.unwrap();
    let _next = stage.opened().await;
    let told = stage.board.document().checks[name::WORKER][0].reason.clone().unwrap();
    assert_eq!(told.code, "fabric.worker_hung");
    assert!(told.evidence.ends_with("waiting for the device"), "{}", told.evidence);
}

#[tokio::test]
async fn a_worker_that_cannot_be_killed_holds_up_nothing_for_ever() {
    let mut stage = stage(Timings { silence: Duration::from_millis(1), ..quick() });
    let _worker = stage.opened().await;
    let _next = stage.opened().await;
    let told = stage.board.document().checks[name::WORKER][0].reason.clone().unwrap();
    assert!(told.evidence.contains("cannot be killed"), "{}", told.evidence);
}

#[tokio::test]
async fn a_stop_says_bye_and_ends_the_worker() {
    let mut stage = stage(quick());
    let mut worker = stage.opened().await;
    stage.phase(Phase::Registered).await;
    stage.stop.cancel();
    worker.commanded(|c| *c == Command::Send { peer: 1, bytes: b"bye".to_vec() }).await;
    worker.commanded(|c| *c == Command::Shutdown).await;
    worker.events.send(FromWorker::Died(Death::other("exit status: 0"))).await.unwrap();
    stage.phase(Phase::Booting).await;
    soon(stage.task).await.unwrap();
}
