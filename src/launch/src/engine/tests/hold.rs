//! Room that is held: what EC2 may say of a reservation, each with an end.

use super::{down, spec, up_with};
use crate::failure::{Failure, Problem};
use crate::fake::{Fake, Fault};
use crate::plan::{Spec, Wanted, live, owner_tags};
use jiff::Timestamp;
use nixl_aws::ec2::Reservation;
use std::time::Duration;

const UNUSABLE: Fault =
    Fault::Refuse("InvalidCapacityReservationState", "The reservation is not active.", 400);

fn hold() -> Spec {
    Spec { mlflow: Wanted::None, hold: true, ..spec() }
}

/// Zone it came up in.
async fn up(fake: &Fake) -> String {
    up_with(fake, &hold()).await.unwrap().zone
}

/// Every launch went into a reservation that was active then, and none is left.
async fn ends_clean(fake: &Fake) {
    assert_eq!(live(&fake.state().instances).len(), 2);
    assert!(fake.state().reservations.iter().all(|it| it.state != "active"));
    down(fake).await.unwrap();
    assert_eq!(fake.residue(), Vec::<String>::new());
}

/// Its nodes run and their room is held still; `down` gives it back.
async fn ends_with_room(fake: &Fake) {
    assert_eq!(live(&fake.state().instances).len(), 2);
    assert!(fake.state().reservations.iter().any(|it| it.state == "active"));
    down(fake).await.unwrap();
    assert_eq!(fake.residue(), Vec::<String>::new());
}

/// A reservation of an earlier run, in the first zone.
fn left(fake: &Fake, state: &str, secs: i64) {
    fake.state().reservations.push(Reservation {
        id: "cr-left".to_owned(),
        state: state.to_owned(),
        instance_type: hold().instance_types[0].clone(),
        zone: "us-east-1a".to_owned(),
        total: 2,
        available: 2,
        placement_group: Some("nixl-us-east-1a".to_owned()),
        end: Some((Timestamp::now() + Duration::from_secs(secs as u64)).to_string()),
        tags: owner_tags(&Default::default()),
        ..Default::default()
    });
}

#[tokio::test]
async fn pending_room_is_waited_for_before_anything_is_launched() {
    let fake = Fake::new();
    fake.state().reservation_states.push_back("pending");
    fake.state().provisioned.extend(["pending", "pending", "active"]);
    assert_eq!(up(&fake).await, "us-east-1a");
    let calls = fake.state().calls.clone();
    let at = |name: &str| calls.iter().position(|call| *call == name).unwrap();
    let between = &calls[at("CreateCapacityReservation")..at("RunInstances")];
    let looks = between.iter().filter(|call| **call == "DescribeCapacityReservations").count();
    assert_eq!(looks, 3);
    ends_clean(&fake).await;
}

#[tokio::test]
async fn nodes_that_run_are_a_success_also_if_their_room_stays() {
    let fake = Fake::new();
    let denied = Fault::Refuse("UnauthorizedOperation", "not you", 403);
    fake.script("CancelCapacityReservation", &[denied]);
    assert_eq!(up(&fake).await, "us-east-1a");
    ends_with_room(&fake).await;
}

#[tokio::test]
async fn room_that_never_comes_or_fails_is_looked_for_in_the_next_zone() {
    for (made, then) in [("pending", "pending"), ("pending", "failed"), ("failed", "failed")] {
        let fake = Fake::new();
        fake.state().reservation_states.push_back(made);
        fake.state().provisioned.extend([then; 500]);
        assert_eq!(up(&fake).await, "us-east-1b", "{made} {then}");
        assert_eq!(fake.count("RunInstances"), 1);
        let spoiled = fake.state().reservations[0].state.clone();
        assert_eq!(spoiled, if then == "pending" { "cancelled" } else { "failed" });
        ends_clean(&fake).await;
    }
}

#[tokio::test]
async fn reservations_that_are_given_back_already_are_not_asked_for_without_end() {
    for state in ["expired", "cancelled", "unsupported", "a new one"] {
        let fake = Fake::new();
        fake.state().reservation_states.extend([state; 100]);
        let Failure { problem, .. } = up_with(&fake, &hold()).await.unwrap_err();
        let Problem::NoCapacity { refusals, .. } = problem else { panic!("{problem}") };
        assert!(refusals[0].message.ends_with(&format!("is {state}")), "{refusals:?}");
        // In each zone.
        assert_eq!(fake.count("CreateCapacityReservation"), 20);
        assert_eq!(fake.count("RunInstances"), 0);
    }
    // One of an earlier launch is passed over.
    let fake = Fake::new();
    fake.state().reservation_states.push_back("cancelled");
    assert_eq!(up(&fake).await, "us-east-1a");
    ends_clean(&fake).await;
}

#[tokio::test]
async fn what_is_left_is_used_unless_it_ends_soon() {
    for (state, secs, used) in
        [("active", 900, true), ("pending", 900, true), ("active", 120, false)]
    {
        let fake = Fake::new();
        up(&fake).await;
        down(&fake).await.unwrap();
        left(&fake, state, secs);
        fake.state().calls.clear();
        up(&fake).await;
        let made = fake.count("CreateCapacityReservation");
        assert_eq!(made, usize::from(!used), "{state} {secs}");
        let launched = fake.state().instances.last().unwrap().reservation_used.clone();
        assert_eq!(launched.as_deref() == Some("cr-left"), used);
        ends_clean(&fake).await;
    }
}

#[tokio::test]
async fn room_that_cannot_be_launched_into_yet_is_asked_for_again_and_not_for_ever() {
    let fake = Fake::new();
    fake.script("RunInstances", &[UNUSABLE, UNUSABLE]);
    assert_eq!(up(&fake).await, "us-east-1a");
    assert_eq!((fake.count("CreateCapacityReservation"), fake.count("RunInstances")), (1, 3));
    ends_clean(&fake).await;

    let fake = Fake::new();
    fake.script("RunInstances", &vec![UNUSABLE; 100]);
    let failure = up_with(&fake, &hold()).await.unwrap_err();
    assert!(matches!(failure.problem, Problem::NoCapacity { .. }), "{failure}");
    assert_eq!(fake.count("RunInstances"), 8, "four in each zone");
    down(&fake).await.unwrap();
    assert_eq!(fake.residue(), Vec::<String>::new());
}
