//! One peer: what its tags said, how far its handshake is, the live session.

mod handshake;
mod live;
mod questions;

use crate::lifecycle::{Change, Forbidden, Lifecycle};
use crate::look_up::LookUps;
use crate::message::{self, Kind};
use crate::noise::{Initiation, Session, Tags};
use crate::question::Questions;
use crate::timing::{
    Backoff, KNOCK_FIRST, KNOCK_LONGEST, PUT_BACK_AFTER, READMIT_AFTER, REFUSED_AFTER,
    REFUSED_SPAN, UNREACHABLE_AFTER,
};
use crate::{LocalNode, Mismatch, Output, PeerState, PeerView};
use live::Live;
use nixl_cluster::reason;
use rand::rngs::StdRng;
use std::time::Duration;

/// What the peers share with the machine while an input is handled.
pub(crate) struct Context<'a> {
    pub(crate) local: &'a LocalNode,
    pub(crate) now: Duration,
    pub(crate) rng: &'a mut StdRng,
    pub(crate) look_ups: &'a mut LookUps,
    pub(crate) out: &'a mut Vec<Output>,
    /// Messages dropped so far.
    pub(crate) dropped: &'a mut u64,
    /// Number of the last initiation.
    pub(crate) attempts: &'a mut u64,
}

impl Context<'_> {
    pub(crate) fn drop_message(&mut self) {
        *self.dropped += 1;
    }

    /// Something does not fit the tags.
    fn look_up(&mut self) {
        self.look_ups.ask(self.now, self.rng);
    }

    fn send(&mut self, rank: u32, kind: Kind, body: &[u8]) {
        // The machine takes no size beyond what the header's 16 bits can name.
        let own = u16::try_from(self.local.rank).unwrap_or(u16::MAX);
        self.out.push(Output::Send { rank, bytes: message::encode(kind, own, body) });
    }
}

/// An initiation under way.
struct Attempt {
    initiation: Initiation,
    sends: u32,
}

/// A session the responder has offered and not yet heard anything under.
struct Candidate {
    noise_1: Vec<u8>,
    noise_2: Vec<u8>,
    session: Session,
}

/// One peer.
pub(crate) struct Peer {
    rank: u32,
    life: Lifecycle,
    tags: Option<Tags>,
    /// What in these tags keeps it from being paired.
    mismatch: Option<Mismatch>,
    /// Its address is in the fabric's table.
    inserted: bool,
    /// So are those of its further rails.
    rails_inserted: bool,
    /// It said goodbye: these tags are dead.
    departed: bool,
    /// Waits between hellos or noise-1.
    knock: Backoff,
    next_knock: Duration,
    last_knock: Option<Duration>,
    attempt: Option<Attempt>,
    candidate: Option<Candidate>,
    /// Highest attempt of the peer under its present tags.
    heard_attempt: Option<u64>,
    live: Option<Live>,
    /// Asked while the pair lasts.
    questions: Questions,
    /// When a handshake last failed against the present tags.
    misfit_at: Option<Duration>,
    failures: u32,
    /// When the first of these was seen.
    failing_since: Option<Duration>,
    /// Noise-1 sent since the peer last proved itself.
    unanswered: u32,
    /// Since when every look-up has shown older tags than these.
    older_since: Option<Duration>,
    /// Messages of another protocol version since the tags were taken up.
    skewed: u32,
    /// Version of the last such message, until the peer proves itself.
    other_version: Option<u8>,
    last_heard: Option<Duration>,
}

impl Peer {
    pub(crate) fn new(rank: u32, now: Duration) -> Self {
        Self {
            rank,
            life: Lifecycle::new(now),
            tags: None,
            mismatch: None,
            inserted: false,
            rails_inserted: false,
            departed: false,
            knock: Backoff::new(KNOCK_FIRST, KNOCK_LONGEST),
            next_knock: now,
            last_knock: None,
            attempt: None,
            candidate: None,
            heard_attempt: None,
            live: None,
            questions: Questions::default(),
            misfit_at: None,
            failures: 0,
            failing_since: None,
            unanswered: 0,
            older_since: None,
            skewed: 0,
            other_version: None,
            last_heard: None,
        }
    }

    pub(crate) fn state(&self) -> PeerState {
        self.life.state()
    }

    pub(crate) fn view(&self, local: &LocalNode) -> PeerView {
        PeerView {
            rank: self.rank,
            instance_id: self.tags.as_ref().map(|tags| tags.instance_id.clone()),
            state: self.life.state(),
            reason: self.life.reason(),
            since: self.life.since(),
            last_heard: self.last_heard,
            pairings: self.life.pairings(),
            other_version: self.other_version,
            mismatch: self.mismatch,
            skews: self.live.as_ref().map(|live| live.skews(local)).unwrap_or_default(),
        }
    }

    /// A look-up shows the peer with complete tags.
    pub(crate) fn tags_read(&mut self, cx: &mut Context<'_>, read: Tags) {
        match &self.tags {
            Some(known) if *known == read => self.tags_confirmed(cx),
            Some(known)
                if known.instance_id == read.instance_id
                    && read.identity.epoch < known.identity.epoch =>
            {
                self.older_read(cx, read);
            }
            _ => self.take_up(cx, read),
        }
    }

    /// EC2 is eventually consistent: an old answer after a new one is no news,
    /// unless it stays.
    fn older_read(&mut self, cx: &mut Context<'_>, read: Tags) {
        let since = *self.older_since.get_or_insert(cx.now);
        if self.state() != PeerState::Paired && cx.now >= since + PUT_BACK_AFTER {
            self.take_up(cx, read);
        }
    }

    /// New tags: whatever was under the old ones is over.
    fn take_up(&mut self, cx: &mut Context<'_>, tags: Tags) {
        self.forget_session();
        (self.tags, self.departed) = (Some(tags), false);
        (self.heard_attempt, self.misfit_at, self.older_since) = (None, None, None);
        (self.failures, self.unanswered, self.skewed) = (0, 0, 0);
        (self.other_version, self.failing_since) = (None, None);
        cx.look_ups.restart(cx.now, cx.rng);
        self.admit(cx);
    }

    /// The tags are what they were.
    fn tags_confirmed(&mut self, cx: &mut Context<'_>) {
        self.older_since = None;
        self.readmit(cx);
        let failed = self.misfit_at.zip(cx.look_ups.started()).is_some_and(|(at, read)| at <= read);
        if failed && self.state() != PeerState::Paired {
            self.misfit_at = None;
            self.failures += 1;
            let since = *self.failing_since.get_or_insert(cx.now);
            let long = cx.now >= since + REFUSED_SPAN;
            if self.failures >= REFUSED_AFTER && long && self.state() == PeerState::Handshaking {
                let change = self.life.refuse(reason::PEER_REFUSED.code, cx.now);
                self.report(cx, change);
            }
        }
    }

    /// A lost peer is tried again with the tags at hand, also when the API is
    /// away: losing it must not keep two healthy nodes apart.
    pub(crate) fn readmit(&mut self, cx: &mut Context<'_>) {
        if self.state() == PeerState::Lost && !self.departed {
            self.admit(cx);
        }
    }

    /// The fabric lost every address; all begins anew, the tags stay.
    pub(crate) fn fabric_restarted(&mut self, cx: &mut Context<'_>) {
        self.inserted = false;
        self.forget_session();
        if self.tags.is_some() && !self.departed {
            self.admit(cx);
        }
    }

    /// Inserts the address and begins to shake hands, unless the tags say that
    /// this cannot succeed.
    fn admit(&mut self, cx: &mut Context<'_>) {
        let Some(tags) = &self.tags else { return };
        if self.inserted {
            cx.out.push(Output::RemovePeer { rank: self.rank });
        }
        self.mismatch = Mismatch::between(cx.local, tags);
        (self.inserted, self.rails_inserted) = (self.mismatch.is_none(), false);
        if self.inserted {
            let address = tags.endpoint.address.clone();
            cx.out.push(Output::AddPeer { rank: self.rank, address });
        }
        if self.state() != PeerState::Handshaking {
            let change = self.life.handshake(cx.now);
            self.report(cx, change);
        }
        if let Some(mismatch) = self.mismatch {
            let change = self.life.refuse(mismatch.reason().code, cx.now);
            return self.report(cx, change);
        }
        self.knock.reset();
        self.knock(cx);
    }

    fn forget_session(&mut self) {
        (self.attempt, self.candidate, self.live) = (None, None, None);
    }

    /// A message of another version came under this rank.
    pub(crate) fn other_version(&mut self, cx: &mut Context<'_>, version: u8) {
        cx.drop_message();
        self.other_version = Some(version);
        self.skewed = self.skewed.saturating_add(1);
        if self.skewed >= REFUSED_AFTER && self.state() == PeerState::Handshaking {
            let change = self.life.refuse(reason::VERSION_SKEW.code, cx.now);
            self.report(cx, change);
        }
    }

    /// The fabric could not send: a hint that the peer is gone, no proof.
    pub(crate) fn send_failed(&mut self, cx: &mut Context<'_>) {
        if self.state() == PeerState::Paired {
            cx.look_up();
        }
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, cx: &mut Context<'_>) {
        match self.state() {
            PeerState::Unknown => {}
            PeerState::Lost => {
                if cx.now >= self.life.since() + READMIT_AFTER {
                    self.readmit(cx);
                }
            }
            PeerState::Handshaking | PeerState::Refused => {
                if cx.now >= self.unreachable_at() && self.state() == PeerState::Handshaking {
                    // The state was just looked at; nothing else can forbid it.
                    let _ = self.life.unreachable();
                }
                if self.inserted && cx.now >= self.next_knock {
                    self.knock(cx);
                }
            }
            PeerState::Paired => {
                self.tick_live(cx);
                if self.attempt.is_some() && cx.now >= self.next_knock {
                    self.knock_again_while_paired(cx);
                }
            }
        }
        self.tick_questions(cx);
    }

    /// When `tick` has something to do.
    pub(crate) fn deadline(&self, now: Duration) -> Option<Duration> {
        let knock = Some(self.next_knock);
        match self.state() {
            PeerState::Unknown => None,
            PeerState::Lost => (!self.departed).then(|| self.life.since() + READMIT_AFTER),
            PeerState::Refused => knock.filter(|_| self.inserted),
            PeerState::Handshaking => {
                let unreachable = Some(self.unreachable_at()).filter(|at| *at > now);
                knock.into_iter().chain(unreachable).min()
            }
            PeerState::Paired => {
                let live = self.live.as_ref().map(Live::deadline);
                let knock = knock.filter(|_| self.attempt.is_some());
                live.into_iter().chain(knock).chain(self.questions.deadline()).min()
            }
        }
    }

    fn unreachable_at(&self) -> Duration {
        self.life.since() + UNREACHABLE_AFTER
    }

    fn report(&self, cx: &mut Context<'_>, change: Result<Change, Forbidden>) {
        // Callers look at the state first; a transition that is forbidden all
        // the same must not be taken for one that happened.
        match change {
            Ok(Change { from, to, reason }) => {
                cx.out.push(Output::Changed { rank: self.rank, from, to, reason });
            }
            Err(Forbidden { .. }) => cx.drop_message(),
        }
    }
}
