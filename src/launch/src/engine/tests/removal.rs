//! `down`: whatever keeps EC2 from ending something, and what is kept.

use super::{ALL, DENIED, down, patience, spec, up, up_with, with_server};
use crate::engine::Removal;
use crate::failure::{Left, Problem};
use crate::fake::{Fake, Fault};
use crate::plan::{Spec, Wanted};
use nixl_aws::Tag;
use nixl_aws::ec2::{Market, NetworkInterface, Volume};

#[tokio::test]
async fn a_protected_node_is_unprotected_and_an_unknown_id_stops_nothing() {
    let fake = Fake::new();
    up(&fake).await.unwrap();
    let id = fake.state().instances[1].id.clone();
    fake.state().protected.insert(id);
    down(&fake).await.unwrap();
    assert_eq!(fake.count("ModifyInstanceAttribute"), 1);
    assert_eq!(fake.residue(), Vec::<String>::new());

    let fake = Fake::new();
    up(&fake).await.unwrap();
    let gone = Fault::Refuse("InvalidInstanceID.NotFound", "", 400);
    fake.script("TerminateInstances", &[gone.clone(), gone]);
    // The first of them is said to be gone; the other one is ended, and the
    // audit does not believe it.
    let failure = down(&fake).await.unwrap_err();
    let live = fake.state().instances.iter().filter(|it| it.state != "terminated").count();
    assert_eq!(live, 1);
    assert!(matches!(&failure.left, Left::Remaining(list) if list[0].kind == "instance"));
    down(&fake).await.unwrap();
    assert_eq!(fake.residue(), Vec::<String>::new());
}

/// A run that is cut off at the end of the nodes leaves whole ones.
#[tokio::test]
async fn spot_requests_are_cancelled_after_their_nodes() {
    let fake = Fake::new();
    let spot = Spec { markets: vec![Market::Spot], mlflow: Wanted::None, ..spec() };
    up_with(&fake, &spot).await.unwrap();
    let first = fake.state().calls.len();
    down(&fake).await.unwrap();
    let calls = fake.state().calls[first..].to_vec();
    let at = |name| calls.iter().position(|call| *call == name).unwrap();
    assert!(at("TerminateInstances") < at("CancelSpotInstanceRequests"), "{calls:?}");
    assert_eq!(fake.residue(), Vec::<String>::new());
}

#[tokio::test]
async fn one_that_may_not_be_ended_does_not_keep_the_others() {
    let fake = Fake::new();
    up(&fake).await.unwrap();
    let id = fake.state().instances[0].id.clone();
    fake.state().protected.insert(id);
    fake.script("ModifyInstanceAttribute", &[DENIED]);
    let failure = down(&fake).await.unwrap_err();
    assert!(matches!(failure.problem, Problem::Aws { .. }), "{failure}");
    assert_eq!(fake.state().instances[1].state, "terminated");
}

#[tokio::test]
async fn a_search_that_fails_keeps_no_node_running() {
    let fake = Fake::new();
    up(&fake).await.unwrap();
    // Its launch is not the recorded one, so that one is looked for.
    fake.state().instances.iter_mut().for_each(|it| it.client_token = None);
    fake.script("CreateTags", &[DENIED]);
    let failure = down(&fake).await.unwrap_err();
    assert!(matches!(failure.problem, Problem::Aws { .. }), "{failure}");
    assert!(fake.state().instances.iter().all(|it| it.state == "terminated"));
    down(&fake).await.unwrap();
    assert_eq!(fake.residue(), Vec::<String>::new());
}

#[tokio::test]
async fn what_outlived_its_node_goes_too() {
    let fake = Fake::new();
    up(&fake).await.unwrap();
    let tags = vec![Tag::new("nixl:cluster", "nixl")];
    let interface =
        NetworkInterface { id: "eni-9".into(), tags: tags.clone(), ..Default::default() };
    fake.state().interfaces.push(interface);
    fake.state().volumes.push(Volume { id: "vol-9".into(), tags, ..Default::default() });
    let removed = down(&fake).await.unwrap();
    assert!(removed.removed.iter().any(|it| it.id == "vol-9"));
    assert_eq!(fake.residue(), Vec::<String>::new());
}

#[tokio::test]
async fn a_failure_at_any_removal_that_keeps_what_is_free_converges() {
    let keep_free = Removal::KEEP_FREE;
    let probe = Fake::new();
    up(&probe).await.unwrap();
    let made = probe.state().changes;
    let services = probe.services();
    probe.engine(&services).down(keep_free).await.unwrap();
    let removals = probe.state().changes - made;
    for n in 0..removals {
        for carried_out in [false, true] {
            let fake = Fake::new();
            up(&fake).await.unwrap();
            let at = fake.state().changes + n;
            fake.state().dies_at = Some((at, carried_out));
            let services = fake.services();
            let engine = fake.engine(&services);
            assert!(fake.dead(engine.down(keep_free)).await, "{n}");
            fake.engine(&services).down(keep_free).await.unwrap();
            let asked = spec();
            fake.engine(&services).up(&asked, patience(500)).await.unwrap();
            fake.engine(&services).down(ALL).await.unwrap();
            assert_eq!(fake.residue(), Vec::<String>::new(), "{n} {carried_out}");
        }
    }
}

/// Whoever kept the server on purpose must still hear that it costs money.
#[tokio::test]
async fn a_down_that_fails_tells_of_mlflow_too() {
    let fake = Fake::new();
    up_with(&fake, &with_server()).await.unwrap();
    fake.script("DeleteSecurityGroup", &[DENIED]);
    let services = fake.services();
    let failure = fake.engine(&services).down(Removal::default()).await.unwrap_err();
    let Left::Remaining(list) = &failure.left else { panic!("{:?}", failure.left) };
    assert!(list.iter().any(|it| it.kind == crate::failure::TRACKING_SERVER), "{list:?}");
}

#[tokio::test]
async fn nobody_waits_for_a_server_to_go_who_wants_to_leave() {
    let fake = Fake::new();
    up(&fake).await.unwrap();
    let services = fake.services();
    let engine = fake.engine(&services);
    engine.down(Removal::default()).await.unwrap();
    engine.pace.stop.ask();
    let failure = engine.down(ALL).await.unwrap_err();
    assert!(matches!(failure.problem, Problem::Interrupted), "{failure}");
}

#[tokio::test]
async fn a_service_that_cannot_be_read_keeps_no_node_running() {
    for read in ["GetScheduleGroup", "GetRole", "DescribeVolumes", "DescribeAddresses"] {
        let fake = Fake::new();
        up(&fake).await.unwrap();
        fake.script(read, &[DENIED]);
        let failure = down(&fake).await.unwrap_err();
        assert!(matches!(failure.problem, Problem::Aws { .. }), "{read}: {failure}");
        assert_eq!(failure.left, Left::Unknown, "{read}");
        assert!(fake.state().instances.iter().all(|it| it.state == "terminated"), "{read}");
        down(&fake).await.unwrap();
        assert_eq!(fake.residue(), Vec::<String>::new(), "{read}");
    }
    let fake = Fake::new();
    up(&fake).await.unwrap();
    fake.script("DescribeInstances", &[DENIED]);
    assert_eq!(down(&fake).await.unwrap_err().left, Left::Unchanged);
}

/// A stack's nodes are launched one by one, and it has an untagged profile.
#[tokio::test]
async fn a_stack_goes_but_for_its_profile() {
    let fake = Fake::new();
    up(&fake).await.unwrap();
    {
        let mut state = fake.state();
        state.profiles.values_mut().for_each(|profile| profile.tags.clear());
        let ranks = ["1", "0"];
        for (instance, rank) in state.instances.iter_mut().zip(ranks) {
            instance.launch_index = 0;
            instance.tags.push(Tag::new(nixl_cluster::tag::RANK, rank));
        }
    }
    let services = fake.services();
    let shown = fake.engine(&services).status().await.unwrap();
    let names: Vec<_> = shown.nodes.iter().map(|node| (node.rank, node.name.as_str())).collect();
    assert_eq!(names, [(0, "nixl-node1"), (1, "nixl-node2")]);
    let removed = fake.engine(&services).down(ALL).await.unwrap();
    let foreign: Vec<_> = removed.foreign.iter().map(|it| it.kind).collect();
    assert_eq!(foreign, ["instance profile"]);
    assert_eq!(fake.residue().len(), 1);
    assert!(fake.state().profiles.values().all(|profile| profile.roles.is_empty()));
}

#[tokio::test]
async fn a_server_that_is_on_its_way_out_is_waited_for_and_made_anew() {
    let fake = Fake::new();
    up_with(&fake, &with_server()).await.unwrap();
    // A `down --mlflow` that was killed: the server goes, its role and bucket are there.
    if let Some((server, _)) = &mut fake.state().server {
        server.status = "Deleting".to_owned();
        server.is_active = false;
    }
    let before = fake.count("CreateMlflowTrackingServer");
    up_with(&fake, &with_server()).await.unwrap();
    assert_eq!(fake.count("CreateMlflowTrackingServer"), before + 1);
    assert!(fake.state().server.as_ref().is_some_and(|(server, _)| server.is_active));
}
