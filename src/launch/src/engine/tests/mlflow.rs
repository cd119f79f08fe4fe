//! The cluster's own App: made once, told to nodes at launch, removed.

use super::{ALL, DENIED, down, patience, spec, up, up_with, with_server};
use crate::engine::Removal;
use crate::failure::{Problem, Resource};
use crate::fake::{Fake, Fault};
use crate::keys;
use crate::plan::{ServerSize, Spec, Wanted, WantedServer, plan};
use nixl_aws::Tag;

const LOST: Fault = Fault::Lose;

/// ARN that each node was told of.
fn told(fake: &Fake) -> Vec<String> {
    let state = fake.state();
    let live = state.instances.iter().filter(|node| node.state != "terminated");
    live.filter_map(|node| Tag::find(&node.tags, keys::TRACKING_ARN).map(str::to_owned)).collect()
}

#[tokio::test]
async fn an_app_is_made_before_the_launch_and_told_to_all_nodes() {
    let fake = Fake::new();
    let report = up(&fake).await.unwrap();
    let tracking = report.tracking.unwrap();
    assert_eq!((tracking.kind, tracking.active, tracking.owned), ("app", true, true));
    assert_eq!(told(&fake), [tracking.arn.clone(), tracking.arn.clone()]);
    let calls = fake.state().calls.clone();
    let at = |name: &str| calls.iter().position(|call| *call == name).unwrap();
    assert!(at("CreateMlflowApp") < at("RunInstances"));
    let policy = fake.state().policies["nixl-node-us-east-1"]["nixl-node"].clone();
    assert!(policy.contains(&tracking.arn), "{policy}");
    let again = up(&fake).await.unwrap().tracking.unwrap();
    assert_eq!((again.arn, fake.count("CreateMlflowApp")), (tracking.arn, 1));
    assert_eq!(fake.count("CreateBucket"), 1);
    assert_eq!(fake.count("PutBucketPolicy"), 1, "a bucket that is settled is left alone");
    down(&fake).await.unwrap();
    assert!(fake.residue().is_empty(), "{:?}", fake.residue());
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_app() {
    let fake = Fake::new();
    fake.script("CreateMlflowApp", &[LOST]);
    up(&fake).await.unwrap();
    assert_eq!((fake.count("CreateMlflowApp"), fake.state().apps.len()), (1, 1));
}

#[tokio::test]
async fn an_app_waits_for_its_role_to_be_shown() {
    const UNSEEN: Fault = Fault::Refuse("ValidationException", "Could not assume role arn", 400);
    let fake = Fake::new();
    fake.script("CreateMlflowApp", &[UNSEEN, UNSEEN]);
    up(&fake).await.unwrap();
    assert_eq!(fake.count("CreateMlflowApp"), 3);
    let denied = Fake::new();
    denied.script("CreateMlflowApp", &[DENIED]);
    let failure = up(&denied).await.unwrap_err();
    assert!(matches!(failure.problem, Problem::Aws { .. }));
    assert_eq!(denied.count("RunInstances"), 0);
}

#[tokio::test]
async fn one_too_many_is_removed_once_nodes_know_the_other() {
    let fake = Fake::new();
    up(&fake).await.unwrap();
    let (mut twin, tags) = fake.state().apps[0].clone();
    let known = twin.arn.clone();
    // Older, so that only what nodes were told speaks for the other.
    twin.arn = twin.arn.replace("app-", "app-0");
    twin.created_secs -= 1;
    let mut foreign = twin.clone();
    foreign.arn = foreign.arn.replace("app-", "app-f");
    fake.state().apps.extend([(twin.clone(), tags), (foreign.clone(), vec![])]);
    assert_eq!(up(&fake).await.unwrap().tracking.unwrap().arn, known);
    let left: Vec<_> =
        fake.state().apps.iter().map(|(app, _)| (app.arn.clone(), app.status.clone())).collect();
    let of = |arn: &str| left.iter().find(|it| it.0 == arn).map(|it| it.1.as_str());
    assert_eq!((of(&known), of(&foreign.arn)), (Some("Created"), Some("Created")));
    assert!(matches!(of(&twin.arn), None | Some("Deleting")), "{left:?}");
    down(&fake).await.unwrap();
    assert_eq!(fake.residue(), [foreign.arn]);
}

/// `down --mlflow` was cut off before it came to the nodes.
#[tokio::test]
async fn an_app_that_is_being_deleted_is_not_waited_for() {
    let fake = Fake::new();
    up(&fake).await.unwrap();
    let known = told(&fake)[0].clone();
    fake.state().apps.iter_mut().for_each(|(app, _)| {
        (app.status, app.is_active) = ("Deleting".to_owned(), false);
    });
    let next = up(&fake).await.unwrap().tracking.unwrap();
    assert!(next.active && next.arn != known, "{next:?}");
    down(&fake).await.unwrap();
    assert!(fake.residue().is_empty());
}

/// Nodes that are gone may have been told of it.
#[tokio::test]
async fn one_too_many_that_is_older_stays_with_its_runs() {
    let fake = Fake::new();
    up(&fake).await.unwrap();
    let (mut old, tags) = fake.state().apps[0].clone();
    let known = old.arn.clone();
    old.arn = old.arn.replace("app-", "app-0");
    old.created_secs -= 3600;
    fake.state().apps.push((old, tags));
    assert_eq!(up(&fake).await.unwrap().tracking.unwrap().arn, known);
    assert_eq!(fake.count("DeleteMlflowApp"), 0);
    down(&fake).await.unwrap();
    assert!(fake.residue().is_empty());
}

/// A twin of the App that is there, older than it and than what a run removes.
fn older_twin(fake: &Fake) {
    let (mut twin, tags) = fake.state().apps[0].clone();
    twin.arn = twin.arn.replace("app-", "app-0");
    twin.created_secs -= 3600;
    fake.state().apps.push((twin, tags));
}

/// Wherever a launch ends, the next one goes on with the App that nodes know, also
/// after they are gone.
#[tokio::test]
async fn a_launch_after_down_goes_on_with_the_runs_of_the_one_before() {
    for carried_out in [false, true] {
        for at in 0.. {
            let fake = Fake::new();
            let services = fake.services();
            let engine = fake.engine(&services);
            let first = engine.mlflow_up(&spec()).await.unwrap().unwrap().arn;
            older_twin(&fake);
            // As a release before left it, and nodes know the younger one.
            if at == 0 {
                fake.state()
                    .roles
                    .values_mut()
                    .for_each(|role| role.tags.retain(|tag| tag.key != keys::TOLD_APP));
                let older = up(&fake).await.unwrap().tracking.unwrap().arn;
                assert_ne!(older, first, "without a record it is the oldest");
            } else {
                let before = fake.state().changes;
                fake.state().dies_at = Some((before + at - 1, carried_out));
                if !fake.dead(engine.up(&spec(), patience(500))).await {
                    break;
                }
            }
            let before = told(&fake);
            fake.engine(&services).down(Removal::NODES).await.unwrap();
            let next = up(&fake).await.unwrap().tracking.unwrap().arn;
            assert!(
                before.iter().all(|told| *told == next),
                "{at} {carried_out}: {before:?} {next}"
            );
            assert_eq!(told(&fake), [next.clone(), next]);
        }
    }
}

/// Another run's nodes were told of its App: the record follows them.
#[tokio::test]
async fn the_record_follows_what_nodes_were_told() {
    let fake = Fake::new();
    up(&fake).await.unwrap();
    let known = told(&fake)[0].clone();
    older_twin(&fake);
    let other = fake.state().apps[1].0.arn.clone();
    let record = |arn: &str| {
        let mut state = fake.state();
        let role = state.roles.get_mut("nixl-mlflow-us-east-1").unwrap();
        let had = Tag::find(&role.tags, keys::TOLD_APP).map(str::to_owned);
        role.tags.retain(|tag| tag.key != keys::TOLD_APP);
        role.tags.push(Tag::new(keys::TOLD_APP, arn));
        had
    };
    assert_eq!(record(&other).as_ref(), Some(&known));
    up(&fake).await.unwrap();
    assert_eq!(record(&other), Some(known));
}

/// Wherever a run ends, the next one has one App, and `down` leaves nothing.
#[tokio::test]
async fn a_run_that_ends_anywhere_leaves_one_app_to_go_on_with() {
    for carried_out in [false, true] {
        for at in 0.. {
            let fake = Fake::new();
            let services = fake.services();
            fake.state().dies_at = Some((at, carried_out));
            let engine = fake.engine(&services);
            if !fake.dead(engine.mlflow_up(&spec())).await {
                break;
            }
            let report = fake.engine(&services).mlflow_up(&spec()).await.unwrap().unwrap();
            assert!(report.active && report.owned, "{at} {carried_out}");
            assert_eq!(fake.state().apps.len(), 1, "{at} {carried_out}");
            up(&fake).await.unwrap();
            assert_eq!(told(&fake), [report.arn.clone(), report.arn]);
            down(&fake).await.unwrap();
            assert!(fake.residue().is_empty(), "{at} {carried_out}: {:?}", fake.residue());
        }
    }
}

/// Wherever a removal ends, the next one finds what is left of it.
#[tokio::test]
async fn a_removal_that_ends_anywhere_is_gone_on_with() {
    for with_bucket in [false, true] {
        for carried_out in [false, true] {
            for at in 0.. {
                let fake = Fake::new();
                let services = fake.services();
                fake.engine(&services).mlflow_up(&spec()).await.unwrap();
                let before = fake.state().changes;
                fake.state().dies_at = Some((before + at, carried_out));
                let engine = fake.engine(&services);
                if !fake.dead(engine.mlflow_down(with_bucket)).await {
                    break;
                }
                fake.engine(&services).mlflow_down(with_bucket).await.unwrap();
                let kept: &[&str] = match with_bucket {
                    true => &[],
                    false => &["nixl-mlflow-123456789012-us-east-1"],
                };
                assert_eq!(fake.residue(), kept, "{at} {carried_out}");
                // What is kept is used again, and goes in the end.
                up(&fake).await.unwrap();
                down(&fake).await.unwrap();
                assert!(fake.residue().is_empty(), "{:?}", fake.residue());
            }
        }
    }
}

#[tokio::test]
async fn mlflow_goes_alone_only_where_no_node_logs_to_it() {
    let fake = Fake::new();
    up(&fake).await.unwrap();
    let services = fake.services();
    let engine = fake.engine(&services);
    let used = engine.mlflow_down(false).await.unwrap_err();
    assert!(matches!(&used.problem, Problem::MlflowInUse { nodes } if nodes.len() == 2));
    let hours = engine.power_tracking(crate::engine::Power::Off).await.unwrap_err();
    assert!(matches!(hours.problem, Problem::NoHours { .. }), "{hours}");
    engine.down(Removal::NODES).await.unwrap();
    let removed = engine.mlflow_down(false).await.unwrap();
    let bucket = Resource::new("S3 bucket", "nixl-mlflow-123456789012-us-east-1");
    assert_eq!(removed.kept, std::slice::from_ref(&bucket));
    assert_eq!(removed.removed[0], Resource::new("MLflow App", "nixl-mlflow"));
    let rest = engine.mlflow_down(true).await.unwrap();
    assert_eq!(rest.removed, [bucket]);
    assert!(fake.residue().is_empty());
}

#[tokio::test]
async fn what_a_cluster_has_made_is_gone_on_with_whatever_the_default_is() {
    let fake = Fake::new();
    let server = with_server();
    up_with(&fake, &server).await.unwrap();
    let services = fake.services();
    fake.engine(&services).down(Removal::NODES).await.unwrap();
    assert_eq!(up(&fake).await.unwrap().tracking.unwrap().kind, "tracking-server");
    assert_eq!((fake.count("CreateMlflowTrackingServer"), fake.count("CreateMlflowApp")), (1, 0));
    let services = fake.services();
    fake.engine(&services).down(ALL).await.unwrap();
    // A bucket of an older release has no tags: the role is its record.
    fake.engine(&services).mlflow_up(&server).await.unwrap();
    fake.state().buckets.values_mut().for_each(Vec::clear);
    fake.engine(&services).mlflow_down(false).await.unwrap();
    assert!(fake.state().buckets.values().all(|tags| !tags.is_empty()));
    fake.engine(&services).up(&spec(), patience(500)).await.unwrap();
    assert_eq!(fake.count("CreateMlflowApp"), 1);
}

/// Wherever a run ends, the next one leaves the bucket with its key.
#[tokio::test]
async fn a_bucket_has_its_key_however_often_a_run_ends() {
    const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/k";
    let with_key = Spec { kms_key: Some(KEY.to_owned()), ..spec() };
    for carried_out in [false, true] {
        for at in 0.. {
            let fake = Fake::new();
            let services = fake.services();
            fake.state().dies_at = Some((at, carried_out));
            let engine = fake.engine(&services);
            if !fake.dead(engine.mlflow_up(&with_key)).await {
                break;
            }
            fake.engine(&services).mlflow_up(&with_key).await.unwrap();
            // Who does not name it keeps it.
            fake.engine(&services).mlflow_up(&spec()).await.unwrap();
            let state = fake.state();
            let settings = state.bucket_settings.values().next().unwrap();
            assert_eq!(settings.kms_key.as_deref(), Some(KEY), "{at} {carried_out}");
            let tags = state.buckets.values().next().unwrap();
            assert_eq!(Tag::find(tags, keys::KMS_KEY), Some(KEY), "{at} {carried_out}");
            let policy = &state.policies["nixl-mlflow-us-east-1"]["nixl-artifacts"];
            assert!(policy.contains("kms:GenerateDataKey") && policy.contains(KEY), "{policy}");
        }
    }
}

#[tokio::test]
async fn what_a_server_costs_is_told_by_its_size() {
    let fake = Fake::new();
    let size = ServerSize::Large;
    let server = Wanted::Server(WantedServer { size, ..Default::default() });
    let large = Spec { mlflow: server, ..spec() };
    let services = fake.services();
    let plan = plan(&large, &fake.engine(&services).facts(&large).await.unwrap());
    let told: Vec<_> = plan.checks.iter().filter(|check| check.name == "mlflow").collect();
    assert!(told[0].found.contains("$1.50 an hour ($1095 a month), Large"), "{told:?}");
    let report = up_with(&fake, &large).await.unwrap().tracking.unwrap();
    assert_eq!((report.size.as_deref(), report.usd_per_hour), (Some("Large"), Some(1.5)));
    assert_eq!(report.price_source.as_deref(), Some("AWS Price List of 2026-07-20"));
    let status = fake.engine(&services).mlflow_status().await.unwrap();
    assert_eq!(status.usd_per_hour, Some(1.5));
    // Nobody's price is waited for or made up.
    fake.script("GetProducts", &[DENIED; 20]);
    let status = fake.engine(&services).mlflow_status().await.unwrap();
    assert_eq!(status.usd_per_hour, None);
}

/// Wherever a removal ends, the next one leaves the server stopped and no node.
#[tokio::test]
async fn a_server_is_stopped_with_its_cluster_and_an_app_has_nothing_to_stop() {
    let stop = Removal { stop_mlflow: true, ..Removal::NODES };
    for carried_out in [false, true] {
        for at in 0.. {
            let fake = Fake::new();
            up_with(&fake, &with_server()).await.unwrap();
            let services = fake.services();
            let before = fake.state().changes;
            fake.state().dies_at = Some((before + at, carried_out));
            let engine = fake.engine(&services);
            if !fake.dead(engine.down(stop)).await {
                break;
            }
            let removed = fake.engine(&services).down(stop).await.unwrap();
            assert_eq!(removed.stopped.as_deref(), Some("nixl-efa-mlflow"), "{at} {carried_out}");
            let status = fake.state().server.as_ref().unwrap().0.status.clone();
            assert_eq!((status.as_str(), told(&fake).len()), ("Stopped", 0), "{at} {carried_out}");
            assert!(fake.count("StopMlflowTrackingServer") <= 2);
        }
    }
    let fake = Fake::new();
    up(&fake).await.unwrap();
    let services = fake.services();
    let removed = fake.engine(&services).down(stop).await.unwrap();
    assert_eq!((removed.stopped, fake.state().apps.len()), (None, 1));
}
