//! A local region of a test's own: its state folder, its port, its end.

use crate::programs::{Output, Program, bin, root, venv};
use anyhow::{Context, Result, ensure};
use std::net::TcpListener;
use std::path::PathBuf;

/// A region that is up, or was.
pub struct Region {
    folder: tempfile::TempDir,
    port: u16,
    env: Vec<(String, String)>,
}

impl Region {
    /// A region not yet up, in a folder of its own.
    ///
    /// # Errors
    /// If no folder or port can be had.
    pub fn new() -> Result<Self> {
        let base = root().join("target/e2e");
        std::fs::create_dir_all(&base)?;
        let folder = tempfile::Builder::new().prefix("region-").tempdir_in(base)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        Ok(Self { folder, port, env: Vec::new() })
    }

    /// Port of its endpoint.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its state folder.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Its process.
    ///
    /// # Errors
    /// If it is not up.
    pub fn pid(&self) -> Result<u32> {
        let told = self.control().json(&["status", "--output", "json"])?;
        told["pid"].as_u64().and_then(|pid| pid.try_into().ok()).context("no pid in its status")
    }

    /// Every exchange with it, over all its lives.
    #[must_use]
    pub fn recording(&self) -> PathBuf {
        self.folder.path().join("exchanges.jsonl")
    }

    /// Holds every request and answer so far against botocore's service models.
    /// `probes` is how the user agent of the client begins that asks wrongly on purpose.
    ///
    /// # Errors
    /// If any is invalid; the error tells which.
    pub fn judged(&self, probes: &str) -> Result<()> {
        let record = self.recording();
        let judge =
            ["tests/judges/botocore_judge.py", "--probes", probes, &record.to_string_lossy()];
        let output = self.venv_program("python").run(&judge)?;
        ensure!(output.code == 0, "{output}");
        println!("        {}", output.stdout.trim_end());
        Ok(())
    }

    /// `nixl-region` with its state folder; the image cache is shared.
    #[must_use]
    pub fn control(&self) -> Program {
        let state = self.state_dir().to_string_lossy().into_owned();
        Program::new(bin("nixl-region")).env(&[("NIXL_REGION_STATE_DIR".to_owned(), state)])
    }

    /// Brings it up and reads its environment.
    ///
    /// # Errors
    /// If `nixl-region up` or `env` fails.
    pub fn up(&mut self) -> Result<()> {
        self.up_with(&[])
    }

    /// The same with further arguments.
    ///
    /// # Errors
    /// If `nixl-region up` or `env` fails.
    pub fn up_with(&mut self, more: &[&str]) -> Result<()> {
        let (port, venv, record) = (self.port.to_string(), venv(), self.recording());
        let (venv, record) = (venv.to_string_lossy(), record.to_string_lossy());
        let usual = ["up", "--port", &port, "--venv", &venv, "--record", &record];
        self.control().ok(&[&usual[..], more].concat())?;
        self.env = self
            .control()
            .ok(&["env"])?
            .lines()
            .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.trim_matches(['\'', '"']).to_owned()))
            .collect();
        ensure!(self.variable("AWS_ENDPOINT_URL").is_ok(), "`nixl-region env` names no endpoint");
        Ok(())
    }

    /// A variable of `nixl-region env`.
    ///
    /// # Errors
    /// If it is not among them.
    pub fn variable(&self, key: &str) -> Result<&str> {
        let found = self.env.iter().find(|(k, _)| k == key);
        found.map(|(_, v)| v.as_str()).with_context(|| format!("{key} is not in `nixl-region env`"))
    }

    /// One of our programs, talking to this region.
    #[must_use]
    pub fn program(&self, name: &str) -> Program {
        Program::new(bin(name)).env(&self.env)
    }

    /// A program of the virtual environment, talking to this region.
    #[must_use]
    pub fn venv_program(&self, name: &str) -> Program {
        Program::new(venv().join("bin").join(name)).env(&self.env)
    }

    /// A program of the computer, talking to this region.
    #[must_use]
    pub fn tool(&self, path: &str) -> Program {
        Program::new(path).env(&self.env)
    }

    /// Bakes the image of `image/recipe.toml`, unless it is there; what was told.
    ///
    /// # Errors
    /// If `nixl-bake build` fails.
    pub fn bake(&self) -> Result<serde_json::Value> {
        let noded = bin("nixl-noded");
        self.program("nixl-bake").json(&[
            "build",
            "--recipe",
            "image/recipe.toml",
            "--noded",
            &noded.to_string_lossy(),
            "--output",
            "json",
        ])
    }

    /// Runs a command in a machine, named by its `Name` tag.
    ///
    /// # Errors
    /// If it cannot be run.
    pub fn exec(&self, machine: &str, command: &[&str]) -> Result<Output> {
        let mut args = vec!["exec", machine, "--"];
        args.extend_from_slice(command);
        self.control().run(&args)
    }

    /// Runs a command in a machine and expects success; its output.
    ///
    /// # Errors
    /// If it fails.
    pub fn exec_ok(&self, machine: &str, command: &[&str]) -> Result<String> {
        let output = self.exec(machine, command)?;
        ensure!(output.code == 0, "{output}");
        Ok(output.stdout)
    }

    /// Takes it down.
    ///
    /// # Errors
    /// If `nixl-region down` fails.
    pub fn down(&self) -> Result<()> {
        self.control().ok(&["down"]).map(drop)
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // The last resort of a test that panicked; `down` is idempotent.
        if self.state_dir().exists() {
            let _ = self.control().run(&["down"]);
        }
    }
}
