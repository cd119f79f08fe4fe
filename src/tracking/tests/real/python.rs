//! MLflow's own Python client, started once: its imports take longer than all it does.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Runs each script of a line, a JSON string, and answers with what it printed.
const LOOP: &str = "
import contextlib, io, json, sys
from mlflow import MlflowClient
known = {'json': json, 'client': MlflowClient(sys.argv[1])}
for line in sys.stdin:
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        exec(json.loads(line), dict(known))
    print(json.dumps(told.getvalue()), flush=True)
";

pub struct Python {
    child: Child,
    scripts: ChildStdin,
    told: BufReader<ChildStdout>,
}

impl Python {
    pub fn start(venv: &Path, port: u16) -> Self {
        let mut child = Command::new(venv.join("bin/python"))
            .args(["-W", "ignore", "-c", LOOP, &format!("http://127.0.0.1:{port}")])
            .env("MLFLOW_DISABLE_TELEMETRY", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (scripts, told) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, scripts, told: BufReader::new(told) }
    }

    /// What a script prints; `client` and `json` are there.
    pub fn run(&mut self, script: &str) -> String {
        let line = serde_json::to_string(script).unwrap();
        writeln!(self.scripts, "{line}").unwrap();
        let mut told = String::new();
        self.told.read_line(&mut told).unwrap();
        assert!(!told.is_empty(), "Python has ended; its stderr says why");
        serde_json::from_str(&told).unwrap()
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
