//! The search for room, the memory of refusals, held room, and launches that
//! die on arrival.

use super::{ALL, CAPACITY, DENIED, down, patience, spec, up, up_with};
use crate::engine::{Clock, Engine, Pace, Patience, Removal};
use crate::failure::{Left, Problem};
use crate::fake::{Fake, Fault};
use crate::keys;
use crate::plan::{PublicAddress, Spec, Wanted, live};
use nixl_aws::Tag;
use nixl_aws::ec2::Market;
use std::time::Duration;

fn plain() -> Spec {
    Spec { mlflow: Wanted::None, ..spec() }
}

fn tag(fake: &Fake, key: &str) -> String {
    Tag::find(&fake.state().groups[0].tags, key).unwrap_or_default().to_owned()
}

/// Calls that change something or launch, in order, up to and with the first
/// RunInstances.
fn before_launch(fake: &Fake) -> Vec<&'static str> {
    let calls = fake.state().calls.clone();
    let at = calls.iter().position(|call| *call == "RunInstances").unwrap();
    let reads = ["Describe", "Get", "List", "Head"];
    calls[..=at]
        .iter()
        .filter(|call| !reads.iter().any(|read| call.starts_with(read)))
        .copied()
        .collect()
}

#[tokio::test]
async fn the_group_is_made_with_its_first_launch_recorded() {
    let fake = Fake::new();
    fake.script("RunInstances", &[DENIED]);
    up_with(&fake, &plain()).await.unwrap_err();
    assert!(!before_launch(&fake).contains(&"CreateTags"), "{:?}", before_launch(&fake));
    assert_eq!(tag(&fake, keys::ATTEMPT), "none", "a clear refusal leaves nothing open");
    assert!(!tag(&fake, keys::GENERATION).is_empty());
}

#[tokio::test]
async fn after_a_down_that_keeps_what_is_free_the_launch_is_the_only_change() {
    let fake = Fake::new();
    up_with(&fake, &plain()).await.unwrap();
    let generation = tag(&fake, keys::GENERATION);
    let services = fake.services();
    let keep_free = Removal::KEEP_FREE;
    let removed = fake.engine(&services).down(keep_free).await.unwrap();
    let kinds: Vec<_> = removed.kept.iter().map(|it| it.kind).collect();
    let free = ["placement group", "security group", "instance profile", "IAM role", "IAM role"];
    assert_eq!(kinds, free);
    assert_ne!(tag(&fake, keys::GENERATION), generation);
    fake.state().calls.clear();
    up_with(&fake, &plain()).await.unwrap();
    assert_eq!(before_launch(&fake), ["RunInstances"]);
    assert_eq!(live(&fake.state().instances).len(), 2);
    down(&fake).await.unwrap();
    assert_eq!(fake.residue(), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_recorded_for_next_time_is_looked_for_when_something_else_is_wished() {
    let fake = Fake::new();
    up_with(&fake, &plain()).await.unwrap();
    let services = fake.services();
    let keep_free = Removal::KEEP_FREE;
    fake.engine(&services).down(keep_free).await.unwrap();
    fake.state().calls.clear();
    let other = Spec { zones: vec!["us-east-1b".to_owned()], ..plain() };
    let report = up_with(&fake, &other).await.unwrap();
    assert_eq!(report.zone, "us-east-1b");
    assert_eq!(before_launch(&fake).last(), Some(&"RunInstances"));
    assert!(before_launch(&fake).contains(&"CreateTags"));
    assert_eq!(fake.state().placement.len(), 1, "the other zone's group is not needed any more");
}

#[tokio::test]
async fn a_pending_placement_group_is_not_asked_for_but_waited_for() {
    let fake = Fake::new();
    fake.state().slow_groups = true;
    up_with(&fake, &plain()).await.unwrap();
    assert_eq!(fake.count("RunInstances"), 2);
    let state = fake.state();
    assert_eq!(state.sent_tokens[0], state.sent_tokens[1]);
}

#[tokio::test]
async fn ec2s_hint_goes_before_the_order_of_zones() {
    let fake = Fake::new();
    fake.state().zones = vec!["us-east-1a", "us-east-1b", "us-east-1c"];
    let hint = "You can currently get g6.12xlarge capacity by not specifying an Availability Zone in your request or choosing us-east-1c.";
    fake.script("RunInstances", &[Fault::Refuse("InsufficientInstanceCapacity", hint, 500)]);
    assert_eq!(up_with(&fake, &plain()).await.unwrap().zone, "us-east-1c");
}

#[tokio::test]
async fn markets_and_types_are_tried_in_order() {
    let fake = Fake::new();
    fake.script("RunInstances", &[CAPACITY; 5]);
    let asked = Spec {
        instance_types: vec!["g6.12xlarge".to_owned(), "g5.12xlarge".to_owned()],
        markets: vec![Market::Spot, Market::OnDemand],
        ..plain()
    };
    let report = up_with(&fake, &asked).await.unwrap();
    assert_eq!(
        (report.instance_type.as_str(), report.zone.as_str()),
        ("g5.12xlarge", "us-east-1b")
    );
    assert_eq!(fake.state().instances[0].market, Market::Spot);
    assert_eq!(fake.state().spot.len(), 2);
    down(&fake).await.unwrap();
    assert_eq!(fake.count("CancelSpotInstanceRequests"), 1);
    assert_eq!(fake.residue(), Vec::<String>::new());
}

#[tokio::test]
async fn another_machine_remembers_where_there_was_no_room() {
    let fake = Fake::new();
    fake.state().zones = vec!["us-east-1a", "us-east-1b", "us-east-1c"];
    fake.script("RunInstances", &[CAPACITY, CAPACITY, DENIED]);
    up_with(&fake, &plain()).await.unwrap_err();
    let memory = tag(&fake, keys::REFUSALS);
    assert!(memory.contains("us-east-1a:pg@") && memory.contains("us-east-1b:pg@"), "{memory}");
    // No call is made for it: it goes with the next attempt's record.
    assert_eq!(fake.count("CreateTags"), 3);
    let before = fake.count("RunInstances");
    assert_eq!(up_with(&fake, &plain()).await.unwrap().zone, "us-east-1c");
    assert_eq!(fake.count("RunInstances"), before + 1);
}

async fn counted(fake: &Fake, spec: &Spec, capacity_secs: u64) -> (Result<String, Problem>, u64) {
    let services = fake.services();
    let clock = Clock::counted();
    let poll = Duration::from_millis(1);
    let pace = Pace { clock: clock.clone(), poll, poll_tracking: poll, ..Pace::default() };
    let start = clock.now();
    let capacity = Duration::from_secs(capacity_secs);
    let patience = Patience { capacity, ..patience(500) };
    let up = Engine { pace, ..fake.engine(&services) }.up(spec, patience).await;
    (up.map(|report| report.zone).map_err(|failure| failure.problem), clock.since(start).as_secs())
}

#[tokio::test]
async fn room_is_waited_for_as_long_as_asked_with_longer_and_longer_pauses() {
    let fake = Fake::new();
    fake.script("RunInstances", &[CAPACITY; 6]);
    let (zone, waited) = counted(&fake, &plain(), 7200).await;
    assert_eq!((zone.unwrap().as_str(), waited), ("us-east-1a", 15 + 30 + 60));

    let fake = Fake::new();
    fake.script("RunInstances", &[CAPACITY; 600]);
    let (outcome, waited) = counted(&fake, &plain(), 7200).await;
    assert!(matches!(outcome.unwrap_err(), Problem::NoCapacity { .. }));
    assert_eq!(waited, 7200);
    // 15, 30, 60, 120 s, then every 3 minutes: 45 rounds of two zones.
    assert!((80..=96).contains(&fake.count("RunInstances")), "{}", fake.count("RunInstances"));
    down(&fake).await.unwrap();
    assert_eq!(fake.residue(), Vec::<String>::new());
}

#[tokio::test]
async fn what_waiting_does_not_mend_is_not_waited_for() {
    for code in ["Unsupported", "InsufficientFreeAddressesInSubnet", "VcpuLimitExceeded"] {
        let fake = Fake::new();
        fake.script("RunInstances", &vec![Fault::Refuse(code, "", 400); 10]);
        let (outcome, waited) = counted(&fake, &plain(), 7200).await;
        assert!(matches!(outcome, Err(Problem::NoCapacity { .. })), "{code}");
        assert_eq!(waited, 0, "{code}");
    }
}

#[tokio::test]
async fn a_person_who_leaves_while_room_is_waited_for_leaves_nothing_open() {
    let fake = Fake::new();
    fake.script("RunInstances", &[CAPACITY; 600]);
    let services = fake.services();
    let engine = fake.engine(&services);
    engine.pace.stop.ask();
    let wait = Patience { capacity: Duration::from_secs(7200), ..patience(500) };
    let failure = engine.up(&plain(), wait).await.unwrap_err();
    assert!(matches!(failure.problem, Problem::Interrupted), "{failure}");
    assert!(matches!(failure.left, Left::Remaining(_)));
    assert_eq!(tag(&fake, keys::ATTEMPT), "none");
    assert_eq!(fake.count("RunInstances"), 1);
    fake.state().script.clear();
    up_with(&fake, &plain()).await.unwrap();
}

#[tokio::test]
async fn nodes_that_die_on_arrival_for_want_of_room_are_a_refusal() {
    let fake = Fake::new();
    fake.state().nodes_end = Some("Server.InsufficientInstanceCapacity");
    fake.state().nodes_end_in = Some("us-east-1a");
    let report = up_with(&fake, &plain()).await.unwrap();
    assert_eq!(report.zone, "us-east-1b");
    let made = fake.state().instances.clone();
    assert_eq!((made.len(), live(&made).len()), (4, 2));
    assert_eq!(fake.count("RunInstances"), 2);
    assert!(tag(&fake, keys::REFUSALS).contains("us-east-1a:pg@"));
    down(&fake).await.unwrap();
    assert_eq!(fake.residue(), Vec::<String>::new());
}

#[tokio::test]
async fn nodes_that_die_for_a_reason_of_ours_fail_at_once_with_it() {
    let fake = Fake::new();
    fake.state().nodes_end = Some("Client.VolumeLimitExceeded");
    let failure = up_with(&fake, &plain()).await.unwrap_err();
    assert!(matches!(failure.problem, Problem::NodeEnded { .. }));
    assert!(failure.to_string().contains("Client.VolumeLimitExceeded"), "{failure}");
    assert_eq!(fake.count("RunInstances"), 1);
}

#[tokio::test]
async fn held_room_is_launched_into_and_given_back() {
    let fake = Fake::new();
    let hold = Spec { hold: true, ..plain() };
    fake.script("CreateCapacityReservation", &[CAPACITY]);
    let report = up_with(&fake, &hold).await.unwrap();
    assert_eq!(report.zone, "us-east-1b");
    assert_eq!((fake.count("RunInstances"), fake.count("CancelCapacityReservation")), (1, 1));
    let state = fake.state();
    assert_eq!(state.reservations[0].placement_group.as_deref(), Some("nixl-us-east-1b"));
    assert_eq!(state.instances[0].reservation_used.as_ref(), Some(&state.reservations[0].id));
}

#[tokio::test]
async fn addresses_are_given_once_and_released() {
    let fake = Fake::new();
    let asked = Spec { public_address: PublicAddress::Elastic, ..plain() };
    fake.script("AllocateAddress", &[Fault::Lose]);
    up_with(&fake, &asked).await.unwrap();
    let leads: Vec<_> = fake.state().addresses.iter().map(|it| it.interface_id.clone()).collect();
    assert!(leads.len() == 2 && leads.iter().all(Option::is_some), "{leads:?}");
    up_with(&fake, &asked).await.unwrap();
    assert_eq!(fake.state().addresses.len(), 2);
    down(&fake).await.unwrap();
    assert_eq!(fake.residue(), Vec::<String>::new());
}

/// As [`super::a_failure_at_any_change_converges`], with everything that costs
/// more calls: Spot, held room, addresses, a refusal on the way.
#[tokio::test]
async fn a_failure_at_any_change_of_a_rich_launch_converges() {
    let rich = |market| Spec {
        hold: true,
        public_address: PublicAddress::Elastic,
        markets: vec![market],
        ..plain()
    };
    for market in [Market::OnDemand, Market::Spot] {
        let rich = rich(market);
        let probe = Fake::new();
        probe.script("RunInstances", &[CAPACITY]);
        up_with(&probe, &rich).await.unwrap();
        let changes = probe.state().changes;
        for n in 0..changes {
            for fault in [DENIED, Fault::Lose, CAPACITY] {
                let fake = Fake::new();
                fake.script("RunInstances", &[CAPACITY]);
                fake.state().nth_change = Some((n, fault.clone()));
                let _ = up_with(&fake, &rich).await;
                let about = format!("{market} {n} {fault:?}");
                fake.state().script.clear();
                let again = up_with(&fake, &rich).await;
                again.unwrap_or_else(|failure| panic!("{about}: {failure}"));
                assert_eq!(live(&fake.state().instances).len(), 2, "{about}");
                let services = fake.services();
                let gone = fake.engine(&services).down(ALL).await;
                gone.unwrap_or_else(|failure| panic!("{about}: {failure}"));
                assert_eq!(fake.residue(), Vec::<String>::new(), "{about}");
            }
        }
    }
}

/// The process ends at any call, before or after it is carried out: whoever
/// continues has one cluster, whoever removes has none.
#[tokio::test]
async fn an_end_of_the_process_at_any_change_converges() {
    let probe = Fake::new();
    up(&probe).await.unwrap();
    let changes = probe.state().changes;
    for n in 0..changes {
        for carried_out in [false, true] {
            for continues in [false, true] {
                let fake = Fake::new();
                fake.state().dies_at = Some((n, carried_out));
                let services = fake.services();
                let engine = fake.engine(&services);
                let asked = spec();
                let run = engine.up(&asked, patience(500));
                assert!(fake.dead(run).await, "{n}");
                let about = format!("{n} {carried_out} {continues}");
                if continues {
                    up(&fake).await.unwrap_or_else(|failure| panic!("{about}: {failure}"));
                    assert_eq!(live(&fake.state().instances).len(), 2, "{about}");
                }
                down(&fake).await.unwrap_or_else(|failure| panic!("{about}: {failure}"));
                assert_eq!(fake.residue(), Vec::<String>::new(), "{about}");
            }
        }
    }
}
