//! The handshake with one peer. The lower rank initiates, the higher says
//! hello until it does; both repeat, since datagrams get lost.

use super::{Attempt, Candidate, Context, Peer};
use crate::PeerState;
use crate::message::{Hello, Kind};
use crate::noise::{Initiation, Session, respond};
use crate::peer::live::Live;
use crate::timing::{
    KNOCK_LEAST, KNOCK_LONGEST, KNOCK_REFUSED, LOST_AFTER, SENDS_PER_ATTEMPT, jittered,
};

impl Peer {
    /// Whether this node initiates.
    pub(super) fn initiates(&self, cx: &Context<'_>) -> bool {
        cx.local.rank < self.rank
    }

    /// Sends what asks the peer to go on, and sets when to do so again.
    pub(super) fn knock(&mut self, cx: &mut Context<'_>) {
        let wait = match self.state() {
            PeerState::Refused => jittered(KNOCK_REFUSED, cx.rng),
            _ => self.knock.next(cx.rng),
        };
        (self.last_knock, self.next_knock) = (Some(cx.now), cx.now + wait);
        if self.initiates(cx) {
            self.send_noise_1(cx);
        } else {
            let hello =
                Hello { instance_id: cx.local.instance_id.clone(), epoch: cx.local.identity.epoch };
            // Two plain fields always have an encoding.
            if let Ok(body) = postcard::to_stdvec(&hello) {
                cx.send(self.rank, Kind::Hello, &body);
            }
        }
    }

    /// A background attempt gives up with its first noise-1: the session at
    /// hand still works or falls silent by itself.
    pub(super) fn knock_again_while_paired(&mut self, cx: &mut Context<'_>) {
        if self.attempt.as_ref().is_some_and(|attempt| attempt.sends >= SENDS_PER_ATTEMPT) {
            self.attempt = None;
        } else {
            self.knock(cx);
        }
    }

    fn send_noise_1(&mut self, cx: &mut Context<'_>) {
        let Some(tags) = &self.tags else { return };
        if self.attempt.as_ref().is_none_or(|attempt| attempt.sends >= SENDS_PER_ATTEMPT) {
            *cx.attempts += 1;
            match Initiation::start(cx.local, tags, *cx.attempts) {
                Ok(initiation) => self.attempt = Some(Attempt { initiation, sends: 0 }),
                // A key in the tags that no handshake can be made with.
                Err(_) => return self.misfit(cx),
            }
        }
        if let Some(attempt) = &mut self.attempt {
            attempt.sends += 1;
            self.unanswered = self.unanswered.saturating_add(1);
            cx.send(self.rank, Kind::Noise1, attempt.initiation.noise_1());
        }
    }

    /// A handshake does not fit the tags: they may be old, so they are read again.
    fn misfit(&mut self, cx: &mut Context<'_>) {
        if self.state() != PeerState::Paired {
            self.misfit_at.get_or_insert(cx.now);
        }
        cx.look_up();
    }

    /// A hello: anyone can say it, so it only makes us look.
    pub(crate) fn hello(&mut self, cx: &mut Context<'_>, body: &[u8]) {
        let Ok(hello) = postcard::from_bytes::<Hello>(body) else {
            return cx.drop_message();
        };
        let Some(tags) = &self.tags else {
            return cx.look_up();
        };
        let same_instance = tags.instance_id == hello.instance_id;
        if same_instance && hello.epoch < tags.identity.epoch {
            return cx.drop_message();
        }
        if !same_instance || hello.epoch > tags.identity.epoch {
            return cx.look_up();
        }
        if !self.initiates(cx) || self.departed || !self.inserted {
            return;
        }
        // It is up and waits for us: no need to wait for our own timer.
        let quiet = match self.state() {
            PeerState::Handshaking => KNOCK_LEAST,
            _ => KNOCK_LONGEST,
        };
        if self.last_knock.is_some_and(|at| cx.now < at + quiet) {
            return;
        }
        match self.state() {
            PeerState::Handshaking => {
                // Heard and yet not answered, a whole attempt long: it may not
                // take us for who we are, or we look at old tags.
                if self.unanswered >= SENDS_PER_ATTEMPT {
                    self.misfit(cx);
                }
                self.knock(cx);
            }
            // It lost its session (its fabric restarted) while ours still lives:
            // make a new one beside it. While heartbeats arrive it is an old hello.
            PeerState::Paired => {
                if self.live.as_ref().is_some_and(|live| live.falters(cx.now)) {
                    self.knock.reset();
                    self.attempt = None;
                    self.knock(cx);
                }
            }
            PeerState::Refused => self.knock(cx),
            PeerState::Unknown | PeerState::Lost => {}
        }
    }

    /// Noise-1 of a lower rank.
    pub(crate) fn noise_1(&mut self, cx: &mut Context<'_>, body: &[u8]) {
        let Some(tags) = self.tags.as_ref().filter(|_| self.inserted) else {
            cx.look_up();
            return cx.drop_message();
        };
        if self.initiates(cx) {
            return cx.drop_message();
        }
        if let Some(candidate) = self.candidate.as_ref().filter(|c| c.noise_1 == body) {
            return cx.send(self.rank, Kind::Noise2, &candidate.noise_2);
        }
        let Ok(response) = respond(cx.local, tags, body) else {
            cx.drop_message();
            return self.misfit(cx);
        };
        // Noise-1 alone is open to replay; the attempt's number is not.
        if self.heard_attempt.is_some_and(|heard| response.attempt <= heard) {
            return cx.drop_message();
        }
        self.heard_attempt = Some(response.attempt);
        cx.send(self.rank, Kind::Noise2, &response.noise_2);
        self.candidate = Some(Candidate {
            noise_1: body.to_vec(),
            noise_2: response.noise_2,
            session: response.session,
        });
        self.proved(cx);
        // The handshake has started: no hello unless it gets stuck.
        self.next_knock = self.next_knock.max(cx.now + LOST_AFTER);
    }

    /// Noise-2 of a higher rank.
    pub(crate) fn noise_2(&mut self, cx: &mut Context<'_>, body: &[u8]) {
        let Some(mut attempt) = self.attempt.take() else {
            return cx.drop_message();
        };
        if attempt.initiation.check(body).is_err() {
            self.attempt = Some(attempt);
            cx.drop_message();
            return self.misfit(cx);
        }
        let Ok(session) = attempt.initiation.finish() else {
            return cx.drop_message();
        };
        self.proved(cx);
        self.go_live(cx, session);
        // Tells the responder that its session is taken, and so pairs it.
        self.beat(cx);
    }

    /// A sealed message under the session that was offered last.
    pub(super) fn promote_candidate(&mut self, cx: &mut Context<'_>, session: Session) {
        self.candidate = None;
        self.proved(cx);
        self.go_live(cx, session);
        self.beat(cx);
    }

    /// The peer is who its tags say, whatever was thought of it before.
    fn proved(&mut self, cx: &mut Context<'_>) {
        (self.failures, self.failing_since, self.misfit_at) = (0, None, None);
        (self.unanswered, self.skewed, self.other_version) = (0, 0, None);
        if self.state() == PeerState::Refused {
            let change = self.life.handshake(cx.now);
            self.report(cx, change);
        }
    }

    fn go_live(&mut self, cx: &mut Context<'_>, session: Session) {
        self.attempt = None;
        self.live = Some(Live::new(session, cx.now));
        self.last_heard = Some(cx.now);
        if self.state() == PeerState::Paired {
            // Looked at in this very line; nothing else can forbid it.
            let _ = self.life.pair_again();
        } else {
            let change = self.life.pair(cx.now);
            self.report(cx, change);
        }
        if self.initiates(cx) {
            self.choose_token(cx);
        }
    }
}
