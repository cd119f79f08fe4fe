//! Questions and answers while the pair lasts.

use super::{Context, Peer};
use crate::question::Heard;
use crate::{Output, PeerState, Question, Unanswered};

impl Peer {
    /// Asks it.
    pub(crate) fn ask(&mut self, cx: &mut Context<'_>, what: Question) {
        let asked = match self.state() {
            PeerState::Paired => self.questions.ask(cx.now, what),
            _ => Err(Unanswered::NotPaired),
        };
        match asked {
            Ok(question) => self.seal(cx, &question),
            Err(why) => self.unanswered(cx, what, why),
        }
    }

    /// What to say to its question.
    pub(crate) fn answer(&mut self, id: u64, bytes: &[u8]) {
        self.questions.answer(id, bytes);
    }

    pub(super) fn asked(&mut self, cx: &mut Context<'_>, id: u64, what: Question) {
        if self.questions.asked(cx.now, id) {
            cx.out.push(Output::Asked { rank: self.rank, id, what });
        } else {
            cx.drop_message();
        }
    }

    pub(super) fn answer_heard(
        &mut self,
        cx: &mut Context<'_>,
        id: u64,
        part: u8,
        parts: u8,
        bytes: Vec<u8>,
    ) {
        match self.questions.heard(id, part, parts, bytes) {
            Heard::Foreign => cx.drop_message(),
            Heard::Part => {}
            Heard::Whole(what, bytes) => {
                cx.out.push(Output::Answered { rank: self.rank, what, answer: Ok(bytes) });
            }
        }
    }

    /// Sends what is due; without a session there is nobody to ask or to answer.
    pub(super) fn tick_questions(&mut self, cx: &mut Context<'_>) {
        if self.state() != PeerState::Paired {
            if let Some(what) = self.questions.lost() {
                self.unanswered(cx, what, Unanswered::NotPaired);
            }
            return;
        }
        let (send, given_up) = self.questions.due(cx.now);
        for payload in send {
            self.seal(cx, &payload);
        }
        if let Some(what) = given_up {
            self.unanswered(cx, what, Unanswered::TimedOut);
        }
    }

    fn unanswered(&self, cx: &mut Context<'_>, what: Question, why: Unanswered) {
        cx.out.push(Output::Answered { rank: self.rank, what, answer: Err(why) });
    }
}
