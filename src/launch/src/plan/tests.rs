//! The plan against hand-made facts.

use super::*;
use crate::fake::card;
use nixl_aws::ec2::{Instance, Subnet, Vpc};
use nixl_aws::iam::Role;
use nixl_aws::sagemaker::TrackingServer;
use nixl_cluster::Provider;
use proptest::prelude::*;

pub(crate) fn spec() -> Spec {
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

pub(crate) fn facts() -> Facts {
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
pub(crate) fn ready(spec: &Spec, facts: &Facts) -> Plan {
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
    assert_eq!(request.instance_profile, "nixl-node-us-east-1");
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
    facts.node_role = Some(Role { name: "nixl-node-us-east-1".to_owned(), ..Default::default() });
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
        Some(TrackingServer { arn, status: status.to_owned(), ..Default::default() })
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

fn terminal(columns: usize) -> crate::terminal::Terminal {
    crate::terminal::Terminal { columns: Some(columns), colour: false }
}

/// A g5 pair on both markets, with everything known.
fn told() -> (Spec, Facts) {
    let mut facts = facts();
    facts.types[0].info.name = "g5.12xlarge".to_owned();
    (facts.types[0].info.vcpus, facts.types[0].info.gpus) = (48, 4);
    let price = |instance_type: &str, usd_per_hour| PriceFacts {
        instance_type: instance_type.to_owned(),
        price: Known::Value(Some(nixl_aws::pricing::ListPrice {
            usd_per_hour,
            published: "2026-07-20T13:44:30Z".to_owned(),
        })),
    };
    facts.prices = vec![price("g5.12xlarge", 5.672), price("g6.12xlarge", 4.6016)];
    facts.quotas = vec![QuotaFacts {
        code: "L-DB2E81BA".to_owned(),
        limit: Known::Value(192.0),
        pending: Known::Value(Vec::new()),
    }];
    facts.usage = Known::Value(vec![Instance {
        instance_type: "g6.4xlarge".to_owned(),
        vcpus: 16,
        ..Default::default()
    }]);
    facts.reservations = Known::Value(Vec::new());
    facts.routes = Known::Value(vec![nixl_aws::ec2::RouteTable {
        vpc_id: "vpc-1".to_owned(),
        is_main: true,
        default_target: Some("igw-1".to_owned()),
        ..Default::default()
    }]);
    let spec = Spec { instance_types: vec!["g5.12xlarge".to_owned()], ..spec() };
    (spec, facts)
}

#[test]
fn tables_are_those_of_the_golden_files() {
    let (spec, facts) = told();
    let mut plan = plan(&spec, &facts);
    // User data has tests of its own, and changes with what nodes are told.
    plan.user_data.clear();
    plan.checks.retain(|check| check.name != "user-data");
    for columns in [80, 160] {
        let text = crate::plan_table::text(&plan, terminal(columns));
        assert!(text.lines().all(|line| line.chars().count() <= columns), "{text}");
        super::catalogue::golden(&format!("plan-{columns}.txt"), &text);
    }
    let document = serde_json::to_string_pretty(&plan).unwrap();
    super::catalogue::golden("plan.json", &format!("{document}\n"));
}

#[test]
fn a_quota_that_is_too_small_stands_in_the_way() {
    let (spec, mut facts) = told();
    facts.quotas[0].limit = Known::Value(111.0);
    let found = refused(&spec, &facts);
    assert!(found.len() == 1 && found[0].0 == "quota", "{found:?}");
    assert!(found[0].1.contains("--desired-value 112"), "{found:?}");
}

#[test]
fn the_most_it_costs_is_told_only_if_every_type_has_a_price() {
    let (mut spec, facts) = told();
    let lifetime = |spec: &Spec| {
        let checks = plan(spec, &facts).checks;
        checks.into_iter().find(|check| check.name == "lifetime").unwrap().found
    };
    assert_eq!(lifetime(&spec), "8h; instances cost $90.75 at most");
    // No Spot price is known, but it is never above this.
    spec.markets = vec![Market::Spot];
    assert_eq!(lifetime(&spec), "8h; instances cost $90.75 at most");
    spec.instance_types.push("p5.48xlarge".to_owned());
    assert_eq!(lifetime(&spec), "8h; what it costs is not known");
}

#[test]
fn subnets_bring_their_vpc_and_must_share_it() {
    let mut facts = facts();
    facts.subnets[0].vpc_id = "vpc-2".to_owned();
    facts.subnets[0].default_for_zone = false;
    let named = |ids: &[&str]| Spec {
        subnets: ids.iter().map(|id| format!("subnet-us-east-1{id}")).collect(),
        ..spec()
    };
    let plan = ready(&named(&["b"]), &facts);
    assert_eq!((plan.vpc_id.as_str(), plan.attempts.len()), ("vpc-2", 1));
    assert!(refused(&named(&["a", "b"]), &facts)[0].1.contains("several VPCs"));
    assert!(refused(&named(&["x"]), &facts)[0].1.contains("not there"));
}

fn block() -> nixl_aws::ec2::Reservation {
    nixl_aws::ec2::Reservation {
        id: "cr-1".to_owned(),
        state: "active".to_owned(),
        instance_type: "g6.12xlarge".to_owned(),
        zone: "us-east-1b".to_owned(),
        total: 2,
        available: 2,
        capacity_block: true,
        ..Default::default()
    }
}

#[test]
fn a_capacity_block_has_its_market_its_zone_and_no_group() {
    let facts = Facts { reservation: Some(block()), ..facts() };
    let spec = Spec { reservation_id: Some("cr-1".to_owned()), ..spec() };
    let attempts = ready(&spec, &facts).attempts;
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].key(), "g6.12xlarge/capacity-block/us-east-1b");
    assert_eq!(attempts[0].placement_group, None);
    let own = nixl_aws::ec2::Reservation {
        capacity_block: false,
        placement_group: Some("mine".to_owned()),
        ..block()
    };
    let attempts = ready(&spec, &Facts { reservation: Some(own), ..facts.clone() }).attempts;
    assert_eq!(attempts[0].key(), "g6.12xlarge/on-demand/us-east-1b");
    assert_eq!(attempts[0].placement_group.as_deref(), Some("mine"));
}

#[test]
fn a_reservation_that_cannot_be_used_says_why() {
    let spec = Spec { reservation_id: Some("cr-1".to_owned()), ..spec() };
    let why = |reservation| refused(&spec, &Facts { reservation, ..facts() })[0].1.clone();
    assert!(why(None).contains("not there"));
    let with = |change: fn(&mut nixl_aws::ec2::Reservation)| {
        let mut reservation = block();
        change(&mut reservation);
        why(Some(reservation))
    };
    assert!(with(|it| it.state = "scheduled".to_owned()).contains("is scheduled"));
    assert!(with(|it| it.available = 1).contains("room for 1 of 2"));
    assert!(with(|it| it.instance_type = "p5.48xlarge".to_owned()).contains("--instance-type p5"));
}

#[test]
fn a_saved_plan_is_the_same_until_something_changes() {
    let facts = facts();
    let saved = ready(&spec(), &facts);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.json");
    saved.save(&path).unwrap();
    assert_eq!(Plan::load(&path).unwrap(), saved);
    let now = |facts: &Facts| saved.unchanged(&plan(&saved.pinned(), facts));
    assert_eq!(now(&facts), Ok(()));
    // A newer image and a further zone are not in the plan.
    let mut more = facts.clone();
    more.images.push(baked("ami-newer", "2026-03-01"));
    more.types[0].zones.push("us-east-1c".to_owned());
    assert_eq!(now(&more), Ok(()));
    let mut gone = facts.clone();
    gone.subnets.retain(|subnet| subnet.zone != "us-east-1a");
    let text = now(&gone).unwrap_err().to_string();
    assert!(text.contains("attempts") && text.contains("+ nothing"), "{text}");
    let mut without = facts;
    without.images.retain(|image| image.id != "ami-new");
    assert!(now(&without).unwrap_err().to_string().contains("image"));
    std::fs::write(&path, "{\"version\": 99}").unwrap();
    assert!(Plan::load(&path).unwrap_err().to_string().contains("version 99"));
}

#[test]
fn a_server_made_with_our_role_is_ours_and_no_other() {
    let mut facts = facts();
    let role = Role {
        name: "nixl-mlflow".to_owned(),
        arn: "arn:role".to_owned(),
        tags: vec![
            Tag::new(tag::CLUSTER, "nixl"),
            Tag::new(keys::TRACKING_SERVER, "nixl-efa-mlflow"),
        ],
    };
    facts.tracking.role = Some(role);
    let server = |role_arn: &str| TrackingServer {
        arn: "arn:server".to_owned(),
        status: "Created".to_owned(),
        role_arn: role_arn.to_owned(),
        ..Default::default()
    };
    facts.tracking.server = Some(server("arn:role"));
    assert!(matches!(ready(&spec(), &facts).tracking, Tracking::Own { .. }));
    facts.tracking.server = Some(server("arn:other"));
    assert!(matches!(ready(&spec(), &facts).tracking, Tracking::Attach { .. }));
}
