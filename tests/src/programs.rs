//! The programs as a user runs them: real processes, their output and status.

use crate::terminal::Terminal;
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Top folder of the repository.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Where `./test` built the programs.
#[must_use]
pub fn bin(name: &str) -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    target.join("debug").join(name)
}

/// The virtual environment with the AWS CLI, boto3 and MLflow.
#[must_use]
pub fn venv() -> PathBuf {
    root().join("target/venv")
}

/// The virtual environment with MLflow's client and AWS's plugin for it.
#[must_use]
pub fn plugin_venv() -> PathBuf {
    root().join("target/plugin-venv")
}

/// A program with its environment.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    env: Vec<(String, String)>,
    cleared: bool,
}

/// What a program left behind.
#[derive(Debug)]
pub struct Output {
    /// Exit code; 128 + signal when it was killed.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The command line, for messages.
    pub line: String,
}

impl Program {
    /// A program at a path, with only `PATH` and `HOME` in its environment.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), env: Vec::new(), cleared: true }
    }

    /// Adds variables.
    #[must_use]
    pub fn env(mut self, env: &[(String, String)]) -> Self {
        self.env.extend_from_slice(env);
        self
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        if self.cleared {
            command.env_clear();
            for key in ["PATH", "HOME", "LANG"] {
                if let Some(value) = std::env::var_os(key) {
                    command.env(key, value);
                }
            }
        }
        command.args(args).envs(self.env.iter().map(|(k, v)| (k, v)));
        command.current_dir(root()).stdin(Stdio::null());
        command
    }

    /// Starts it, its standard output in a pipe.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(&self, args: &[&str]) -> Result<Child> {
        let mut command = self.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().with_context(|| format!("start {}", self.path.display()))
    }

    /// Starts it in a terminal of its own, of this many columns and rows.
    ///
    /// # Errors
    /// If it cannot be started or no terminal be had.
    pub fn on_terminal(&self, args: &[&str], size: (u16, u16)) -> Result<Terminal> {
        Terminal::start(&self.command(args), size)
    }

    /// Runs it and expects success; the bytes of its standard output.
    ///
    /// # Errors
    /// If it cannot be started or fails.
    pub fn bytes(&self, args: &[&str]) -> Result<Vec<u8>> {
        let done = self.command(args).output()?;
        let said = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success(), "{args:?}: {}: {said}", done.status);
        Ok(done.stdout)
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn run(&self, args: &[&str]) -> Result<Output> {
        let line = format!(
            "{} {}",
            self.path.file_name().unwrap_or_default().to_string_lossy(),
            args.join(" ")
        );
        let done = self
            .command(args)
            .output()
            .with_context(|| format!("start {}", self.path.display()))?;
        let signal = std::os::unix::process::ExitStatusExt::signal(&done.status).unwrap_or(0);
        Ok(Output {
            code: done.status.code().unwrap_or(128 + signal),
            stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
            line,
        })
    }

    /// Runs it and expects success; its standard output.
    ///
    /// # Errors
    /// If it cannot be started or fails.
    pub fn ok(&self, args: &[&str]) -> Result<String> {
        let output = self.run(args)?;
        ensure!(output.code == 0, "{output}");
        Ok(output.stdout)
    }

    /// Runs it and expects success; its standard output as JSON.
    ///
    /// # Errors
    /// If it fails or its output is no JSON.
    pub fn json(&self, args: &[&str]) -> Result<serde_json::Value> {
        let text = self.ok(args)?;
        serde_json::from_str(&text)
            .with_context(|| format!("{:?} printed no JSON: {text}", self.path))
    }

    /// Runs it and expects this exit code and a short error that says `needle`.
    ///
    /// # Errors
    /// If it behaves otherwise.
    pub fn refused(&self, args: &[&str], code: i32, needles: &[&str]) -> Result<()> {
        let output = self.run(args)?;
        ensure!(output.code == code, "expected exit code {code}: {output}");
        for needle in needles {
            if !output.stderr.contains(needle) {
                bail!("the error does not say {needle:?}: {output}");
            }
        }
        ensure!(!output.stderr.contains("panicked"), "{output}");
        // A usage error may show usage lines; a failure is told in a few.
        ensure!(output.stderr.lines().count() <= 12, "the error is too long: {output}");
        Ok(())
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` ended with {}\n{}{}", self.line, self.code, self.stdout, self.stderr)
    }
}
