//! Questions that paired nodes ask each other under seal. What an answer says
//! is the drivers' business; here it is bytes, bounded, in numbered parts.

use crate::message::Payload;
use crate::timing::{
    ANSWER_WITHIN, ASK_AGAIN, PARTS_AT_ONCE, PARTS_INTERVAL, QUESTION_EVERY, QUESTIONS_AT_ONCE,
};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

/// Longest part: with header, seal and the numbers it fits into a message.
pub(crate) const PART_BYTES: usize = 4000;
const MAX_PARTS: usize = 16;
/// Longest answer.
pub const MAX_ANSWER_BYTES: usize = MAX_PARTS * PART_BYTES;

/// What one node may ask another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Question {
    /// Its calendar clock at this moment.
    Time,
    /// Its health document.
    Health,
    /// Versions of its software.
    Versions,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// Only paired nodes ask each other, and the pair may be lost meanwhile.
    #[error("this node is not paired with it")]
    NotPaired,
    /// One question at a time.
    #[error("another question to it is under way")]
    Busy,
    /// Nothing came back, however often it was asked.
    #[error("it gave no whole answer within {} s", ANSWER_WITHIN.as_secs())]
    TimedOut,
}

/// What a part of an answer brought about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It belongs to no question of ours, or is no part of an answer.
    Foreign,
    /// More have to come.
    Part,
    /// The answer is whole.
    Whole(Question, Vec<u8>),
}

/// A question of ours.
struct Asking {
    id: u64,
    what: Question,
    /// When it is given up.
    until: Duration,
    /// When it is asked anew: a message of question or answer got lost.
    again: Duration,
    parts: Vec<Option<Vec<u8>>>,
}

/// A question of the peer's.
struct Answering {
    id: u64,
    count: u8,
    /// What is still to be sent, with its number.
    parts: VecDeque<(u8, Vec<u8>)>,
    next: Duration,
}

/// Questions between this node and one peer, one at a time each way. It holds
/// two answers at most.
#[derive(Default)]
pub(crate) struct Questions {
    last_id: u64,
    asking: Option<Asking>,
    answering: Option<Answering>,
    /// Until when the questions taken so far use up the peer's share.
    used_until: Duration,
}

impl Questions {
    /// Begins to ask.
    pub(crate) fn ask(&mut self, now: Duration, what: Question) -> Result<Payload, Unanswered> {
        if self.asking.is_some() {
            return Err(Unanswered::Busy);
        }
        Ok(self.start(now, now + ANSWER_WITHIN, what))
    }

    fn start(&mut self, now: Duration, until: Duration, what: Question) -> Payload {
        self.last_id += 1;
        let id = self.last_id;
        self.asking = Some(Asking { id, what, until, again: now + ASK_AGAIN, parts: Vec::new() });
        Payload::Ask { id, what }
    }

    /// The peer asks; whether it is to be answered. A newer question takes the
    /// place of an older one, which the peer has given up.
    pub(crate) fn asked(&mut self, now: Duration, id: u64) -> bool {
        let used = self.used_until.max(now) + QUESTION_EVERY;
        if used > now + QUESTION_EVERY * QUESTIONS_AT_ONCE {
            return false;
        }
        self.used_until = used;
        self.answering = Some(Answering { id, count: 0, parts: VecDeque::new(), next: now });
        true
    }

    /// What to say to a question of the peer's; nothing where it is too long or
    /// nobody waits for it any more.
    pub(crate) fn answer(&mut self, id: u64, bytes: &[u8]) {
        let Some(answering) = self.answering.as_mut().filter(|a| a.id == id && a.count == 0) else {
            return;
        };
        let parts = match bytes.len() {
            0 => vec![Vec::new()],
            1..=MAX_ANSWER_BYTES => bytes.chunks(PART_BYTES).map(<[u8]>::to_vec).collect(),
            _ => Vec::new(),
        };
        answering.parts = (0..).zip(parts).collect();
        // At most MAX_PARTS.
        answering.count = u8::try_from(answering.parts.len()).unwrap_or(0);
    }

    /// A part of an answer came in.
    pub(crate) fn heard(&mut self, id: u64, part: u8, parts: u8, bytes: Vec<u8>) -> Heard {
        let Some(asking) = self.asking.as_mut().filter(|asking| asking.id == id) else {
            return Heard::Foreign;
        };
        let (part, parts) = (usize::from(part), usize::from(parts));
        let told_before = asking.parts.len();
        if part >= parts
            || parts > MAX_PARTS
            || bytes.len() > PART_BYTES
            || (told_before > 0 && told_before != parts)
        {
            return Heard::Foreign;
        }
        asking.parts.resize(parts, None);
        asking.parts[part] = Some(bytes);
        if asking.parts.iter().any(Option::is_none) {
            return Heard::Part;
        }
        let what = asking.what;
        let whole = self.asking.take().map(|asking| asking.parts).unwrap_or_default();
        Heard::Whole(what, whole.into_iter().flatten().flatten().collect())
    }

    /// What is to be sent now, and the question that is given up.
    pub(crate) fn due(&mut self, now: Duration) -> (Vec<Payload>, Option<Question>) {
        let mut send = Vec::new();
        if let Some(answering) = self.answering.as_mut().filter(|a| now >= a.next) {
            let Answering { id, count: parts, .. } = *answering;
            let some = answering.parts.len().min(PARTS_AT_ONCE);
            let some = answering.parts.drain(..some);
            send.extend(some.map(|(part, bytes)| Payload::Answer { id, part, parts, bytes }));
            answering.next = now + PARTS_INTERVAL;
        }
        self.answering.take_if(|answering| answering.count > 0 && answering.parts.is_empty());
        if let Some(asking) = self.asking.take_if(|asking| now >= asking.until) {
            return (send, Some(asking.what));
        }
        if let Some(Asking { what, until, .. }) = self.asking.take_if(|a| now >= a.again) {
            send.push(self.start(now, until, what));
        }
        (send, None)
    }

    /// The pair is lost; the question that cannot be answered any more.
    pub(crate) fn lost(&mut self) -> Option<Question> {
        self.answering = None;
        self.asking.take().map(|asking| asking.what)
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let asking = self.asking.as_ref().map(|asking| asking.again.min(asking.until));
        let answering = self.answering.as_ref().filter(|answering| !answering.parts.is_empty());
        asking.into_iter().chain(answering.map(|answering| answering.next)).min()
    }
}

#[cfg(test)]
mod tests;
