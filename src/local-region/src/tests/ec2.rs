//! Launching, tagging oneself, ending.

use crate::backend::Directory;
use crate::lifecycle;
use crate::testing::{Bench, element};
use http::StatusCode;
use std::sync::atomic::Ordering;

const TRUST: &str = r#"{"Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;
const SELF_TAGGING: &str = r#"{"Statement":{"Effect":"Allow","Action":"ec2:CreateTags","Resource":"arn:aws:ec2:*:*:instance/*","Condition":{"ArnEquals":{"ec2:SourceInstanceARN":"arn:aws:ec2:*:*:instance/${ec2:InstanceID}"}}}}"#;

fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

async fn profile(bench: &Bench) {
    for call in [
        format!("Action=CreateRole&RoleName=node&AssumeRolePolicyDocument={}", encode(TRUST)),
        format!(
            "Action=PutRolePolicy&RoleName=node&PolicyName=p&PolicyDocument={}",
            encode(SELF_TAGGING)
        ),
        "Action=CreateInstanceProfile&InstanceProfileName=node".to_owned(),
        "Action=AddRoleToInstanceProfile&InstanceProfileName=node&RoleName=node".to_owned(),
    ] {
        let (status, text) = bench.query("iam", &call).await;
        assert_eq!(status, StatusCode::OK, "{text}");
    }
}

fn launch(bench: &Bench) -> String {
    let ami = bench.region.inner.state().ec2.images.keys().next().unwrap().clone();
    format!(
        "Action=RunInstances&ImageId={ami}&InstanceType=g5.12xlarge&MinCount=2&MaxCount=2&ClientToken=t1&IamInstanceProfile.Name=node&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=nixl%3Acluster&TagSpecification.1.Tag.1.Value=c"
    )
}

fn ids(bench: &Bench) -> Vec<String> {
    let state = bench.region.inner.state();
    let mut all: Vec<_> = state.ec2.instances.values().map(|i| (i.index, i.id.clone())).collect();
    all.sort();
    all.into_iter().map(|(_, id)| id).collect()
}

async fn until_state(bench: &Bench, id: &str, wanted: &str) {
    bench
        .until(|region| {
            let state = region.inner.state();
            (state.ec2.instances.get(id)?.state.told().1 == wanted).then_some(())
        })
        .await;
}

#[tokio::test]
async fn one_token_launches_once_and_machines_follow() {
    let bench = Bench::new();
    profile(&bench).await;
    let request = launch(&bench);
    let (status, first) = bench.query("ec2", &request).await;
    assert_eq!(status, StatusCode::OK, "{first}");
    let (_, second) = bench.query("ec2", &request).await;
    assert_eq!(element(&first, "reservationId"), element(&second, "reservationId"));
    let (status, text) = bench.query("ec2", &request.replace("Count=2", "Count=1")).await;
    assert_eq!(
        (status, element(&text, "Code")),
        (StatusCode::BAD_REQUEST, "IdempotentParameterMismatch")
    );
    let ids = ids(&bench);
    assert_eq!(ids.len(), 2);
    for id in &ids {
        until_state(&bench, id, "running").await;
    }
    let mut log = bench.machines.log();
    log.sort();
    assert_eq!(log, ["start ip-10-77-0-10 10.77.0.10", "start ip-10-77-0-11 10.77.0.11"]);
    let view = bench.region.instance(&ids[1]).unwrap();
    assert_eq!((view.launch_index, view.zone_id.as_str()), (1, "use1-az1"));
    assert_eq!(view.tags, [("nixl:cluster".to_owned(), "c".to_owned())]);
    assert_eq!(view.profile.unwrap().role_name, "node");

    bench.region.shutdown().await;
    assert!(bench.region.instance(&ids[0]).is_none());
    assert_eq!(bench.machines.log().iter().filter(|line| line.starts_with("terminate")).count(), 2);
    let (_, text) = bench.query("ec2", &request).await;
    assert_eq!(element(&text, "Code"), "IdempotentInstanceTerminated");
}

#[tokio::test]
async fn a_session_may_tag_only_itself_and_ends_with_its_machine() {
    let bench = Bench::new();
    profile(&bench).await;
    bench.query("ec2", &launch(&bench)).await;
    let ids = ids(&bench);
    until_state(&bench, &ids[0], "running").await;
    let session = bench.region.credentials(&ids[0]).unwrap();
    let tag = |id: &str| {
        format!("Action=CreateTags&ResourceId.1={id}&Tag.1.Key=nixl%3Astate&Tag.1.Value=x")
    };
    let (status, text) = bench.query_as(&session, "ec2", &tag(&ids[0])).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let (status, text) = bench.query_as(&session, "ec2", &tag(&ids[1])).await;
    assert_eq!((status, element(&text, "Code")), (StatusCode::FORBIDDEN, "UnauthorizedOperation"));
    let (_, me) = bench.query_as(&session, "sts", "Action=GetCallerIdentity").await;
    assert!(element(&me, "Arn").ends_with(&format!("assumed-role/node/{}", ids[0])), "{me}");
    let mut forged = session.clone();
    forged.session_token = "other".to_owned();
    let (_, text) = bench.query_as(&forged, "sts", "Action=GetCallerIdentity").await;
    assert_eq!(element(&text, "Code"), "InvalidClientTokenId");

    bench.query("ec2", &format!("Action=TerminateInstances&InstanceId.1={}", ids[0])).await;
    until_state(&bench, &ids[0], "terminated").await;
    let (_, text) = bench.query_as(&session, "sts", "Action=GetCallerIdentity").await;
    assert_eq!(element(&text, "Code"), "InvalidClientTokenId");
    assert!(bench.region.credentials(&ids[0]).is_none());
}

#[tokio::test]
async fn one_bad_id_terminates_nothing() {
    let bench = Bench::new();
    profile(&bench).await;
    bench.query("ec2", &launch(&bench)).await;
    let ids = ids(&bench);
    let request = format!(
        "Action=TerminateInstances&InstanceId.1={}&InstanceId.2=i-0123456789abcdef0",
        ids[0]
    );
    let (_, text) = bench.query("ec2", &request).await;
    assert_eq!(element(&text, "Code"), "InvalidInstanceID.NotFound");
    until_state(&bench, &ids[0], "running").await;
}

#[tokio::test]
async fn a_machine_that_does_not_start_says_why() {
    let bench = Bench::new();
    profile(&bench).await;
    bench.machines.fail_start.store(true, Ordering::Relaxed);
    bench.query("ec2", &launch(&bench)).await;
    let id = ids(&bench)[0].clone();
    until_state(&bench, &id, "terminated").await;
    let (_, text) =
        bench.query("ec2", &format!("Action=DescribeInstances&InstanceId.1={id}")).await;
    let reason = element(&text, "stateReason");
    assert_eq!(element(reason, "code"), "Server.InternalError");
    assert!(reason.contains("no room"), "{reason}");
    assert_eq!(bench.region.inner.state().ec2.subnets[0].free(), 4091);
}

#[tokio::test]
async fn a_power_off_stops_or_terminates_as_asked() {
    let bench = Bench::new();
    profile(&bench).await;
    let request = format!("{}&InstanceInitiatedShutdownBehavior=terminate", launch(&bench));
    bench.query("ec2", &request).await;
    let id = ids(&bench)[0].clone();
    until_state(&bench, &id, "running").await;
    lifecycle::machine_ended(&bench.region.inner, &id, "powered off");
    until_state(&bench, &id, "terminated").await;
    let other = Bench::new();
    profile(&other).await;
    other.query("ec2", &launch(&other)).await;
    let id = ids(&other)[0].clone();
    until_state(&other, &id, "running").await;
    other.region.machine_ended(&id, "powered off");
    until_state(&other, &id, "stopped").await;
}
