//! A spool delivered to a real MLflow server, whoever is killed meanwhile: what
//! is on the server then is what was put in, by MLflow's own Python client.

use crate::front::{Fault, Front};
use crate::server::Server;
use nixl_tracking::spool::{Folder, Handle, Spool};
use nixl_tracking::{Client, Delivery, KEY_TAG, Pace, Record, Token};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::task::block_in_place;
use tokio_util::sync::CancellationToken;

/// Folder and port, if this process is one that delivers and may be killed.
const CHILD: &str = "NIXL_TRACKING_DELIVERS";
const LIMIT_BYTES: u64 = 16 << 20;
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Two batches of metrics each, so that a kill may come between them.
const RUNS: i64 = 8;
const POINTS: i64 = 1200;

fn record(experiment: &str, number: i64) -> Record {
    let begin = 1_700_000_000_000 + number * 1000;
    let mut record = Record::new(
        format!("key-{number}"),
        experiment,
        format!("run {number}"),
        (begin, begin + 500),
    );
    record.param("number", number.to_string());
    record.tag("nixl.pair_id", "nixl/i-1+i-2");
    for step in 0..POINTS {
        record.metric("gbps", (number * POINTS + step) as f64 / 8.0, step);
    }
    record
}

/// As the server should have it.
fn expected(record: &Record) -> Value {
    let points: Vec<_> =
        record.metrics.iter().map(|m| json!([m.timestamp, m.step, m.value])).collect();
    json!({
        "key": record.key, "name": record.name, "status": "FINISHED",
        "start": record.started_millis, "end": record.ended_millis,
        "number": record.params["number"], "pair": record.tags["nixl.pair_id"], "gbps": points,
    })
}

/// Every run in the order of creation, as MLflow's client reads it.
fn on_server(server: &Server, experiment: &str) -> Vec<Value> {
    let script = format!(
        "experiment = client.get_experiment_by_name('{experiment}')\n\
         runs = client.search_runs([experiment.experiment_id], order_by=['attributes.start_time ASC'])\n\
         def told(run):\n    \
             history = client.get_metric_history(run.info.run_id, 'gbps')\n    \
             points = sorted([m.timestamp, m.step, m.value] for m in history)\n    \
             return dict(key=run.data.tags['{KEY_TAG}'], name=run.info.run_name, status=run.info.status,\n        \
                 start=run.info.start_time, end=run.info.end_time, number=run.data.params['number'],\n        \
                 pair=run.data.tags['nixl.pair_id'], gbps=points)\n\
         print(json.dumps([told(run) for run in runs]))\n"
    );
    serde_json::from_str(&server.python(&script)).unwrap()
}

fn handle(folder: &Path) -> Handle {
    Handle::new(Spool::open(Folder::new(folder), LIMIT_BYTES, 1).unwrap())
}

fn delivery(handle: &Handle, port: u16, settle: Duration) -> Delivery {
    let endpoint = format!("http://127.0.0.1:{port}").parse().unwrap();
    let client = Client::new(endpoint, Token::None, CALL_TIMEOUT);
    let (first, most) = (Duration::from_millis(50), Duration::from_millis(500));
    Delivery::new(client, handle.clone(), Pace { first, most, settle })
}

/// Delivers until the spool is empty.
async fn deliver_all(handle: &Handle, port: u16, settle: Duration) {
    let stop = CancellationToken::new();
    let delivery = delivery(handle, port, settle);
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { delivery.run(stop).await }
    });
    while handle.summary().waiting > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    running.await.unwrap();
}

/// Not a test by itself: what the others start and kill.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let Ok(told) = std::env::var(CHILD) else { return };
    let (port, folder) = told.split_once(' ').unwrap();
    deliver_all(&handle(Path::new(folder)), port.parse().unwrap(), Duration::from_secs(5)).await;
}

/// Nothing is lost or twice.
pub fn client_and_server_are_killed(server: &mut Server) {
    let record = |number| record("kills", number);
    let folder = tempfile::tempdir().unwrap();
    {
        let mut spool = Spool::open(Folder::new(folder.path()), LIMIT_BYTES, 1).unwrap();
        for number in 0..RUNS {
            assert_eq!(spool.append(&record(number), 1).unwrap(), 0);
        }
    }
    let told = format!("{} {}", server.port, folder.path().display());
    let spawn = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "spool::child"])
            .env(CHILD, &told)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    // Of each process the life is a little longer, so that the kills come everywhere.
    let mut lives = 0;
    loop {
        let mut child = spawn();
        lives += 1;
        let end = Instant::now() + Duration::from_millis(150).mul_f64(1.15f64.powi(lives));
        let ended = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            if Instant::now() > end {
                break None;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        if let Some(status) = ended {
            assert!(status.success(), "{status}");
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(lives < 500, "it does not get on");
    }
    eprintln!("{lives} lives of the client");
    assert!(lives > 3, "nothing was killed in the middle");
    let all: Vec<Value> = (0..RUNS).map(|number| expected(&record(number))).collect();
    assert_eq!(on_server(server, "kills"), all);

    // The same with the server, while the client lives.
    let mut spool = Spool::open(Folder::new(folder.path()), LIMIT_BYTES, 1).unwrap();
    for number in RUNS..2 * RUNS {
        spool.append(&record(number), 1).unwrap();
    }
    drop(spool);
    let mut child = spawn();
    for millis in [300, 700] {
        std::thread::sleep(Duration::from_millis(millis));
        server.kill();
        server.restart();
    }
    assert!(child.wait().unwrap().success());
    let all: Vec<Value> = (0..2 * RUNS).map(|number| expected(&record(number))).collect();
    assert_eq!(on_server(server, "kills"), all);
}

pub async fn an_answer_that_is_lost_at_any_call_makes_nothing_twice(server: &Server) {
    let record = |number| record("lost", number);
    let front = Front::before(server.port);
    let folder = tempfile::tempdir().unwrap();
    let handle = handle(folder.path());
    let calls =
        ["experiments/create", "runs/create", "runs/log-batch", "runs/update", "runs/search"];
    let mut number = 0;
    for fault in [Fault::LoseAnswer, Fault::Unavailable] {
        for call in calls {
            // The experiment is made once only.
            if call != "experiments/create" || number == 0 {
                front.fail(call, fault);
            }
            handle.append(record(number)).await.unwrap();
            deliver_all(&handle, front.port, Duration::from_millis(300)).await;
            assert!(!front.is_armed(), "{call} was not asked");
            number += 1;
        }
    }
    let all: Vec<Value> = (0..number).map(|number| expected(&record(number))).collect();
    assert_eq!(block_in_place(|| on_server(server, "lost")), all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_costs_the_oldest_and_no_more_than_the_limit() {
    let record = |number| record("away", number);
    let folder = tempfile::tempdir().unwrap();
    let one = {
        let probe = tempfile::tempdir().unwrap();
        let handle = handle(probe.path());
        handle.append(record(0)).await.unwrap();
        handle.summary().bytes
    };
    let spool = Spool::open(Folder::new(folder.path()), one * 4, 1).unwrap();
    let handle = Handle::new(spool);
    // Nobody listens on a port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let delivery = delivery(&handle, port, Duration::ZERO);
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (delivery, stop) = (delivery.clone(), stop.clone());
        async move { delivery.run(stop).await }
    });
    for number in 0..40 {
        handle.append(record(number)).await.unwrap();
        assert!(handle.summary().bytes <= one * 4);
    }
    while delivery.status().failing.is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let told = delivery.status().failing.unwrap().error.to_string();
    assert!(told.contains("nobody answers"), "{told}");
    stop.cancel();
    running.await.unwrap();
    let summary = handle.summary();
    assert_eq!(summary.waiting as u64 + summary.counts.dropped, 40);
    assert!(summary.waiting >= 3, "{summary:?}");
}

pub async fn what_the_server_never_takes_is_not_in_the_way(server: &Server) {
    let record = |number| record("never", number);
    let folder = tempfile::tempdir().unwrap();
    let handle = handle(folder.path());
    let mut bad = record(0);
    // Longer than any that Record::metric makes.
    bad.metrics[0].key = "k".repeat(300);
    bad.key = "bad".to_owned();
    handle.append(bad).await.unwrap();
    handle.append(record(1)).await.unwrap();
    deliver_all(&handle, server.port, Duration::ZERO).await;
    let counts = handle.summary().counts;
    assert_eq!((counts.delivered, counts.rejected), (1, 1));
    let why = counts.rejected_why.unwrap();
    assert!(why.starts_with("runs/log-batch: 400 INVALID_PARAMETER_VALUE"), "{why}");

    // A deleted experiment can be restored, so its runs wait.
    let delete =
        "e = client.get_experiment_by_name('never').experiment_id\nclient.delete_experiment(e)";
    let restore = delete.replace("delete_experiment", "restore_experiment");
    block_in_place(|| server.python(delete));
    handle.append(record(2)).await.unwrap();
    let delivery = delivery(&handle, server.port, Duration::ZERO);
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (delivery, stop) = (delivery.clone(), stop.clone());
        async move { delivery.run(stop).await }
    });
    while delivery.status().failing.is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let told = delivery.status().failing.unwrap().error.to_string();
    assert_eq!(told, "the experiment never is deleted; restore it, or delete it for good");
    block_in_place(|| server.python(&restore));
    while handle.summary().waiting > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    running.await.unwrap();
}
