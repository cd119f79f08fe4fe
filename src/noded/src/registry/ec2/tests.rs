//! The adapter against a scripted EC2.

use super::*;
use nixl_aws::ErrorKind;
use nixl_aws::ec2::{
    Image, InstanceTypeInfo, NetworkInterface, PlacementGroup, RunInstances, SecurityGroup, Subnet,
    Volume, Vpc,
};
use nixl_cluster::{EndpointRecord, IdentityRecord, Provider};
use std::sync::Mutex;

type Done<T> = nixl_aws::Result<T>;

#[derive(Default)]
struct FakeEc2 {
    instances: Vec<Instance>,
    error: Option<&'static str>,
    filters: Mutex<Vec<Filter>>,
    written: Mutex<Vec<(Vec<String>, Vec<Tag>)>>,
}

impl FakeEc2 {
    fn outcome<T>(&self, operation: &'static str, value: T) -> Done<T> {
        let Some(code) = self.error else { return Ok(value) };
        let kind = ErrorKind::Service { code: code.to_owned(), status: 403 };
        Err(AwsError { service: "ec2", operation, kind, message: "no".to_owned() })
    }
}

/// A node makes two calls; any other one is a fault of the adapter.
macro_rules! never {
    ($($name:ident($($arg:ty),*) -> $out:ty;)*) => {
        #[async_trait::async_trait]
        impl Ec2 for FakeEc2 {
            async fn describe_instances(&self, filters: &[Filter]) -> Done<Vec<Instance>> {
                *self.filters.lock().unwrap() = filters.to_vec();
                self.outcome("DescribeInstances", self.instances.clone())
            }
            async fn create_tags(&self, resources: &[String], tags: &[Tag]) -> Done<()> {
                self.written.lock().unwrap().push((resources.to_vec(), tags.to_vec()));
                self.outcome("CreateTags", ())
            }
            async fn create_security_group(
                &self, _: &str, _: &str, _: &str, _: &[Tag],
            ) -> Done<String> {
                unreachable!("create_security_group")
            }
            $(async fn $name(&self, $(_: $arg),*) -> Done<$out> {
                unreachable!(stringify!($name))
            })*
        }
    };
}

never! {
    run_instances(&RunInstances) -> Vec<Instance>;
    may_run_instances(&RunInstances) -> ();
    terminate_instances(&[String]) -> ();
    unprotect_instance(&str) -> ();
    delete_network_interface(&str) -> ();
    delete_volume(&str) -> ();
    describe_instance_type(&str) -> InstanceTypeInfo;
    types_offered(&str) -> Vec<String>;
    zones_offering(&str) -> Vec<String>;
    describe_vpcs(&[Filter]) -> Vec<Vpc>;
    describe_subnets(&[Filter]) -> Vec<Subnet>;
    describe_security_groups(&[Filter]) -> Vec<SecurityGroup>;
    authorize_self_ingress(&str) -> ();
    authorize_self_egress(&str) -> ();
    delete_security_group(&str) -> ();
    describe_placement_groups(&[Filter]) -> Vec<PlacementGroup>;
    create_placement_group(&str, &[Tag]) -> ();
    delete_placement_group(&str) -> ();
    describe_network_interfaces(&[Filter]) -> Vec<NetworkInterface>;
    describe_volumes(&[Filter]) -> Vec<Volume>;
    describe_images(&[&str], &[Filter]) -> Vec<Image>;
}

fn registry(ec2: FakeEc2) -> (Arc<FakeEc2>, Ec2Registry) {
    registry_of(ec2, Membership::Launch)
}

fn registry_of(ec2: FakeEc2, membership: Membership) -> (Arc<FakeEc2>, Ec2Registry) {
    let ec2 = Arc::new(ec2);
    let own = Own {
        instance_id: "i-1".to_owned(),
        reservation_id: "r-1".to_owned(),
        launch_index: 0,
        membership,
        size: 2,
    };
    (ec2.clone(), Ec2Registry::new(ec2, "nixl".parse().unwrap(), own))
}

fn instance(id: &str, rank: u32, tags: Vec<Tag>) -> Instance {
    Instance { id: id.to_owned(), launch_index: rank, tags, ..Instance::default() }
}

#[tokio::test]
async fn members_are_the_others_with_what_their_tags_say() {
    let identity = IdentityRecord {
        public_key: [7; 32],
        boot: "0123abcd".to_owned(),
        epoch: 5,
        prefill: None,
    };
    let endpoint = EndpointRecord { provider: Provider::Tcp, address: vec![1, 2] };
    let tags = vec![
        Tag::new(tag::IDENTITY, identity.to_string()),
        Tag::new(tag::ENDPOINT, endpoint.to_string()),
    ];
    let (ec2, registry) = registry(FakeEc2 {
        instances: vec![
            instance("i-1", 0, Vec::new()),
            instance("i-2", 1, tags),
            instance("i-3", 2, vec![Tag::new(tag::IDENTITY, "2:of a later release")]),
        ],
        ..FakeEc2::default()
    });
    let Roster { standing, members } = registry.roster().await.unwrap();
    assert_eq!(standing, Standing::Ranked(0));
    assert_eq!(members.len(), 2);
    assert_eq!(
        (members[0].identity.as_ref(), members[0].endpoint.as_ref()),
        (Some(&identity), Some(&endpoint))
    );
    assert_eq!((members[1].rank, &members[1].identity), (2, &None));
    let filters = ec2.filters.lock().unwrap().clone();
    let names: Vec<&str> = filters.iter().map(|filter| filter.name.as_str()).collect();
    assert_eq!(names, ["tag:nixl:cluster", "instance-state-name", "reservation-id"]);
}

#[tokio::test]
async fn publishing_is_one_call_on_the_own_instance() {
    let (ec2, registry) = registry(FakeEc2::default());
    let tags = [(tag::STATE, "1:registered:-:0".to_owned()), (tag::IDENTITY, "x".to_owned())];
    registry.publish(&tags).await.unwrap();
    let written = ec2.written.lock().unwrap();
    assert_eq!(written.len(), 1);
    assert_eq!((written[0].0.as_slice(), written[0].1.len()), (&["i-1".to_owned()][..], 2));
}

#[tokio::test]
async fn a_refusal_is_told_from_a_throttle() {
    for (code, denied) in [("UnauthorizedOperation", true), ("RequestLimitExceeded", false)] {
        let (_, registry) = registry(FakeEc2 { error: Some(code), ..FakeEc2::default() });
        let error = registry.publish(&[]).await.unwrap_err();
        assert_eq!(error.denied, denied, "{error}");
        assert!(error.message.contains(code), "{error}");
    }
}

fn launched(id: &str, secs: u32, tags: Vec<Tag>) -> Instance {
    let launch_time = Some(format!("2026-01-01T00:00:{secs:02}Z"));
    Instance { launch_time, ..instance(id, 0, tags) }
}

#[tokio::test]
async fn by_tag_members_are_of_any_launch_and_have_the_rank_of_their_tag() {
    let ranked = |id, secs, rank| launched(id, secs, vec![Tag::new(tag::RANK, rank)]);
    let instances =
        vec![ranked("i-1", 1, "1"), ranked("i-2", 2, "0"), launched("i-3", 3, Vec::new())];
    let (ec2, registry) = registry_of(FakeEc2 { instances, ..FakeEc2::default() }, Membership::Tag);
    let Roster { standing, members } = registry.roster().await.unwrap();
    assert_eq!(standing, Standing::Ranked(1));
    let members: Vec<(&str, u32)> =
        members.iter().map(|of| (of.instance_id.as_str(), of.rank)).collect();
    assert_eq!(members, [("i-2", 0)]);
    let filters = ec2.filters.lock().unwrap().clone();
    let names: Vec<&str> = filters.iter().map(|filter| filter.name.as_str()).collect();
    assert_eq!(names, ["tag:nixl:cluster", "instance-state-name"]);
}

#[tokio::test]
async fn by_registration_what_this_node_has_claimed_counts_before_ec2_shows_it() {
    let other = ClaimRecord { rank: Some(1), launched_secs: 1_767_225_602, since_millis: 5 };
    let instances = vec![
        launched("i-1", 1, Vec::new()),
        launched("i-2", 2, vec![Tag::new(tag::CLAIM, other.to_string())]),
    ];
    let ec2 = FakeEc2 { instances, ..FakeEc2::default() };
    let (_, registry) = registry_of(ec2, Membership::Registration);
    for expected in [None, Some(0)] {
        let Roster { standing: Standing::Claims(claim), .. } = registry.roster().await.unwrap()
        else {
            panic!("no claim")
        };
        assert_eq!((claim.rank, claim.launched_secs), (expected, 1_767_225_601));
        registry.publish(&[(tag::CLAIM, claim.to_string())]).await.unwrap();
    }
    let Roster { standing, members } = registry.roster().await.unwrap();
    assert_eq!(standing, Standing::Claimed(0));
    assert_eq!((members.len(), members[0].rank), (1, 1));
}
