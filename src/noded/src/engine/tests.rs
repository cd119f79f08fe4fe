//! The engine with a scripted worker, registry and pairing.

mod enrolment;
mod life;
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
