//! Waiting against the account in memory.

use crate::engine::{Goal, Patience};
use crate::failure::{Failure, Problem};
use crate::fake::{Fake, Fault, REGION};
use crate::plan::Spec;
use crate::report::Report;
use crate::timeline::Stage;
use nixl_aws::ssm::Invocation;
use std::time::Duration;

const LINK: &str = r#"{"link":{
    "node":{"instance_id":"i-1","rank":0,"instance_type":"t","library":null},
    "rails":[],"runs":{"under_way":null,"done":0,"measuring":null},
    "budget":{"bytes_per_sec":0,"spent_bytes":0},
    "traffic":{"devices":[],"bytes_per_sec":null,"busy":null},
    "peers":[{"instance_id":"i-2","rank":1,"paired":true,"probes":[],"sample":null,
        "report":{"at":"","took_millis":1,"other_traffic":null,"not_measured":[],
            "latencies":[{"rail":0,"mode":"one-sided","size_bytes":64,"answered":9,"lost":0,
                "min_nanos":1,"p50_nanos":17500,"p99_nanos":1,"max_nanos":1}],
            "bandwidths":[{"rail":null,"mode":"one-sided","size_bytes":1,"bytes":12500000,
                "elapsed_nanos":1000000}]},
        "histograms":[],"history":[],"baselines":[],"judgements":[],
        "skipped":{"other_traffic":0,"busy":0,"failed":0,"last":null}}]}}"#;

/// Nodes answer every command so.
fn answering(fake: &Fake, stdout: &str) {
    let answer = Invocation {
        status: "Success".to_owned(),
        stdout: stdout.to_owned(),
        ..Invocation::default()
    };
    for id in 0..20 {
        fake.state().ssm.answers.insert(format!("i-{id:04}"), answer.clone());
    }
}

async fn up(fake: &Fake) -> Result<Report, Failure> {
    let services = fake.services();
    let spec = Spec::new(Default::default(), REGION);
    let half_a_second = Duration::from_millis(500);
    let patience = Patience { ready: half_a_second, capacity: Duration::ZERO };
    fake.engine(&services).up(&spec, patience).await
}

#[tokio::test]
async fn the_result_has_each_nodes_way_and_its_links() {
    let fake = Fake::new();
    answering(&fake, LINK);
    let report = up(&fake).await.unwrap();
    assert_eq!(report.warnings, Vec::<String>::new());
    for node in &report.nodes {
        let mut stages: Vec<Stage> = node.stages.iter().map(|mark| mark.name).collect();
        assert!(node.stages.is_sorted_by(|a, b| a.at_secs <= b.at_secs), "{:?}", node.stages);
        stages.sort_unstable();
        assert_eq!(stages, Stage::ALL);
    }
    assert_eq!(report.links.len(), 2);
    assert!((report.links[0].p50_micros - 17.5).abs() < 1e-9);
}

#[tokio::test]
async fn a_pair_without_ssm_is_ready_with_a_warning() {
    let fake = Fake::new();
    for id in 0..20 {
        fake.state().ssm.unregistered.insert(format!("i-{id:04}"));
    }
    let report = up(&fake).await.unwrap();
    assert_eq!((report.state.as_str(), report.links.len()), ("paired", 0));
    assert_eq!(report.warnings.len(), 2);
    assert!(report.warnings[0].contains("AmazonSSMManagedInstanceCore"), "{:?}", report.warnings);
    assert_eq!(fake.count("SendCommand"), 0);
}

#[tokio::test]
async fn ssm_that_may_not_be_asked_is_not_waited_for() {
    let fake = Fake::new();
    fake.script(
        "DescribeInstanceInformation",
        &[Fault::Refuse("AccessDeniedException", "no ssm for you", 400)],
    );
    let report = up(&fake).await.unwrap();
    assert_eq!(fake.count("DescribeInstanceInformation"), 1);
    assert!(report.warnings[0].contains("no ssm for you"), "{:?}", report.warnings);
}

#[tokio::test]
async fn a_link_that_is_not_known_is_a_warning() {
    let fake = Fake::new();
    answering(&fake, r#"{"link":null}"#);
    let report = up(&fake).await.unwrap();
    assert!(report.warnings[0].contains("has not measured"), "{:?}", report.warnings);
}

#[tokio::test]
async fn a_node_that_hangs_is_told_with_its_step_cause_and_last_words() {
    let fake = Fake::new();
    fake.state().nodes_say = Some("1:registered:pair.peer_unreachable:9");
    answering(&fake, r#"{"check":null,"journal":["pairing: no answer"]}"#);
    let failure = up(&fake).await.unwrap_err();
    let Problem::NotReady { nodes, .. } = &failure.problem else { panic!("{failure}") };
    assert_eq!((nodes.len(), nodes[0].awaited), (2, "paired"));
    let text = failure.to_string();
    for part in
        ["pair.peer_unreachable", "security group must allow", "journal: pairing: no answer"]
    {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(failure.problem.code(), "timeout");
}

#[tokio::test]
async fn a_node_that_ends_is_told_with_its_console() {
    let fake = Fake::new();
    up(&fake).await.unwrap();
    for id in 0..20 {
        fake.state().ssm.unregistered.insert(format!("i-{id:04}"));
        let console = "[  OK  ] a\n[FAILED] Failed to mount /data\n";
        fake.state().consoles.insert(format!("i-{id:04}"), console.to_owned());
    }
    let nodes = fake.state().instances.clone();
    fake.state().instances[1].state = "terminated".to_owned();
    fake.state().instances[1].state_reason_code = Some("Client.InternalError".to_owned());
    let services = fake.services();
    let engine = fake.engine(&services);
    let (goal, now) = (Goal::Ready, std::time::Instant::now());
    let waited = engine.wait_ready(&nodes, goal, Duration::from_millis(500), now).await;
    let Err(failure) = waited else { panic!("it is ready") };
    assert_eq!(failure.code(), "node_ended");
    let text = failure.to_string();
    assert!(text.contains("Client.InternalError"), "{text}");
    assert!(text.ends_with("\n    console: [FAILED] Failed to mount /data"), "{text}");
}

#[test]
fn the_request_is_told_in_time_of_this_run() {
    let node = nixl_aws::ec2::Instance {
        launch_time: Some("1970-01-01T00:10:00Z".to_owned()),
        ..Default::default()
    };
    let at = |now_secs, since_secs| super::requested_at(&node, now_secs, since_secs);
    assert!((at(610, 13.0) - 3.0).abs() < 1e-9);
    assert!(at(9000, 13.0).abs() < 1e-9, "an earlier run's");
    assert!((at(500, 13.0) - 13.0).abs() < 1e-9, "another clock");
}
