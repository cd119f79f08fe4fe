use super::*;
use nixl_cluster::link::{LinkNode, Mode, Probe, Report};

fn latency(size_bytes: u32, p50_nanos: u64, answered: u32) -> Latency {
    Latency {
        rail: 0,
        mode: Mode::OneSided,
        size_bytes,
        answered,
        lost: 0,
        min_nanos: p50_nanos,
        p50_nanos,
        p99_nanos: p50_nanos,
        max_nanos: p50_nanos,
    }
}

fn bandwidth(rail: Option<u16>, bytes: u64) -> Bandwidth {
    Bandwidth { rail, mode: Mode::OneSided, size_bytes: 1 << 20, bytes, elapsed_nanos: 1_000_000 }
}

fn peer(report: Option<Report>) -> PeerLink {
    PeerLink {
        instance_id: "i-1".to_owned(),
        rank: 1,
        paired: true,
        report,
        probes: Vec::new(),
        sample: None,
        histograms: Vec::new(),
        history: Vec::new(),
        baselines: Vec::new(),
        judgements: Vec::new(),
        skipped: Default::default(),
    }
}

fn says(peers: Vec<PeerLink>) -> NodeSays {
    let node = LinkNode { instance_id: "i-0".to_owned(), ..Default::default() };
    NodeSays {
        link: Some(LinkDocument { node, peers, ..Default::default() }),
        ..Default::default()
    }
}

#[test]
fn a_link_is_its_smallest_message_and_its_best_rate() {
    let report = Report {
        latencies: vec![latency(4096, 30_000, 10), latency(64, 17_500, 10), latency(64, 9, 0)],
        bandwidths: vec![bandwidth(Some(0), 1_000_000), bandwidth(None, 12_500_000)],
        ..Default::default()
    };
    let says = says(vec![peer(Some(report))]);
    let links = says.links();
    assert_eq!((links[0].from_rank, links[0].to_rank, links[0].size_bytes), (0, 1, 64));
    assert!((links[0].p50_micros - 17.5).abs() < 1e-9 && (links[0].gbps - 100.0).abs() < 1e-9);
    assert!(says.measured());
}

#[test]
fn a_pair_without_a_transfer_is_not_measured_yet() {
    let mut probed = peer(None);
    let at = "2026-01-01T00:00:00Z".to_owned();
    probed.probes = vec![Probe { at, latency: latency(64, 20_000, 1) }];
    assert!(!says(vec![probed.clone()]).measured());
    assert!(!says(Vec::new()).measured(), "no pair");
    assert!(!NodeSays::default().measured(), "no daemon");
    probed.paired = false;
    assert!(says(vec![probed]).links().is_empty());
}

#[test]
fn a_node_that_says_nothing_has_a_reason() {
    let ended = |code, stdout: &str, stderr: &str| Outcome::Ended {
        code,
        stdout: stdout.to_owned(),
        stderr: stderr.to_owned(),
        cut: false,
    };
    let why = |outcome| understood(&outcome).unwrap_err();
    assert_eq!(
        why(ended(127, "", "sh: 1: python3: not found\n")),
        "exit code 127: sh: 1: python3: not found"
    );
    assert!(why(ended(0, "{", "")).starts_with("its answer is not understood"));
    assert!(
        why(Outcome::NotOnline { ping: "ConnectionLost".to_owned() }).contains("ConnectionLost")
    );
    let empty = understood(&ended(0, r#"{"check":null,"link":null,"journal":[]}"#, "")).unwrap();
    assert_eq!(empty, NodeSays::default());
}

#[test]
fn findings_are_the_failures_first_each_with_what_to_do() {
    let item = |name: &str, verdict: &str, code: &str| {
        serde_json::json!({
            "name": name, "verdict": verdict, "about": "eth0",
            "reason": { "code": code, "severity": "error", "meaning": "M.", "evidence": "seen",
                "action": "watch", "advice": "Do.", "since": "2026-01-01T00:00:00Z" },
        })
    };
    let counts = serde_json::json!({ "pass": 0, "warn": 1, "fail": 1, "skip": 0 });
    let items = [item("a:b", "warn", "x.y"), item("c:d", "fail", "z.w")];
    let says: NodeSays = serde_json::from_value(serde_json::json!({
        "check": { "version": "1", "verdict": "fail", "counts": counts, "nodes": [{
            "instanceId": "i-1", "peer": false, "verdict": "fail", "counts": counts,
            "sections": [{ "section": "network", "verdict": "fail", "items": items }],
        }]},
    }))
    .unwrap();
    assert_eq!(says.findings(), ["c:d eth0: z.w: seen; Do.", "a:b eth0: x.y: seen; Do."]);
}
