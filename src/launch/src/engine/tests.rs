//! `up` and `down` against the account in memory.

mod cut_off;
mod hold;
mod mlflow;
mod removal;
mod rivals;
mod search;
mod table;

use super::{Engine, Patience, Removal};
use crate::failure::{Failure, Left, Problem};
use crate::fake::{Fake, Fault, REGION, refusal};
use crate::plan::{Spec, Wanted, WantedImage, WantedServer, live};
use crate::report::Report;
use nixl_aws::Tag;
use nixl_aws::ec2::SecurityGroup;
use nixl_aws::sagemaker::Mlflow;
use std::time::Duration;

const CAPACITY: Fault = Fault::Refuse("InsufficientInstanceCapacity", "no room", 500);
const ALL: Removal = Removal::ALL;
const DENIED: Fault = Fault::Refuse("UnauthorizedOperation", "not you", 403);

fn spec() -> Spec {
    Spec::new(Default::default(), REGION)
}

/// With a tracking server of the cluster.
fn with_server() -> Spec {
    Spec { mlflow: Wanted::Server(WantedServer::default()), ..spec() }
}

async fn up(fake: &Fake) -> Result<Report, Failure> {
    up_with(fake, &spec()).await
}

async fn up_with(fake: &Fake, spec: &Spec) -> Result<Report, Failure> {
    let services = fake.services();
    fake.engine(&services).up(spec, patience(500)).await
}

fn patience(ready_ms: u64) -> Patience {
    Patience { ready: Duration::from_millis(ready_ms), capacity: Duration::ZERO }
}

async fn down(fake: &Fake) -> Result<super::Removed, Failure> {
    let services = fake.services();
    fake.engine(&services).down(ALL).await
}

#[tokio::test]
async fn up_makes_everything_once_and_down_leaves_nothing() {
    let fake = Fake::new();
    let report = up(&fake).await.unwrap();
    assert_eq!((report.state.as_str(), report.nodes.len()), ("paired", 2));
    assert!(report.tracking.as_ref().is_some_and(|it| it.active && it.owned));
    {
        let state = fake.state();
        let group = &state.groups[0];
        assert!(group.self_ingress && group.self_egress);
        let names: Vec<_> =
            state.instances.iter().map(|it| Tag::find(&it.tags, "Name").unwrap()).collect();
        assert_eq!(names, ["nixl-node1", "nixl-node2"]);
        assert!(state.attached["nixl-node-us-east-1"].iter().all(|arn| arn.contains("SSMManaged")));
    }
    let again = up(&fake).await.unwrap();
    let ids = |report: &Report| -> Vec<String> {
        report.nodes.iter().map(|node| node.instance_id.clone()).collect()
    };
    assert_eq!(ids(&again), ids(&report));
    assert_eq!(fake.count("RunInstances"), 1);

    let removed = down(&fake).await.unwrap();
    assert!(removed.foreign.is_empty() && removed.removed.len() >= 8, "{removed:?}");
    assert_eq!(fake.residue(), Vec::<String>::new());
    assert_eq!(down(&fake).await.unwrap(), super::Removed::default());
}

#[tokio::test]
async fn roles_are_told_to_the_nodes_and_tagged_also_by_a_later_run() {
    let fake = Fake::new();
    let asked = Spec { size: 3, prefill: Some(1), ..spec() };
    let report = up_with(&fake, &asked).await.unwrap();
    let roles = |report: &Report| -> Vec<String> {
        report.nodes.iter().map(|node| node.role.clone().unwrap_or_default()).collect()
    };
    assert_eq!(roles(&report), ["prefill", "decode", "decode"]);
    // A run that was cut off before it named the last node, and one that asks for no roles.
    fake.state().instances[2].tags.retain(|tag| tag.key != "nixl:role");
    let again = up_with(&fake, &Spec { size: 3, ..spec() }).await.unwrap();
    assert_eq!(roles(&again), roles(&report));
}

#[tokio::test]
async fn a_cluster_can_be_made_again_after_down() {
    let fake = Fake::new();
    up(&fake).await.unwrap();
    down(&fake).await.unwrap();
    up(&fake).await.unwrap();
    let tokens = fake.state().sent_tokens.clone();
    assert_eq!(tokens.len(), 2);
    assert_ne!(tokens[0], tokens[1]);
}

/// Whatever change fails, refused or carried out with its answer lost: a second
/// `up` ends with one whole cluster, and `down` leaves nothing.
#[tokio::test]
async fn a_failure_at_any_change_converges() {
    let probe = Fake::new();
    up(&probe).await.unwrap();
    let changes = probe.state().changes;
    assert!(changes >= 12, "{changes}");
    for n in 0..changes {
        for fault in [DENIED, Fault::Lose] {
            let fake = Fake::new();
            fake.state().nth_change = Some((n, fault.clone()));
            let first = up(&fake).await;
            if let Err(failure) = &first {
                assert!(!matches!(failure.left, Left::Unchanged), "{n} {fault:?}: {failure}");
            }
            up(&fake).await.unwrap_or_else(|failure| panic!("{n} {fault:?}: {failure}"));
            assert_eq!(live(&fake.state().instances).len(), 2, "{n} {fault:?}");
            down(&fake).await.unwrap_or_else(|failure| panic!("{n} {fault:?}: {failure}"));
            assert_eq!(fake.residue(), Vec::<String>::new(), "{n} {fault:?}");
        }
    }
}

/// The same for `down`: a second one finishes the job.
#[tokio::test]
async fn a_failure_at_any_removal_converges() {
    let probe = Fake::new();
    up(&probe).await.unwrap();
    let made = probe.state().changes;
    down(&probe).await.unwrap();
    let removals = probe.state().changes - made;
    for n in 0..removals {
        for fault in [DENIED, Fault::Lose] {
            let fake = Fake::new();
            up(&fake).await.unwrap();
            let at = fake.state().changes + n;
            fake.state().nth_change = Some((at, fault.clone()));
            if let Err(failure) = down(&fake).await {
                assert!(matches!(failure.left, Left::Remaining(_) | Left::Clear), "{n} {failure}");
            }
            down(&fake).await.unwrap_or_else(|failure| panic!("{n} {fault:?}: {failure}"));
            assert_eq!(fake.residue(), Vec::<String>::new(), "{n} {fault:?}");
        }
    }
}

#[tokio::test]
async fn no_room_in_one_zone_moves_on_and_takes_its_group_along() {
    let fake = Fake::new();
    fake.script("RunInstances", &[CAPACITY]);
    let report = up(&fake).await.unwrap();
    assert_eq!(report.zone, "us-east-1b");
    assert_eq!(fake.state().placement.len(), 1);
    assert_eq!(report.placement_group.as_deref(), Some("nixl-us-east-1b"));
}

#[tokio::test]
async fn no_room_anywhere_says_so_for_each_zone() {
    let fake = Fake::new();
    fake.script("RunInstances", &[CAPACITY, CAPACITY]);
    let failure = up(&fake).await.unwrap_err();
    let text = failure.to_string();
    assert!(text.contains("us-east-1a: ") && text.contains("us-east-1b: "), "{text}");
    assert!(matches!(failure.left, Left::Remaining(_)));
    assert!(fake.state().placement.is_empty());
    assert_eq!(fake.count("RunInstances"), 2);
}

#[tokio::test]
async fn a_quota_refusal_is_final_and_says_what_to_do() {
    let fake = Fake::new();
    fake.script("RunInstances", &[Fault::Refuse("VcpuLimitExceeded", "64", 400)]);
    let failure = up(&fake).await.unwrap_err();
    assert!(failure.to_string().contains("request-service-quota-increase"));
    assert_eq!(fake.count("RunInstances"), 1);
}

#[tokio::test]
async fn unclear_answers_repeat_the_same_token() {
    let fake = Fake::new();
    let server = Fault::Refuse("InternalError", "", 500);
    let throttled = Fault::Refuse("RequestLimitExceeded", "", 503);
    fake.script("RunInstances", &[Fault::Lose, server, throttled, Fault::Lose]);
    up(&fake).await.unwrap();
    let state = fake.state();
    assert_eq!(state.sent_tokens.len(), 5);
    assert!(state.sent_tokens.iter().all(|token| *token == state.sent_tokens[0]));
    assert_eq!(state.instances.len(), 2);
}

#[tokio::test]
async fn a_new_role_is_waited_for() {
    let fake = Fake::new();
    let lag = Fault::Refuse("InvalidParameterValue", "Invalid IAM Instance Profile name", 400);
    fake.script("RunInstances", &[lag.clone(), lag]);
    up(&fake).await.unwrap();
    assert_eq!(fake.count("RunInstances"), 3);
}

#[tokio::test]
async fn a_spent_token_starts_a_new_generation_once() {
    let fake = Fake::new();
    let spent = Fault::Refuse("IdempotentInstanceTerminated", "", 400);
    fake.script("RunInstances", &[spent]);
    up(&fake).await.unwrap();
    assert_eq!(fake.state().instances.len(), 2);
    assert_eq!(fake.count("RunInstances"), 2);
}

/// A launch in the second zone whose answer is lost and whose nodes EC2 does
/// not show yet.
async fn cut_off(fake: &Fake) {
    let server_error = Fault::Refuse("InternalError", "", 500);
    let mut faults = vec![CAPACITY, Fault::Lose];
    faults.resize(500, server_error);
    fake.script("RunInstances", &faults);
    fake.state().hidden_looks = u32::MAX;
    let failure = up(fake).await.unwrap_err();
    assert!(matches!(failure.problem, Problem::Unsettled { .. }), "{failure}");
    assert_eq!(fake.state().instances.len(), 2);
    fake.state().script.clear();
    // The next run's first look still misses them.
    fake.state().hidden_looks = 1;
}

#[tokio::test]
async fn a_launch_in_flight_is_sent_again_before_another_zone_is_tried() {
    let fake = Fake::new();
    cut_off(&fake).await;
    let report = up(&fake).await.unwrap();
    assert_eq!(report.zone, "us-east-1b");
    assert_eq!(fake.state().instances.len(), 2);
}

#[tokio::test]
async fn a_launch_in_flight_is_found_when_another_one_is_wished() {
    let fake = Fake::new();
    cut_off(&fake).await;
    let before = fake.count("RunInstances");
    up_with(&fake, &Spec { zones: vec!["us-east-1a".to_owned()], ..spec() }).await.unwrap();
    assert_eq!(fake.count("RunInstances"), before);
    assert_eq!(fake.state().instances.len(), 2);
}

#[tokio::test]
async fn down_finds_a_launch_in_flight() {
    let fake = Fake::new();
    cut_off(&fake).await;
    down(&fake).await.unwrap();
    assert_eq!(fake.residue(), Vec::<String>::new());
}

#[tokio::test]
async fn a_node_that_says_failed_ends_the_wait() {
    let fake = Fake::new();
    fake.state().nodes_say = Some("1:failed:fabric.provider_missing:100");
    let failure = up(&fake).await.unwrap_err();
    let text = failure.to_string();
    assert!(matches!(failure.problem, Problem::NodeFailed { .. }), "{text}");
    assert!(text.contains("nixl-node1") && text.contains("no device here"), "{text}");
    assert!(matches!(failure.left, Left::Remaining(list) if list.len() >= 8));
}

#[tokio::test]
async fn a_node_that_ends_says_why() {
    let fake = Fake::new();
    fake.state().nodes_end = Some("Server.InsufficientInstanceCapacity");
    let failure = up(&fake).await.unwrap_err();
    assert!(failure.to_string().contains("Server.InsufficientInstanceCapacity"), "{failure}");
}

#[tokio::test]
async fn a_wait_without_end_says_what_is_missing() {
    let fake = Fake::new();
    fake.state().nodes_say = Some("1:registered:pair.peer_unreachable:100");
    let services = fake.services();
    let failure = fake.engine(&services).up(&spec(), patience(20)).await.unwrap_err();
    let text = failure.to_string();
    assert!(text.contains("nixl-node2") && text.contains("pair.peer_unreachable"), "{text}");
    assert!(failure.left.told().contains("money may be running"));
}

#[tokio::test]
async fn nothing_is_changed_before_every_check_is_made() {
    let fake = Fake::new();
    fake.state().images.clear();
    let failure = up(&fake).await.unwrap_err();
    assert_eq!(failure.left, Left::Unchanged);
    assert_eq!(failure.to_string(), "no image; run `nixl-bake build`");
    let other =
        up_with(&fake, &Spec { instance_types: vec!["t3.micro".to_owned()], ..spec() }).await;
    assert!(matches!(other.unwrap_err().problem, Problem::Plan(f) if f.0.len() == 3));
    assert_eq!(fake.state().changes, 0);
}

#[tokio::test]
async fn an_image_is_found_by_the_parameter_that_holds_its_id() {
    const NAME: &str = "/nixl/ami/nixl/x86_64/latest";
    const ID: &str = "ami-0123456789abcdef0";
    let fake = Fake::new();
    let asked = Spec { image: WantedImage::Parameter(NAME.to_owned()), ..spec() };
    let failure = up_with(&fake, &asked).await.unwrap_err();
    assert!(failure.to_string().contains(&format!("no parameter {NAME}")), "{failure}");
    // Something else that it holds is nobody's to read here.
    fake.state().ssm.parameters.insert(NAME.to_owned(), "secret".to_owned());
    let failure = up_with(&fake, &asked).await.unwrap_err().to_string();
    assert!(failure.contains("holds an image's id") && !failure.contains("secret"), "{failure}");
    fake.state().ssm.parameters.insert(NAME.to_owned(), ID.to_owned());
    let failure = up_with(&fake, &asked).await.unwrap_err().to_string();
    assert!(failure.contains(&format!("{ID} of ssm:{NAME} is not there")), "{failure}");
    assert_eq!(fake.state().changes, 0);
    let newer = crate::plan::tests::baked("ami-2", "2026-06-01");
    fake.state().images[0].id = ID.to_owned();
    fake.state().images.push(newer);
    up_with(&fake, &asked).await.unwrap();
    assert!(fake.state().instances.iter().all(|node| node.image_id == ID));
    // The parameter names another image since: the nodes that are there stay.
    fake.state().ssm.parameters.insert(NAME.to_owned(), "ami-0123456789abcdef1".to_owned());
    fake.state().images[1].id = "ami-0123456789abcdef1".to_owned();
    let services = fake.services();
    let engine = fake.engine(&services);
    let plan = crate::plan::plan(&asked, &engine.facts(&asked).await.unwrap());
    let told = "already there with ami-0123456789abcdef0; --image ami-0123456789abcdef1";
    assert!(plan.checks.iter().any(|check| check.found.contains(told)), "{:?}", plan.checks);
    assert!(plan.checks.iter().any(|check| check.found.ends_with(&format!("by ssm:{NAME}"))));
}

#[tokio::test]
async fn the_newest_image_may_be_one_that_a_named_account_shares() {
    let fake = Fake::new();
    let shared = |id: &str, owner: &str| nixl_aws::ec2::Image {
        name: "nixl-0123456789ab-2026-11-29T10-20-30.123Z".to_owned(),
        owner_id: owner.to_owned(),
        tags: Vec::new(),
        ..crate::plan::tests::baked(id, "2026-11-29")
    };
    fake.state().images.push(shared("ami-stranger", "999999999999"));
    fake.state().images.push(shared("ami-shared", "111122223333"));
    let image = async |shared_by: &[&str]| {
        let shared_by = shared_by.iter().map(|one| (*one).to_owned()).collect();
        let (services, spec) = (fake.services(), Spec { shared_by, ..spec() });
        let facts = fake.engine(&services).facts(&spec).await.unwrap();
        let plan = crate::plan::plan(&spec, &facts);
        let told = plan.checks.into_iter().find(|check| check.name == "image").unwrap().found;
        (plan.image.map(|image| image.id), told)
    };
    assert_eq!(image(&[]).await.0.unwrap(), "ami-1", "without named owners none is trusted");
    let (id, told) = image(&["111122223333"]).await;
    assert_eq!(id.unwrap(), "ami-shared");
    assert!(told.ends_with("shared by 111122223333"), "{told}");
    fake.state().images.retain(|image| image.id == "ami-stranger");
    let (id, told) = image(&["111122223333"]).await;
    assert_eq!((id, told.as_str()), (None, "no image, and none that 111122223333 shares"));
}

#[tokio::test]
async fn half_a_cluster_is_refused_and_down_clears_it() {
    let fake = Fake::new();
    up(&fake).await.unwrap();
    fake.state().instances[1].state = "terminated".to_owned();
    let failure = up(&fake).await.unwrap_err();
    assert!(matches!(&failure.problem, Problem::Plan(f) if f.to_string().contains("is not whole")));
    assert_eq!(failure.left, Left::Unchanged);
    down(&fake).await.unwrap();
    assert_eq!(fake.residue(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_not_ours_stays() {
    let fake = Fake::new();
    {
        let mut state = fake.state();
        state.server = Some((
            Mlflow {
                arn: "arn:aws:sagemaker:us-east-1:1:mlflow-tracking-server/nixl-efa-mlflow".into(),
                name: "nixl-efa-mlflow".into(),
                status: "Created".into(),
                is_active: true,
                ..Default::default()
            },
            vec![],
        ));
    }
    let report = up_with(&fake, &with_server()).await.unwrap();
    assert!(report.tracking.is_some_and(|it| !it.owned));
    assert!(fake.state().buckets.is_empty());
    let removed = down(&fake).await.unwrap();
    assert_eq!(removed.foreign[0].kind, "MLflow tracking server");
    assert_eq!(fake.residue(), ["nixl-efa-mlflow"]);
    assert_eq!(fake.count("DeleteMlflowTrackingServer"), 0);

    fake.state().groups.push(SecurityGroup {
        id: "sg-9".into(),
        name: "nixl-fabric".into(),
        vpc_id: "vpc-1".into(),
        ..Default::default()
    });
    assert!(matches!(up(&fake).await.unwrap_err().left, Left::Unchanged));
    assert_eq!(down(&fake).await.unwrap().foreign[0].id, "sg-9");
    assert!(fake.residue().contains(&"nixl-fabric".to_owned()));
}

#[tokio::test]
async fn mlflow_can_outlive_its_cluster() {
    let fake = Fake::new();
    up(&fake).await.unwrap();
    let services = fake.services();
    let removed = fake.engine(&services).down(Removal::default()).await.unwrap();
    assert_eq!(removed.kept.len(), 3, "{removed:?}");
    assert_eq!(fake.residue().len(), 3);
    assert!(up(&fake).await.unwrap().tracking.is_some_and(|it| it.owned));
    assert_eq!(fake.count("CreateMlflowApp"), 1);
    down(&fake).await.unwrap();
    assert_eq!(fake.residue(), Vec::<String>::new());
}

#[tokio::test]
async fn without_mlflow_nothing_of_it_is_made() {
    let fake = Fake::new();
    let report = up_with(&fake, &Spec { mlflow: Wanted::None, ..spec() }).await.unwrap();
    assert_eq!(report.tracking, None);
    let state = fake.state();
    assert!(
        state.server.is_none()
            && state.buckets.is_empty()
            && !state.roles.contains_key("nixl-mlflow-us-east-1")
    );
    assert!(!state.policies["nixl-node-us-east-1"]["nixl-node"].contains("sagemaker"));
}

#[tokio::test]
async fn status_tells_of_a_cluster_or_that_there_is_none() {
    let fake = Fake::new();
    let services = fake.services();
    let failure = fake.engine(&services).status().await.unwrap_err();
    assert!(matches!(failure.problem, Problem::NoCluster { .. }));
    up(&fake).await.unwrap();
    assert_eq!(fake.engine(&services).status().await.unwrap().nodes.len(), 2);
}

#[tokio::test]
async fn an_unreadable_account_leaves_it_unknown() {
    let fake = Fake::new();
    fake.script("RunInstances", &[DENIED]);
    let broken = Fault::Refuse("UnauthorizedOperation", "", 403);
    fake.script("DescribeVolumes", &[broken]);
    assert_eq!(up(&fake).await.unwrap_err().left, Left::Unknown);
    assert_eq!(refusal("X", "C", "m", 400).code(), Some("C"));
}

/// IAM knows no regions: what the same name has made in another one must not be
/// touched from here.
#[tokio::test]
async fn a_cluster_of_the_same_name_in_another_region_keeps_its_roles() {
    let fake = Fake::new();
    let services = fake.services();
    let other = "eu-west-1";
    let there = Engine { region: other.to_owned(), ..fake.engine(&services) };
    there.up(&Spec::new(Default::default(), other), patience(500)).await.unwrap();
    let of_there = |fake: &Fake| {
        let state = fake.state();
        let policies = state.policies.iter().filter(|(name, _)| name.ends_with(other));
        (
            policies.map(|(name, it)| (name.clone(), it.clone())).collect::<Vec<_>>(),
            state.roles.len(),
        )
    };
    let (before, roles) = of_there(&fake);
    assert_eq!((before.len(), roles), (3, 3));
    // The fake has one EC2: in the other region there would be no instances.
    fake.state().instances.clear();
    fake.state().groups.clear();
    fake.state().server = None;
    up(&fake).await.unwrap();
    assert_eq!(of_there(&fake).0, before, "policies are left as they were");
    fake.engine(&services).down(ALL).await.unwrap();
    assert_eq!(of_there(&fake), (before, roles));
}

/// IAM shows a role it has just made only after a while.
#[tokio::test]
async fn a_policy_of_a_role_that_is_not_shown_yet_is_written_again() {
    const UNSEEN: Fault = Fault::Refuse("NoSuchEntity", "The role cannot be found.", 404);
    let fake = Fake::new();
    fake.script("PutRolePolicy", &[UNSEEN, UNSEEN, UNSEEN]);
    up(&fake).await.unwrap();
    assert_eq!(fake.count("PutRolePolicy"), 6);
}
