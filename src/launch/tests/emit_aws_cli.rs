//! What `emit aws-cli` prints, run with the real AWS CLI against the local region
//! without machines. Without the region's program and its AWS CLI this is skipped
//! with a message; under `./test` (`NIXL_TEST_ALL`) that is a failure.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// Has several cards, so its nodes need Elastic IPs.
const NODE_TYPE: &str = "p4d.24xlarge";

/// A region of its own, taken down at the end.
struct Region {
    folder: TempDir,
    programs: PathBuf,
    environment: BTreeMap<&'static str, String>,
}

/// Where the programs are, and the AWS CLI.
fn ground() -> Option<(PathBuf, PathBuf)> {
    let programs = Path::new(env!("CARGO_BIN_EXE_nixl-launch")).parent().unwrap().to_path_buf();
    let venv = std::env::var_os("NIXL_REGION_VENV").map(PathBuf::from);
    let bin = venv.unwrap_or_else(|| programs.join("../venv")).join("bin");
    let missing = [programs.join("nixl-region"), bin.join("aws")].into_iter().find(|p| !p.exists());
    let Some(missing) = missing else { return Some((programs, bin)) };
    let why = format!("{} is missing", missing.display());
    assert!(std::env::var_os("NIXL_TEST_ALL").is_none(), "{why}");
    eprintln!("skipped: {why}");
    None
}

impl Region {
    fn up() -> Option<Self> {
        let (programs, bin) = ground()?;
        let folder = tempfile::tempdir().unwrap();
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let home = folder.path().display().to_string();
        let environment = BTreeMap::from([("PATH", path), ("HOME", home)]);
        let mut region = Self { folder, programs, environment };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let port = port.to_string();
        region.run("nixl-region", &["up", "--machines", "pretend", "--port", &port]);
        let known = std::fs::read(region.folder.path().join("state/credentials.json")).unwrap();
        let known: Value = serde_json::from_slice(&known).unwrap();
        for (name, key) in [
            ("AWS_ENDPOINT_URL", "endpoint_url"),
            ("AWS_ACCESS_KEY_ID", "access_key_id"),
            ("AWS_SECRET_ACCESS_KEY", "secret_access_key"),
            ("AWS_REGION", "region"),
            ("AWS_DEFAULT_REGION", "region"),
        ] {
            region.environment.insert(name, known[key].as_str().unwrap().to_owned());
        }
        Some(region)
    }

    fn try_run(&self, program: &str, arguments: &[&str]) -> Output {
        let own = self.programs.join(program);
        let mut command = if own.exists() { Command::new(own) } else { Command::new(program) };
        command.env_clear().envs(&self.environment).current_dir(self.folder.path());
        command.env("NIXL_REGION_STATE_DIR", self.folder.path().join("state"));
        command.args(arguments).output().unwrap()
    }

    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.try_run(program, arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the program with what is asked for.
    fn asked(&self, command: &[&str]) -> Output {
        let asked = ["--instance-type", NODE_TYPE, "--roles", "prefill=1,decode=1"];
        self.try_run("nixl-launch", &[command, &asked[..]].concat())
    }

    fn emit(&self) -> Vec<u8> {
        let output = self.asked(&["emit", "aws-cli"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.try_run("nixl-region", &["down"]);
    }
}

/// The script launches a pair once, however often it runs, where there is room;
/// the program shows it, finds nothing to change, and removes all of it.
#[test]
fn a_script_launches_what_the_program_knows_as_its_own() {
    let Some(region) = Region::up() else { return };
    region.run("nixl-region", &["set", "capacity", "us-east-1a", NODE_TYPE, "0"]);
    let script = region.emit();
    std::fs::write(region.folder.path().join("launch.sh"), &script).unwrap();
    let first = region.run("bash", &["launch.sh"]);
    assert!(first.starts_with("nixl-node1 i-") && first.lines().count() == 2, "{first}");
    assert_eq!(region.run("bash", &["launch.sh"]), first);

    let up = region.asked(&["up"]);
    let said = String::from_utf8_lossy(&up.stderr).into_owned();
    assert!(up.status.success() && said.contains("2 nodes are already there"), "{said}");
    assert!(!said.contains(" made") && !said.contains("address"), "{said}");
    let shown = region.run("nixl-launch", &["status", "--output", "json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["zone"], "us-east-1b", "{shown:#}");
    let nodes = shown["nodes"].as_array().unwrap();
    let named = [("nixl-node1", "prefill"), ("nixl-node2", "decode")];
    for (node, (name, role)) in nodes.iter().zip(named) {
        assert!(node["name"] == name && node["role"] == role, "{shown:#}");
    }

    region.run("nixl-launch", &["down", "--mlflow"]);
    region.run("nixl-launch", &["audit"]);
    assert_eq!(region.emit(), script, "the same plan gives the same script");
}
