//! Two engines, two real workers, libfabric's tcp provider over loopback; only
//! the registry is in memory. Without libfabric.so.1 it says so and passes.

#![allow(clippy::unwrap_used)]

use nixl_cluster::{Provider, tag};
use nixl_efa::Tree;
use nixl_noded::beat::Beats;
use nixl_noded::board::{Board, name};
use nixl_noded::boot::Instance;
use nixl_noded::efa;
use nixl_noded::engine::{self, Engine, Timings};
use nixl_noded::gpu;
use nixl_noded::link::Monitor;
use nixl_noded::peers::Peers;
use nixl_noded::publisher;
use nixl_noded::registry::{Registry, RegistryError, Roster, Standing};
use nixl_noded::versions;
use nixl_noded::worker::ProcessSpawner;
use nixl_pairing::Member;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

type Tags = BTreeMap<&'static str, String>;
type Cloud = Arc<Mutex<BTreeMap<u32, Tags>>>;

struct InMemory {
    cloud: Cloud,
    rank: u32,
}

fn id(rank: u32) -> String {
    format!("i-{rank}")
}

#[async_trait::async_trait]
impl Registry for InMemory {
    async fn publish(&self, tags: &[(&'static str, String)]) -> Result<(), RegistryError> {
        let mut cloud = self.cloud.lock().unwrap();
        cloud.entry(self.rank).or_default().extend(tags.iter().cloned());
        Ok(())
    }

    async fn roster(&self) -> Result<Roster, RegistryError> {
        let cloud = self.cloud.lock().unwrap();
        let others = cloud.iter().filter(|(rank, _)| **rank != self.rank);
        let member = |(rank, tags): (&u32, &Tags)| Member {
            instance_id: id(*rank),
            rank: *rank,
            identity: tags.get(tag::IDENTITY).and_then(|record| record.parse().ok()),
            endpoint: tags.get(tag::ENDPOINT).and_then(|record| record.parse().ok()),
        };
        Ok(Roster { standing: Standing::Ranked(self.rank), members: others.map(member).collect() })
    }
}

struct Node {
    board: Board,
    link: Monitor,
    peers: Peers,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

fn start(cloud: &Cloud, rank: u32, state: &Path) -> Node {
    let link = Monitor::new(Some(state.as_os_str()), Path::new("/"));
    let (peers, efa) = (Peers::default(), efa::State::default());
    let (board, beats, stop) = (Board::default(), Beats::default(), CancellationToken::new());
    let registry = Arc::new(InMemory { cloud: cloud.clone(), rank });
    let last = CancellationToken::new();
    let (publisher, writer) =
        publisher::pair(registry.clone(), board.clone(), beats.task("publisher"), last.clone());
    let program = assert_cmd::cargo::cargo_bin!("nixl-noded").to_str().unwrap();
    let engine = Engine {
        devices: Tree::below(Path::new("/nonexistent")),
        efa: efa.clone(),
        settings: toml::from_str("cluster = \"nixl\"\nsize = 2\nprovider = \"tcp\"").unwrap(),
        instance: Instance {
            id: id(rank),
            instance_type: "g6.12xlarge".to_owned(),
            reservation_id: "r-1".to_owned(),
            launch_index: rank,
            local_ipv4: Some(Ipv4Addr::LOCALHOST),
            zone: "us-east-1a".to_owned(),
            region: "us-east-1".to_owned(),
        },
        registry,
        spawner: Arc::new(ProcessSpawner::workers(program, Provider::Tcp.into(), None)),
        machines: engine::pairing(),
        board: board.clone(),
        link: link.clone(),
        peers: peers.clone(),
        versions: versions::source(efa, gpu::State::default()),
        publisher,
        beat: beats.task("engine"),
        stop: stop.clone(),
        timings: Timings::default(),
    };
    let task = tokio::spawn(async move {
        tokio::spawn(writer.run());
        engine.run().await;
        last.cancel();
    });
    Node { board, link, peers, stop, task }
}

async fn until(what: &str, nodes: &[&Node], holds: impl Fn(&Board) -> bool) -> Duration {
    let start = Instant::now();
    while !nodes.iter().all(|node| holds(&node.board)) {
        let told: Vec<String> = nodes.iter().map(|node| node.board.document().output).collect();
        assert!(start.elapsed() < Duration::from_secs(30), "not {what}: {told:#?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    start.elapsed()
}

fn library_missing(board: &Board) -> bool {
    board.worst().is_some_and(|reason| reason.code == "fabric.library_missing")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_pair_measure_and_pair_again_after_a_kill() {
    let cloud = Cloud::default();
    let state = tempfile::tempdir().unwrap();
    let folders = [state.path().join("0"), state.path().join("1")];
    let (first, second) = (start(&cloud, 0, &folders[0]), start(&cloud, 1, &folders[1]));
    until("started", &[&first, &second], |board| {
        library_missing(board) || board.document().node.provider.is_some()
    })
    .await;
    assert!(
        !library_missing(&first.board),
        "libfabric.so.1 is not here: apt-get install libfabric1"
    );
    until("paired", &[&first, &second], Board::ready).await;
    until("measured", &[&first, &second], |board| {
        board.document().checks.contains_key(name::LINK_P50)
    })
    .await;

    // The whole ladder, both ways, while heartbeats go on.
    until("reported", &[&first, &second], |board| {
        board.document().checks.contains_key(name::LINK_BANDWIDTH)
    })
    .await;
    let document = first.link.document();
    let report = document.peers[0].report.clone().unwrap();
    // A busy computer may be too slow for the largest.
    let too_slow = |why: &String| why.ends_with("heartbeats would wait");
    assert!(report.not_measured.iter().all(too_slow), "{:?}", report.not_measured);
    assert!(report.latencies.len() >= 12 && report.bandwidths.len() >= 4, "{report:?}");
    assert!(report.latencies.iter().all(|latency| latency.lost == 0 && latency.min_nanos > 0));
    assert!(report.bandwidths.iter().all(|bandwidth| bandwidth.gbps() > 0.0));
    eprintln!("a report took {} ms", report.took_millis);
    assert!(first.board.ready() && second.board.ready());

    let run = first.link.run(Some("i-1")).unwrap();
    assert!(first.link.run(None).is_err(), "one at a time");
    let begun = Instant::now();
    while first.link.document().runs.done < run {
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", first.link.document().runs);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_ne!(first.link.document().peers[0].report.as_ref(), Some(&report));

    let health = first.peers.health(None).await.unwrap();
    assert_eq!((health.instance_id.as_str(), health.answer.left_out), ("i-1", 0));
    assert_eq!(health.answer.document.node.peers, ["i-0"]);
    until("each other's clocks seen", &[&first, &second], |board| {
        let checks = board.document().checks;
        let clock =
            checks.get(engine::name::CLOCK).and_then(|clocks| clocks[0].observed_value.clone());
        clock.is_some_and(|clock| clock.as_f64().unwrap().abs() < 1.0)
            && checks.contains_key(engine::name::LIBFABRIC)
    })
    .await;

    // As by kill -9: no bye, the worker goes with its daemon.
    second.task.abort();
    let begun = Instant::now();
    let second = start(&cloud, 1, &folders[1]);
    until("lost or re-keyed", &[&second], Board::ready).await;
    until("paired again", &[&first, &second], Board::ready).await;
    eprintln!("paired again after {} ms", begun.elapsed().as_millis());

    for node in [first, second] {
        node.stop.cancel();
        tokio::time::timeout(Duration::from_secs(2), node.task).await.unwrap().unwrap();
    }
    let kept = std::fs::read_to_string(folders[0].join("link/i-1.json")).unwrap();
    assert!(kept.contains("\"minutes\"") && kept.contains("p99_nanos"), "{kept}");
}
