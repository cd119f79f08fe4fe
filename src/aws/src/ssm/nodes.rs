//! Managed nodes: their agents, commands (Run Command) and sessions (Session
//! Manager).

use super::{Client, Invocation, ManagedNode, SendCommand, Session, StartSession};
use crate::Result;
use serde::Deserialize;
use serde_json::json;

/// Most ids in one `InstanceIds` filter, and most nodes in one page.
const PAGE: usize = 50;

/// The calls; [`Client`] makes them, tests script them.
#[async_trait::async_trait]
pub trait ManagedNodes: Send + Sync {
    /// Those of these instances that have ever registered, in no order.
    async fn describe_instance_information(
        &self,
        instance_ids: &[String],
    ) -> Result<Vec<ManagedNode>>;
    /// Sends a script on its way; the command's id. Not sent again when the
    /// answer is lost: [`Self::find_command`] tells then.
    async fn send_command(&self, command: &SendCommand) -> Result<String>;
    /// The id of the newest command with this comment.
    async fn find_command(&self, comment: &str) -> Result<Option<String>>;
    /// How a command stands on a node; `None` as long as SSM does not know the
    /// invocation yet, which is so right after it was sent.
    async fn get_command_invocation(
        &self,
        command_id: &str,
        instance_id: &str,
    ) -> Result<Option<Invocation>>;
    /// Ends a command wherever it has not ended.
    async fn cancel_command(&self, command_id: &str) -> Result<()>;
    /// Starts a session. One whose answer is lost ends by itself: nothing
    /// passes through it.
    async fn start_session(&self, request: &StartSession) -> Result<Session>;
    /// A new token for a session whose connection was lost; `None` if the
    /// session has ended.
    async fn resume_session(&self, session_id: &str) -> Result<Option<Session>>;
    /// Ends a session; fine if there is none.
    async fn terminate_session(&self, session_id: &str) -> Result<()>;
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InformationPage {
    #[serde(default)]
    instance_information_list: Vec<Information>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Information {
    instance_id: String,
    #[serde(default)]
    ping_status: String,
    agent_version: Option<String>,
    last_ping_date_time: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sent {
    command: SentCommand,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CommandPage {
    #[serde(default)]
    commands: Vec<SentCommand>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SentCommand {
    command_id: String,
    #[serde(default)]
    comment: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InvocationAnswer {
    status: Option<String>,
    status_details: Option<String>,
    response_code: Option<i32>,
    #[serde(default)]
    standard_output_content: String,
    #[serde(default)]
    standard_error_content: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SessionAnswer {
    session_id: Option<String>,
    token_value: Option<String>,
    stream_url: Option<String>,
}

#[derive(Deserialize)]
struct Nothing {}

impl From<Information> for ManagedNode {
    fn from(told: Information) -> Self {
        Self {
            instance_id: told.instance_id,
            ping_status: told.ping_status,
            agent_version: told.agent_version,
            last_ping_epoch_secs: told.last_ping_date_time,
        }
    }
}

impl From<InvocationAnswer> for Invocation {
    fn from(told: InvocationAnswer) -> Self {
        Self {
            status: told.status_details.or(told.status).unwrap_or_default().replace(' ', ""),
            exit_code: told.response_code.unwrap_or(-1),
            stdout: told.standard_output_content,
            stderr: told.standard_error_content,
        }
    }
}

impl SessionAnswer {
    fn opened(self) -> Option<Session> {
        Some(Session {
            id: self.session_id?,
            stream_url: self.stream_url.filter(|url| !url.is_empty())?,
            token: self.token_value.filter(|token| !token.is_empty())?,
        })
    }
}

/// The body of SendCommand. All nodes run it at once, and one's failure does
/// not keep it from the others.
fn send_command_body(command: &SendCommand) -> serde_json::Value {
    json!({
        "DocumentName": "AWS-RunShellScript",
        "InstanceIds": command.instance_ids,
        "Comment": command.comment,
        "TimeoutSeconds": command.delivery_timeout_secs,
        "MaxConcurrency": "100%",
        "MaxErrors": "100%",
        "Parameters": {
            "commands": [command.script],
            "executionTimeout": [command.execution_timeout_secs.to_string()],
        },
    })
}

#[async_trait::async_trait]
impl ManagedNodes for Client {
    async fn describe_instance_information(
        &self,
        instance_ids: &[String],
    ) -> Result<Vec<ManagedNode>> {
        let mut found = Vec::new();
        for ids in instance_ids.chunks(PAGE) {
            let mut token: Option<String> = None;
            loop {
                let mut body = json!({
                    "Filters": [{"Key": "InstanceIds", "Values": ids}],
                    "MaxResults": PAGE,
                });
                if let Some(token) = token {
                    body["NextToken"] = json!(token);
                }
                let page: InformationPage =
                    self.json.call("DescribeInstanceInformation", &body).await?;
                found.extend(page.instance_information_list.into_iter().map(ManagedNode::from));
                token = page.next_token.filter(|token| !token.is_empty());
                if token.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }

    async fn send_command(&self, command: &SendCommand) -> Result<String> {
        let sent: Sent = self.json.call_once("SendCommand", &send_command_body(command)).await?;
        Ok(sent.command.command_id)
    }

    async fn find_command(&self, comment: &str) -> Result<Option<String>> {
        // Newest first; a command that was just sent is on the first page.
        let page: CommandPage =
            self.json.call("ListCommands", &json!({"MaxResults": PAGE})).await?;
        let found = page.commands.into_iter().find(|command| command.comment == comment);
        Ok(found.map(|command| command.command_id))
    }

    async fn get_command_invocation(
        &self,
        command_id: &str,
        instance_id: &str,
    ) -> Result<Option<Invocation>> {
        let body = json!({"CommandId": command_id, "InstanceId": instance_id});
        let answer: Result<InvocationAnswer> = self.json.call("GetCommandInvocation", &body).await;
        match answer {
            Ok(told) => Ok(Some(told.into())),
            Err(error) if error.is(&["InvocationDoesNotExist"]) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn cancel_command(&self, command_id: &str) -> Result<()> {
        let body = json!({"CommandId": command_id});
        self.json.call("CancelCommand", &body).await.map(|_: Nothing| ())
    }

    async fn start_session(&self, request: &StartSession) -> Result<Session> {
        let answer: SessionAnswer = self.json.call("StartSession", request).await?;
        answer.opened().ok_or_else(|| self.json.unusable("StartSession"))
    }

    async fn resume_session(&self, session_id: &str) -> Result<Option<Session>> {
        let body = json!({"SessionId": session_id});
        match self.json.call::<_, SessionAnswer>("ResumeSession", &body).await {
            // A session that has ended is answered without a token.
            Ok(told) => Ok(told.opened()),
            Err(error) if error.is(&["DoesNotExistException"]) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn terminate_session(&self, session_id: &str) -> Result<()> {
        let body = json!({"SessionId": session_id});
        match self.json.call::<_, Nothing>("TerminateSession", &body).await {
            Ok(_) => Ok(()),
            Err(error) if error.is(&["DoesNotExistException"]) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_the_api_writes_them() {
        let page: InformationPage = serde_json::from_str(
            r#"{"InstanceInformationList":[{"InstanceId":"i-1","PingStatus":"Online","LastPingDateTime":1.7963e9,"AgentVersion":"3.3.0.0"}]}"#,
        )
        .expect("the answer parses");
        let node: ManagedNode = page.instance_information_list.into_iter().next().unwrap().into();
        assert!(node.online() && node.agent_version.as_deref() == Some("3.3.0.0"));

        let told: InvocationAnswer = serde_json::from_str(
            r#"{"Status":"TimedOut","StatusDetails":"Execution Timed Out","ResponseCode":137,"StandardOutputContent":"a"}"#,
        )
        .expect("the answer parses");
        let invocation = Invocation::from(told);
        assert_eq!((invocation.status.as_str(), invocation.exit_code), ("ExecutionTimedOut", 137));
    }

    #[test]
    fn a_session_needs_token_and_stream() {
        let ended: SessionAnswer =
            serde_json::from_str(r#"{"SessionId":"s","TokenValue":"","StreamUrl":""}"#).unwrap();
        assert_eq!(ended.opened(), None);
    }

    #[test]
    fn a_plain_shell_names_no_document() {
        let request = StartSession { target: "i-1".to_owned(), ..StartSession::default() };
        assert_eq!(serde_json::to_string(&request).unwrap(), r#"{"Target":"i-1"}"#);
    }

    #[test]
    fn a_command_is_one_script() {
        let body = send_command_body(&SendCommand {
            instance_ids: vec!["i-1".to_owned()],
            script: "a\nb".to_owned(),
            execution_timeout_secs: 60,
            delivery_timeout_secs: 30,
            comment: "c".to_owned(),
        });
        assert_eq!(body["Parameters"]["commands"], json!(["a\nb"]));
        assert_eq!(body["Parameters"]["executionTimeout"], json!(["60"]));
    }
}
