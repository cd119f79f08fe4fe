//! A test instance: documents run there as an agent's commands do.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tokio_util::sync::CancellationToken;

use super::log::{BuildLog, Tail};
use super::place::{Output, Place};
use super::sandbox::WORK_DIR;
use super::toe::Console;
use crate::backend::{Script, ScriptEnd, TestInstance};

/// How often it is looked whether it has booted.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long a reboot may take.
const REBOOT: Duration = Duration::from_secs(300);

/// An instance with the log of what ran there.
pub(super) struct Instance {
    on: TestInstance,
    log: BuildLog,
}

impl Instance {
    pub(super) fn new(on: TestInstance, folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self { on, log: BuildLog::create(&folder.join("log"))? })
    }

    /// Runs a command until it ends or its time is over.
    async fn command(
        &self,
        argv: &[&str],
        stdin: Option<File>,
        timeout_secs: Option<u64>,
    ) -> io::Result<(ScriptEnd, Option<u64>)> {
        let script = Script {
            command_id: uuid::Uuid::new_v4().to_string(),
            text: text(argv, stdin)?,
            working_directory: Some(WORK_DIR.to_owned()),
            environment: Vec::new(),
        };
        let stop = CancellationToken::new();
        let mut running = self.on.machines.run(&self.on.id, &script, stop.clone());
        let limit = timeout_secs.map_or(Duration::MAX, Duration::from_secs);
        let (ended, timed_out) = tokio::select! {
            ended = &mut running => (ended, None),
            () = tokio::time::sleep(limit) => {
                stop.cancel();
                (running.await, timeout_secs)
            }
        };
        Ok((ended.map_err(io::Error::other)?, timed_out))
    }

    async fn boot(&self) -> Option<u64> {
        self.on.machines.platform(&self.on.id).await.map(|platform| platform.boot)
    }
}

#[async_trait::async_trait]
impl Place for Instance {
    async fn run(
        &self,
        argv: &[&str],
        stdin: Option<File>,
        timeout_secs: Option<u64>,
        console: Option<&Console>,
    ) -> io::Result<Output> {
        let (end, timed_out) = self.command(argv, stdin, timeout_secs).await?;
        let mut tail = Tail::default();
        for (name, bytes) in [("Stdout", &end.stdout), ("Stderr", &end.stderr)] {
            tail.push(bytes);
            self.log.write(bytes)?;
            if let Some(console) = console {
                let mut stream = console.stream(name);
                stream.push(bytes);
                stream.flush();
            }
        }
        let output = Output { code: end.exit_code, tail: tail.text(), timed_out };
        if let Some(console) = console {
            output.tell(console);
        }
        Ok(output)
    }

    async fn read(
        &self,
        path: &str,
        mut to: File,
        timeout_secs: Option<u64>,
    ) -> io::Result<Output> {
        let argv = ["/bin/cat", "--", path];
        let (end, timed_out) = self.command(&argv, None, timeout_secs).await?;
        to.write_all(&end.stdout)?;
        let tail = String::from_utf8_lossy(&end.stderr).trim().to_owned();
        Ok(Output { code: end.exit_code, tail, timed_out })
    }

    async fn reboot(&self) -> io::Result<()> {
        let before = self.boot().await;
        self.on.machines.reboot(&self.on.id).await.map_err(io::Error::other)?;
        let again = async {
            loop {
                match self.boot().await {
                    Some(boot) if Some(boot) != before => return,
                    _ => tokio::time::sleep(LOOK_EVERY).await,
                }
            }
        };
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "the instance did not come back");
        tokio::time::timeout(REBOOT, again).await.map_err(late)
    }

    fn log(&self, text: &str) {
        if let Err(error) = self.log.write(text.as_bytes()) {
            tracing::warn!(%error, "log of a test not kept");
        }
    }
}

/// A script that is this command, with what it reads inside.
fn text(argv: &[&str], stdin: Option<File>) -> io::Result<String> {
    let words: Vec<String> = argv.iter().map(|word| quoted(word)).collect();
    let command = words.join(" ");
    let Some(mut stdin) = stdin else { return Ok(format!("exec {command} </dev/null\n")) };
    let mut bytes = Vec::new();
    stdin.read_to_end(&mut bytes)?;
    let encoded = BASE64_STANDARD.encode(bytes);
    Ok(format!("base64 -d <<'EOF' | {command}\n{encoded}\nEOF\n"))
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn a_shell_runs_the_command_with_its_words_and_input(word in "[ -~\n]{0,20}", input in "[ -~\n]{0,40}") {
            use std::io::Seek;
            let mut stdin = tempfile::tempfile().unwrap();
            stdin.write_all(input.as_bytes()).unwrap();
            stdin.rewind().unwrap();
            let argv = ["/bin/sh", "-c", "printf '%s' \"$1\"; cat", "sh", &word];
            let script = text(&argv, Some(stdin)).unwrap();
            let ran = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            prop_assert_eq!(String::from_utf8(ran.stdout).unwrap(), format!("{word}{input}"));
        }
    }
}
