//! The end of nodes, as it is tagged, recorded and scheduled.

use crate::engine::{Patience, Removal};
use crate::failure::{Failure, Problem};
use crate::fake::{Fake, Fault, REGION};
use crate::lifetime::End;
use crate::plan::Spec;
use crate::report::Report;
use std::time::Duration;

fn spec() -> Spec {
    Spec::new(Default::default(), REGION)
}

async fn up(fake: &Fake, spec: &Spec) -> Result<Report, Failure> {
    let services = fake.services();
    let patience = Patience { ready: Duration::from_millis(500), capacity: Duration::ZERO };
    fake.engine(&services).up(spec, patience).await
}

fn ends(fake: &Fake) -> Vec<End> {
    fake.state().instances.iter().map(|node| End::of(node).unwrap()).collect()
}

#[tokio::test]
async fn every_node_has_its_end_in_a_tag_and_a_schedule() {
    let fake = Fake::new();
    fake.state().scheduler.role_unseen = 2;
    up(&fake, &spec()).await.unwrap();
    let ends = ends(&fake);
    assert_eq!(ends[0].to_string(), "2100-01-01T08:00:00Z", "eight hours from the launch on");
    {
        let state = fake.state();
        let schedules: Vec<_> = state.scheduler.schedules.values().collect();
        assert_eq!(schedules.len(), 2);
        for (schedule, node) in schedules.iter().zip(&state.instances) {
            assert_eq!(schedule.input, format!("{{\"InstanceIds\":[\"{}\"]}}", node.id));
            assert_eq!(format!("{}Z", schedule.at_utc), ends[0].to_string());
        }
        assert!(
            state.policies["nixl-scheduler-us-east-1"]["nixl-end-nodes"].contains("nixl:cluster")
        );
    }
    // A second `up` leaves the end as it is, and mends what is missing.
    fake.state().scheduler.schedules.pop_first();
    let other = Spec { ttl_secs: Some(60), ..spec() };
    up(&fake, &other).await.unwrap();
    assert_eq!(self::ends(&fake), ends);
    assert_eq!(fake.state().scheduler.schedules.len(), 2);
    assert_eq!(fake.count("UpdateSchedule"), 0);
}

#[tokio::test]
async fn without_end_there_is_neither() {
    let fake = Fake::new();
    up(&fake, &Spec { ttl_secs: None, ..spec() }).await.unwrap();
    assert_eq!(ends(&fake), [End::Never, End::Never]);
    let state = fake.state();
    assert!(
        state.scheduler.groups.is_empty() && !state.roles.contains_key("nixl-scheduler-us-east-1")
    );
}

#[tokio::test]
async fn a_group_of_another_owner_is_left_alone() {
    let fake = Fake::new();
    let group = nixl_aws::scheduler::ScheduleGroup {
        name: "nixl-scheduler".to_owned(),
        ..Default::default()
    };
    fake.state().scheduler.groups.insert(group.name.clone(), group);
    let failure = up(&fake, &spec()).await.unwrap_err();
    assert!(matches!(failure.problem, Problem::Foreign { kind: "schedule group", .. }));
    let services = fake.services();
    let removed = fake.engine(&services).down(Removal::ALL).await.unwrap();
    assert!(removed.foreign.iter().any(|it| it.kind == "schedule group"), "{removed:?}");
    assert!(fake.state().scheduler.groups.contains_key("nixl-scheduler"));
}

#[tokio::test]
async fn a_lost_answer_of_a_schedule_makes_no_second_one() {
    let fake = Fake::new();
    fake.script("CreateSchedule", &[Fault::Lose]);
    assert!(up(&fake, &spec()).await.is_err());
    up(&fake, &spec()).await.unwrap();
    assert_eq!(fake.state().scheduler.schedules.len(), 2);
    assert_eq!(fake.count("RunInstances"), 1);
}
