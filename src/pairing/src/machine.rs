//! The machine: hands every input to the peer it is about.

use crate::look_up::LookUps;
use crate::message::{Kind, Parsed, parse};
use crate::noise::Tags;
use crate::peer::{Context, Peer};
use crate::{Input, LocalNode, Member, Output, PeerState, PeerView, Unanswered};
use nixl_cluster::IdentityRecord;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use std::collections::BTreeMap;
use std::time::Duration;

/// Ranks that the message header can name.
const RANKS: u32 = 1 << 16;

/// The machine.
pub struct Pairing {
    local: LocalNode,
    rng: StdRng,
    peers: BTreeMap<u32, Peer>,
    look_ups: LookUps,
    dropped: u64,
    attempts: u64,
    deadline: Duration,
}

impl Pairing {
    /// Starts with every peer of [`LocalNode::layout`] unknown; the first `handle(Tick)` asks for a look-up.
    #[must_use]
    pub fn new(local: LocalNode, now: Duration) -> Self {
        Self::with_rng(local, now, rand::make_rng())
    }

    /// As [`new`](Self::new), with jitter and probe tokens from the generator
    /// given: a seeded one makes a simulation repeatable.
    #[must_use]
    pub fn with_rng(local: LocalNode, now: Duration, mut rng: StdRng) -> Self {
        let peers = (local.layout().peers(local.rank))
            .take_while(|rank| *rank < RANKS)
            .map(|rank| (rank, Peer::new(rank, now)))
            .collect();
        let look_ups = LookUps::new(now, local.size, &mut rng);
        Self { local, rng, peers, look_ups, dropped: 0, attempts: 0, deadline: now }
    }

    /// As [`with_rng`](Self::with_rng) from a seed.
    #[must_use]
    pub fn with_seed(local: LocalNode, now: Duration, seed: u64) -> Self {
        Self::with_rng(local, now, StdRng::seed_from_u64(seed))
    }

    /// Takes one input in; what to do about it comes out, in order.
    pub fn handle(&mut self, now: Duration, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        let was_paired = self.all_paired();
        match input {
            Input::Members(members) => self.members(now, members, &mut out),
            Input::LookUpFailed => {
                self.each(now, &mut out, Peer::readmit);
                self.look_ups.answered(now, &mut self.rng);
            }
            Input::Received(bytes) => self.received(now, &bytes, &mut out),
            Input::SendFailed(rank) => self.one(now, rank, &mut out, Peer::send_failed),
            Input::FabricRestarted => self.each(now, &mut out, Peer::fabric_restarted),
            Input::Ask { rank, what } => {
                if self.peers.contains_key(&rank) {
                    self.one(now, rank, &mut out, |peer, cx| peer.ask(cx, what));
                } else {
                    let answer = Err(Unanswered::NotPaired);
                    out.push(Output::Answered { rank, what, answer });
                }
            }
            Input::Answer { rank, id, bytes } => {
                self.one(now, rank, &mut out, |peer, _| peer.answer(id, &bytes));
            }
            Input::Tick => {}
        }
        self.each(now, &mut out, Peer::tick);
        let all_paired = self.all_paired();
        if all_paired && !was_paired {
            self.look_ups.settle();
        }
        if self.look_ups.start(now, all_paired) {
            out.push(Output::LookUp);
        }
        let peers = self.peers.values().filter_map(|peer| peer.deadline(now));
        self.deadline = peers.chain(self.look_ups.due(all_paired)).min().unwrap_or(Duration::MAX);
        out
    }

    /// When `Tick` is due; [`Duration::MAX`] when nothing is.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Every peer, by rank.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerView> {
        self.peers.values().map(|peer| peer.view(&self.local)).collect()
    }

    /// Whether every peer is paired.
    #[must_use]
    pub fn all_paired(&self) -> bool {
        self.peers.values().all(|peer| peer.state() == PeerState::Paired)
    }

    /// Messages dropped: malformed, from no peer, replayed or not authentic.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Goodbye to every paired peer, for an orderly stop; send it and drop the machine.
    pub fn bye(&mut self, now: Duration) -> Vec<Output> {
        let mut out = Vec::new();
        self.each(now, &mut out, Peer::say_bye);
        out
    }

    /// The fabric came back with another address, which was published with a
    /// new identity: goes on as that node. Includes [`Input::FabricRestarted`].
    pub fn republished(&mut self, now: Duration, local: LocalNode) -> Vec<Output> {
        let identity = IdentityRecord { prefill: self.local.identity.prefill, ..local.identity };
        let LocalNode { rank, size, .. } = self.local;
        self.local = LocalNode { rank, size, identity, ..local };
        self.handle(now, Input::FabricRestarted)
    }

    fn members(&mut self, now: Duration, members: Vec<Member>, out: &mut Vec<Output>) {
        // One tags record per rank: while an instance is replaced both may be listed.
        let mut newest: BTreeMap<u32, Tags> = BTreeMap::new();
        for Member { instance_id, rank, identity, endpoint } in members {
            let (Some(identity), Some(endpoint)) = (identity, endpoint) else { continue };
            let tags = Tags { instance_id, rank, identity, endpoint };
            match newest.get(&rank) {
                Some(other) if other.identity.epoch >= tags.identity.epoch => {}
                _ => _ = newest.insert(rank, tags),
            }
        }
        for (rank, tags) in newest {
            self.one(now, rank, out, |peer, cx| peer.tags_read(cx, tags));
        }
        self.look_ups.answered(now, &mut self.rng);
    }

    fn received(&mut self, now: Duration, bytes: &[u8], out: &mut Vec<Output>) {
        let (rank, message) = match parse(bytes) {
            Parsed::Malformed => {
                self.dropped += 1;
                return;
            }
            Parsed::OtherVersion { rank, version } => (rank, Err(version)),
            Parsed::Message { kind, rank, body } => (rank, Ok((kind, body))),
        };
        if !self.peers.contains_key(&rank) {
            self.dropped += 1;
            return;
        }
        self.one(now, rank, out, |peer, cx| match message {
            Err(version) => peer.other_version(cx, version),
            Ok((Kind::Hello, body)) => peer.hello(cx, body),
            Ok((Kind::Noise1, body)) => peer.noise_1(cx, body),
            Ok((Kind::Noise2, body)) => peer.noise_2(cx, body),
            Ok((Kind::Sealed, body)) => peer.sealed(cx, body),
        });
    }

    fn one(
        &mut self,
        now: Duration,
        rank: u32,
        out: &mut Vec<Output>,
        act: impl FnOnce(&mut Peer, &mut Context<'_>),
    ) {
        let Self { local, rng, peers, look_ups, dropped, attempts, .. } = self;
        if let Some(peer) = peers.get_mut(&rank) {
            act(peer, &mut Context { local, now, rng, look_ups, out, dropped, attempts });
        }
    }

    fn each(
        &mut self,
        now: Duration,
        out: &mut Vec<Output>,
        act: impl Fn(&mut Peer, &mut Context<'_>),
    ) {
        let ranks: Vec<u32> = self.peers.keys().copied().collect();
        for rank in ranks {
            self.one(now, rank, out, &act);
        }
    }
}
