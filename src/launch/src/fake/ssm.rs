//! Systems Manager of the account in memory: every instance is online, unless
//! it is said otherwise, and answers a command as scripted.

use super::{Fake, refusal};
use nixl_aws::Result;
use nixl_aws::ssm::{
    Invocation, ManagedNode, ManagedNodes, SendCommand, Session, Ssm, StartSession,
};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(crate) struct State {
    /// Parameters.
    pub parameters: BTreeMap<String, String>,
    /// Instances that never registered.
    pub unregistered: BTreeSet<String>,
    /// Ping status of instances that are not `Online`.
    pub ping: BTreeMap<String, &'static str>,
    /// What an instance answers, instead of `Success` without output.
    pub answers: BTreeMap<String, Invocation>,
    /// So many looks at an invocation know nothing of it yet.
    pub unseen_looks: u32,
    /// Commands sent: id and request.
    pub commands: Vec<(String, SendCommand)>,
    /// Where sessions lead.
    pub stream_url: Option<String>,
    /// Sessions asked for.
    pub sessions: Vec<StartSession>,
    /// Commands cancelled.
    pub cancelled: BTreeSet<String>,
}

impl State {
    fn url(&self) -> String {
        self.stream_url.clone().unwrap_or_else(|| "ws://nowhere.invalid/".to_owned())
    }
}

#[async_trait::async_trait]
impl Ssm for Fake {
    async fn get_parameter(&self, name: &str) -> Result<Option<String>> {
        self.call("GetParameter", |state| Ok(state.ssm.parameters.get(name).cloned()))
    }
}

#[async_trait::async_trait]
impl ManagedNodes for Fake {
    async fn describe_instance_information(
        &self,
        instance_ids: &[String],
    ) -> Result<Vec<ManagedNode>> {
        self.call("DescribeInstanceInformation", |state| {
            let known = instance_ids.iter().filter(|id| !state.ssm.unregistered.contains(*id));
            Ok(known
                .map(|id| ManagedNode {
                    instance_id: id.clone(),
                    ping_status: (*state.ssm.ping.get(id).unwrap_or(&"Online")).to_owned(),
                    agent_version: Some("3.3.0.0".to_owned()),
                    last_ping_epoch_secs: Some(1.0),
                })
                .collect())
        })
    }

    async fn send_command(&self, command: &SendCommand) -> Result<String> {
        self.call("SendCommand", |state| {
            if command.instance_ids.len() > SendCommand::MAX_NODES {
                return Err(refusal("SendCommand", "ValidationException", "", 400));
            }
            let id = state.id("command");
            state.ssm.commands.push((id.clone(), command.clone()));
            Ok(id)
        })
    }

    async fn find_command(&self, comment: &str) -> Result<Option<String>> {
        self.call("ListCommands", |state| {
            let mut newest_first = state.ssm.commands.iter().rev();
            let found = newest_first.find(|(_, sent)| sent.comment == comment);
            Ok(found.map(|(id, _)| id.clone()))
        })
    }

    async fn get_command_invocation(
        &self,
        command_id: &str,
        instance_id: &str,
    ) -> Result<Option<Invocation>> {
        self.call("GetCommandInvocation", |state| {
            if state.ssm.unseen_looks > 0 {
                state.ssm.unseen_looks -= 1;
                return Ok(None);
            }
            let success = || Invocation { status: "Success".to_owned(), ..Invocation::default() };
            let mut answer = state.ssm.answers.get(instance_id).cloned().unwrap_or_else(success);
            if !answer.ended() && state.ssm.cancelled.contains(command_id) {
                answer.status = "Cancelled".to_owned();
            }
            Ok(Some(answer))
        })
    }

    async fn cancel_command(&self, command_id: &str) -> Result<()> {
        self.call("CancelCommand", |state| {
            state.ssm.cancelled.insert(command_id.to_owned());
            Ok(())
        })
    }

    async fn start_session(&self, request: &StartSession) -> Result<Session> {
        self.call("StartSession", |state| {
            if state.ssm.unregistered.contains(&request.target)
                || state.ssm.ping.contains_key(&request.target)
            {
                let message = format!("{} is not connected.", request.target);
                return Err(refusal("StartSession", "TargetNotConnected", &message, 400));
            }
            state.ssm.sessions.push(request.clone());
            let id = state.id("session");
            Ok(Session { stream_url: state.ssm.url(), token: id.clone(), id })
        })
    }

    async fn resume_session(&self, session_id: &str) -> Result<Option<Session>> {
        self.call("ResumeSession", |state| {
            Ok(Some(Session {
                id: session_id.to_owned(),
                stream_url: state.ssm.url(),
                token: format!("{session_id}-again"),
            }))
        })
    }

    async fn terminate_session(&self, _: &str) -> Result<()> {
        self.call("TerminateSession", |_| Ok(()))
    }
}
