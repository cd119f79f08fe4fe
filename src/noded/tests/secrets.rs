//! Two daemons with everything logged, and secrets planted wherever they come
//! by one: none of them is in the logs, the answers or anybody's arguments.

#![allow(clippy::unwrap_used)]

mod node;

use nixl_noded::client::get;
use node::cloud::{PRESIGNED, TOKEN};
use node::{Cloud, Node, paired_since, wait_for};
use std::time::Instant;

const ENV: &[(&str, &str)] = &[
    ("NIXL_LOG", "trace"),
    ("AWS_SECRET_ACCESS_KEY", "planted-secret-access-key"),
    ("AWS_SESSION_TOKEN", "planted-session-token"),
];
const SETTINGS: &str = "mlflow_tracking_arn = \
    \"arn:aws:sagemaker:us-east-1:111122223333:mlflow-tracking-server/a\"\n";

fn arguments(pid: u32) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn no_secret_is_told_whatever_is_logged() {
    let cloud = Cloud::default();
    let nodes = [0, 1].map(|rank| Node::start_with(&cloud, rank, "tcp", "", SETTINGS, ENV));
    paired_since(&nodes, Instant::now());
    let mut told = String::new();
    for node in &nodes {
        // A URL has been minted, taken and minted anew.
        let (status, _) = wait_for("presigned URL", || {
            let answer = get(node.address, "/mlflow").map_err(|error| error.to_string())?;
            if answer.0 == 302 { Ok(answer) } else { Err(answer.1) }
        });
        assert_eq!(status, 302);
        // The one place where it is shown: to an administrator who asks.
        let listen = node.address.to_string();
        let program = assert_cmd::cargo::cargo_bin!("nixl-noded");
        let asked = ["mlflow", "url", "--listen", &listen];
        let printed = std::process::Command::new(program).args(asked).output().unwrap();
        let url = String::from_utf8(printed.stdout).unwrap();
        assert_eq!(url, format!("https://mlflow.example/auth?authToken={PRESIGNED}\n"));
        for path in ["/", "/health", "/readyz?verbose", "/link"] {
            told.push_str(&get(node.address, path).unwrap().1);
        }
        told.push_str(&arguments(node.pid()));
        told.push_str(&arguments(node.worker().unwrap()));
        told.push_str(&std::fs::read_to_string(node.fake.folder().join("log")).unwrap());
    }
    assert!(
        told.contains("DEBUG nixl_aws") && told.contains("peer i-0"),
        "it was not logged in full"
    );
    for secret in [PRESIGNED, TOKEN].into_iter().chain(ENV[1..].iter().map(|(_, secret)| *secret)) {
        let line = told.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} was told");
    }
}
