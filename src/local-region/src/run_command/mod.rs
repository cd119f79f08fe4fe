//! Run Command: takes each invocation of a command to its machine and notes
//! what became of it. Source: amazon-ssm-agent (`pluginutil`, `executers`) for
//! exit codes, Systems Manager user guide for the statuses.

mod output;

use crate::agents;
use crate::backend::{BackendError, Script, ScriptEnd};
use crate::rules::{Rule, run_command as rules};
use crate::server::Inner;
use crate::state::commands::{Command, Invocation, Status};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// How often it is looked whether an agent has come up.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Exit code of a script that the agent stopped: 128 + SIGKILL.
const STOPPED: i32 = 137;

/// What a command runs.
#[derive(Debug, Clone)]
pub struct Work {
    /// Text of the script.
    pub text: String,
    /// `workingDirectory`, if given.
    pub working_directory: Option<String>,
    /// `executionTimeout`.
    pub timeout: SignedDuration,
    /// How many instances at a time.
    pub concurrency: usize,
    /// With more errors than this the command is not sent any further.
    pub max_errors: usize,
}

/// Sends a new command on its way.
pub fn deliver(region: &Arc<Inner>, command: Command, work: Work) {
    let slots = Arc::new(Semaphore::new(work.concurrency.max(1)));
    let ways: Vec<Way> = command
        .invocations
        .iter()
        .map(|(instance_id, invocation)| Way {
            region: region.clone(),
            command_id: command.id.clone(),
            instance_id: instance_id.clone(),
            work: work.clone(),
            expires: command.expires,
            stop: invocation.stop.clone(),
        })
        .collect();
    region.state().commands.add(command);
    for way in ways {
        let slots = slots.clone();
        region.runtime.spawn(async move {
            // Nobody closes it.
            let _slot = slots.acquire_owned().await;
            let (status, end) = way.go().await;
            way.note(status, end).await;
        });
    }
}

/// The way of one invocation.
struct Way {
    region: Arc<Inner>,
    command_id: String,
    instance_id: String,
    work: Work,
    expires: Timestamp,
    stop: CancellationToken,
}

impl Way {
    async fn go(&self) -> (Status, ScriptEnd) {
        if self.too_many_errors() {
            return (Status::Terminated, ScriptEnd::default());
        }
        tokio::select! {
            biased;
            () = self.stop.cancelled() => (Status::Cancelled, ScriptEnd::default()),
            () = self.agent() => self.run().await,
            () = self.until(self.expires, &rules::DELIVERY_TIMEOUT) => {
                (Status::DeliveryTimedOut, ScriptEnd::default())
            }
        }
    }

    async fn run(&self) -> (Status, ScriptEnd) {
        let started = self.region.clock.now();
        self.change(|invocation| {
            invocation.status = Status::InProgress;
            invocation.started = Some(started);
        });
        let deadline = started.checked_add(self.work.timeout).unwrap_or(Timestamp::MAX);
        let (script, stop) = (self.script(), CancellationToken::new());
        let mut running = self.region.config.machines.run(&self.instance_id, &script, stop.clone());
        let status = tokio::select! {
            ended = &mut running => return self.judge(ended),
            () = self.stop.cancelled() => Status::Cancelled,
            () = self.until(deadline, &rules::EXECUTION_TIMEOUT) => Status::ExecutionTimedOut,
        };
        stop.cancel();
        let end = running.await.unwrap_or_default();
        (status, ScriptEnd { exit_code: Some(STOPPED), ..end })
    }

    fn judge(&self, ended: Result<ScriptEnd, BackendError>) -> (Status, ScriptEnd) {
        match ended {
            Ok(end) if end.exit_code == Some(0) => (Status::Success, end),
            Ok(mut end) if self.region.rules.on(&rules::EXIT_STATUS) => {
                let code = end.exit_code.unwrap_or(-1);
                end.stderr.extend(format!("failed to run commands: exit status {code}").bytes());
                (Status::Failed, end)
            }
            Ok(end) => (Status::Success, end),
            Err(error) => {
                let stderr = error.to_string().into_bytes();
                (Status::Failed, ScriptEnd { stderr, ..ScriptEnd::default() })
            }
        }
    }

    /// Waits until the instance's agent can be sent something.
    async fn agent(&self) {
        while !agents::reachable(&self.region, &self.instance_id) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until a time; for ever if its rule is not in force.
    async fn until(&self, time: Timestamp, rule: &Rule) {
        self.region.clock.sleep_until(time).await;
        if !self.region.rules.on(rule) {
            std::future::pending::<()>().await;
        }
    }

    fn too_many_errors(&self) -> bool {
        let state = self.region.state();
        let command = state.commands.get(&self.command_id);
        let errors = command.map_or(0, |command| command.count(Status::is_error));
        errors > self.work.max_errors && self.region.rules.on(&rules::MAX_ERRORS)
    }

    /// The script with what the agent adds to its own environment.
    fn script(&self) -> Script {
        let state = self.region.state();
        let platform = state.agents.get(&self.instance_id).and_then(|agent| agent.platform.clone());
        let (name, version) =
            platform.map(|platform| (platform.name, platform.version)).unwrap_or_default();
        let environment = [
            ("AWS_SSM_INSTANCE_ID", self.instance_id.clone()),
            ("AWS_SSM_REGION_NAME", self.region.config.region.clone()),
            ("AWS_SSM_PLATFORM_NAME", name),
            ("AWS_SSM_PLATFORM_VERSION", version),
            ("SSM_COMMAND_ID", self.command_id.clone()),
        ];
        Script {
            command_id: self.command_id.clone(),
            text: self.work.text.clone(),
            working_directory: self.work.working_directory.clone(),
            environment: environment.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Invocation)) {
        let mut state = self.region.state();
        let command = state.commands.get_mut(&self.command_id);
        if let Some(invocation) =
            command.and_then(|command| command.invocations.get_mut(&self.instance_id))
        {
            change(invocation);
        }
    }

    /// Notes how the invocation ended, once its output is where it belongs.
    async fn note(&self, status: Status, end: ScriptEnd) {
        output::upload(&self.region, &self.command_id, &self.instance_id, &end).await;
        let (stdout, stderr) =
            (String::from_utf8_lossy(&end.stdout), String::from_utf8_lossy(&end.stderr));
        let (ended, rules) = (self.region.clock.now(), &self.region.rules);
        self.change(|invocation| {
            invocation.status = status;
            invocation.response_code = end.exit_code.unwrap_or(-1);
            invocation.ended = invocation.started.map(|_| ended);
            invocation.stdout = output::stdout(rules, &stdout);
            invocation.stderr = output::stderr(rules, &stderr);
            invocation.output = output::both(&stdout, &stderr);
        });
    }
}
