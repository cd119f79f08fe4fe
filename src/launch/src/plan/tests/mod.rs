//! The plan against hand-made facts.

mod obstacles;
mod saved;
mod told;
mod ways;

use super::*;
use crate::fake::card;
use nixl_aws::ec2::{Instance, Subnet, Vpc};
use nixl_aws::iam::Role;
use nixl_aws::sagemaker::Mlflow;
use nixl_cluster::Provider;
use proptest::prelude::*;

pub(crate) fn spec() -> Spec {
    Spec::new(Default::default(), "us-east-1")
}

pub(crate) fn baked(id: &str, date: &str) -> Image {
    Image {
        id: id.to_owned(),
        state: "available".to_owned(),
        architecture: "x86_64".to_owned(),
        creation_date: date.to_owned(),
        root_volume: Some(root_volume()),
        tags: vec![Tag::new(tag::DIGEST, "d")],
        ..Default::default()
    }
}

pub(crate) fn root_volume() -> nixl_aws::ec2::RootVolume {
    nixl_aws::ec2::RootVolume {
        device: "/dev/xvda".to_owned(),
        size_gib: 100,
        kind: "gp3".to_owned(),
        delete_on_termination: true,
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
        Some("arn:aws:sagemaker:us-east-1:123456789012:mlflow-app/known-once-it-is-made")
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
fn a_plan_is_a_document_that_can_be_read_again() {
    let plan = ready(&spec(), &facts());
    let text = serde_json::to_string_pretty(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    assert_eq!(serde_json::to_string_pretty(&ready(&spec(), &facts())).unwrap(), text);
}
