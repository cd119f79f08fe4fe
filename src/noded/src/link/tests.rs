//! The monitor over links that answer at once.

use super::fake::{self, Wire};
use super::*;
use crate::board::{Board, name};
use nixl_cluster::Provider;
use nixl_cluster::health::CheckReason;
use nixl_cluster::link::{LinkDocument, Measure, Mode, OneSided, Source};
use nixl_fabric::protocol::{Command, Outcome};
use std::path::Path;
use std::time::Duration;

/// A node with hardly a wait between measurements.
struct Node {
    monitor: Monitor,
    board: Board,
    wire: Wire,
}

impl Node {
    fn new(state: Option<&Path>, provider: Provider, instance_type: &str) -> Self {
        let local = Local {
            instance_id: "i-1".to_owned(),
            instance_type: instance_type.to_owned(),
            rank: 0,
            provider,
            budget_bytes_per_sec: u64::MAX,
            probe_delay: Duration::ZERO,
            probe_interval: Duration::from_millis(1),
        };
        // No counters: nobody else moves anything.
        let monitor = Monitor::new(state.map(Path::as_os_str), "/nonexistent");
        monitor.opened(&local, fake::rails(1, OneSided::Device), "2.4".to_owned());
        Self { monitor, board: Board::default(), wire: Wire::fast() }
    }

    fn paired(state: Option<&Path>, provider: Provider, instance_type: &str) -> Self {
        let node = Self::new(state, provider, instance_type);
        assert_eq!(node.monitor.paired(1, "i-2"), []);
        node
    }

    /// Carries out what is due, so often.
    fn measure(&self, times: usize) {
        let mut measured = 0;
        while measured < times {
            for command in self.monitor.start() {
                let Command::Measure { id, peer: 1, what } = command else { panic!("{command:?}") };
                self.monitor.measured(id, self.wire.measure(&what));
                measured += 1;
            }
        }
        self.monitor.tell(&self.board);
    }

    /// A full report now; rounds come between its steps.
    fn report(&self) -> LinkDocument {
        let run = self.monitor.run(None).unwrap();
        while self.monitor.document().runs.done < run {
            self.measure(1);
        }
        self.monitor.tell(&self.board);
        self.monitor.document()
    }

    fn reading(&self, name: &str) -> Option<(serde_json::Value, Option<CheckReason>)> {
        let check = self.board.document().checks.get(name)?.first()?.clone();
        assert_eq!(check.component_id.as_deref(), Some("i-2"));
        Some((check.observed_value?, check.reason))
    }

    fn reason(&self, name: &str) -> Option<String> {
        self.reading(name).and_then(|(_, reason)| reason).map(|reason| reason.code)
    }
}

#[test]
fn a_pair_is_told_on_the_board() {
    let node = Node::paired(None, Provider::Tcp, "g6.12xlarge");
    node.measure(1);
    assert_eq!(node.reading(name::LINK_P50), Some((20.01.into(), None)));
    assert_eq!(node.reading(name::LINK_LOST), Some((0.into(), None)));
    assert_eq!(node.reading(name::LINK_BANDWIDTH), None);
    let document = node.report();
    assert_eq!(node.reading(name::LINK_BANDWIDTH), Some((80.0.into(), None)));
    let peer = &document.peers[0];
    assert_eq!(peer.report.as_ref().unwrap().bandwidths.len(), 12);
    assert_eq!((peer.histograms[0].rail, peer.paired), (0, true));
    assert!(document.budget.spent_bytes > 0 && document.traffic.devices.is_empty());

    // What was measured says nothing about a link that is gone.
    node.monitor.unpaired(1);
    node.monitor.tell(&node.board);
    assert_eq!(node.reading(name::LINK_P50), None);
    node.monitor.paired(1, "i-2");
    node.monitor.tell(&node.board);
    assert_eq!(node.reading(name::LINK_BANDWIDTH), None);
    assert!(node.monitor.document().peers[0].report.is_some(), "with its time, in /link");
}

#[test]
fn a_link_that_becomes_worse_than_it_was_is_degraded_until_it_is_well() {
    let mut node = Node::paired(None, Provider::Tcp, "g6.12xlarge");
    node.report();
    node.measure(40);
    let learned = node.monitor.document().peers[0].baselines[0];
    assert_eq!((learned.source, learned.gbps), (Source::OwnHistory, Some(80.0)));
    node.wire = Wire { base_nanos: 200_000, bytes_per_nano: 2.0, ..Wire::fast() };
    node.measure(4);
    assert_eq!(node.reason(name::LINK_P50), None, "two bad ones say nothing");
    node.measure(4);
    assert_eq!(node.reason(name::LINK_P50).as_deref(), Some("link.latency_degraded"));
    assert_eq!(node.reason(name::LINK_BANDWIDTH).as_deref(), Some("link.bandwidth_degraded"));
    let (_, reason) = node.reading(name::LINK_BANDWIDTH).unwrap();
    let evidence = reason.unwrap().evidence;
    assert!(evidence.starts_with("16.00 Gb/s, 80.00 Gb/s of this pair's own past"), "{evidence}");
    node.wire = Wire::fast();
    node.measure(10);
    assert_eq!((node.reason(name::LINK_P50), node.reason(name::LINK_BANDWIDTH)), (None, None));
    node.wire.lost = true;
    node.measure(6);
    assert_eq!(node.reason(name::LINK_LOST).as_deref(), Some("link.probes_lost"));
    assert_eq!(node.reading(name::LINK_P50), None, "no round trip, no number");
}

#[test]
fn a_link_that_cannot_be_measured_has_no_number() {
    let mut node = Node::paired(None, Provider::Tcp, "g6.12xlarge");
    node.measure(1);
    node.wire.fails = Some(Mode::TwoSided);
    node.measure(2);
    assert_eq!(node.reading(name::LINK_P50), Some((20.01.into(), None)), "once may happen");
    node.measure(1);
    assert_eq!(node.reading(name::LINK_P50), None);
    let checks = node.board.document().checks;
    let reason = checks[name::LINK_LOST][0].reason.clone().unwrap();
    assert_eq!(reason.code, "link.not_measured");
    assert_eq!(reason.evidence, "3 times in a row, last: fabric.error: told so");
    node.wire = Wire::fast();
    node.measure(1);
    assert_eq!(node.reading(name::LINK_P50), Some((20.01.into(), None)));
}

#[test]
fn an_efa_link_is_held_against_its_type_from_the_beginning() {
    let mut node = Node::paired(None, Provider::Efa, "p4d.24xlarge");
    // What kernel TCP over one flow does.
    node.wire = Wire { base_nanos: 40_000, bytes_per_nano: 1.2, ..Wire::fast() };
    node.report();
    node.measure(8);
    assert_eq!(node.reason(name::LINK_BANDWIDTH).as_deref(), Some("link.bandwidth_degraded"));
    let judgements = node.monitor.document().peers[0].judgements.clone();
    let of_type = judgements.iter().find(|j| j.measure == Measure::Bandwidth).unwrap();
    assert_eq!((of_type.source, of_type.limit), (Some(Source::InstanceType), 50.0));
    assert_eq!(node.reason(name::LINK_P50), None);
}

#[test]
fn the_past_outlives_the_daemon() {
    let state = tempfile::tempdir().unwrap();
    let node = Node::paired(Some(state.path()), Provider::Tcp, "g6.12xlarge");
    node.report();
    let before = node.monitor.document().peers.remove(0);
    assert_eq!(node.monitor.to_write(false).len(), 0, "at most once a minute");
    node.monitor.to_write(true).iter().for_each(Written::write);

    let node = Node::paired(Some(state.path()), Provider::Tcp, "g6.12xlarge");
    let after = node.monitor.document().peers.remove(0);
    assert_eq!((after.report, after.histograms), (before.report, before.histograms));
    assert_eq!(after.history, before.history);
    assert!(after.probes.is_empty(), "of the new pair nothing is known");
}

#[test]
fn one_report_at_a_time_and_only_of_pairs() {
    let node = Node::new(None, Provider::Tcp, "g6.12xlarge");
    assert_eq!(node.monitor.run(None), Err(RunRefused::NotPaired));
    node.monitor.paired(1, "i-2");
    let other = RunRefused::NotPairedWith { peer: "i-3".to_owned() };
    assert_eq!(node.monitor.run(Some("i-3")), Err(other));
    let run = node.monitor.run(Some("1")).unwrap();
    let under_way = RunRefused::UnderWay { peer: "i-2".to_owned() };
    assert_eq!(node.monitor.run(Some("i-2")), Err(under_way));
    assert_eq!(node.monitor.document().runs.under_way, Some(run));
    // Whoever waits for a run that cannot end is told.
    node.monitor.unpaired(1);
    assert_eq!(node.monitor.document().runs.done, run);
    node.monitor.paired(1, "i-2");
    assert!(node.monitor.run(None).unwrap() > run);
    node.monitor.closed();
    assert_eq!(node.monitor.document().runs.under_way, None);
}

#[test]
fn a_late_answer_belongs_to_nobody() {
    let node = Node::paired(None, Provider::Tcp, "g6.12xlarge");
    let commands = node.monitor.start();
    let [Command::Measure { id, .. }] = commands[..] else { panic!("{commands:?}") };
    assert_eq!(node.monitor.unpaired(1), [Command::Cancel { id }]);
    node.monitor.paired(1, "i-2");
    node.monitor.measured(id, Outcome::Busy);
    assert!(node.monitor.document().peers[0].probes.is_empty());
    assert_eq!(node.monitor.document().peers[0].skipped.busy, 0);
}
