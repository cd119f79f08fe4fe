//! The eight steps.

use crate::front::{Fault, Front};
use crate::server::Server;
use nixl_tracking::selftest::{Owner, Report, SelfTest, Verdict};
use nixl_tracking::{Call, Client, Token};
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Port, if this process is one that tests and is killed.
const CHILD: &str = "NIXL_TRACKING_TESTS";
/// Experiment of such a process.
const KILLED: &str = "killed";

fn test(port: u16, experiment: &str) -> SelfTest {
    let endpoint = format!("http://127.0.0.1:{port}").parse().unwrap();
    SelfTest {
        client: Client::new(endpoint, Token::None, Duration::from_secs(60)),
        experiment: experiment.to_owned(),
        owner: Owner { node: "this-node".to_owned(), ..Owner::this() },
        timestamp: "20261129_032719".to_owned(),
        allow: Box::new(|call: Call| Some(format!("sagemaker-mlflow:{}", call.action()))),
    }
}

async fn run(port: u16, experiment: &str) -> Report {
    test(port, experiment).run(std::future::pending()).await
}

/// All runs, the oldest first, as MLflow's client reads them.
fn runs(server: &Server, experiment: &str) -> Vec<Value> {
    let script = format!(
        "e = client.get_experiment_by_name('{experiment}')\n\
         runs = client.search_runs([e.experiment_id], order_by=['attributes.start_time ASC'])\n\
         print(json.dumps([dict(id=r.info.run_id, name=r.info.run_name, status=r.info.status,\n    \
             params=r.data.params, metrics=r.data.metrics, tags=r.data.tags) for r in runs]))"
    );
    serde_json::from_str(&tokio::task::block_in_place(|| server.python(&script))).unwrap()
}

fn ends(runs: &[Value]) -> Vec<&str> {
    runs.iter().map(|run| run["status"].as_str().unwrap()).collect()
}

pub async fn all(server: &Server) {
    all_steps_pass_and_leave_the_run_of_the_article(server).await;
    a_refusal_names_its_step_and_its_action_and_ends_the_run(server).await;
    an_interrupted_test_fails_its_run(server).await;
    a_killed_test_leaves_a_run_that_the_next_one_ends(server).await;
}

async fn all_steps_pass_and_leave_the_run_of_the_article(server: &Server) {
    let name = "nixl-efa-test";
    // Two nodes at once, before there is an experiment.
    let (one, other) = tokio::join!(run(server.port, name), run(server.port, name));
    for report in [&one, &other] {
        assert_eq!(report.verdict, Verdict::Pass, "{report:#?}");
        assert_eq!(report.steps.len(), 8);
        assert_eq!(report.left_running, None);
    }
    assert_eq!(one.experiment_id, other.experiment_id);
    assert_ne!(one.run_id, other.run_id);
    let third = run(server.port, name).await;
    assert_eq!(third.recent.len(), 3);
    assert_eq!(third.recent[0].run_id, third.run_id.clone().unwrap());
    let runs = runs(server, name);
    assert_eq!(runs.len(), 3);
    for run in &runs {
        assert_eq!(run["name"], "connectivity_test_20261129_032719");
        assert_eq!(run["status"], "FINISHED");
        let params = json!({
            "backend": "tcp", "prompt_tokens": "128", "max_tokens": "128", "concurrency": "1",
            "engine": "vllm", "model": "test-model", "test_type": "connectivity",
        });
        assert_eq!(run["params"], params);
        let metrics = json!({
            "ttft_mean": 100.5, "ttft_p50": 98.2, "ttft_p95": 120.3, "ttft_p99": 145.7,
            "tpot_mean": 10.2, "tpot_p50": 9.8, "throughput_tokens_per_sec": 500.0,
        });
        assert_eq!(run["metrics"], metrics);
        for (tag, value) in
            [("phase", "blog-01"), ("test", "connectivity"), ("timestamp", "20261129_032719")]
        {
            assert_eq!(run["tags"][tag], value);
        }
    }
}

async fn a_refusal_names_its_step_and_its_action_and_ends_the_run(server: &Server) {
    let name = "refused";
    assert_eq!(run(server.port, name).await.verdict, Verdict::Pass);
    let front = Front::before(server.port);
    let refused = [
        ("experiments/get-by-name", 1, "GetExperimentByName"),
        ("runs/search", 3, "SearchRuns"),
        ("runs/create", 3, "CreateRun"),
        ("runs/log-batch", 4, "LogBatch"),
        ("runs/get", 7, "GetRun"),
    ];
    for (call, step, action) in refused {
        front.fail(call, Fault::Deny);
        let report = run(front.port, name).await;
        front.heal();
        let failed: Vec<_> = report.steps.iter().filter(|s| s.verdict == Verdict::Fail).collect();
        assert_eq!(failed.len(), 1, "{report:#?}");
        assert_eq!(failed[0].number, step, "{report:#?}");
        let reason = &failed[0].reason;
        assert!(reason.starts_with(&format!("{call}: 403 ")), "{reason}");
        assert!(reason.ends_with(&format!("; allow sagemaker-mlflow:{action}")), "{reason}");
        assert!(report.steps[step..].iter().all(|s| s.verdict == Verdict::Skip));
        assert_eq!(report.verdict, Verdict::Fail);
    }
    // A run that cannot be ended is told, and ended by a later test.
    front.fail("runs/update", Fault::Deny);
    let report = run(front.port, name).await;
    front.heal();
    assert!(report.left_running.unwrap().contains("sagemaker-mlflow:UpdateRun"));
    // An answer that is lost fails the step, and the run that it made is ended all the same.
    front.fail("runs/create", Fault::LoseAnswer);
    let lost = run(front.port, name).await;
    assert!(lost.steps[2].reason.starts_with("runs/create: no answer"), "{lost:#?}");
    assert!(lost.run_id.is_some() && lost.left_running.is_none());
    let runs = runs(server, name);
    let mut ends = ends(&runs);
    assert_eq!(ends.remove(0), "FINISHED");
    // Of runs/log-batch, runs/get and the lost answer; this process lives, so the
    // one that could not be ended still runs.
    ends.sort_unstable();
    assert_eq!(ends, ["FAILED", "FAILED", "FAILED", "RUNNING"]);
}

/// Until something was logged through the front.
async fn logged(front: &Front) {
    while !front.take_asked().iter().any(|path| path.ends_with("runs/log-batch")) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn an_interrupted_test_fails_its_run(server: &Server) {
    let name = "interrupted";
    let front = Front::before(server.port);
    let report = test(front.port, name).run(logged(&front)).await;
    assert_eq!(report.verdict, Verdict::Fail, "{report:#?}");
    assert!(report.steps.iter().any(|step| step.reason == "interrupted"), "{report:#?}");
    assert_eq!(ends(&runs(server, name)), ["FAILED"]);
}

/// Not a test by itself: what the next one starts and kills.
#[tokio::test]
async fn child() {
    if let Ok(port) = std::env::var(CHILD) {
        run(port.parse().unwrap(), KILLED).await;
    }
}

async fn a_killed_test_leaves_a_run_that_the_next_one_ends(server: &Server) {
    let front = Front::before(server.port);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "selftest::child"])
        .env(CHILD, front.port.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    logged(&front).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let report = run(server.port, KILLED).await;
    assert_eq!(report.verdict, Verdict::Pass, "{report:#?}");
    assert_eq!(ends(&runs(server, KILLED)), ["FAILED", "FINISHED"]);
    assert!(report.steps[2].reason.ends_with("; ended 1 of a test that was killed"), "{report:#?}");
}
