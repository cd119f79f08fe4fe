//! What the metadata service tells, and the SSM agent, which depends on it.

use super::{System, known, off_the_runtime};
use crate::backoff::Backoff;
use crate::board::{self, Settle};
use crate::events::{self, Stage};
use crate::system::facts::{Credentials, SsmAgent};
use crate::system::late::Late;
use crate::system::power_off::Ending;
use crate::system::ssm_agent::{self, Unit};
use crate::system::time::{monotonic, rfc3339};
use crate::system::{credentials, host, imds, lifetime, name, notices};
use jiff::Timestamp;
use nixl_aws::{AwsError, ErrorKind};
use nixl_cluster::tag;
use std::io;
use std::time::{Duration, Instant};

/// A lost answer is no fault of IMDS.
const IMDS_SETTLE: Settle = Settle { bad_after: 3, good_after: 1 };
/// EC2 counts such requests (CloudWatch, `MetadataNoToken`), so they are rare.
const TOKENS_INTERVAL: Duration = Duration::from_secs(6 * 3600);
const TOKENS_AGAIN: Duration = Duration::from_secs(60);
/// An agent that restarts, as for an update, is not down.
const AGENT_SETTLE: Settle = Settle { bad_after: 2, good_after: 1 };

impl System {
    pub(super) async fn watch_spot(&self) {
        let mut unanswered = Backoff::new(self.pace.spot, self.pace.unanswered_most);
        let mut odd_since = None;
        loop {
            let told = self.imds.spot_action().await;
            self.tell_imds(told.as_ref().err());
            let now = Timestamp::now();
            let notice = match told {
                Ok(told) => {
                    odd_since = None;
                    Some(notices::spot(told, now))
                }
                // There is one, and nobody knows what it says.
                Err(error) if error.kind == ErrorKind::Ambiguous => {
                    Some(Some(notices::odd_spot(*odd_since.get_or_insert(now))))
                }
                Err(_) => None,
            };
            let wait = match notice {
                None => unanswered.step(),
                Some(notice) => {
                    unanswered.reset();
                    self.tell(name::SPOT, notices::judge_spot(notice.as_ref(), now));
                    self.state.change(|facts| facts.notices.spot = notice);
                    self.pace.spot
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Whether the metadata service answers; until the node has booted, that is
    /// told by who boots it.
    fn tell_imds(&self, error: Option<&AwsError>) {
        let Some(instance) = self.state.change(|facts| facts.instance.clone()) else { return };
        // A document that is not understood was an answer.
        let error = error.filter(|error| error.kind != ErrorKind::Ambiguous);
        let reading = imds::judge(&instance.instance_type, error);
        self.board.set_settled(board::name::IMDS, vec![reading], IMDS_SETTLE);
    }

    pub(super) async fn watch_notices(&self) {
        loop {
            let now = Timestamp::now();
            if let Ok(told) = self.imds.rebalance().await {
                let at = told.map(|at| rfc3339(&at).unwrap_or(now));
                self.tell(name::REBALANCE, notices::judge_rebalance(at));
                self.state.change(|facts| facts.notices.rebalance_at = at);
            }
            if let Ok(told) = self.imds.scheduled_events().await {
                let events = notices::maintenance(told);
                let readings = notices::judge_maintenance(&events, now);
                self.board.set_settled(name::MAINTENANCE, readings, Settle::AT_ONCE);
                self.state.change(|facts| facts.notices.maintenance = events);
            }
            tokio::time::sleep(self.pace.notices).await;
        }
    }

    /// Follows the tag to its end. It is read again at the end itself, so that
    /// one that was just moved counts; without an answer nothing is ended, for
    /// there are others that do it.
    pub(super) async fn watch_lifetime(&self) {
        let mut ending = Ending::default();
        loop {
            let mut wait = self.pace.notices;
            if let Ok(value) = self.imds.tag(tag::EXPIRES_AT).await {
                let now = Timestamp::now();
                let (reading, expires_at) = lifetime::judge(value.as_deref(), now);
                self.tell(name::LIFETIME, reading);
                self.state.change(|facts| facts.expires_at = expires_at);
                let left = expires_at.map(|at| at.duration_since(now));
                let (left_secs, stage) = (left.map(|left| left.as_secs()), self.board.stage());
                ending.look(left_secs, now, stage, lifetime::WHY);
                match left {
                    Some(left) if left.is_positive() => wait = wait.min(left.unsigned_abs()),
                    Some(_) => ending.over(self.folders.runtime.as_deref(), stage, lifetime::WHY),
                    None => {}
                }
            }
            tokio::time::sleep(wait).await;
        }
    }

    pub(super) async fn watch_tokens(&self) {
        loop {
            let wait = match self.imds.tokens_required().await {
                Err(_) => TOKENS_AGAIN,
                Ok(required) => {
                    self.tell(name::IMDS_TOKENS, imds::judge_tokens(required));
                    self.state.change(|facts| facts.tokens_required = Some(required));
                    // Who has just been told may be about to change it.
                    if required { TOKENS_INTERVAL } else { TOKENS_AGAIN }
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    pub(super) async fn watch_role(&self) {
        let begun = Instant::now();
        let mut late = self.late().await;
        loop {
            let told = self.imds.role().await.ok().map(Credentials::of);
            let there = told.as_ref().map(Credentials::there);
            if let Some(told) = told {
                self.state.change(|facts| facts.credentials = Some(told));
            }
            // Without an answer those that were known go on ageing.
            if let Some(last) = self.state.change(|facts| facts.credentials.clone()) {
                let reading = credentials::judge(&last, Timestamp::now(), begun.elapsed());
                self.tell(name::CREDENTIALS, reading);
            }
            let agent = known("the SSM agent", ssm_agent::read(&self.root).await);
            if let Some(there) = there {
                let agent = agent.clone().flatten();
                let stage = self.board.stage();
                let weighed = move || Ok(weigh(late, there, agent.as_ref(), stage));
                let done = off_the_runtime(weighed).await;
                late = match known("late credentials", done) {
                    Some(after) => after,
                    None => self.late().await,
                };
            }
            if let Some(agent) = agent {
                self.tell_agent(agent.as_ref(), &late, begun.elapsed());
            }
            let interval = if there == Some(true) { self.pace.role } else { self.pace.no_role };
            tokio::time::sleep(interval).await;
        }
    }

    /// What is kept of this boot, once the boot is known.
    async fn late(&self) -> Late {
        loop {
            let (root, folders) = (self.root.clone(), self.folders.clone());
            let late = off_the_runtime(move || {
                let boot_id = host::read(&root)?.boot_id;
                Ok(Late::new(&boot_id, folders.state, folders.runtime))
            });
            if let Some(late) = known("this boot", late.await) {
                return late;
            }
            tokio::time::sleep(self.pace.no_role).await;
        }
    }

    fn tell_agent(&self, agent: Option<&Unit>, late: &Late, up: Duration) {
        let known = SsmAgent::of(agent, late.asked());
        let reading = ssm_agent::judge(&known, late.asleep(agent, monotonic()), up);
        self.board.set_settled(name::SSM_AGENT, vec![reading], AGENT_SETTLE);
        self.state.change(|facts| facts.ssm_agent = Some(known));
    }
}

/// Whether credentials came too late for the agent, which is done about at once.
fn weigh(mut late: Late, there: bool, agent: Option<&Unit>, stage: Stage) -> Late {
    let now = monotonic();
    if !there {
        late.missed(now);
        return late;
    }
    let asked: io::Result<bool> = late.seen(agent, now);
    match asked {
        Ok(false) => {}
        Ok(true) => events::ssm_restart(stage),
        Err(error) => tracing::warn!(%error, "no restart of the SSM agent: {error}"),
    }
    late
}
