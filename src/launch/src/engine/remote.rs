//! A script on several nodes by Run Command, and what each of them said.

use nixl_aws::ssm::{Invocation, ManagedNodes, SendCommand};
use nixl_aws::{AwsError, ErrorKind};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// Least that SSM takes as the wait for an agent.
const DELIVERY_SECS: u32 = 30;
/// Longest wait for the answer beyond the script's own time.
const SLACK: Duration = Duration::from_secs(30);
/// How long a command whose answer was lost may take to be listed.
const LISTED_WITHIN: Duration = Duration::from_secs(10);

/// A node to run on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RemoteNode {
    /// Rank.
    pub rank: u32,
    /// `Name`, e.g. `nixl-node1`.
    pub name: String,
    /// Instance.
    pub instance_id: String,
}

/// A script and how it is run.
#[derive(Debug, Clone)]
pub struct RemoteScript<'a> {
    /// Text; run by `sh` as root.
    pub text: &'a str,
    /// How long it may run on a node.
    pub timeout_secs: u32,
    /// What it is for, told in the account's list of commands.
    pub purpose: &'a str,
    /// How often to look.
    pub poll: Duration,
}

/// What became of a script on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It ended.
    Ended {
        /// Exit code.
        code: i32,
        /// Standard output; of more than 24000 characters the first ones.
        stdout: String,
        /// Standard error; of more than 8000 characters the first ones.
        stderr: String,
        /// Some of either is missing.
        cut: bool,
    },
    /// The node's agent is not online: never registered, or lost.
    NotOnline {
        /// `PingStatus`, or `not registered`.
        ping: String,
    },
    /// It did not end in time and was stopped.
    TimedOut {
        /// How long it was given.
        secs: u32,
    },
    /// SSM did not run it to its end.
    NotRun {
        /// `StatusDetails`.
        status: String,
    },
}

impl Outcome {
    /// Exit code, for a script that ended.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Ended { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Standard output of a script that succeeded.
    #[must_use]
    pub fn success(&self) -> Option<&str> {
        match self {
            Self::Ended { code: 0, stdout, .. } => Some(stdout),
            _ => None,
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ended { code, .. } => write!(f, "exit code {code}"),
            Self::NotOnline { ping } => write!(
                f,
                "its SSM agent is not online ({ping}); an agent needs minutes after a boot, its role AmazonSSMManagedInstanceCore, and a way to SSM's endpoints"
            ),
            Self::TimedOut { secs } => write!(f, "not ended after {secs} s, stopped"),
            Self::NotRun { status } => write!(f, "SSM did not run it: {status}"),
        }
    }
}

/// Runs a script on nodes at once; what became of it by rank, in the nodes' order.
///
/// # Errors
/// Of the calls themselves, e.g. for missing permissions; what fails on a node
/// is its [`Outcome`].
pub async fn run(
    ssm: &dyn ManagedNodes,
    nodes: &[RemoteNode],
    script: &RemoteScript<'_>,
) -> Result<Vec<(RemoteNode, Outcome)>, AwsError> {
    let ids: Vec<String> = nodes.iter().map(|node| node.instance_id.clone()).collect();
    let registered: BTreeMap<String, String> = ssm
        .describe_instance_information(&ids)
        .await?
        .into_iter()
        .map(|node| (node.instance_id, node.ping_status))
        .collect();
    let (online, offline): (Vec<_>, Vec<_>) =
        ids.into_iter().partition(|id| registered.get(id).is_some_and(|ping| ping == "Online"));
    let mut outcomes: BTreeMap<String, Outcome> = offline
        .into_iter()
        .map(|id| {
            let ping = registered.get(&id).map_or("not registered", String::as_str).to_owned();
            (id, Outcome::NotOnline { ping })
        })
        .collect();
    let batches = online.chunks(SendCommand::MAX_NODES).map(|batch| on_batch(ssm, batch, script));
    for batch in futures_util::future::try_join_all(batches).await? {
        outcomes.extend(batch);
    }
    let told = nodes.iter().filter_map(|node| {
        outcomes.get(&node.instance_id).map(|outcome| (node.clone(), outcome.clone()))
    });
    Ok(told.collect())
}

async fn on_batch(
    ssm: &dyn ManagedNodes,
    ids: &[String],
    script: &RemoteScript<'_>,
) -> Result<BTreeMap<String, Outcome>, AwsError> {
    let purpose: String = script.purpose.chars().take(60).collect();
    let command = send(
        ssm,
        &SendCommand {
            instance_ids: ids.to_vec(),
            script: script.text.to_owned(),
            execution_timeout_secs: script.timeout_secs,
            delivery_timeout_secs: DELIVERY_SECS,
            comment: format!("{purpose} {}", Uuid::new_v4()),
        },
        script.poll,
    )
    .await?;
    let deadline = Instant::now() + Duration::from_secs(script.timeout_secs.into()) + SLACK;
    let mut outcomes = BTreeMap::new();
    loop {
        let waiting = ids.iter().filter(|id| !outcomes.contains_key(*id));
        let looks = waiting
            .map(|id| async { (id.clone(), ssm.get_command_invocation(&command, id).await) });
        for (id, look) in futures_util::future::join_all(looks).await {
            match look {
                Ok(Some(invocation)) if invocation.ended() => {
                    outcomes.insert(id, outcome(invocation, script.timeout_secs));
                }
                Ok(_) => {}
                // The script goes on by itself whatever a look says.
                Err(error) if crate::errors::passes(&error) && Instant::now() < deadline => {
                    tracing::debug!(%error, "look again");
                }
                Err(error) => return Err(error),
            }
        }
        if outcomes.len() == ids.len() {
            return Ok(outcomes);
        }
        if Instant::now() >= deadline {
            ssm.cancel_command(&command).await?;
            for id in ids {
                let late = Outcome::TimedOut { secs: script.timeout_secs };
                outcomes.entry(id.clone()).or_insert(late);
            }
            return Ok(outcomes);
        }
        tokio::time::sleep(script.poll).await;
    }
}

/// Sends a command exactly once: after a lost answer it is looked for by its
/// comment, which is unique.
async fn send(
    ssm: &dyn ManagedNodes,
    command: &SendCommand,
    poll: Duration,
) -> Result<String, AwsError> {
    let lost = match ssm.send_command(command).await {
        Err(error) if may_be_sent(&error) => error,
        settled => return settled,
    };
    let deadline = Instant::now() + LISTED_WITHIN;
    loop {
        if let Ok(Some(id)) = ssm.find_command(&command.comment).await {
            return Ok(id);
        }
        if Instant::now() >= deadline {
            return Err(lost);
        }
        tokio::time::sleep(poll).await;
    }
}

fn may_be_sent(error: &AwsError) -> bool {
    match error.kind {
        ErrorKind::Ambiguous => true,
        ErrorKind::Service { status, .. } => status >= 500,
        _ => false,
    }
}

fn outcome(invocation: Invocation, timeout_secs: u32) -> Outcome {
    match invocation.status.as_str() {
        "Success" | "Failed" if invocation.exit_code >= 0 => Outcome::Ended {
            cut: invocation.stdout_cut() || invocation.stderr_cut(),
            code: invocation.exit_code,
            stdout: invocation.stdout,
            stderr: invocation.stderr,
        },
        "ExecutionTimedOut" => Outcome::TimedOut { secs: timeout_secs },
        _ => Outcome::NotRun { status: invocation.status },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, Fault};

    fn nodes(count: u32) -> Vec<RemoteNode> {
        let node = |rank| RemoteNode {
            rank,
            name: format!("nixl-node{}", rank + 1),
            instance_id: format!("i-{rank}"),
        };
        (0..count).map(node).collect()
    }

    async fn on(fake: &Fake, count: u32) -> Result<Vec<Outcome>, AwsError> {
        let script = RemoteScript {
            text: "true",
            timeout_secs: 60,
            purpose: "a test",
            poll: Duration::from_millis(1),
        };
        let told = run(fake, &nodes(count), &script).await?;
        Ok(told.into_iter().map(|(_, outcome)| outcome).collect())
    }

    fn failed(code: i32, stdout: &str) -> Invocation {
        Invocation {
            status: "Failed".to_owned(),
            exit_code: code,
            stdout: stdout.to_owned(),
            stderr: String::new(),
        }
    }

    #[tokio::test]
    async fn each_node_is_told_in_the_order_of_ranks() {
        let fake = Fake::new();
        fake.state().ssm.answers.insert("i-1".to_owned(), failed(3, &"x".repeat(24_000)));
        fake.state().ssm.ping.insert("i-2".to_owned(), "ConnectionLost");
        fake.state().ssm.unregistered.insert("i-3".to_owned());
        fake.state().ssm.unseen_looks = 3;
        let told = on(&fake, 4).await.unwrap();
        assert_eq!(told[0].success(), Some(""));
        assert!(matches!(told[1], Outcome::Ended { code: 3, cut: true, .. }), "{:?}", told[1]);
        assert_eq!(told[2], Outcome::NotOnline { ping: "ConnectionLost".to_owned() });
        assert_eq!(told[3], Outcome::NotOnline { ping: "not registered".to_owned() });
        assert_eq!(fake.state().ssm.commands[0].1.instance_ids, ["i-0", "i-1"]);
    }

    #[tokio::test]
    async fn more_nodes_than_one_request_takes_are_several() {
        let fake = Fake::new();
        assert_eq!(on(&fake, 120).await.unwrap().len(), 120);
        assert_eq!(fake.count("SendCommand"), 3);
    }

    #[tokio::test]
    async fn a_lost_answer_runs_nothing_twice() {
        let fake = Fake::new();
        fake.script("SendCommand", &[Fault::Lose]);
        assert_eq!(on(&fake, 1).await.unwrap()[0].code(), Some(0));
        assert_eq!(fake.count("SendCommand"), 1);
    }

    #[tokio::test]
    async fn a_refusal_is_the_callers_and_not_tried_again() {
        let fake = Fake::new();
        fake.script("SendCommand", &[Fault::Refuse("AccessDeniedException", "no", 400)]);
        assert!(on(&fake, 1).await.unwrap_err().is(&["AccessDeniedException"]));
    }
}
