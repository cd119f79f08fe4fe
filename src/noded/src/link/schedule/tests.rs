//! The schedule against links whose time is virtual.

use super::super::fake::{self, Wire};
use super::*;
use nixl_cluster::link::{Mode, OneSided};

const PACE: Pace =
    Pace { probe_delay: Duration::from_millis(200), probe_interval: Duration::from_secs(10) };

fn schedule(own_rank: u32, now: Instant) -> Schedule {
    Schedule::new(own_rank, PACE, 1_000_000, now)
}

fn pair(schedule: &mut Schedule, rank: u32, rails: Vec<Rail>, now: Instant) {
    schedule.paired(rank, rails.first().cloned(), now);
    schedule.rails(rank, rails);
}

/// How long a measurement takes.
fn duration(outcome: &Outcome) -> Duration {
    Duration::from_nanos(match outcome {
        Outcome::Latency { samples_nanos, .. } => samples_nanos.iter().sum(),
        Outcome::Bandwidth(bandwidth) => bandwidth.elapsed_nanos,
        Outcome::Busy | Outcome::Failed { .. } => 100_000,
    })
}

/// A daemon alone with its worker: carries out what is due until `end`.
struct Alone {
    schedule: Schedule,
    now: Instant,
    wire: Wire,
    busy: Option<String>,
    answers: Vec<(Instant, Answer)>,
}

impl Alone {
    fn new(rails: u16) -> Self {
        let now = Instant::now();
        let mut schedule = schedule(0, now);
        pair(&mut schedule, 1, fake::rails(rails, OneSided::Device), now);
        Self { schedule, now, wire: Wire::fast(), busy: None, answers: Vec::new() }
    }

    fn live(&mut self, secs: u64) {
        let end = self.now + Duration::from_secs(secs);
        while let Some(due) = self.schedule.due().filter(|due| self.now.max(*due) <= end) {
            self.now = self.now.max(due);
            let mut busy = || self.busy.clone();
            if let Some(command) = self.schedule.next(self.now, &mut busy) {
                let Command::Measure { id, what, .. } = command else { panic!("{command:?}") };
                let outcome = self.wire.measure(&what);
                self.now += duration(&outcome);
                self.answers.extend(
                    self.schedule.answered(id, outcome, self.now).map(|answer| (self.now, answer)),
                );
            }
        }
        self.now = self.now.max(end);
    }

    fn jobs(&self, wanted: Job) -> usize {
        self.answers.iter().filter(|(_, answer)| answer.job == wanted).count()
    }

    fn reports(&self) -> impl Iterator<Item = &Finished> {
        self.answers.iter().filter_map(|(_, answer)| answer.finished.as_ref())
    }
}

#[test]
fn a_new_pair_has_a_reading_at_once_then_a_report_then_rounds() {
    let mut daemon = Alone::new(1);
    let paired = daemon.now;
    daemon.live(2);
    let (at, first) = &daemon.answers[0];
    assert_eq!(first.job, Job::Probe(0));
    assert!(*at - paired < Duration::from_millis(250), "{:?}", *at - paired);
    assert_eq!(daemon.reports().count(), 1);
    assert_eq!(daemon.jobs(Job::Report), 24);
    daemon.live(600);
    // 60 rounds in 600 s; 1 MB/s are 600 MB, 16.8 MB each, and the first is free.
    assert_eq!(daemon.jobs(Job::Probe(0)), 61);
    let samples = daemon.jobs(Job::Sample);
    assert!((29..=36).contains(&samples), "{samples}");
    assert!(daemon.schedule.budget().spent_bytes < 602 * 1_000_000 + plan::SAMPLE_BYTES);
    assert_eq!(daemon.reports().count(), 1);
}

#[test]
fn further_rails_take_turns() {
    let mut daemon = Alone::new(4);
    daemon.live(95);
    assert_eq!(daemon.jobs(Job::Probe(0)), 10);
    let turns: Vec<usize> = (1..4).map(|rail| daemon.jobs(Job::Probe(rail))).collect();
    assert_eq!(turns, [4, 3, 3]);
}

#[test]
fn others_traffic_delays_a_report_and_stops_samples_but_not_probes() {
    let mut daemon = Alone::new(1);
    daemon.busy = Some("eth0 moves 50.0 MB/s".to_owned());
    daemon.live(55);
    assert_eq!((daemon.jobs(Job::Report), daemon.jobs(Job::Probe(0))), (0, 6));
    assert!(daemon.answers.iter().all(|(_, answer)| answer.other_traffic == daemon.busy));
    daemon.live(20);
    let report = daemon.reports().next().expect("after a minute at the latest");
    assert_eq!(report.report.other_traffic, daemon.busy);
    daemon.live(100);
    assert_eq!(daemon.jobs(Job::Sample), 0);
    let skipped = daemon.schedule.skipped(1);
    assert!(skipped.other_traffic >= 10, "{skipped:?}");
    assert_eq!(skipped.last, daemon.busy);
    daemon.busy = None;
    daemon.live(30);
    assert!(daemon.jobs(Job::Sample) >= 1);
}

#[test]
fn a_report_asked_for_is_made_at_once() {
    let mut daemon = Alone::new(1);
    daemon.live(5);
    daemon.busy = Some("busy".to_owned());
    assert!(daemon.schedule.run(1, daemon.now) && !daemon.schedule.run(2, daemon.now));
    daemon.live(2);
    let finished = daemon.reports().last().unwrap();
    assert_eq!((daemon.reports().count(), finished.report.bandwidths.len()), (2, 12));
    assert!(finished.report.other_traffic.is_some());
}

#[test]
fn an_answer_that_does_not_come_is_given_up() {
    let mut daemon = Alone::new(1);
    let now = daemon.schedule.due().unwrap();
    let mut idle = || None;
    let Some(Command::Measure { id, .. }) = daemon.schedule.next(now, &mut idle) else { panic!() };
    assert!(daemon.schedule.next(now, &mut idle).is_none(), "one at a time");
    let late = daemon.schedule.due().unwrap();
    assert_eq!(late, now + Duration::from_secs(60));
    assert!(daemon.schedule.overdue(late - Duration::from_millis(1)).is_none());
    let (cancel, answer) = daemon.schedule.overdue(late).unwrap();
    assert_eq!(cancel, Command::Cancel { id });
    assert!(matches!(answer.unwrap().outcome, Outcome::Failed { .. }));
    assert!(daemon.schedule.answered(id, Outcome::Busy, late).is_none(), "it comes too late");
    assert!(daemon.schedule.next(late, &mut idle).is_some());
}

#[test]
fn a_lost_pair_ends_its_measurement() {
    let mut daemon = Alone::new(1);
    daemon.live(5);
    daemon.schedule.run(1, daemon.now);
    let mut idle = || None;
    let Some(Command::Measure { id, .. }) = daemon.schedule.next(daemon.now, &mut idle) else {
        panic!()
    };
    assert_eq!(daemon.schedule.measuring(), Some((1, (0, 24))));
    assert_eq!(daemon.schedule.unpaired(1), Some(Command::Cancel { id }));
    assert_eq!((daemon.schedule.due(), daemon.schedule.measuring()), (None, None));
    assert!(daemon.schedule.answered(id, Outcome::Busy, daemon.now).is_none());
}

#[test]
fn the_oldest_transfer_is_made_anew_first() {
    let now = Instant::now();
    let mut daemon = Alone::new(1);
    for rank in 2..=5 {
        pair(&mut daemon.schedule, rank, fake::rails(1, OneSided::None), now);
    }
    daemon.live(900);
    for rank in 1..=5 {
        let of = daemon.answers.iter().filter(|(_, a)| (a.rank, a.job) == (rank, Job::Sample));
        let count = of.count();
        assert!((7..=12).contains(&count), "rank {rank}: {count}");
    }
}

#[test]
fn a_transfer_that_fails_costs_what_it_may_have_moved() {
    let mut daemon = Alone::new(1);
    daemon.live(5);
    daemon.wire.fails = Some(Mode::TwoSided);
    let before = (daemon.jobs(Job::Sample), daemon.schedule.budget().spent_bytes);
    daemon.live(600);
    let failed = daemon.jobs(Job::Sample) - before.0;
    assert!((28..=36).contains(&failed), "{failed} of 16 MiB at 1 MB/s");
    let spent = daemon.schedule.budget().spent_bytes - before.1;
    assert_eq!(spent, failed as u64 * plan::SAMPLE_BYTES);

    // Nor is one free that ends with its pair.
    daemon.wire.fails = None;
    let end = daemon.now + Duration::from_secs(60);
    while let Some(due) = daemon.schedule.due().filter(|due| *due <= end) {
        daemon.now = daemon.now.max(due);
        let Some(Command::Measure { id, what, .. }) =
            daemon.schedule.next(daemon.now, &mut || None)
        else {
            continue;
        };
        if matches!(what, Measurement::Bandwidth { .. }) {
            let before = daemon.schedule.budget().spent_bytes;
            assert_eq!(daemon.schedule.unpaired(1), Some(Command::Cancel { id }));
            assert_eq!(daemon.schedule.budget().spent_bytes - before, plan::SAMPLE_BYTES);
            return;
        }
        daemon.schedule.answered(id, daemon.wire.measure(&what), daemon.now);
    }
    panic!("no transfer within a minute");
}

#[test]
fn one_report_ends_before_the_next_begins() {
    let now = Instant::now();
    let mut daemon = Alone::new(1);
    for rank in 2..=5 {
        pair(&mut daemon.schedule, rank, fake::rails(1, OneSided::Device), now);
    }
    daemon.live(30);
    let steps: Vec<u32> = daemon
        .answers
        .iter()
        .filter(|(_, answer)| answer.job == Job::Report)
        .map(|(_, answer)| answer.rank)
        .collect();
    let changes = steps.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert_eq!((steps.len(), changes), (5 * 24, 4), "{steps:?}");
}

#[test]
fn a_report_that_gets_no_further_lets_another_begin() {
    let mut daemon = Alone::new(1);
    daemon.live(5);
    pair(&mut daemon.schedule, 2, fake::rails(1, OneSided::None), daemon.now);
    assert!(daemon.schedule.run(1, daemon.now));
    let (start, end) = (daemon.now, daemon.now + Duration::from_secs(20));
    let mut began = None;
    while let Some(due) = daemon.schedule.due().filter(|due| *due <= end && began.is_none()) {
        daemon.now = daemon.now.max(due);
        let Some(Command::Measure { id, peer, what }) =
            daemon.schedule.next(daemon.now, &mut || None)
        else {
            continue;
        };
        let outcome = if peer == 1 { Outcome::Busy } else { daemon.wire.measure(&what) };
        let answer = daemon.schedule.answered(id, outcome, daemon.now);
        began = answer.filter(|answer| answer.job == Job::Report).map(|_| daemon.now - start);
    }
    let began = began.expect("a step of the other's report");
    assert!(began >= STALLED && began < STALLED + Duration::from_secs(1), "{began:?}");
}

#[test]
fn reports_have_their_turn_where_rounds_take_all_the_time() {
    // A round trip of 5 ms: a round of 100 peers takes longer than 10 s.
    let now = Instant::now();
    let mut daemon = Alone::new(1);
    daemon.wire.base_nanos = 5_000_000;
    for rank in 2..=100 {
        pair(&mut daemon.schedule, rank, fake::rails(1, OneSided::None), now);
    }
    daemon.live(600);
    let reports = daemon.reports().count();
    assert!(reports >= 1, "{} steps", daemon.jobs(Job::Report));
}

/// Two daemons that paired at one moment; a worker that measures refuses the
/// other's wish.
fn together(wire: &Wire, secs: u64) -> [Vec<(Duration, Answer)>; 2] {
    let start = Instant::now();
    let end = start + Duration::from_secs(secs);
    let mut both = [schedule(0, start), schedule(1, start)];
    for (rank, peer) in [(0, 1), (1, 0)] {
        pair(&mut both[rank], peer, fake::rails(1, OneSided::Emulated), start);
    }
    let mut free_at = start;
    let mut running: Option<(usize, u32, Outcome)> = None;
    let mut told = [Vec::new(), Vec::new()];
    loop {
        let due = |rank: usize| both[rank].due().unwrap();
        let waiting = if running.is_some() { free_at } else { end };
        let other = running.as_ref().map(|(rank, ..)| 1 - rank);
        let (rank, at) = match other {
            Some(other) => (other, due(other)),
            None if due(1) < due(0) => (1, due(1)),
            None => (0, due(0)),
        };
        let now = at.min(waiting);
        if now >= end {
            return told;
        }
        if let Some((owner, id, outcome)) = running.take_if(|_| free_at <= at) {
            let answer = both[owner].answered(id, outcome, free_at);
            told[owner].extend(answer.map(|answer| (free_at - start, answer)));
            continue;
        }
        let now = now.max(start);
        let Some(Command::Measure { id, what, .. }) = both[rank].next(now, &mut || None) else {
            continue;
        };
        if running.is_some() {
            both[rank].answered(id, Outcome::Busy, now);
            continue;
        }
        let outcome = wire.measure(&what);
        free_at = now + duration(&outcome);
        running = Some((rank, id, outcome));
    }
}

#[test]
fn two_daemons_do_not_chase_each_other() {
    let told = together(&Wire::fast(), 60);
    for (rank, answers) in told.iter().enumerate() {
        let (first, _) = &answers[0];
        assert!(*first < Duration::from_millis(600), "rank {rank} read after {first:?}");
        let report = answers.iter().find(|(_, answer)| answer.finished.is_some()).unwrap();
        assert!(report.0 < Duration::from_secs(6), "rank {rank} reported after {:?}", report.0);
    }
}

#[test]
fn probes_of_a_slow_link_come_between_the_steps_of_the_others_report() {
    // 10 ms: a step takes 2 s, a report the better part of a minute.
    let wire = Wire { base_nanos: 10_000_000, ..Wire::fast() };
    for answers in together(&wire, 180) {
        let probes: Vec<Duration> = answers
            .iter()
            .filter(|(_, answer)| answer.job == Job::Probe(0))
            .map(|(at, _)| *at)
            .collect();
        let longest = probes.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(longest < Duration::from_secs(25), "{longest:?} between two probes");
        assert!(answers.iter().any(|(_, answer)| answer.finished.is_some()));
        let modes = answers.iter().filter_map(|(_, answer)| answer.finished.as_ref());
        assert!(modes.flat_map(|f| &f.report.latencies).any(|l| l.mode == Mode::OneSided));
    }
}
