//! A fabric, a tag store and a clock that exist only in memory: nodes are
//! driven as the daemon drives them, and everything repeats from its seed.

// Each test program uses its own half of this.
#![allow(dead_code)]

use nixl_cluster::{EndpointRecord, IdentityRecord, Provider};
use nixl_pairing::{Input, LocalNode, Member, Output, Pairing, PeerState, Question, Unanswered};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// How bad the fabric and the API are.
#[derive(Clone)]
pub struct Weather {
    /// Messages lost, 0 to 1.
    pub loss: f64,
    /// Messages delivered twice, 0 to 1.
    pub duplicates: f64,
    /// Longest delay; the shortest is 10 µs, so long ones reorder.
    pub delay: Duration,
    /// How old an answer of the API may be.
    pub stale: Duration,
    /// The API does not answer.
    pub api_down: bool,
}

impl Weather {
    pub fn fair() -> Self {
        let delay = Duration::from_micros(200);
        Self { loss: 0.0, duplicates: 0.0, delay, stale: Duration::ZERO, api_down: false }
    }

    pub fn stormy() -> Self {
        Self { loss: 0.2, duplicates: 0.1, delay: ms(150), stale: ms(400), api_down: false }
    }
}

/// What came of a question: rank, what it was asked, what it said.
pub type Answered = (u32, Question, Result<Vec<u8>, Unanswered>);

pub struct Node {
    pub pairing: Pairing,
    pub local: LocalNode,
    /// The fabric's address table.
    pub table: BTreeMap<u32, Vec<u8>>,
    pub tokens: BTreeMap<u32, [u8; 16]>,
    /// Rails told of each peer, every time they were.
    pub rails: Vec<(u32, Vec<Vec<u8>>)>,
    /// Peers whose rails are in the table.
    railed: BTreeSet<u32>,
    pub changes: Vec<(u32, PeerState, PeerState, Option<&'static str>)>,
    /// What it says to every question.
    pub answer: Vec<u8>,
    /// Questions of peers.
    pub asked: Vec<(u32, Question)>,
    /// What came of its own.
    pub answered: Vec<Answered>,
    pub look_ups: u64,
    /// Look-ups that were begun with every peer paired.
    pub needless_look_ups: u64,
}

enum Event {
    Deliver { address: Vec<u8>, bytes: Vec<u8> },
    LookUpDone { address: Vec<u8>, rank: u32 },
}

pub struct World {
    pub now: Duration,
    pub weather: Weather,
    pub nodes: BTreeMap<u32, Node>,
    /// Every message sent, with the address it was sent to.
    pub wire: Vec<(Vec<u8>, Vec<u8>)>,
    /// Links cut, by lower and higher rank.
    pub cut: BTreeSet<(u32, u32)>,
    size: u32,
    /// How many nodes prefill, as in the settings of all.
    pub prefill: Option<u32>,
    /// Provider of those that start from now on.
    pub provider: Provider,
    /// Rails beside rail 0 of those that start from now on.
    pub rails: Vec<Vec<u8>>,
    /// Release of those that start from now on.
    pub release: &'static str,
    rng: StdRng,
    tags: Vec<(Duration, Member)>,
    events: BTreeMap<(Duration, u64), Event>,
    sequence: u64,
    starts: u64,
}

impl World {
    pub fn new(size: u32, seed: u64, weather: Weather) -> Self {
        let rng = StdRng::seed_from_u64(seed);
        Self {
            now: ms(1000),
            weather,
            nodes: BTreeMap::new(),
            wire: Vec::new(),
            cut: BTreeSet::new(),
            size,
            prefill: None,
            provider: Provider::Tcp,
            rails: Vec::new(),
            release: "1.0.0",
            rng,
            tags: Vec::new(),
            events: BTreeMap::new(),
            sequence: 0,
            starts: 0,
        }
    }

    /// A world in which every node has been started.
    pub fn started(size: u32, seed: u64, weather: Weather) -> Self {
        let mut world = Self::new(size, seed, weather);
        (0..size).for_each(|rank| world.start(rank));
        world
    }

    /// A world in which every node is paired with every other one.
    pub fn paired(size: u32, seed: u64, weather: Weather) -> Self {
        let mut world = Self::started(size, seed, weather);
        world.run_until_paired(ms(20_000));
        world
    }

    /// New keys, address and epoch for a node.
    pub fn identity(&mut self, rank: u32) -> LocalNode {
        self.starts += 1;
        let params = "Noise_KK_25519_ChaChaPoly_BLAKE2b".parse().unwrap();
        let keys = snow::Builder::new(params).generate_keypair().unwrap();
        LocalNode {
            cluster: "sim".parse().unwrap(),
            instance_id: format!("i-{rank:017}"),
            rank,
            size: self.size,
            identity: IdentityRecord {
                public_key: keys.public.try_into().unwrap(),
                boot: "0123abcd".to_owned(),
                epoch: self.starts,
                prefill: self.prefill,
            },
            secret_key: keys.private.try_into().unwrap(),
            endpoint: EndpointRecord {
                provider: self.provider,
                address: vec![u8::try_from(rank).unwrap(), u8::try_from(self.starts).unwrap()],
            },
            release: self.release.to_owned(),
            rails: self.rails.clone(),
        }
    }

    /// Starts a node, or kills it and starts it anew.
    pub fn start(&mut self, rank: u32) {
        let local = self.identity(rank);
        self.publish(&local, local.identity.public_key);
        self.run_as(local);
    }

    /// Runs a node without publishing it.
    pub fn run_as(&mut self, local: LocalNode) {
        let seed = self.rng.random();
        let rank = local.rank;
        let node = Node {
            pairing: Pairing::with_seed(local.clone(), self.now, seed),
            local,
            table: BTreeMap::new(),
            tokens: BTreeMap::new(),
            rails: Vec::new(),
            railed: BTreeSet::new(),
            changes: Vec::new(),
            answer: b"fine".to_vec(),
            asked: Vec::new(),
            answered: Vec::new(),
            look_ups: 0,
            needless_look_ups: 0,
        };
        self.nodes.insert(rank, node);
    }

    /// Writes a node's tags, with this key in them.
    pub fn publish(&mut self, local: &LocalNode, public_key: [u8; 32]) {
        let member = Member {
            instance_id: local.instance_id.clone(),
            rank: local.rank,
            identity: Some(IdentityRecord { public_key, ..local.identity.clone() }),
            endpoint: Some(local.endpoint.clone()),
        };
        self.tags.push((self.now, member));
    }

    fn look_up(&mut self, asking: u32) -> Vec<Member> {
        let stale = self.weather.stale.mul_f64(self.rng.random_range(0.0..=1.0));
        let seen_at = self.now.saturating_sub(stale);
        let newest: BTreeMap<u32, Member> = self
            .tags
            .iter()
            .filter(|(at, member)| *at <= seen_at && member.rank != asking)
            .map(|(_, member)| (member.rank, member.clone()))
            .collect();
        newest.into_values().collect()
    }

    pub fn input(&mut self, rank: u32, input: Input) {
        let Some(node) = self.nodes.get_mut(&rank) else { return };
        let before = node.pairing.all_paired();
        let outputs = node.pairing.handle(self.now, input);
        assert!(node.pairing.deadline() > self.now, "rank {rank} is due for ever");
        self.carry_out(rank, outputs, before);
    }

    pub fn carry_out(&mut self, rank: u32, outputs: Vec<Output>, paired_before: bool) {
        for output in outputs {
            let Some(node) = self.nodes.get_mut(&rank) else { return };
            match output {
                Output::AddPeer { rank: peer, address } => {
                    let old = node.table.insert(peer, address);
                    assert_eq!(old, None, "{peer} is inserted at {rank} already");
                    node.railed.remove(&peer);
                }
                Output::RemovePeer { rank: peer } => {
                    assert!(node.table.remove(&peer).is_some(), "{peer} is not at {rank}");
                }
                Output::Send { rank: peer, bytes } => {
                    assert!(bytes.len() <= nixl_pairing::MAX_MESSAGE_BYTES);
                    let address = node.table.get(&peer).expect("sent without an address").clone();
                    self.wire.push((address.clone(), bytes.clone()));
                    self.transmit(rank, address, bytes);
                }
                Output::LookUp => {
                    node.look_ups += 1;
                    let paired = paired_before && node.pairing.all_paired();
                    node.needless_look_ups += u64::from(paired);
                    let address = node.local.endpoint.address.clone();
                    let wait = ms(self.rng.random_range(20..120));
                    self.schedule(wait, Event::LookUpDone { address, rank });
                }
                Output::ArmProbe { rank: peer, token } => _ = node.tokens.insert(peer, token),
                Output::AddRails { rank: peer, addresses } => {
                    assert!(node.table.contains_key(&peer), "rails of {peer} without the peer");
                    assert!(node.railed.insert(peer), "rails of {peer} are inserted already");
                    node.rails.push((peer, addresses));
                }
                Output::Asked { rank: peer, id, what } => {
                    node.asked.push((peer, what));
                    let bytes = node.answer.clone();
                    self.input(rank, Input::Answer { rank: peer, id, bytes });
                }
                Output::Answered { rank: peer, what, answer } => {
                    node.answered.push((peer, what, answer));
                }
                Output::Changed { rank: peer, from, to, reason } => {
                    node.changes.push((peer, from, to, reason));
                }
            }
        }
    }

    fn schedule(&mut self, wait: Duration, event: Event) {
        self.sequence += 1;
        self.events.insert((self.now + wait, self.sequence), event);
    }

    fn transmit(&mut self, from: u32, address: Vec<u8>, bytes: Vec<u8>) {
        let to = u32::from(address[0]);
        if self.cut.contains(&(from.min(to), from.max(to))) {
            return;
        }
        let copies = 1 + u32::from(self.rng.random_bool(self.weather.duplicates));
        for _ in 0..copies {
            if self.rng.random_bool(self.weather.loss) {
                continue;
            }
            let wait = self.rng.random_range(Duration::from_micros(10)..=self.weather.delay);
            self.schedule(wait, Event::Deliver { address: address.clone(), bytes: bytes.clone() });
        }
    }

    /// Puts a message on the wire that no node has sent.
    pub fn inject(&mut self, address: Vec<u8>, bytes: Vec<u8>) {
        self.schedule(Duration::from_micros(10), Event::Deliver { address, bytes });
    }

    /// Rank of the living node at this address: a restarted one has another.
    fn at(&self, address: &[u8]) -> Option<u32> {
        let (rank, _) =
            self.nodes.iter().find(|(_, node)| node.local.endpoint.address == address)?;
        Some(*rank)
    }

    fn step(&mut self, until: Duration) -> bool {
        let event = self.events.first_key_value().map(|((at, _), _)| *at);
        let tick = self.nodes.values().map(|node| node.pairing.deadline()).min();
        let Some(next) = event.into_iter().chain(tick).min().filter(|at| *at <= until) else {
            self.now = until;
            return false;
        };
        self.now = self.now.max(next);
        if event == Some(next) {
            match self.events.pop_first().map(|(_, event)| event) {
                Some(Event::Deliver { address, bytes }) => {
                    if let Some(rank) = self.at(&address) {
                        self.input(rank, Input::Received(bytes));
                    }
                }
                Some(Event::LookUpDone { address, rank }) if self.at(&address) == Some(rank) => {
                    let answer = if self.weather.api_down {
                        Input::LookUpFailed
                    } else {
                        Input::Members(self.look_up(rank))
                    };
                    self.input(rank, answer);
                }
                // The one who asked has been restarted.
                Some(Event::LookUpDone { .. }) | None => {}
            }
        } else {
            let due = self.nodes.iter().find(|(_, node)| node.pairing.deadline() <= self.now);
            if let Some(rank) = due.map(|(rank, _)| *rank) {
                self.input(rank, Input::Tick);
            }
        }
        true
    }

    pub fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
    }

    /// Runs until the condition holds and gives the time it took.
    pub fn run_until(
        &mut self,
        limit: Duration,
        what: &str,
        done: impl Fn(&Self) -> bool,
    ) -> Duration {
        let start = self.now;
        while !done(self) {
            assert!(self.step(start + limit), "no {what} in {limit:?}: {}", self.describe());
        }
        self.now - start
    }

    pub fn run_until_paired(&mut self, limit: Duration) -> Duration {
        self.run_until(limit, "pairing", Self::all_paired)
    }

    /// Paired everywhere, and with those that live now.
    pub fn all_paired(&self) -> bool {
        self.nodes.len() == self.size as usize
            && self.nodes.values().all(|node| {
                node.pairing.all_paired()
                    && node
                        .table
                        .iter()
                        .all(|(peer, address)| self.nodes[peer].local.endpoint.address == *address)
            })
    }

    pub fn state(&self, rank: u32, peer: u32) -> (PeerState, Option<&'static str>) {
        let views = self.nodes[&rank].pairing.peers();
        let view = views.iter().find(|view| view.rank == peer).unwrap();
        (view.state, view.reason)
    }

    pub fn pairings(&self, rank: u32, peer: u32) -> u64 {
        let views = self.nodes[&rank].pairing.peers();
        views.iter().find(|view| view.rank == peer).unwrap().pairings
    }

    pub fn address(&self, rank: u32) -> Vec<u8> {
        self.nodes[&rank].local.endpoint.address.clone()
    }

    pub fn needless_look_ups(&self) -> u64 {
        self.nodes.values().map(|node| node.needless_look_ups).sum()
    }

    fn describe(&self) -> String {
        let states = |node: &Node| {
            let views = node.pairing.peers();
            views.iter().map(|v| format!("{}:{:?}/{:?}", v.rank, v.state, v.reason)).collect()
        };
        let lines: Vec<(u32, Vec<String>)> =
            self.nodes.iter().map(|(rank, node)| (*rank, states(node))).collect();
        format!("{lines:?}")
    }
}
