//! Each node's part: what its daemon says, and that it says nothing.

use super::item;
use crate::board::name;
use crate::efa::name as efa;
use crate::gpu::name as gpu;
use nixl_cluster::check::{Counts, Item, NodeChecks, Section, Verdict};
use nixl_cluster::health::HealthDocument;
use nixl_cluster::instance_type::{self, InstanceType};
use nixl_cluster::{PeerHealth, Reading, reason};
use serde::de::DeserializeOwned;

/// What only a node itself looks at.
const OWN_ONLY: [Section; 2] = [Section::Vllm, Section::Nixl];

/// Asks the daemon for a document.
pub(super) fn ask<T: DeserializeOwned>(
    get: impl Fn(&str) -> anyhow::Result<(u16, String)>,
    path: &str,
) -> anyhow::Result<T> {
    let (status, body) = get(path)?;
    serde_json::from_str(&body).map_err(|error| {
        let told: Option<serde_json::Value> = serde_json::from_str(&body).ok();
        match told.as_ref().and_then(|told| told["message"].as_str()) {
            Some(message) => anyhow::anyhow!("{message}"),
            None => anyhow::Error::new(error)
                .context(format!("HTTP {status} is no answer of a nixl-noded of this release")),
        }
    })
}

/// This node.
pub(super) fn own(
    asked: &anyhow::Result<HealthDocument>,
    looked: Vec<(Section, Item)>,
    wanted: &[Section],
) -> NodeChecks {
    let mut items = Vec::new();
    let node = match asked {
        Ok(document) => {
            let answers = Reading::good(format!("release {}", document.release_id));
            items.push(item::of_reading("check:daemon", answers));
            items.extend(of_health(document, 0));
            of(document, false)
        }
        Err(error) => {
            let bad = Reading::bad(&reason::CHECK_DAEMON_SILENT, format!("{error:#}"));
            items.push(somewhere(item::of_reading("check:daemon", bad), wanted));
            for name in [efa::DEVICES, gpu::PRESENT, name::MLFLOW] {
                items.push(item::skipped(name, "the daemon, which looks at it, does not answer"));
            }
            NodeChecks { instance_id: host_name(), ..nobody() }
        }
    };
    items.extend(looked);
    node.with(items, wanted)
}

/// The peers that are meant, each asked through the daemon of this node.
pub(super) fn peers(
    get: impl Fn(&str) -> anyhow::Result<(u16, String)>,
    own: &anyhow::Result<HealthDocument>,
    named: Option<&str>,
    wanted: &[Section],
) -> Vec<NodeChecks> {
    let names = match (named, own) {
        (Some(name), _) => vec![name.to_owned()],
        (None, Ok(document)) => known_peers(document),
        (None, Err(_)) => Vec::new(),
    };
    if names.is_empty() {
        let why = match own {
            Ok(_) => "this node knows of no peer yet",
            Err(_) => "the daemon of this node, which would ask it, does not answer",
        };
        return vec![silent("unknown", why.to_owned(), wanted)];
    }
    let peer = |name: &String| {
        // A peer whose tags are not known has no name but `rank N`.
        let query = name.strip_prefix("rank ").unwrap_or(name);
        match ask::<PeerHealth>(&get, &format!("/peer/health?peer={query}")) {
            Ok(health) => of_peer(&health, wanted),
            Err(error) => silent(name, format!("{error:#}"), wanted),
        }
    };
    names.iter().map(peer).collect()
}

fn known_peers(document: &HealthDocument) -> Vec<String> {
    let states = document.checks.get(name::PEER).into_iter().flatten();
    states.filter_map(|check| check.component_id.clone()).collect()
}

fn of_peer(health: &PeerHealth, wanted: &[Section]) -> NodeChecks {
    let PeerHealth { instance_id, rank, age_secs, answer } = health;
    let mut items = of_health(&answer.document, answer.left_out);
    for section in OWN_ONLY {
        let name = format!("{}:import", section.as_str());
        items
            .push(item::skipped(&name, "only a node itself sees it: run `nixl-noded check` there"));
    }
    let node = NodeChecks {
        // What it says of itself is no better known than who it is paired as.
        instance_id: instance_id.clone(),
        rank: Some(*rank),
        age_secs: Some(*age_secs),
        left_out: answer.left_out,
        ..of(&answer.document, true)
    };
    node.with(items, wanted)
}

fn silent(name: &str, why: String, wanted: &[Section]) -> NodeChecks {
    let bad = Reading::bad(&reason::CHECK_PEER_SILENT, why).about(name).field("peer", name);
    let item = somewhere(item::of_reading("check:peer", bad), wanted);
    NodeChecks { instance_id: name.to_owned(), peer: true, ..nobody() }.with(vec![item], wanted)
}

/// What must be seen whatever sections are asked for.
fn somewhere((section, item): (Section, Item), wanted: &[Section]) -> (Section, Item) {
    let shown = wanted.contains(&section);
    (if shown { section } else { wanted.first().copied().unwrap_or(section) }, item)
}

fn of(document: &HealthDocument, peer: bool) -> NodeChecks {
    NodeChecks {
        instance_id: document.service_id.clone(),
        peer,
        rank: document.node.rank,
        release: Some(document.release_id.clone()),
        ..nobody()
    }
}

fn nobody() -> NodeChecks {
    NodeChecks {
        instance_id: String::new(),
        peer: false,
        rank: None,
        release: None,
        age_secs: None,
        left_out: 0,
        verdict: Verdict::Skip,
        counts: Counts::default(),
        sections: Vec::new(),
    }
}

/// Devices that an instance type may have.
struct Devices {
    section: Section,
    /// Under one of these is told how many there are, or why there are none.
    told: &'static [&'static str],
    /// What is shown where nothing is told.
    name: &'static str,
    what: &'static str,
    of_type: fn(&InstanceType) -> u32,
}

const DEVICES: [Devices; 2] = [
    Devices {
        section: Section::Efa,
        told: &[efa::DEVICES],
        name: efa::DEVICES,
        what: "EFA devices",
        of_type: |known| known.efa_interfaces,
    },
    Devices {
        section: Section::Gpu,
        told: &[gpu::DRIVER, gpu::PRESENT],
        name: gpu::PRESENT,
        what: "GPUs",
        of_type: |known| known.gpus,
    },
];

/// The document's checks; where it has none of the devices, why. So many of its
/// good ones may have had no room.
fn of_health(document: &HealthDocument, left_out: usize) -> Vec<(Section, Item)> {
    let mut items = item::of_document(document);
    for devices in &DEVICES {
        look_for(devices, document, left_out, &mut items);
    }
    if !items.iter().any(|(of, _)| *of == Section::Mlflow) {
        items.push(item::skipped(name::MLFLOW, "the daemon has said nothing of it so far"));
    }
    items
}

fn look_for(
    devices: &Devices,
    document: &HealthDocument,
    left_out: usize,
    items: &mut Vec<(Section, Item)>,
) {
    let Devices { section, told, name, what, of_type } = devices;
    let type_name = instance_type_of(document);
    let expected = type_name.and_then(instance_type::find).map(of_type);
    let mut told = items.iter().filter(|(_, item)| told.contains(&item.name.as_str())).peekable();
    let missing = told.peek().is_none();
    if told.any(|(_, item)| item.verdict != Verdict::Skip) {
        return;
    }
    // A worker that lives and a library that loads are nothing to pass by
    // where no device was seen.
    let good = items.iter_mut().filter(|(of, item)| of == section && item.verdict == Verdict::Pass);
    for (_, item) in good {
        item.verdict = Verdict::Skip;
        item.skipped = Some(format!("no {what} were seen that it could serve"));
    }
    if !missing {
        return;
    }
    let silent = "the daemon has said nothing of it so far";
    items.push(match (type_name, expected) {
        (Some(type_name), Some(0)) => {
            item::skipped(name, format!("none expected: {type_name} has no {what}"))
        }
        // They are the best ones.
        (Some(_), Some(_)) if left_out > 0 => {
            item::skipped(name, "the peer's answer had no room for it")
        }
        (Some(type_name), Some(expected)) => {
            let evidence = format!("{type_name} can have {expected} {what}; {silent}");
            let unseen = Reading::bad(&reason::CHECK_DEVICES_UNSEEN, evidence);
            item::of_reading(name, unseen.field("expected", expected))
        }
        _ => item::skipped(name, silent),
    });
}

fn instance_type_of(document: &HealthDocument) -> Option<&str> {
    document.checks.get(name::IMDS)?.first()?.observed_value.as_ref()?.as_str()
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Board;
    use nixl_cluster::PeerAnswer;

    fn section(node: &NodeChecks, wanted: Section) -> &[Item] {
        &node.sections.iter().find(|section| section.section == wanted).unwrap().items
    }

    #[test]
    fn a_daemon_that_is_silent_fails_whatever_is_asked_for() {
        for wanted in [&Section::ALL[..], &[Section::Gpu]] {
            let node = own(&Err(anyhow::anyhow!("nothing answers")), Vec::new(), wanted);
            assert_eq!((node.verdict, node.counts.fail), (Verdict::Fail, 1));
            let items = node.sections.iter().flat_map(|section| &section.items);
            let reason = items.filter_map(|item| item.reason.as_ref()).next().unwrap();
            assert_eq!(reason.code, "check.daemon_silent");
            assert!(reason.advice.contains("systemctl status"));
        }
    }

    fn of_devices(board: &Board, wanted: Section) -> NodeChecks {
        own(&Ok(board.document()), Vec::new(), &[wanted])
    }

    #[test]
    fn devices_that_are_expected_and_not_told_of_are_a_warning() {
        let board = Board::default();
        // It is on every node.
        board.set(gpu::WORKER, Reading::good(0));
        board.set(efa::LIBFABRIC, Reading::good("2.4"));
        let silent = |section| of_devices(&board, section).verdict;
        assert_eq!([silent(Section::Gpu), silent(Section::Efa)], [Verdict::Skip; 2]);
        board.set(name::IMDS, Reading::good("g6.12xlarge"));
        assert_eq!([silent(Section::Gpu), silent(Section::Efa)], [Verdict::Warn; 2]);
        let node = of_devices(&board, Section::Gpu);
        let reason = section(&node, Section::Gpu).iter().find_map(|item| item.reason.as_ref());
        let evidence = &reason.unwrap().evidence;
        assert!(evidence.starts_with("g6.12xlarge can have 4 GPUs; "), "{evidence}");
        let bad = Reading::bad(&reason::GPU_WORKER_HUNG, "for 10 s");
        board.set(gpu::WORKER, bad);
        assert_eq!(of_devices(&board, Section::Gpu).verdict, Verdict::Fail);
    }

    #[test]
    fn devices_that_are_told_of_speak_for_themselves() {
        let board = Board::default();
        board.set(name::IMDS, Reading::good("g6.12xlarge"));
        board.set(gpu::WORKER, Reading::good(0));
        board.set(gpu::PRESENT, Reading::good(4));
        let node = of_devices(&board, Section::Gpu);
        assert_eq!((node.verdict, node.counts.pass), (Verdict::Pass, 2));
        board.set_all(gpu::PRESENT, Vec::new());
        board.set(gpu::DRIVER, Reading::bad(&reason::GPU_LIBRARY_MISSING, "no"));
        let node = of_devices(&board, Section::Gpu);
        assert_eq!((node.verdict, node.counts.warn), (Verdict::Fail, 0));
        board.set(gpu::DRIVER, Reading::good("none found"));
        board.set(gpu::PRESENT, Reading::good("none found"));
        let node = of_devices(&board, Section::Gpu);
        assert_eq!((node.verdict, node.counts.skip), (Verdict::Skip, 3), "{node:#?}");
    }

    #[test]
    fn of_a_peer_whose_answer_was_cut_nothing_is_made_up() {
        let board = Board::default();
        board.set(name::IMDS, Reading::good("g6.12xlarge"));
        let items = of_health(&board.document(), 7);
        let mut devices = items.iter().filter(|(of, _)| [Section::Efa, Section::Gpu].contains(of));
        assert!(devices.all(|(_, item)| item.verdict == Verdict::Skip), "{items:#?}");
    }

    fn peer_answer() -> String {
        let answer = PeerAnswer { left_out: 2, document: Board::default().document() };
        let health = PeerHealth { instance_id: "i-2".to_owned(), rank: 1, age_secs: 0.5, answer };
        serde_json::to_string(&health).unwrap()
    }

    #[test]
    fn every_peer_is_asked_and_one_that_cannot_be_is_a_failure() {
        let board = Board::default();
        let states = ["i-2", "rank 2"].map(|id| Reading::good("paired").about(id));
        board.set_all(name::PEER, states.to_vec());
        let get = |path: &str| match path {
            "/peer/health?peer=i-2" => Ok((200, peer_answer())),
            "/peer/health?peer=2" => {
                Ok((503, r#"{"error":"peer.not_paired","message":"it is lost"}"#.to_owned()))
            }
            other => panic!("{other}"),
        };
        let nodes = peers(get, &Ok(board.document()), None, &Section::ALL);
        assert_eq!((nodes[0].instance_id.as_str(), nodes[0].left_out), ("i-2", 2));
        assert!(nodes[0].peer && nodes[0].age_secs == Some(0.5));
        assert_eq!(section(&nodes[0], Section::Nixl)[0].verdict, Verdict::Skip);
        let lost = section(&nodes[1], Section::System)[0].reason.clone().unwrap();
        assert_eq!(
            (lost.code.as_str(), lost.evidence.as_str()),
            ("check.peer_silent", "it is lost")
        );
        assert_eq!(nodes[1].verdict, Verdict::Fail);
    }

    #[test]
    fn without_a_peer_to_ask_it_says_why() {
        let get = |_: &str| -> anyhow::Result<(u16, String)> { panic!("nobody is asked") };
        let none = peers(get, &Ok(Board::default().document()), None, &Section::ALL);
        assert_eq!((none.len(), none[0].verdict), (1, Verdict::Fail));
        let down = peers(get, &Err(anyhow::anyhow!("x")), None, &[Section::Efa]);
        let reason = section(&down[0], Section::Efa)[0].reason.clone().unwrap();
        assert!(reason.evidence.contains("does not answer"), "{reason:?}");
    }
}
