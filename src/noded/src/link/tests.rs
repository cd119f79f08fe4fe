//! The monitor over links that answer at once.

use super::fake::{self, Wire};
use super::known::{Known, Moment};
use super::store::Record;
use super::*;
use crate::board::{Board, name};
use jiff::{SignedDuration, Timestamp};
use nixl_cluster::Provider;
use nixl_cluster::health::CheckReason;
use nixl_cluster::link::{Bandwidth, LinkDocument, Measure, Mode, OneSided, Runs, Source};
use nixl_fabric::protocol::{Command, Outcome};
use std::path::Path;
use std::time::{Duration, Instant};

/// A node with hardly a wait between measurements.
struct Node {
    monitor: Monitor,
    board: Board,
    wire: Wire,
}

fn local(provider: Provider, instance_type: &str) -> Local {
    Local {
        cluster: "nixl".parse().unwrap(),
        instance_id: "i-1".to_owned(),
        instance_type: instance_type.to_owned(),
        rank: 0,
        provider,
        budget_bytes_per_sec: u64::MAX,
        probe_delay: Duration::ZERO,
        probe_interval: Duration::from_millis(1),
    }
}

impl Node {
    fn new(state: Option<&Path>, provider: Provider, instance_type: &str) -> Self {
        // No counters: nobody else moves anything.
        let monitor = Monitor::new(state.map(Path::as_os_str), Path::new("/nonexistent"));
        monitor.opened(
            &local(provider, instance_type),
            fake::rails(1, OneSided::Device),
            "2.4".to_owned(),
        );
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
    node.report();
    node.measure(2);
    node.wire.fails = Some(Mode::TwoSided);
    node.measure(4);
    assert_eq!(node.reading(name::LINK_P50), Some((20.01.into(), None)), "twice may happen");
    node.measure(1);
    assert_eq!(node.reading(name::LINK_P50), None);
    let checks = node.board.document().checks;
    let reason = checks[name::LINK_LOST][0].reason.clone().unwrap();
    assert_eq!(reason.code, "link.not_measured");
    assert_eq!(reason.evidence, "3 times in a row, last: fabric.error: told so");
    node.wire = Wire::fast();
    node.measure(2);
    assert_eq!(node.reading(name::LINK_P50), Some((20.01.into(), None)));
}

#[test]
fn what_is_not_known_is_told_once_and_so_is_its_end() {
    let clock = Instant::now();
    let mut known = Known::new("i-2", 1, Record::default(), None, clock);
    known.paired(1, None, clock);
    let mut news = |secs| known.blind_news(clock + Duration::from_secs(secs), Duration::ZERO);
    assert_eq!(news(60), None);
    assert_eq!(news(61), Some(Some("61 s since paired".to_owned())));
    assert_eq!(news(62), None);
    assert_eq!(news(59), Some(None));
    assert_eq!(news(58), None);
}

#[test]
fn a_reading_says_when_it_was_seen_and_leaves_when_it_is_old() {
    let node = Node::paired(None, Provider::Tcp, "g6.12xlarge");
    node.report();
    node.measure(2);
    let seen = node.monitor.document().peers.remove(0);
    let (probe, sample) = (seen.probes[0].at.clone(), seen.sample.unwrap().at);
    let after = |secs| {
        node.monitor.tell_at(&node.board, Instant::now() + Duration::from_secs(secs));
        node.board.document().checks
    };
    let checks = after(50);
    let times = [name::LINK_P50, name::LINK_P99, name::LINK_LOST].map(|name| &checks[name][0].time);
    assert_eq!(times, [&probe; 3]);
    assert_eq!(checks[name::LINK_BANDWIDTH][0].time, sample);

    // Nobody answered, whatever the cause.
    let checks = after(70);
    let reason = checks[name::LINK_LOST][0].reason.clone().unwrap();
    assert_eq!(reason.code, "link.not_measured");
    assert!(reason.evidence.ends_with(" s since the last round trips"), "{}", reason.evidence);
    for name in [name::LINK_P50, name::LINK_P99, name::LINK_BANDWIDTH] {
        assert!(!checks.contains_key(name), "{name}");
    }
    node.monitor.paired(1, "i-2");
    assert!(!after(50).contains_key(name::LINK_LOST));
    let reason = after(70)[name::LINK_LOST][0].reason.clone().unwrap();
    assert!(reason.evidence.ends_with(" s since paired"), "{}", reason.evidence);
}

#[test]
fn numbers_of_a_link_that_is_gone_or_silent_are_not_told_as_if_they_were_new() {
    let node = Node::paired(None, Provider::Tcp, "g6.12xlarge");
    node.report();
    node.measure(40);
    let after = |secs| {
        let told = node.monitor.figures_at(Instant::now() + Duration::from_secs(secs));
        told.peers[0].clone()
    };
    let nothing = |told: &PeerFigures| {
        told.probes.is_empty() && told.rate.is_none() && told.judgements.is_empty()
    };
    let now = after(0);
    assert!(now.paired && now.probes.len() == 1 && now.rate.is_some(), "{now:?}");
    assert!(!now.judgements.is_empty(), "{now:?}");
    let silent = after(70);
    assert!(silent.paired && nothing(&silent), "{silent:?}");
    node.monitor.unpaired(1);
    let gone = after(0);
    assert!(!gone.paired && nothing(&gone), "{gone:?}");
    assert_eq!((&gone.histograms, &gone.lost), (&now.histograms, &now.lost));
}

#[test]
fn a_rate_that_is_old_leaves_and_a_judgement_says_its_time() {
    let (clock, wall) = (Instant::now(), Timestamp::now());
    let at = |secs| {
        let wall = wall + SignedDuration::from_secs(secs);
        Moment { clock: clock + Duration::from_secs(secs.unsigned_abs()), wall }
    };
    let mut known = Known::new("i-2", 1, Record::default(), None, clock);
    known.paired(1, None, clock);
    let transfer = plan::sample(&Bandwidth {
        rail: Some(0),
        mode: Mode::TwoSided,
        size_bytes: 1 << 20,
        bytes: 1 << 20,
        elapsed_nanos: 1 << 20,
    });
    let Outcome::Bandwidth(bandwidth) = Wire::fast().measure(&transfer) else { panic!() };
    known.sampled(bandwidth, at(0));
    let mut probe = |base_nanos, fair, secs| {
        let wire = Wire { base_nanos, ..Wire::fast() };
        let outcome = wire.measure(&plan::probe(0, None));
        let Outcome::Latency { summary, samples_nanos } = outcome else { panic!() };
        known.probed(summary, &samples_nanos, fair, at(secs));
        known.readings(at(secs).clock, Duration::from_secs(10))
    };
    (0..15).for_each(|round| drop(probe(20_000, true, 10 * round)));
    (15..18).for_each(|round| drop(probe(900_000, true, 10 * round)));
    let told = probe(900_000, false, 900);
    let p50 = told.p50.unwrap();
    let (reason, evidence) = p50.reason.unwrap();
    assert_eq!((p50.at, reason.code), (Some(at(900).wall), "link.latency_degraded"));
    let judged = format!("; last judged at {}", known::rfc3339(at(170).wall));
    assert!(evidence.ends_with(&judged), "{evidence}");
    assert_eq!(told.bandwidth.unwrap().at, Some(at(0).wall));
    let told = probe(900_000, true, 910);
    assert!(!told.p50.unwrap().reason.unwrap().1.contains("judged at"));
    assert_eq!(told.bandwidth, None);
}

#[test]
fn a_new_pair_and_another_provider_are_judged_anew() {
    let mut node = Node::paired(None, Provider::Tcp, "g6.12xlarge");
    node.report();
    node.wire.lost = true;
    node.measure(6);
    assert_eq!(node.reason(name::LINK_LOST).as_deref(), Some("link.probes_lost"));
    node.monitor.paired(1, "i-2");
    assert_eq!(node.monitor.document().peers[0].judgements, []);
    assert!(node.monitor.document().peers[0].report.is_some());

    let mut rails = fake::rails(1, OneSided::Device);
    rails[0].provider_name = "efa".to_owned();
    node.monitor.closed();
    node.monitor.opened(&local(Provider::Efa, "g6.12xlarge"), rails, "2.4".to_owned());
    node.monitor.paired(1, "i-2");
    assert_eq!(node.monitor.document().peers[0].report, None, "of tcp");
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
    let paired = Instant::now();
    let node = Node::paired(Some(state.path()), Provider::Tcp, "g6.12xlarge");
    node.report();
    let before = node.monitor.document().peers.remove(0);
    let after = |secs| node.monitor.to_write_at(false, paired + Duration::from_secs(secs)).len();
    assert_eq!([after(59), after(600), after(900)], [0, 1, 0], "once a minute if there is news");
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
    let cut_off = vec!["i-2".to_owned()];
    let runs = |done, cut_off| Runs { done, cut_off, ..Runs::default() };
    node.monitor.unpaired(1);
    assert_eq!(node.monitor.document().runs, runs(run, cut_off.clone()));
    node.monitor.paired(1, "i-2");
    assert_eq!(node.report().runs, runs(run + 1, vec![]));
    node.monitor.run(None).unwrap();
    node.monitor.closed();
    assert_eq!(node.monitor.document().runs, runs(run + 2, cut_off));
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

#[test]
fn what_a_worker_says_is_made_harmless() {
    let node = Node::paired(None, Provider::Tcp, "g6.12xlarge");
    let commands = node.monitor.start();
    let [Command::Measure { id, .. }] = commands[..] else { panic!("{commands:?}") };
    let (code, message) = ("fabric.error\u{7}".to_owned(), "\u{1b}[2J".repeat(100));
    node.monitor.measured(id, Outcome::Failed { code, message });
    let told = node.monitor.document().peers[0].skipped.last.clone().unwrap();
    assert!(told.starts_with("fabric.error?: ?[2J?[2J") && told.len() < 220, "{told}");
}
