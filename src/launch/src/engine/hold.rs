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
use crate::failure::{Problem, Refusal};
use crate::plan::{Attempt, Facts, Plan, is_ours, owner_tags, partition};
use nixl_aws::AwsError;
use nixl_aws::ec2::{CreateReservation, Filter, Market, Reservation, RunInstances};
use nixl_cluster::tag;

/// Ends at a multiple of this, at least this far ahead: long enough for a
/// launch with its retries, and cents where nobody cancels it.
const ROUND_SECS: u64 = 600;
/// One that was left is launched into only if it lasts this long.
const LEAST_SECS: i64 = 300;
/// Reservations of one launch and one end: each is asked of EC2 by a token of
/// its own, and there is no reason for more than a few to be given back.
const MOST: u32 = 10;

const ACTIVE: &str = "active";
const PENDING: &str = "pending";
/// States of a reservation that holds room.
const LIVE: [&str; 2] = [ACTIVE, PENDING];

/// Room for an attempt.
#[derive(Debug)]
pub(super) enum Held {
    /// Not asked for, or the attempt has a reservation already.
    Not,
    /// In this reservation.
    Room(String),
    /// There is none.
    Refused(Launch, Refusal),
}

/// EC2 cannot launch into a reservation, as it is or as EC2 sees it yet.
pub(super) fn is_unusable(problem: &Problem) -> bool {
    let Problem::Aws { error, .. } = problem else { return false };
    error.is(&["InvalidCapacityReservationState", "InvalidCapacityReservationId.NotFound"])
}

/// What is told of room that could not be given back.
pub(super) fn stays(error: &AwsError) -> String {
    format!("held room stays until its end: {error}")
}

/// A reservation that came to nothing: there may be room elsewhere, and here later.
fn no_room(attempt: &Attempt, held: &Reservation) -> Held {
    let message = format!("reservation {} is {}", held.id, held.state);
    let code = "CapacityReservation".to_owned();
    Held::Refused(Launch::NextZone, Refusal { key: attempt.key(), code, message, advice: None })
}

/// Whether it ends before a launch would be through.
fn ends_soon(held: &Reservation) -> bool {
    let end = held.end.as_deref().and_then(|end| end.parse::<jiff::Timestamp>().ok());
    let now = i64::try_from(now_secs()).unwrap_or(i64::MAX);
    end.is_some_and(|end| end.as_second() < now.saturating_add(LEAST_SECS))
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
        let slot = now_secs() / ROUND_SECS + 2;
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
            end_secs: slot * ROUND_SECS,
            tags: owner_tags(&self.cluster),
        };
        let fits = |held: &Reservation| {
            held.instance_type == wanted.instance_type
                && held.zone == wanted.zone
                && held.total == wanted.count
                && held.placement_group.as_ref() == Some(group)
        };
        for held in self.held().await?.into_iter().filter(fits) {
            if !ends_soon(&held) {
                return self.provisioned(attempt, held).await;
            }
            self.let_go(&held.id).await?;
        }
        let again = |error: &AwsError| {
            errors::passes(error) || errors::launch(error) == Launch::AwaitConsistency
        };
        // A token tells of its reservation also when that was given back, so each
        // is asked until one is new.
        let mut last = Reservation::default();
        for n in 0..MOST {
            wanted.client_token = format!("{}-{slot}-{n}", request.client_token);
            let call = async || self.services.reservations.create_reservation(&wanted).await;
            match self.pace.patiently(self.pace.consistency, again, call).await {
                Ok(held) if LIVE.contains(&held.state.as_str()) => {
                    return self.provisioned(attempt, held).await;
                }
                Ok(held) if held.state == "failed" => return Ok(no_room(attempt, &held)),
                Ok(held) => last = held,
                Err(error) => match errors::launch(&error) {
                    class @ (Launch::NextZone
                    | Launch::NotHere
                    | Launch::NextSubnet
                    | Launch::NextFamily
                    | Launch::NextMarket) => {
                        return Ok(Held::Refused(class, Refusal::of(attempt, &error)));
                    }
                    _ => return Err(error.into()),
                },
            }
        }
        Ok(no_room(attempt, &last))
    }

    /// Waits until a reservation has its room. One that EC2 does not show yet
    /// is waited for as well.
    async fn provisioned(&self, attempt: &Attempt, mut held: Reservation) -> Result<Held, Problem> {
        let start = self.pace.clock.now();
        while held.state == PENDING {
            if self.pace.clock.since(start) >= self.pace.consistency || self.pace.stop.is_asked() {
                self.let_go(&held.id).await?;
                return Ok(no_room(attempt, &held));
            }
            self.pace.clock.sleep(self.pace.poll).await;
            let call = async || self.services.reservations.reservation(&held.id).await;
            let shown = self.pace.patiently(self.pace.consistency, errors::passes, call).await?;
            held = shown.unwrap_or(held);
        }
        if held.state != ACTIVE {
            return Ok(no_room(attempt, &held));
        }
        self.progress.told(&format!("room for {} held: {}", held.total, held.id));
        Ok(Held::Room(held.id))
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
            self.progress.told(&stays(&error));
        }
    }

    /// Gives held room back; what runs in it runs on.
    async fn let_go(&self, id: &str) -> nixl_aws::Result<()> {
        let call = async || self.services.reservations.cancel_reservation(id).await;
        self.removed(self.pace.patiently(self.pace.consistency, errors::passes, call).await)
    }
}
