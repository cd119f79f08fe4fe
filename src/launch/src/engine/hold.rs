//! `--hold`: room for all nodes is reserved in the placement group before they
//! are launched into it, and given back at once. A reservation is made for all
//! instances or for none, so it is a probe that launches nothing.
//!
//! It is tagged as it is made, ends by itself within minutes, and `down` finds
//! and cancels it. Its token is the launch's and a number; its end is rounded, so
//! that a repeat a moment later is the same request.
//!
//! Source: EC2 API model, CreateCapacityReservation, PlacementGroupArn.

use super::{Engine, now_secs};
use crate::errors::{self, Launch};
use crate::failure::Problem;
use crate::plan::{Attempt, Facts, Plan, is_ours, owner_tags, partition};
use nixl_aws::AwsError;
use nixl_aws::ec2::{CreateReservation, Filter, Market, Reservation, RunInstances};
use nixl_cluster::tag;

/// Ends at a multiple of this, at least this far ahead: long enough for a
/// launch with its retries, and cents where nobody cancels it.
const ROUND_SECS: u64 = 600;

/// States of a reservation that holds room.
const LIVE: [&str; 2] = ["active", "pending"];

/// Room for an attempt.
#[derive(Debug)]
pub(super) enum Held {
    /// Not asked for, or the attempt has a reservation already.
    Not,
    /// In this reservation.
    Room(String),
    /// There is none.
    Refused(Launch, AwsError),
}

impl Engine<'_> {
    /// Holds room for an attempt.
    pub(super) async fn hold(
        &self,
        plan: &Plan,
        attempt: &Attempt,
        request: &RunInstances,
    ) -> Result<Held, Problem> {
        let Some(group) = attempt.placement_group.as_ref().filter(|_| {
            plan.spec.hold && attempt.market == Market::OnDemand && attempt.reservation_id.is_none()
        }) else {
            return Ok(Held::Not);
        };
        let end_secs = (now_secs() / ROUND_SECS + 2) * ROUND_SECS;
        let partition = partition(&self.region);
        let mut wanted = CreateReservation {
            client_token: String::new(),
            instance_type: request.instance_type.clone(),
            zone: attempt.place.zone.clone(),
            count: request.count,
            placement_group_arn: Some(format!(
                "arn:{partition}:ec2:{}:{}:placement-group/{group}",
                self.region, plan.account
            )),
            end_secs,
            tags: owner_tags(&self.cluster),
        };
        let fits = |held: &Reservation| {
            held.instance_type == wanted.instance_type
                && held.zone == wanted.zone
                && held.total == wanted.count
                && held.placement_group.as_ref() == Some(group)
        };
        if let Some(held) = self.held().await?.into_iter().find(|held| fits(held)) {
            return Ok(Held::Room(held.id));
        }
        let again = |error: &AwsError| {
            errors::passes(error) || errors::launch(error) == Launch::AwaitConsistency
        };
        // A token tells of its reservation also when that was given back, so each
        // is asked until one is new.
        let mut n = 0_u32;
        loop {
            wanted.client_token = format!("{}-{n}", request.client_token);
            let call = async || self.services.reservations.create_reservation(&wanted).await;
            match self.pace.patiently(self.pace.consistency, again, call).await {
                Ok(held) if LIVE.contains(&held.state.as_str()) => {
                    self.progress.told(&format!("room for {} held: {}", wanted.count, held.id));
                    return Ok(Held::Room(held.id));
                }
                Ok(_) => {}
                Err(error) => match errors::launch(&error) {
                    class @ (Launch::NextZone
                    | Launch::NotHere
                    | Launch::NextSubnet
                    | Launch::NextFamily
                    | Launch::NextMarket) => return Ok(Held::Refused(class, error)),
                    // Made a while ago with another end, and given back since.
                    Launch::Adopt => {}
                    _ => return Err(error.into()),
                },
            }
            n += 1;
        }
    }

    /// Reservations that the cluster holds now.
    pub(super) async fn held(&self) -> nixl_aws::Result<Vec<Reservation>> {
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str()), Filter::new("state", LIVE)];
        let call = async || self.services.reservations.describe_reservations(&ours).await;
        self.pace.patiently(self.pace.consistency, errors::passes, call).await
    }

    /// Gives all held room back.
    pub(super) async fn let_go_all(&self) -> nixl_aws::Result<()> {
        for held in self.held().await? {
            self.let_go(&held.id).await?;
        }
        Ok(())
    }

    /// Gives back what a run before held and did not come to give back. What
    /// does not go now ends by itself.
    pub(super) async fn let_go_left(&self, facts: &Facts) {
        let left = |it: &Reservation| {
            is_ours(&self.cluster, &it.tags) && LIVE.contains(&it.state.as_str())
        };
        if facts.reservations.value().is_some_and(|all| all.iter().any(left))
            && let Err(error) = self.let_go_all().await
        {
            self.progress.told(&format!("held room stays until its end: {error}"));
        }
    }

    /// Gives held room back; what runs in it runs on.
    async fn let_go(&self, id: &str) -> nixl_aws::Result<()> {
        let call = async || self.services.reservations.cancel_reservation(id).await;
        self.removed(self.pace.patiently(self.pace.consistency, errors::passes, call).await)
    }
}
