//! The node's endpoint on loopback, as a process beside the region: MLflow's
//! client without plugin and without keys, and curl.

use crate::front::{answers, memory_kib};
use crate::ground::{Ground, Keys};
use anyhow::{Context as _, Result, ensure};
use nixl_tests::programs::venv;
use nixl_tests::{Program, wait_for};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::process::Child;
use std::time::Duration;

const TOKEN: &str = "a-token-of-this-test";
const EXPERIMENT: &str = "through-the-endpoint";
const ARTIFACT_MIB: &str = "256";
/// What the endpoint's process may need beyond what it had.
const FLAT_KIB: u64 = 64 << 10;

/// `nixl-noded mlflow-endpoint`, until it is dropped.
pub struct Endpoint {
    process: Child,
    uri: String,
    _folder: tempfile::TempDir,
}

impl Endpoint {
    /// One that signs with these keys, for what has this ARN.
    pub fn start(ground: &Ground<'_>, arn: &str, keys: &Keys) -> Result<Self> {
        let folder = tempfile::tempdir_in("/var/tmp")?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let settings = format!(
            "cluster = \"c\"\nsize = 2\nprovider = \"tcp\"\nmlflow_tracking_arn = \"{arn}\"\n\n\
             [mlflow]\nlisten = \"127.0.0.1:{port}\"\nrequests_per_sec = 0\n"
        );
        std::fs::write(path("node.toml"), settings)?;
        std::fs::write(path("token"), TOKEN)?;
        let program = ground.region.program("nixl-noded").env(keys);
        let process = program.start(&[
            "mlflow-endpoint",
            "--settings",
            &path("node.toml"),
            "--token",
            &path("token"),
            "--bodies",
            &folder.path().to_string_lossy(),
        ])?;
        let uri = format!("http://127.0.0.1:{port}");
        let started = Self { process, uri, _folder: folder };
        wait_for("the endpoint", Duration::from_secs(60), || {
            let told = started.curl("/api/2.0/mlflow/experiments/search?max_results=1", &[])?;
            answers(&told, 200, "experiments")
        })?;
        Ok(started)
    }

    /// MLflow's client, which knows no more than the endpoint and its token.
    fn client(&self, args: &[&str]) -> Result<Value> {
        let env = [
            ("MLFLOW_TRACKING_TOKEN", TOKEN),
            ("MLFLOW_DISABLE_TELEMETRY", "true"),
            ("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true"),
        ];
        let env = env.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let usual = ["tests/e2e/mlflow/tracks.py", &self.uri, "--experiment", EXPERIMENT];
        Program::new(venv().join("bin/python")).env(&env).json(&[&usual[..], args].concat())
    }

    /// One request of curl, with the token unless an `Authorization` is among the headers.
    fn curl(&self, path: &str, more: &[&str]) -> Result<Value> {
        let url = format!("{}{path}", self.uri);
        let bearer = format!("Authorization: Bearer {TOKEN}");
        let mut args = vec!["-s", "-m", "20", "-w", "\n%{http_code}", &url];
        if !more.iter().any(|given| given.starts_with("Authorization:")) {
            args.extend(["-H", &bearer]);
        }
        args.extend(more);
        let text = Program::new("/usr/bin/curl").ok(&args)?;
        let (body, status) = text.rsplit_once('\n').context("no status")?;
        Ok(json!({"status": status.parse::<u64>()?, "body": body}))
    }

    /// The steps of the front, by the client alone: nothing of AWS is in its environment.
    pub fn tracks(&self) -> Result<()> {
        let told = self.client(&[])?;
        ensure!(told["metrics"] == 2000 && told["params"] == 100, "{told:#}");
        ensure!(told["artifact"] == "kept" && told["status"] == "FINISHED", "{told:#}");
        println!("        in {} s", told["seconds"]);
        Ok(())
    }

    /// Traces of MLflow 3, read back whole.
    pub fn traces(&self) -> Result<()> {
        let told = self.client(&["--trace"])?;
        ensure!(told["spans"] == json!(["inner", "outer"]) && told["listed"] == true, "{told:#}");
        Ok(())
    }

    /// A large artifact in both directions; the process stays as small as it was.
    pub fn artifact(&self) -> Result<()> {
        let pid = self.process.id();
        std::fs::write(format!("/proc/{pid}/clear_refs"), "5")?;
        let before = memory_kib(pid, "VmRSS")?;
        let told = self.client(&["--artifact", ARTIFACT_MIB])?;
        let grown = memory_kib(pid, "VmHWM")?.saturating_sub(before);
        ensure!(told["same"] == true, "{told:#}");
        println!(
            "        {ARTIFACT_MIB} MiB up in {:.1} s, down in {:.1} s; the endpoint's process grew by {} MiB",
            told["up_secs"].as_f64().unwrap_or_default(),
            told["down_secs"].as_f64().unwrap_or_default(),
            grown >> 10
        );
        ensure!(grown < FLAT_KIB, "memory grew by {grown} KiB");
        Ok(())
    }

    /// A large artifact on its way goes on to a server that takes it unsigned only.
    pub fn streams(&self, taken: bool) -> Result<()> {
        self.artifact()?;
        let told = self.curl("/-/status", &[])?;
        let status: Value = serde_json::from_str(told["body"].as_str().context("no body")?)?;
        ensure!((status["streamed"] == 0) != taken, "{status:#}");
        ensure!(status["reason"].is_null(), "{status:#}");
        Ok(())
    }

    /// Who has no token, comes by another name or wants to delete is refused.
    pub fn refuses(&self) -> Result<()> {
        let search = "/api/2.0/mlflow/experiments/search?max_results=1";
        answers(&self.curl(search, &["-H", "Authorization: Bearer other"])?, 401, "")?;
        answers(&self.curl(search, &["-H", "Host: evil.example"])?, 421, "")?;
        answers(&self.curl(search, &["-H", "Origin: http://evil.example"])?, 403, "")?;
        let delete = ["-X", "POST", "-d", r#"{"run_id": "r"}"#];
        answers(&self.curl("/api/2.0/mlflow/runs/delete", &delete)?, 403, "")
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
