//! A live session: heartbeats, the probe token, introductions, and the end of it.

use super::{Context, Peer};
use crate::introduction::Introduction;
use crate::message::{Kind, Payload};
use crate::noise::Session;
use crate::timing::{HEARTBEAT_INTERVAL, LOST_AFTER, UNHEARD_AFTER};
use crate::{LocalNode, Output, PeerState, Skew};
use rand::Rng as _;
use std::time::Duration;

/// What is known under one session.
pub(super) struct Live {
    session: Session,
    /// Number of our last heartbeat.
    beat: u64,
    next_beat: Duration,
    /// Highest heartbeat heard.
    heard: u64,
    last_heard: Duration,
    /// Highest heartbeat of ours that the peer has heard, and since when we know.
    echoed: u64,
    last_echo: Duration,
    token: Option<[u8; 16]>,
    /// The peer said that it knows the token.
    peer_armed: bool,
    /// What the peer said of itself.
    introduction: Option<Introduction>,
    /// The peer said that it knows ours.
    introduced: bool,
}

impl Live {
    pub(super) fn new(session: Session, now: Duration) -> Self {
        Self {
            session,
            beat: 0,
            next_beat: now,
            heard: 0,
            last_heard: now,
            echoed: 0,
            last_echo: now,
            token: None,
            peer_armed: false,
            introduction: None,
            introduced: false,
        }
    }

    fn silent_at(&self) -> Duration {
        (self.last_heard + LOST_AFTER).min(self.last_echo + UNHEARD_AFTER)
    }

    pub(super) fn skews(&self, local: &LocalNode) -> Vec<Skew> {
        self.introduction.as_ref().map(|told| told.skews(local)).unwrap_or_default()
    }

    /// More than one heartbeat is overdue.
    pub(super) fn falters(&self, now: Duration) -> bool {
        now >= self.last_heard + HEARTBEAT_INTERVAL * 2
    }

    pub(super) fn deadline(&self) -> Duration {
        self.next_beat.min(self.silent_at())
    }
}

impl Peer {
    pub(super) fn tick_live(&mut self, cx: &mut Context<'_>) {
        let Some(live) = &self.live else { return };
        if cx.now >= live.silent_at() {
            self.lose(cx);
        } else if cx.now >= live.next_beat {
            self.beat(cx);
        }
    }

    /// Sends a heartbeat, and the token and an introduction until the peer has them.
    pub(super) fn beat(&mut self, cx: &mut Context<'_>) {
        let Some(live) = &mut self.live else { return };
        live.beat += 1;
        live.next_beat = cx.now + HEARTBEAT_INTERVAL;
        let heartbeat = Payload::Heartbeat {
            beat: live.beat,
            echo: live.heard,
            armed: live.token.is_some(),
            introduced: live.introduction.is_some(),
        };
        let unarmed = live.token.filter(|_| !live.peer_armed);
        let introduction = (!live.introduced).then(|| Introduction::of(cx.local));
        self.seal(cx, &heartbeat);
        if let Some(token) = unarmed.filter(|_| self.initiates(cx)) {
            self.seal(cx, &Payload::ProbeToken(token));
        }
        if let Some(introduction) = introduction {
            self.seal(cx, &Payload::Introduction(introduction));
        }
    }

    pub(super) fn seal(&mut self, cx: &mut Context<'_>, payload: &Payload) {
        let Some(live) = &mut self.live else { return };
        // Fails when 2^64 messages are used up: silence, then a new session.
        if let Ok(body) = live.session.seal(payload) {
            cx.send(self.rank, Kind::Sealed, &body);
        }
    }

    /// The lower rank's choice, anew for every session.
    pub(super) fn choose_token(&mut self, cx: &mut Context<'_>) {
        let Some(live) = &mut self.live else { return };
        let mut token = [0; 16];
        cx.rng.fill_bytes(&mut token);
        live.token = Some(token);
        cx.out.push(Output::ArmProbe { rank: self.rank, token });
    }

    /// A sealed message: under the live session, or the first under the one
    /// that was offered.
    pub(crate) fn sealed(&mut self, cx: &mut Context<'_>, body: &[u8]) {
        if let Some(Ok(payload)) = self.live.as_mut().map(|live| live.session.open(body)) {
            return self.opened(cx, payload);
        }
        if let Some(mut candidate) = self.candidate.take() {
            if let Ok(payload) = candidate.session.open(body) {
                self.promote_candidate(cx, candidate.session);
                return self.opened(cx, payload);
            }
            self.candidate = Some(candidate);
        }
        cx.drop_message();
    }

    fn opened(&mut self, cx: &mut Context<'_>, payload: Payload) {
        let initiates = self.initiates(cx);
        let Some(live) = &mut self.live else { return };
        live.last_heard = cx.now;
        self.last_heard = Some(cx.now);
        match payload {
            Payload::Heartbeat { beat, echo, armed, introduced } => {
                live.heard = live.heard.max(beat);
                live.peer_armed |= armed;
                live.introduced |= introduced;
                if echo > live.echoed {
                    (live.echoed, live.last_echo) = (echo, cx.now);
                }
            }
            Payload::ProbeToken(token) if !initiates => {
                if live.token != Some(token) {
                    live.token = Some(token);
                    cx.out.push(Output::ArmProbe { rank: self.rank, token });
                }
                self.beat(cx);
            }
            Payload::Introduction(told) if told.is_sound() => {
                if live.introduction.is_none() {
                    let addresses = told.rails().to_vec();
                    // A session anew under the same tags is with the same rails.
                    if !self.rails_inserted && !addresses.is_empty() {
                        self.rails_inserted = true;
                        cx.out.push(Output::AddRails { rank: self.rank, addresses });
                    }
                    live.introduction = Some(told);
                    self.beat(cx);
                }
            }
            Payload::Ask { id, what } => self.asked(cx, id, what),
            Payload::Answer { id, part, parts, bytes } => {
                self.answer_heard(cx, id, part, parts, bytes);
            }
            Payload::ProbeToken(_) | Payload::Introduction(_) => cx.drop_message(),
            Payload::Bye => {
                self.departed = true;
                self.lose(cx);
            }
        }
    }

    fn lose(&mut self, cx: &mut Context<'_>) {
        self.forget_session();
        self.inserted = false;
        cx.out.push(Output::RemovePeer { rank: self.rank });
        let change = self.life.lose(cx.now);
        self.report(cx, change);
        cx.look_ups.restart(cx.now, cx.rng);
    }

    /// Tells the peer that this daemon stops, if there is a session to tell it under.
    pub(crate) fn say_bye(&mut self, cx: &mut Context<'_>) {
        if self.state() == PeerState::Paired {
            self.seal(cx, &Payload::Bye);
        }
    }
}
