//! A measurement as its asker's worker sees it.

use super::drain::Drains;
use super::lanes::{Lanes, Unfit};
use super::round_trips::{MAX_COUNT, RoundTrips, Step};
use super::{Finished, Flow, Net, broken, failed, salt};
use crate::FabricError;
use crate::endpoint::{Endpoint, MAX_BULK, RemoteRegion};
use crate::protocol::{MAX_LATENCY_BYTES, MAX_TRANSFER_BYTES, Measurement, Outcome};
use crate::wire::{Refusal, Talk, Terms, Token};
use nixl_cluster::link::{Bandwidth, Mode};
use std::time::{Duration, Instant};

/// A peer that has not answered by then does not take part.
const ASKING: Duration = Duration::from_secs(2);
/// What is under way when a transfer ends must have arrived by then.
const ARRIVING: Duration = Duration::from_secs(10);
/// Bytes under way on a rail: enough for any link, and little enough for the
/// heartbeats behind them.
const WINDOW_BYTES: usize = 4 << 20;
/// Longest refusal of a peer that is passed on, in characters.
const MAX_WORDS: usize = 200;
/// Half of what an endpoint takes, so that a rail can send and receive.
const MAX_WINDOW: usize = MAX_BULK / 2;

pub(in crate::worker) struct Asker {
    pub id: u32,
    pub peer: u32,
    what: Measurement,
    pub(super) lanes: Lanes,
    window: usize,
    stage: Stage,
    /// Receives to post when the provider takes some again.
    unposted: usize,
}

enum Stage {
    Asking { until: Instant },
    RoundTrips(RoundTrips),
    Transfer { begun: Instant, ended: bool },
}

impl Asker {
    /// Prepares this end and asks the other.
    pub(in crate::worker) fn ask(
        net: &mut Net<'_>,
        id: u32,
        peer: u32,
        token: &Token,
        serial: u64,
        what: Measurement,
        now: Instant,
    ) -> Result<Self, Outcome> {
        let terms = terms(&what, net.rails.len().min(net.addresses.len()))?;
        let lanes = Lanes::register(net, &terms, salt(token, id), serial, true);
        let lanes = lanes.map_err(|unfit| match unfit {
            Unfit::Terms(text) => failed(text),
            Unfit::Fabric(error) => broken(&error),
        })?;
        let regions = match terms.mode {
            Mode::OneSided => lanes.regions(net.rails),
            Mode::TwoSided => Vec::new(),
        };
        let window = usize::from(terms.window);
        net.says.push(Talk::Prepare { id, terms, regions });
        let stage = Stage::Asking { until: now + ASKING };
        Ok(Self { id, peer, what, lanes, window, stage, unposted: 0 })
    }

    /// Whether the peer has not agreed yet.
    pub(in crate::worker) fn is_asking(&self) -> bool {
        matches!(self.stage, Stage::Asking { .. })
    }

    pub(super) fn hear(&mut self, net: &mut Net<'_>, talk: &Talk) -> Flow {
        match (talk, &self.stage) {
            (Talk::Ready { id, regions }, Stage::Asking { .. }) if *id == self.id => {
                self.begin(net, regions)
            }
            (Talk::Refused { id, why }, Stage::Asking { .. }) if *id == self.id => {
                Flow::Over(Some(match why {
                    Refusal::Busy => Outcome::Busy,
                    Refusal::Cannot(text) => {
                        failed(format!("the peer cannot: {}", printable(text)))
                    }
                }))
            }
            (Talk::Arrived { id }, Stage::Transfer { begun, ended: true }) if *id == self.id => {
                Flow::Over(Some(self.arrived(begun.elapsed())))
            }
            _ => Flow::Goes,
        }
    }

    fn begin(&mut self, net: &mut Net<'_>, regions: &[RemoteRegion]) -> Flow {
        let one_sided = self.mode() == Mode::OneSided;
        if one_sided && !self.lanes.set_remote(regions) {
            let text = format!("the peer told {} regions", regions.len());
            return Flow::Over(Some(failed(text)));
        }
        let now = Instant::now();
        self.stage = match self.what {
            Measurement::Latency { count, .. } => {
                // One to come, and one while that is looked at.
                self.unposted = 2;
                Stage::RoundTrips(RoundTrips::new(count))
            }
            Measurement::Bandwidth { .. } => Stage::Transfer { begun: now, ended: false },
        };
        self.turn(net, now)
    }

    /// Whether the peer may still send or write what nobody waits for.
    fn expects(&self) -> bool {
        matches!(self.what, Measurement::Latency { .. })
            && self.lanes.lanes.iter().any(|lane| lane.arrived < lane.started)
    }

    /// Gives up the regions, once nothing can come into them any more.
    pub(super) fn leave(mut self, rails: &mut [Endpoint], drains: &mut Drains) {
        if self.expects() {
            drains.keep(self.peer, self.lanes, vec![self.unposted], rails);
        } else {
            self.lanes.release(rails);
        }
    }

    pub(super) fn turn(&mut self, net: &mut Net<'_>, now: Instant) -> Flow {
        match self.step(net, now) {
            Ok(flow) => flow,
            Err(error) => Flow::Over(Some(broken(&error))),
        }
    }

    fn step(&mut self, net: &mut Net<'_>, now: Instant) -> Result<Flow, FabricError> {
        while self.unposted > 0 && self.lanes.post(net.rails, 0)? {
            self.unposted -= 1;
        }
        match &mut self.stage {
            Stage::Asking { until } => Ok(if now < *until {
                Flow::Goes
            } else {
                let text = format!("the peer has not agreed within {} s", ASKING.as_secs());
                Flow::Over(Some(failed(text)))
            }),
            Stage::RoundTrips(trips) => match trips.step(now) {
                Step::Wait => Ok(Flow::Goes),
                Step::Done => Ok(Flow::Over(Some(self.round_trips(net)))),
                Step::Send { sequence } => {
                    let at = Instant::now();
                    // One that is not taken is tried again until it counts as lost.
                    if self.lanes.start(net, 0, sequence)? {
                        trips.sent(at);
                    }
                    Ok(Flow::Goes)
                }
            },
            Stage::Transfer { .. } => self.transfer(net, now),
        }
    }

    fn transfer(&mut self, net: &mut Net<'_>, now: Instant) -> Result<Flow, FabricError> {
        let (
            Measurement::Bandwidth { max_bytes, max_millis, size_bytes, .. },
            Stage::Transfer { begun, ended },
        ) = (self.what, &mut self.stage)
        else {
            return Ok(Flow::Goes);
        };
        let (time, size) = (Duration::from_millis(max_millis.into()), u64::from(size_bytes));
        let waited = now.saturating_duration_since(*begun);
        if waited > time + ARRIVING {
            let text = format!("the peer has not got all of it within {} s", ARRIVING.as_secs());
            return Ok(Flow::Over(Some(failed(text))));
        }
        let mut bytes = self.lanes.started() * size;
        // The peer frees its region when all that it was told of have arrived;
        // `now` may be older than when it was told.
        let over = *ended;
        let may_start = |bytes: u64| !over && waited < time && bytes < max_bytes;
        // Each rail's first goes in any case, and alone: only its end tells that
        // the link still takes what it took. Then one on each rail in turn.
        for _ in 0..self.window {
            let mut some = false;
            for index in 0..self.lanes.lanes.len() {
                let lane = &self.lanes.lanes[index];
                let (first, alone) = (lane.started == 0, lane.done == 0);
                let full = lane.is_full(if alone { 1 } else { self.window });
                if !full && (first || may_start(bytes)) && self.lanes.start(net, index, 0)? {
                    bytes += size;
                    some = true;
                }
            }
            if !some {
                break;
            }
        }
        let operations: Vec<u64> = self.lanes.lanes.iter().map(|lane| lane.started).collect();
        if !*ended && !may_start(bytes) && !operations.contains(&0) {
            *ended = true;
            net.says.push(Talk::End { id: self.id, operations });
        }
        Ok(Flow::Goes)
    }

    pub(super) fn finished(&mut self, net: &mut Net<'_>, rail: usize, what: &Finished) -> Flow {
        if let Finished::Failed { tag, error } = what {
            return match self.lanes.is_own(*tag) {
                true => Flow::Over(Some(broken(error))),
                false => Flow::Goes,
            };
        }
        let now = Instant::now();
        if let Some((_, sequence)) = self.lanes.came_in(rail, what)
            && let Stage::RoundTrips(trips) = &mut self.stage
        {
            trips.answered(sequence, now);
            // The next goes first: its answer has a buffer already.
            let flow = self.turn(net, now);
            self.unposted += 1;
            return flow;
        }
        self.turn(net, now)
    }

    fn mode(&self) -> Mode {
        match self.what {
            Measurement::Latency { mode, .. } | Measurement::Bandwidth { mode, .. } => mode,
        }
    }

    fn round_trips(&mut self, net: &mut Net<'_>) -> Outcome {
        let operations = self.lanes.lanes.iter().map(|lane| lane.started).collect();
        net.says.push(Talk::End { id: self.id, operations });
        let (Measurement::Latency { rail, mode, size_bytes, .. }, Stage::RoundTrips(trips)) =
            (self.what, std::mem::replace(&mut self.stage, Stage::RoundTrips(RoundTrips::new(0))))
        else {
            return failed("no round trips were measured");
        };
        let (summary, samples_nanos) = trips.report(rail, mode, size_bytes);
        Outcome::Latency { summary, samples_nanos }
    }

    fn arrived(&self, elapsed: Duration) -> Outcome {
        let Measurement::Bandwidth { rail, mode, size_bytes, .. } = self.what else {
            return failed("no transfer was measured");
        };
        let bytes = self.lanes.started() * u64::from(size_bytes);
        let elapsed_nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        Outcome::Bandwidth(Bandwidth { rail, mode, size_bytes, bytes, elapsed_nanos })
    }
}

/// A peer's words, as they may stand in a log or on a terminal.
fn printable(text: &str) -> String {
    let shown = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
    text.chars().take(MAX_WORDS).map(shown).collect()
}

/// What the other end must know, once the command makes sense.
fn terms(what: &Measurement, rails: usize) -> Result<Terms, Outcome> {
    let refuse = |text: String| Err(failed(text));
    match *what {
        Measurement::Latency { rail, mode, size_bytes, count } => {
            if !(1..=MAX_LATENCY_BYTES).contains(&size_bytes) {
                return refuse(format!("a round trip has 1 to {MAX_LATENCY_BYTES} bytes"));
            }
            if !(1..=MAX_COUNT).contains(&count) {
                return refuse(format!("1 to {MAX_COUNT} round trips can be measured"));
            }
            Ok(Terms { rails: vec![rail], mode, transfer: false, size_bytes, window: 1 })
        }
        Measurement::Bandwidth { rail, mode, size_bytes, .. } => {
            if !(1..=MAX_TRANSFER_BYTES).contains(&size_bytes) {
                return refuse(format!("an operation has 1 to {MAX_TRANSFER_BYTES} bytes"));
            }
            let window = (WINDOW_BYTES / size_bytes as usize).clamp(2, MAX_WINDOW);
            let all = || (0..rails).filter_map(|rail| u16::try_from(rail).ok()).collect();
            let rails = rail.map_or_else(all, |rail| vec![rail]);
            let window = u16::try_from(window).unwrap_or(u16::MAX);
            Ok(Terms { rails, mode, transfer: true, size_bytes, window })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peers_words_are_harmless() {
        assert_eq!(printable("no rail 3, \u{1b}[2J\nreally \u{202e}"), "no rail 3, ?[2J?really ?");
        assert_eq!(printable(&"x".repeat(5000)).len(), MAX_WORDS);
    }

    #[test]
    fn all_rails_are_those_that_both_have() {
        let what = Measurement::Bandwidth {
            rail: None,
            mode: Mode::TwoSided,
            size_bytes: 64,
            max_bytes: 1,
            max_millis: 1,
        };
        assert_eq!(terms(&what, 3).expect("makes sense").rails, [0, 1, 2]);
    }
}
