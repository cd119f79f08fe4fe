//! From an instance to a rank: what the launch says, or what the registry does.

use super::report::Reporter;
use super::{Engine, Timings};
use crate::backoff::Backoff;
use crate::board::{Reading, name};
use crate::events::{self, Stage};
use crate::registry::{RegistryError, Roster, Standing};
use nixl_cluster::{reason, tag};
use std::time::Duration;

/// Nodes draw on one bucket of DescribeInstances, so waits grow with the cluster.
const PER_NODE: Duration = Duration::from_millis(100);
/// A call that takes longer has failed.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);

impl Engine {
    /// This node's rank, once it has one; `None` if the daemon is to stop.
    pub(super) async fn enrol(&self, report: &mut Reporter) -> Option<u32> {
        let rank = if self.settings.membership.is_launch() {
            self.instance.launch_index
        } else {
            let rank = tokio::select! {
                () = self.stop.cancelled() => return None,
                rank = self.ranked(report) => rank,
            };
            report.ranked(rank);
            rank
        };
        let layout = self.settings.layout();
        let mut is_new = false;
        self.board.describe(|node| {
            is_new = node.rank != Some(rank);
            node.rank = Some(rank);
            node.role = layout.role(rank).map(|role| role.to_string());
            node.peers_expected = u32::try_from(layout.peers(rank).count()).ok();
        });
        if is_new {
            events::ranked(rank);
        }
        Some(rank)
    }

    async fn ranked(&self, report: &mut Reporter) -> u32 {
        let spread = PER_NODE * self.settings.size;
        let Timings { enrol_first, enrol_most, .. } = self.timings;
        let mut backoff = Backoff::new(enrol_first, enrol_most.max(spread));
        loop {
            match self.beat.during(bounded(self.registry.roster())).await {
                Ok(Roster { standing, members }) => {
                    self.board.set(name::LOOK_UP, Reading::good(members.len()));
                    match standing {
                        Standing::Ranked(rank) => return rank,
                        Standing::Claimed(_) => {}
                        Standing::Claims(claim) => {
                            let claim = [(tag::CLAIM, claim.to_string())];
                            match self.beat.during(bounded(self.registry.publish(&claim))).await {
                                Ok(()) => backoff.reset(),
                                Err(error) => self.refused(&error),
                            }
                        }
                        Standing::Waits(reason, why) => report.waits(reason, &why),
                        Standing::Unseen => {
                            let cluster = &self.settings.cluster;
                            let why = format!(
                                "EC2 does not show this instance with the tag nixl:cluster = {cluster}"
                            );
                            report.waits(&reason::MEMBERS_MISSING, &why);
                        }
                    }
                }
                Err(error) => {
                    let reason = &reason::EC2_UNREACHABLE;
                    events::reason(Stage::Discover, reason, &error.message);
                    self.board.set(name::LOOK_UP, Reading::bad(reason, error.message));
                }
            }
            self.beat.during(tokio::time::sleep(backoff.step())).await;
        }
    }

    fn refused(&self, error: &RegistryError) {
        let reason = if error.denied { &reason::REGISTER_DENIED } else { &reason::EC2_UNREACHABLE };
        events::reason(Stage::Register, reason, &error.message);
        self.board.set(name::REGISTRATION, Reading::bad(reason, error.message.as_str()));
    }
}

async fn bounded<T>(
    call: impl Future<Output = Result<T, RegistryError>>,
) -> Result<T, RegistryError> {
    tokio::time::timeout(CALL_TIMEOUT, call).await.unwrap_or_else(|_| {
        let message = format!("no answer from EC2 within {} s", CALL_TIMEOUT.as_secs());
        Err(RegistryError { denied: false, message })
    })
}
