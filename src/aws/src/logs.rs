//! CloudWatch Logs (API reference 2014-03-28), by hand-signed AwsJson 1.1: one
//! stream, read forwards.

use crate::Result;
use crate::json::{Service, client};
use serde::{Deserialize, Serialize};

const SERVICE: Service = Service {
    name: "logs",
    endpoint_prefix: "logs",
    signing_name: "logs",
    target_prefix: "Logs_20140328",
    endpoint_variable: "CLOUDWATCH_LOGS",
    nearest: None,
};

/// A piece of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Messages, oldest first.
    pub messages: Vec<String>,
    /// Where the next piece begins.
    pub next: Option<String>,
}

/// The call; [`Client`] makes it, tests script it.
#[async_trait::async_trait]
pub trait Logs: Send + Sync {
    /// What follows `after`, which an earlier answer gave, or the head of the
    /// stream; at most 10 000 events or 1 MB. `None` if there is no such stream.
    /// At the end the answer gives `after` back.
    async fn events(&self, group: &str, stream: &str, after: Option<&str>) -> Result<Option<Page>>;
}

client!(SERVICE);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GetLogEvents<'a> {
    log_group_name: &'a str,
    log_stream_name: &'a str,
    start_from_head: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    events: Vec<Event>,
    next_forward_token: Option<String>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    message: String,
}

#[async_trait::async_trait]
impl Logs for Client {
    async fn events(&self, group: &str, stream: &str, after: Option<&str>) -> Result<Option<Page>> {
        let request = GetLogEvents {
            log_group_name: group,
            log_stream_name: stream,
            start_from_head: true,
            next_token: after,
        };
        let answer: Result<Answer> = self.json.call("GetLogEvents", &request).await;
        match answer {
            Ok(answer) => Ok(Some(Page {
                messages: answer.events.into_iter().map(|event| event.message).collect(),
                next: answer.next_forward_token,
            })),
            Err(error) if error.is(&["ResourceNotFoundException"]) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_those_of_the_api() {
        let request = GetLogEvents {
            log_group_name: "/aws/imagebuilder/nixl",
            log_stream_name: "1.0.0/1",
            start_from_head: true,
            next_token: None,
        };
        let body = serde_json::to_string(&request).expect("plain JSON");
        let expected = r#"{"logGroupName":"/aws/imagebuilder/nixl","logStreamName":"1.0.0/1","startFromHead":true}"#;
        assert_eq!(body, expected);
        let answer: Answer = serde_json::from_str(
            r#"{"events":[{"timestamp":1,"message":"Phase build","ingestionTime":2}],"nextForwardToken":"f/1/s","nextBackwardToken":"b/0/s"}"#,
        )
        .expect("the answer parses");
        assert_eq!(answer.events[0].message, "Phase build");
        assert_eq!(answer.next_forward_token.as_deref(), Some("f/1/s"));
    }
}
