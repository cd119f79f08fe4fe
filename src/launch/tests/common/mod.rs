//! A local region without machines, and the programs that talk to it. Without the
//! region's program and its AWS CLI the tests are skipped with a message; under
//! `./test` (`NIXL_TEST_ALL`) that is a failure.

use serde_json::Value;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A region of its own, taken down at the end.
pub struct Region {
    /// Where its programs run.
    pub folder: TempDir,
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
    /// Brings one up; none where something is missing.
    pub fn up() -> Option<Self> {
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

    /// One of our programs, or one of the PATH.
    pub fn try_run(&self, program: &str, arguments: &[&str]) -> Output {
        let own = self.programs.join(program);
        let mut command = if own.exists() { Command::new(own) } else { Command::new(program) };
        command.env_clear().envs(&self.environment).current_dir(self.folder.path());
        command.env("NIXL_REGION_STATE_DIR", self.folder.path().join("state"));
        command.args(arguments).output().unwrap()
    }

    /// What it prints; it must succeed.
    pub fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.try_run(program, arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.try_run("nixl-region", &["down"]);
    }
}
