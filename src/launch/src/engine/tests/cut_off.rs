//! What a run that was cut off leaves, and whoever goes on with it.

use super::{CAPACITY, down, patience, up, up_with};
use crate::failure::Problem;
use crate::fake::{Fake, Fault};
use crate::plan::{PublicAddress, Spec, Wanted, live, owner_tags};
use nixl_aws::Tag;
use nixl_aws::ec2::{Address, PlacementGroup};
use std::time::Duration;

fn plain() -> Spec {
    Spec { mlflow: Wanted::None, ..super::spec() }
}

fn placement_groups(fake: &Fake) -> Vec<String> {
    fake.state().placement.iter().map(|it| it.name.clone()).collect()
}

/// Of the calls of a fake those that change something, as it counts them.
fn changes(calls: &[&'static str]) -> Vec<&'static str> {
    let reads = ["Describe", "Get", "List", "Head", "SendCommand"];
    let changes = |call: &&&str| !reads.iter().any(|read| call.starts_with(read));
    calls.iter().filter(changes).copied().collect()
}

/// `down` ended its nodes and was cut off before it came to their schedules.
#[tokio::test]
async fn schedules_of_nodes_that_are_gone_go_and_others_stay() {
    let fake = Fake::new();
    up(&fake).await.unwrap();
    let gone: Vec<String> = fake.state().instances.iter().map(|it| it.id.clone()).collect();
    fake.state().instances.iter_mut().for_each(|it| it.state = "terminated".to_owned());
    up(&fake).await.unwrap();
    let kept = |fake: &Fake| fake.state().scheduler.schedules.keys().cloned().collect::<Vec<_>>();
    assert!(kept(&fake).len() == 2 && gone.iter().all(|id| !kept(&fake).contains(id)));
    // One that EC2 still shows is not ended by anybody's guess.
    {
        let mut state = fake.state();
        let mut other = state.instances[2].clone();
        other.id = "i-stopped".to_owned();
        other.state = "stopped".to_owned();
        let schedule = state.scheduler.schedules.values().next().cloned().unwrap();
        state.scheduler.schedules.insert(other.id.clone(), schedule);
        other.tags.retain(|tag| tag.key != "nixl:size");
        state.instances.push(other);
    }
    let services = fake.services();
    let engine = fake.engine(&services);
    let nodes = live(&fake.state().instances);
    engine.schedule_ends(&nodes, super::super::lifetime::Moves::Later).await.unwrap();
    assert!(kept(&fake).contains(&"i-stopped".to_owned()));
    down(&fake).await.unwrap();
    assert_eq!(fake.residue(), Vec::<String>::new());
}

/// `up` was cut off between its nodes and the groups of zones without room.
#[tokio::test]
async fn placement_groups_of_other_zones_go_with_the_next_up() {
    let fake = Fake::new();
    fake.script("RunInstances", &[CAPACITY]);
    // The end comes at the removal of the first zone's group.
    let probe = Fake::new();
    probe.script("RunInstances", &[CAPACITY]);
    up_with(&probe, &plain()).await.unwrap();
    let calls = probe.state().calls.clone();
    let at = changes(&calls).iter().position(|call| *call == "DeletePlacementGroup").unwrap();
    fake.state().dies_at = Some((at, false));
    let services = fake.services();
    let asked = plain();
    let engine = fake.engine(&services);
    assert!(fake.dead(engine.up(&asked, patience(500))).await);
    assert_eq!(placement_groups(&fake).len(), 2);
    up_with(&fake, &plain()).await.unwrap();
    assert_eq!(placement_groups(&fake), ["nixl-us-east-1b"]);
    assert_eq!(fake.count("RunInstances"), 2);
}

#[tokio::test]
async fn a_placement_group_that_is_being_deleted_is_not_launched_into() {
    let fake = Fake::new();
    fake.state().placement.push(PlacementGroup {
        id: "pg-old".to_owned(),
        name: "nixl-us-east-1a".to_owned(),
        state: "deleting".to_owned(),
        strategy: "cluster".to_owned(),
        tags: owner_tags(&plain().cluster),
    });
    up_with(&fake, &plain()).await.unwrap();
    let state = fake.state();
    assert_eq!(state.placement.len(), 1);
    assert_ne!(state.placement[0].id, "pg-old");
    assert_eq!(state.instances[0].placement_group.as_deref(), Some("nixl-us-east-1a"));
}

fn elastic() -> Spec {
    Spec { public_address: PublicAddress::Elastic, ..plain() }
}

/// EC2 hides for a while what it allocated before the answer was lost.
#[tokio::test]
async fn an_address_that_ec2_hides_is_found_after_a_lost_answer() {
    let fake = Fake::new();
    fake.script("AllocateAddress", &[Fault::Lose]);
    fake.state().hidden_addresses = 4;
    up_with(&fake, &elastic()).await.unwrap();
    assert_eq!(fake.count("AllocateAddress"), 2);
    assert_eq!(fake.state().addresses.len(), 2);
}

/// A run was killed after it allocated one that nobody sees yet.
#[tokio::test]
async fn a_surplus_address_is_released_and_no_other() {
    let fake = Fake::new();
    let address = |id: &str, cluster: &str| Address {
        id: id.to_owned(),
        public_ip: "198.51.100.200".to_owned(),
        interface_id: None,
        tags: vec![Tag::new("nixl:cluster", cluster), Tag::new("Name", "nixl-node1")],
    };
    fake.state().addresses = vec![address("surplus", "nixl"), address("strange", "other")];
    // Not seen by the plan, nor by whoever gives addresses.
    fake.state().hidden_addresses = 2;
    up_with(&fake, &elastic()).await.unwrap();
    let ids: Vec<_> = fake.state().addresses.iter().map(|it| it.id.clone()).collect();
    assert!(ids.len() == 3 && ids.contains(&"strange".to_owned()), "{ids:?}");
    assert!(!ids.contains(&"surplus".to_owned()), "{ids:?}");
}

/// Killed after the launch, and continued with another wish.
#[tokio::test]
async fn nodes_keep_the_way_out_they_were_launched_with() {
    for (launched, asked, addresses) in [
        (elastic(), plain(), 2),
        (elastic(), Spec { public_address: PublicAddress::None, ..plain() }, 2),
        (elastic(), Spec { zones: vec!["us-east-1b".to_owned()], ..plain() }, 2),
        (plain(), elastic(), 0),
    ] {
        let probe = Fake::new();
        up_with(&probe, &launched).await.unwrap();
        let fake = Fake::new();
        // All that comes after the launch is refused.
        fake.script("AllocateAddress", &[super::DENIED, super::DENIED]);
        fake.script("CreateTags", &[super::DENIED]);
        assert!(up_with(&fake, &launched).await.is_err());
        fake.state().script.clear();
        assert!(fake.state().addresses.is_empty());
        let report = up_with(&fake, &asked).await.unwrap();
        assert_eq!(fake.state().addresses.len(), addresses, "{asked:?}");
        assert_eq!((report.nodes.len(), fake.count("RunInstances")), (2, 1));
    }
}

/// Whoever wants to leave does not wait until a lost launch must be visible.
#[tokio::test]
async fn a_search_for_a_lost_launch_ends_with_ctrl_c() {
    let fake = Fake::new();
    let services = fake.services();
    let mut engine = fake.engine(&services);
    engine.pace.settle = Duration::from_secs(3600);
    let start = engine.pace.clock.now();
    engine.pace.stop.ask();
    let problem = engine.appeared("nixl-nowhere").await.unwrap_err();
    assert!(matches!(problem, Problem::Interrupted), "{problem}");
    assert!(engine.pace.clock.since(start) < Duration::from_secs(1));
    assert_eq!(fake.count("DescribeInstances"), 1);
}

/// Killed between its launch and the return of the room that was held for it.
#[tokio::test]
async fn held_room_of_a_run_that_was_cut_off_is_given_back() {
    let asked = Spec { hold: true, ..plain() };
    let probe = Fake::new();
    up_with(&probe, &asked).await.unwrap();
    let calls = probe.state().calls.clone();
    let at = changes(&calls).iter().position(|call| *call == "CancelCapacityReservation").unwrap();
    let fake = Fake::new();
    fake.state().dies_at = Some((at, false));
    let services = fake.services();
    let engine = fake.engine(&services);
    assert!(fake.dead(engine.up(&asked, patience(500))).await);
    let held = || fake.state().reservations.iter().filter(|it| it.state == "active").count();
    assert_eq!(held(), 1);
    up_with(&fake, &asked).await.unwrap();
    assert_eq!((held(), fake.count("RunInstances")), (0, 1));
}
