//! What an SSM agent does in a machine: it tells what the machine is, and runs
//! scripts. Source: amazon-ssm-agent, `agent/plugins/runscript`, `agent/executers`.

use std::pin::pin;
use std::process::Stdio;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use super::exec::enter_with;
use super::supervise::Machine;
use crate::backend::{BackendError, Platform, Script, ScriptEnd};

/// What is kept of each stream; the rest is read and dropped.
const OUTPUT_KEPT_BYTES: usize = 8 << 20;
/// For what a script that was ended has said and nobody has read yet.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// The agent's unit is wanted by this target.
const TELL: &str = "systemctl is-active -q multi-user.target && hostname && cat /etc/os-release";
/// Writes standard input to the script's file, which `sh -c` then runs, so
/// that its first line may name another interpreter.
const RUN: &str = r#"(umask 077 && mkdir -p "$1" && cat > "$1/_script.sh" && chmod 700 "$1/_script.sh") &&
cd "$2" && exec sh -c "$1/_script.sh" </dev/null"#;
/// `WorkingDirectory=` of the agent's unit.
const WORKING_DIRECTORY: &str = "/usr/bin";

impl Machine {
    /// See [`crate::backend::Machines::platform`]; asked once in each boot.
    pub(super) async fn platform(&self) -> Option<Platform> {
        let (nspawn, leader) = self.init()?;
        let boot = nspawn.start_ticks;
        let known = self.platform.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.filter(|known| known.boot == boot) {
            return Some(known);
        }
        let argv = ["sh", "-c", TELL].map(str::to_owned);
        let mut command = Command::from(enter_with(leader, &[], &argv));
        let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.ok()?;
        let platform = output
            .status
            .success()
            .then(|| read(&String::from_utf8_lossy(&output.stdout), boot))?;
        *self.platform.lock().unwrap_or_else(PoisonError::into_inner) = Some(platform.clone());
        Some(platform)
    }

    /// See [`crate::backend::Machines::run`].
    pub(super) async fn run(
        &self,
        script: &Script,
        stop: CancellationToken,
    ) -> Result<ScriptEnd, BackendError> {
        let fail = |why: String| self.fail("run a script in", why);
        let (nspawn, leader) = self.init().ok_or_else(|| fail("it is not running".into()))?;
        let folder = format!(
            "/var/lib/amazon/ssm/{}/document/orchestration/{}/awsrunShellScript/0.awsrunShellScript",
            self.id(),
            script.command_id
        );
        let start = script.working_directory.as_deref().unwrap_or(WORKING_DIRECTORY);
        let argv = ["sh", "-c", RUN, "sh", &folder, start].map(str::to_owned);
        let mut environment = vec![("AWS_ENDPOINT_URL".to_owned(), self.endpoint_url())];
        environment.extend_from_slice(&script.environment);
        let mut command = Command::from(enter_with(leader, &environment, &argv));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| fail(error.to_string()))?;
        let mut end = ScriptEnd::default();
        let group = child.id();
        let followed = {
            let mut following = pin!(follow(&mut child, &script.text, &mut end));
            tokio::select! {
                ended = &mut following => Some(ended),
                () = stop.cancelled() => {
                    kill_group(group);
                    // What it has said is in the pipes; who left its group may keep them open.
                    tokio::time::timeout(LAST_WORDS, following).await.ok()
                }
            }
        };
        match followed {
            Some(ended) => ended.map_err(|error| fail(error.to_string()))?,
            // Reaps it.
            None => drop(child.wait().await),
        }
        if nspawn.alive() { Ok(end) } else { Err(fail("the machine ended".into())) }
    }
}

/// Feeds the script, keeps what it says, waits for its end.
async fn follow(child: &mut Child, text: &str, end: &mut ScriptEnd) -> std::io::Result<()> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A disk that is full is told by the shell on standard error.
            let _ = stdin.write_all(text.as_bytes()).await;
        }
    };
    tokio::join!(feed, keep(stdout, &mut end.stdout), keep(stderr, &mut end.stderr));
    end.exit_code = child.wait().await?.code();
    Ok(())
}

async fn keep(from: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let room = OUTPUT_KEPT_BYTES - kept.len();
        kept.extend_from_slice(&buffer[..length.min(room)]);
    }
}

fn kill_group(leader: Option<u32>) {
    let group = leader.and_then(|pid| i32::try_from(pid).ok());
    if let Some(group) = group.and_then(rustix::process::Pid::from_raw) {
        // It may have ended just now.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

/// Host name, then os-release(5).
fn read(told: &str, boot: u64) -> Platform {
    let mut lines = told.lines();
    let computer_name = lines.next().unwrap_or_default().to_owned();
    let value = |name: &str| {
        let mut values = told.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        values.next().unwrap_or_default().trim_matches(['"', '\'']).to_owned()
    };
    Platform { boot, computer_name, name: value("NAME"), version: value("VERSION_ID") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn os_release_is_read_with_and_without_quotes() {
        let told = "ip-10-77-0-11\nPRETTY_NAME=\"Debian GNU/Linux 12\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=12\n";
        let platform = read(told, 7);
        assert_eq!((platform.boot, platform.computer_name.as_str()), (7, "ip-10-77-0-11"));
        assert_eq!((platform.name.as_str(), platform.version.as_str()), ("Debian GNU/Linux", "12"));
    }
}
