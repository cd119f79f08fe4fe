//! The program itself: exit codes and one-line errors.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use assert_cmd::Command;
use std::net::TcpListener;
use tempfile::TempDir;

/// The program with no AWS settings but those given.
fn program(home: &TempDir) -> Command {
    let mut command = Command::cargo_bin("nixl-launch").unwrap();
    command
        .env_clear()
        .env("HOME", home.path())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_REGION", "us-east-1");
    command
}

/// Exit code and stderr; stdout must be empty.
fn failure(command: &mut Command) -> (i32, String) {
    let output = command.output().unwrap();
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn usage_errors_exit_2() {
    let home = TempDir::new().unwrap();
    for args in [
        &["up", "--no-such-flag"][..],
        &["status", "--cluster", "Not_A_Name"],
        &["up", "--nodes", "1"],
        &["up", "--roles", "prefill=0,decode=2"],
        &["up", "--roles", "prefill=1,encode=2"],
        &["up", "--nodes", "5", "--roles", "prefill=1,decode=3"],
        &["up", "--provider", "ib"],
        &["up", "--timeout", "soon"],
        &["up", "--tracking-server", "-x"],
        &["up", "--no-mlflow", "--tracking-server", "x"],
        &["up", "--mlflow-arn", "arn:aws: sagemaker:us-east-1:123456789012:mlflow-app/a"],
        &["up", "--no-mlflow", "--mlflow-size", "large"],
        &["mlflow", "open", "--session", "13h"],
        &["up", "--instance-type", "g6.12xlrage"],
        &["plan", "--image", "ami-1"],
        &["plan", "--market", "spto"],
        &["plan", "--region", "us-east1"],
        &["plan", "--reservation", "cr-0123456789abcdef0", "--market", "spot"],
        &["plan", "--ttl", "soon"],
        &["up", "--plan", "x", "--image", "ami-0123456789abcdef0"],
        &["up", "--plan", "x", "--nodes", "3"],
        &["plan", "--zone", "us-west-2a"],
        &[],
    ] {
        let (code, stderr) = failure(program(&home).args(args));
        assert_eq!(code, 2, "{args:?}: {stderr}");
        assert!(!stderr.is_empty());
    }
}

#[test]
fn an_arn_with_the_articles_blanks_is_told_without_them() {
    let home = TempDir::new().unwrap();
    let arn = "arn:aws: sagemaker: us-east-1:123456789012:mlflow-tracking-server/nixl-efa-mlflow";
    let (code, stderr) = failure(program(&home).args(["plan", "--mlflow-arn", arn]));
    let told = format!("did you mean {}?", arn.replace(' ', ""));
    assert!(code == 2 && stderr.contains(&told), "{stderr}");
}

#[test]
fn roles_that_do_not_add_up_are_told_with_both_counts() {
    let home = TempDir::new().unwrap();
    let asked = ["up", "--nodes", "5", "--roles", "prefill=1,decode=3"];
    let (code, stderr) = failure(program(&home).args(asked));
    let told = "--roles prefill=1,decode=3 counts 4 nodes, --nodes says 5";
    assert!(code == 2 && stderr.contains(told), "{stderr}");
    let (_, stderr) = failure(program(&home).args(["up", "--roles", "prefill=1,decod=3"]));
    assert!(stderr.contains("did you mean \"decode\"?"), "{stderr}");
}

#[test]
fn a_bad_cluster_name_is_told_with_the_rule() {
    let home = TempDir::new().unwrap();
    let (_, stderr) = failure(program(&home).args(["down", "--cluster", "9x"]));
    assert!(stderr.contains("a letter first"), "{stderr}");
}

#[test]
fn no_region_is_one_line() {
    let home = TempDir::new().unwrap();
    let (code, stderr) = failure(program(&home).env_remove("AWS_REGION").arg("status"));
    assert_eq!((code, stderr.lines().count()), (1, 1), "{stderr}");
    assert!(stderr.contains("AWS_REGION") && stderr.contains("--region"), "{stderr}");
}

#[test]
fn no_credentials_is_one_line() {
    let home = TempDir::new().unwrap();
    for command in ["up", "status", "down"] {
        let (code, stderr) = failure(program(&home).arg(command));
        assert_eq!((code, stderr.lines().count()), (1, 1), "{command}: {stderr}");
        assert!(stderr.contains("no AWS credentials"), "{command}: {stderr}");
    }
}

#[test]
fn a_failure_is_a_document_where_the_result_would_be_one() {
    let home = TempDir::new().unwrap();
    let output = program(&home).args(["down", "--output", "json"]).output().unwrap();
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["error"]["code"], "aws", "{document}");
    assert_eq!(document["error"]["left"]["state"], "unchanged", "{document}");
    assert!(document["error"]["message"].as_str().unwrap().contains("no AWS credentials"));
    assert!(!output.stderr.is_empty());
}

#[test]
fn an_endpoint_without_an_answer_is_one_line() {
    let home = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for command in ["up", "status", "down"] {
        let (code, stderr) = failure(
            program(&home)
                .env("AWS_ENDPOINT_URL", &url)
                .env("AWS_ACCESS_KEY_ID", "AKID")
                .env("AWS_SECRET_ACCESS_KEY", "secret")
                .arg(command),
        );
        assert_eq!((code, stderr.lines().count()), (1, 1), "{command}: {stderr}");
        assert!(stderr.contains("nixl-region up") && stderr.contains(&url), "{stderr}");
    }
}

#[test]
fn user_data_can_be_rendered_without_aws() {
    let home = TempDir::new().unwrap();
    let output = program(&home)
        .args([
            "render-user-data",
            "--cluster",
            "other",
            "--provider",
            "tcp",
            "--nodes",
            "3",
            "--roles",
            "prefill=1,decode=2",
        ])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.starts_with("#cloud-config\n"), "{text}");
    for line in ["cluster = \"other\"", "size = 3", "prefill = 1"] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn a_wrong_file_is_told_with_its_place_before_any_call() {
    let home = TempDir::new().unwrap();
    std::fs::write(home.path().join("nixl.toml"), "nodes = 2\nintance-type = \"x\"\n").unwrap();
    for command in ["up", "plan", "status", "down"] {
        let (code, stderr) = failure(program(&home).current_dir(home.path()).arg(command));
        assert_eq!(code, 2, "{stderr}");
        let expected = "nixl.toml:2:1: unknown field `intance-type`";
        assert!(
            stderr.contains(expected) && stderr.contains("did you mean instance-type?"),
            "{stderr}"
        );
    }
    let (code, stderr) = failure(program(&home).args(["up", "--config", "/nonexistent.toml"]));
    assert!(code == 2 && stderr.contains("/nonexistent.toml"), "{stderr}");
}
