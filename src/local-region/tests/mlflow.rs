//! A real MLflow server behind the front; needs `NIXL_REGION_VENV` (a venv
//! with mlflow and boto3) and root for its cgroup, and says so when skipped;
//! under `./test` (`NIXL_TEST_ALL`) that is a failure.
#![allow(clippy::unwrap_used)] // a test ends at the first surprise

use std::path::Path;

use nixl_local_region::backend::{Artifacts, TrackingServers};
use nixl_local_region::layout::Layout;
use nixl_local_region::machine::sweep;
use nixl_local_region::mlflow::{MlflowServers, Store};

fn skipped(why: &str) {
    assert!(std::env::var_os("NIXL_TEST_ALL").is_none(), "{why}");
    eprintln!("SKIPPED: {why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_answers_and_leaves_nothing() {
    let Some(venv) = std::env::var_os("NIXL_REGION_VENV") else {
        return skipped("NIXL_REGION_VENV is not set");
    };
    if !rustix::process::geteuid().is_root() {
        return skipped("cgroups need root");
    }
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::new(&dir.path().join("state")).unwrap();
    layout.claim().unwrap();
    let store = Store {
        endpoint_url: "http://127.0.0.1:9".into(),
        region: "us-east-1".into(),
        access_key_id: "AKIA".into(),
        secret_access_key: "x".into(),
    };
    let servers = MlflowServers::new(&layout, Path::new(&venv), store);
    let port = servers.start("t", "s3://bucket/mlflow", Artifacts::Store).await.unwrap();
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok());
    let page = std::process::Command::new("curl")
        .args(["-sf", &format!("http://127.0.0.1:{port}/")])
        .output()
        .unwrap();
    let page = String::from_utf8_lossy(&page.stdout).into_owned();
    assert!(page.contains("MLflow"), "{page}");
    // Relative, so that the page works below the front's prefix.
    assert!(!page.contains("src=\"/") && !page.contains("href=\"/"), "{page}");
    let experiment = |port: u16, call: &str, more: &[&str]| {
        let url = format!("http://127.0.0.1:{port}/api/2.0/mlflow/experiments/{call}");
        let output = std::process::Command::new("curl").args(["-sf", &url]).args(more).output();
        output.unwrap().status.success()
    };
    let name = r#"{"name": "kept"}"#;
    let json = ["-H", "content-type: application/json", "-d", name];
    assert!(experiment(port, "create", &json));
    servers.stop("t").await.unwrap();
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err());
    let port = servers.start("t", "s3://bucket/other", Artifacts::Server).await.unwrap();
    assert!(experiment(port, "get-by-name?experiment_name=kept", &[]));
    servers.delete("t").await.unwrap();
    assert!(!layout.mlflow_dir("t").exists());
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err());
    assert_eq!(sweep::sweep(&layout), Vec::<String>::new());
}
