//! Each node's part: what its daemon says, and that it says nothing.

use super::item;
use nixl_cluster::check::{Counts, Item, NodeChecks, Section, Verdict};
use nixl_cluster::health::HealthDocument;
use nixl_cluster::{PeerHealth, Reading, instance_type, reason};
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
            items.extend(of_health(document));
            of(document, false)
        }
        Err(error) => {
            let bad = Reading::bad(&reason::CHECK_DAEMON_SILENT, format!("{error:#}"));
            items.push(somewhere(item::of_reading("check:daemon", bad), wanted));
            for name in ["efa:devices", "gpu:present", "mlflow:url"] {
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
    let states = document.checks.get(crate::board::name::PEER).into_iter().flatten();
    states.filter_map(|check| check.component_id.clone()).collect()
}

fn of_peer(health: &PeerHealth, wanted: &[Section]) -> NodeChecks {
    let PeerHealth { instance_id, rank, age_secs, answer } = health;
    let mut items = of_health(&answer.document);
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

/// The document's checks; where it has none of the devices, why.
fn of_health(document: &HealthDocument) -> Vec<(Section, Item)> {
    let mut items = item::of_document(document);
    let type_name = instance_type_of(document);
    let known = type_name.and_then(instance_type::find);
    for (section, name, what, has) in [
        (Section::Efa, "efa:devices", "EFA", known.map(|known| known.efa_interfaces)),
        (Section::Gpu, "gpu:present", "GPU", known.map(|known| known.gpus)),
    ] {
        if items.iter().any(|(of, _)| *of == section) {
            continue;
        }
        let why = match (type_name, has) {
            (Some(name), Some(0)) => format!("none expected: {name} has no {what}"),
            _ => "the daemon has said nothing of it so far".to_owned(),
        };
        items.push(item::skipped(name, why));
    }
    if !items.iter().any(|(of, _)| *of == Section::Mlflow) {
        items.push(item::skipped("mlflow:url", "the daemon has said nothing of it so far"));
    }
    items
}

fn instance_type_of(document: &HealthDocument) -> Option<&str> {
    document.checks.get(crate::board::name::IMDS)?.first()?.observed_value.as_ref()?.as_str()
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::{Board, name};
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

    #[test]
    fn devices_that_are_not_told_of_are_skipped_with_why() {
        let board = Board::default();
        let told = |board: &Board| {
            let node = own(&Ok(board.document()), Vec::new(), &Section::ALL);
            section(&node, Section::Gpu)[0].skipped.clone().unwrap()
        };
        assert!(told(&board).contains("nothing of it so far"));
        board.set(name::IMDS, Reading::good("g6.12xlarge"));
        assert!(told(&board).contains("nothing of it so far"));
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
