//! Reports of a link that is measured, through the spool, to a server that is
//! away, refuses and comes back.

use super::*;
use crate::link::fake;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use nixl_aws::imds;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

/// What a server has, as little of one as a run needs.
#[derive(Default)]
struct Held {
    /// Tags at creation.
    runs: Vec<Value>,
    /// Run and what was logged.
    logged: Vec<(String, Value)>,
    ended: Vec<String>,
    denies: bool,
}

type Server = Arc<Mutex<Held>>;

async fn answer(State(server): State<Server>, request: Request) -> Response {
    let path = request.uri().path().trim_start_matches("/api/2.0/mlflow/").to_owned();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut held = server.lock().unwrap();
    if held.denies {
        return (StatusCode::FORBIDDEN, r#"{"Message": "not authorized"}"#).into_response();
    }
    let run = |id: usize| json!({"info": {"run_id": id.to_string(), "status": "RUNNING"}});
    let told = match path.as_str() {
        "experiments/get-by-name" => {
            json!({"experiment": {"experiment_id": "7", "lifecycle_stage": "active"}})
        }
        "runs/search" => {
            let filter = asked["filter"].as_str().unwrap();
            let of = |tags: &Value| {
                filter.ends_with(&format!("= '{}'", tags[0]["value"].as_str().unwrap()))
            };
            json!({"runs": held.runs.iter().position(of).map(run).into_iter().collect::<Vec<_>>()})
        }
        "runs/create" => {
            held.runs.push(asked["tags"].clone());
            json!({"run": run(held.runs.len() - 1)})
        }
        "runs/log-batch" => {
            held.logged.push((asked["run_id"].as_str().unwrap().to_owned(), asked));
            json!({})
        }
        "runs/update" => {
            held.ended.push(asked["run_id"].as_str().unwrap().to_owned());
            json!({})
        }
        other => panic!("{other}"),
    };
    told.to_string().into_response()
}

async fn serve(server: &Server, address: SocketAddr) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().fallback(answer).with_state(server.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

struct Node {
    board: Board,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Node {
    fn start(folder: &Path, link: &Monitor, server: SocketAddr) -> Self {
        let (board, stop) = (Board::default(), CancellationToken::new());
        let runs = Runs {
            settings: LinkRuns {
                tracking_uri: format!("http://{server}"),
                token_file: None,
                spool_bytes: 1 << 20,
            },
            resource: None,
            facts: Facts { image_id: None, ..record::tests::facts() },
            imds: Arc::new(imds::Client::with_endpoint("http://127.0.0.1:1").unwrap()),
            link: link.clone(),
            board: board.clone(),
            state_folder: Some(folder.to_owned()),
            pace: Pace {
                first: Duration::from_millis(5),
                most: Duration::from_millis(20),
                settle: Duration::ZERO,
            },
            stop: stop.clone(),
        };
        Self { board, stop, task: tokio::spawn(runs.run()) }
    }

    /// Once it says this.
    async fn says(&self, wanted: &str) {
        let told = || {
            let checks = self.board.document().checks;
            let check = checks.get(name::MLFLOW_RUNS)?.first()?.clone();
            Some(serde_json::to_string(&check).unwrap())
        };
        let begun = std::time::Instant::now();
        while !told().is_some_and(|told| told.contains(wanted)) {
            assert!(begun.elapsed() < Duration::from_secs(30), "{wanted} in {:?}", told());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

#[tokio::test]
async fn a_report_waits_on_disk_over_restarts_and_is_logged_once() {
    let folder = tempfile::tempdir().unwrap();
    let link = fake::lived(folder.path(), 1, &["i-2"]);
    let server = Server::default();
    // Nobody listens on a port that was just given back.
    let away = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();

    let node = Node::start(folder.path(), &link, away);
    node.says("0 waiting, 0 delivered").await;
    fake::measure(&link);
    node.says("1 waiting, 0 delivered").await;
    node.stop().await;

    let address = serve(&server, away).await;
    server.lock().unwrap().denies = true;
    let node = Node::start(folder.path(), &link, address);
    node.says("1 waiting, 0 delivered").await;
    server.lock().unwrap().denies = false;
    node.says("0 waiting, 1 delivered").await;
    fake::measure(&link);
    node.says("0 waiting, 2 delivered").await;
    node.stop().await;
    let node = Node::start(folder.path(), &link, address);
    node.says("0 waiting, 2 delivered").await;
    node.stop().await;

    let held = server.lock().unwrap();
    let keys: Vec<_> = held.runs.iter().map(|tags| tags[0]["value"].as_str().unwrap()).collect();
    assert!(keys.len() == 2 && keys[0] != keys[1], "{keys:?}");
    assert!(keys.iter().all(|key| key.starts_with("i-1>i-2@")), "{keys:?}");
    assert_eq!(held.ended, ["0", "1"]);
    let (_, batch) = &held.logged[0];
    let points = batch["metrics"].as_array().unwrap();
    assert!(points.iter().any(|m| m["key"] == "one-sided/rail0/gbps"), "{points:?}");
}

#[tokio::test]
async fn without_a_disk_it_says_so() {
    let link = Monitor::default();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let node = Node::start(&file, &link, (Ipv4Addr::LOCALHOST, 1).into());
    node.says("mlflow.spool_failed").await;
    node.stop().await;
}
