//! The plan against hand-made facts.

use super::*;
use crate::fake::card;
use nixl_aws::ec2::{Instance, Subnet, Vpc};
use nixl_aws::iam::Role;
use nixl_aws::sagemaker::TrackingServer;
use nixl_cluster::Provider;
use proptest::prelude::*;

fn spec() -> Spec {
    Spec::new(Default::default(), "us-east-1")
}

fn baked(id: &str, date: &str) -> Image {
    Image {
        id: id.to_owned(),
        state: "available".to_owned(),
        architecture: "x86_64".to_owned(),
        creation_date: date.to_owned(),
        tags: vec![Tag::new(tag::DIGEST, "d")],
        ..Default::default()
    }
}

fn facts() -> Facts {
    let subnet = |zone: &str| Subnet {
        id: format!("subnet-{zone}"),
        vpc_id: "vpc-1".to_owned(),
        zone: zone.to_owned(),
        free_addresses: 100,
        default_for_zone: true,
        map_public_ip: true,
    };
    Facts {
        account: "123456789012".to_owned(),
        images: vec![baked("ami-old", "2026-01-01"), baked("ami-new", "2026-02-01")],
        types: vec![TypeFacts {
            info: InstanceTypeInfo {
                name: "g6.12xlarge".to_owned(),
                efa_supported: true,
                efa_max_interfaces: 1,
                architectures: vec!["x86_64".to_owned()],
                placement_strategies: vec!["cluster".to_owned()],
                network_cards: vec![card()],
                ..Default::default()
            },
            zones: vec!["us-east-1b".to_owned(), "us-east-1a".to_owned()],
        }],
        vpcs: vec![Vpc { id: "vpc-1".to_owned(), is_default: true }],
        subnets: vec![subnet("us-east-1b"), subnet("us-east-1a"), subnet("us-east-1c")],
        ..Default::default()
    }
}

fn node(index: u32, state: &str, size: u32) -> Instance {
    Instance {
        id: format!("i-{index}"),
        state: state.to_owned(),
        reservation_id: "r-1".to_owned(),
        launch_index: index,
        instance_type: "g6.12xlarge".to_owned(),
        tags: vec![Tag::new(tag::SIZE, size.to_string()), Tag::new(keys::PROVIDER, "efa")],
        ..Default::default()
    }
}

/// A plan nothing stands in the way of.
fn ready(spec: &Spec, facts: &Facts) -> Plan {
    let plan = plan(spec, facts);
    plan.ready().unwrap();
    plan
}

/// Names of the checks that stand in the way, and what they say.
fn refused(spec: &Spec, facts: &Facts) -> Vec<(String, String)> {
    let checks = plan(spec, facts).ready().unwrap_err().0;
    checks.into_iter().map(|check| (check.name.clone(), check.to_string())).collect()
}

fn warned(plan: &Plan, name: &str) -> Vec<String> {
    let of = |check: &&Check| check.verdict == Verdict::Warn && check.name == name;
    plan.checks.iter().filter(of).map(ToString::to_string).collect()
}

#[test]
fn the_plain_case_takes_the_newest_image_and_every_possible_zone() {
    let plan = ready(&spec(), &facts());
    assert_eq!(plan.image.unwrap().id, "ami-new");
    let zones: Vec<&str> = plan.attempts.iter().map(|it| it.place.zone.as_str()).collect();
    assert_eq!(zones, ["us-east-1a", "us-east-1b"]);
    assert_eq!(plan.existing, Existing::None);
    assert_eq!(
        plan.tracking.arn(),
        Some("arn:aws:sagemaker:us-east-1:123456789012:mlflow-tracking-server/nixl-efa-mlflow")
    );
    assert!(plan.user_data.contains("mlflow_tracking_arn = \"arn:aws:sagemaker:"));
}

#[test]
fn the_request_holds_the_whole_group() {
    let plan = ready(&spec(), &facts());
    let request = plan.request(&plan.attempts[0], "sg-1", "g");
    assert_eq!(request.count, 2);
    assert_eq!(request.placement_group.as_deref(), Some("nixl-us-east-1a"));
    assert_eq!(request.instance_profile, "nixl-node");
    assert_eq!(Tag::find(&request.tags, tag::CLUSTER), Some("nixl"));
    assert_eq!(Tag::find(&request.tags, tag::SIZE), Some("2"));
    assert!(request.client_token.len() <= 64 && request.client_token.is_ascii());
}

#[test]
fn a_token_is_the_same_for_the_same_launch_only() {
    let plan_of = |spec: &Spec| ready(spec, &facts());
    let base = plan_of(&spec());
    let token = |plan: &Plan, place: usize, group: &str, generation: &str| {
        plan.request(&plan.attempts[place], group, generation).client_token
    };
    let first = token(&base, 0, "sg-1", "g");
    assert_eq!(first, token(&plan_of(&spec()), 0, "sg-1", "g"));
    assert_eq!(first, token(&base, 0, "sg-2", "g"), "the group is not known before it is made");
    let tcp = plan_of(&Spec { provider: Provider::Tcp.into(), ..spec() });
    let roles = plan_of(&Spec { prefill: Some(1), ..spec() });
    let three = plan_of(&Spec { size: 3, ..spec() });
    let others = [
        token(&base, 1, "sg-1", "g"),
        token(&base, 0, "sg-1", "h"),
        token(&tcp, 0, "sg-1", "g"),
        token(&three, 0, "sg-1", "g"),
        token(&roles, 0, "sg-1", "g"),
    ];
    assert!(others.iter().all(|other| *other != first));
}

proptest! {
    #[test]
    fn generations_never_share_a_token(a in "[a-f0-9]{1,32}", b in "[a-f0-9]{1,32}") {
        let plan = ready(&spec(), &facts());
        let token = |generation: &str| plan.request(&plan.attempts[0], "sg", generation).client_token;
        prop_assert_eq!(token(&a) == token(&b), a == b);
    }
}

#[test]
fn every_obstacle_is_named_at_once() {
    let mut facts = facts();
    facts.images.clear();
    facts.types[0].info.efa_supported = false;
    facts.types[0].info.placement_strategies.clear();
    let found = refused(&Spec { zones: vec!["us-east-1c".to_owned()], ..spec() }, &facts);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found[0].1.contains("nixl-bake build"));
    assert!(found.iter().any(|it| it.1.contains("us-east-1a, us-east-1b")));
}

#[test]
fn an_image_for_another_architecture_is_refused() {
    let mut facts = facts();
    facts.images.iter_mut().for_each(|image| image.architecture = "arm64".to_owned());
    assert_eq!(refused(&spec(), &facts)[0].0, "architecture");
}

#[test]
fn what_only_has_our_name_is_left_alone() {
    let mut facts = facts();
    facts.node_role = Some(Role { name: "nixl-node".to_owned(), ..Default::default() });
    facts.security_groups = vec![SecurityGroup {
        id: "sg-9".to_owned(),
        name: "nixl-fabric".to_owned(),
        vpc_id: "vpc-1".to_owned(),
        tags: vec![Tag::new(tag::CLUSTER, "other")],
        ..Default::default()
    }];
    let found = refused(&spec(), &facts);
    assert!(found.iter().all(|it| it.0 == "ownership"), "{found:?}");
    assert_eq!(found.len(), 2);
}

#[test]
fn a_bucket_without_its_record_is_foreign() {
    let mut facts = facts();
    facts.tracking.bucket_exists = true;
    assert!(refused(&spec(), &facts)[0].1.starts_with("S3 bucket"));
}

#[test]
fn somebodys_tracking_server_is_attached_and_a_broken_one_refused() {
    let mut facts = facts();
    let server = |status: &str| {
        let arn = "arn:other".to_owned();
        Some((TrackingServer { arn, status: status.to_owned(), ..Default::default() }, vec![]))
    };
    facts.tracking.server = server("Created");
    let attached = ready(&spec(), &facts).tracking;
    assert!(matches!(attached, Tracking::Attach { arn, .. } if arn == "arn:other"));
    facts.tracking.server = server("CreateFailed");
    assert_eq!(refused(&spec(), &facts)[0].0, "mlflow");
}

#[test]
fn nodes_that_are_there_are_whole_or_in_the_way() {
    let judge = |instances: Vec<Instance>, size| {
        let facts = Facts { instances, ..facts() };
        let plan = plan(&Spec { size, ..spec() }, &facts);
        plan.ready().map(|()| plan)
    };
    let whole = judge(vec![node(1, "running", 2), node(0, "pending", 2)], 2).unwrap();
    assert!(matches!(whole.existing, Existing::Complete(nodes) if nodes[0].launch_index == 0));
    let ended = judge(vec![node(0, "terminated", 2), node(1, "terminated", 2)], 2).unwrap();
    assert_eq!(ended.existing, Existing::None);
    for half in [
        vec![node(0, "running", 2)],
        vec![node(0, "running", 2), node(1, "terminated", 2)],
        vec![node(0, "running", 2), node(1, "stopped", 2)],
        vec![node(0, "shutting-down", 2)],
    ] {
        let checks = judge(half, 2).unwrap_err();
        assert!(checks.0.len() == 1 && checks.to_string().contains("is not whole"), "{checks}");
        assert!(checks.to_string().contains("nixl-launch down"));
    }
    let other = judge(vec![node(0, "running", 2), node(1, "running", 2)], 3).unwrap_err();
    assert!(other.to_string().contains("2 nodes, 3 are asked for"), "{other}");
}

#[test]
fn flags_without_effect_are_noted() {
    let facts = Facts { instances: vec![node(0, "running", 2), node(1, "running", 2)], ..facts() };
    let spec = Spec { provider: Provider::Tcp.into(), prefill: Some(1), ..spec() };
    let notes = warned(&ready(&spec, &facts), "nodes");
    assert_eq!(notes.len(), 2);
    assert!(notes[0].contains("--provider tcp has no effect"));
    assert!(notes[1].contains("there with no roles; --roles prefill=1,decode=1 has no effect"));
}

#[test]
fn a_type_without_rdma_is_noted() {
    let mut facts = facts();
    facts.types[0].info.name = "g5.12xlarge".to_owned();
    let spec = Spec { instance_types: vec!["g5.12xlarge".to_owned()], ..spec() };
    assert!(warned(&ready(&spec, &facts), "rdma")[0].contains("no RDMA read or write"));
}

#[test]
fn a_plan_is_a_document_that_can_be_read_again() {
    let plan = ready(&spec(), &facts());
    let text = serde_json::to_string_pretty(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    assert_eq!(serde_json::to_string_pretty(&ready(&spec(), &facts())).unwrap(), text);
}

#[test]
fn nodes_have_a_way_out_that_ec2_allows() {
    let way = |spec: &Spec, facts: &Facts| {
        let plan = ready(spec, facts);
        let request = plan.request(&plan.attempts[0], "sg-1", "g");
        (plan.attempts[0].way_out, request.network_interfaces[0].associate_public_ip)
    };
    assert_eq!(way(&spec(), &facts()), (WayOut::Assigned, Some(true)));
    let asked = |public_address| Spec { public_address, ..spec() };
    assert_eq!(way(&asked(PublicAddress::None), &facts()), (WayOut::Private, Some(false)));
    assert_eq!(way(&asked(PublicAddress::Elastic), &facts()), (WayOut::Elastic, Some(false)));
    let mut several = facts();
    several.types[0].info.efa_max_interfaces = 2;
    several.types[0].info.network_cards.push(nixl_aws::ec2::NetworkCard { index: 1, ..card() });
    assert_eq!(way(&spec(), &several), (WayOut::Elastic, None));
    several.subnets.iter_mut().for_each(|subnet| subnet.map_public_ip = false);
    assert_eq!(way(&spec(), &several), (WayOut::Private, None));
}
