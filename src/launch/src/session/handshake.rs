//! The agent's first question: what is this session, and is it encrypted?
//! Source: session-manager-plugin, `src/message/handshakemessage.go`.

use super::SessionError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of AWS's plugin whose protocol is spoken. Agents look at it:
/// from 1.1.70 they multiplex ports, from 1.2.331.0 on without keep-alives.
pub const CLIENT_VERSION: &str = "1.2.707.0";

/// Statuses of a processed action.
const SUCCESS: u8 = 1;
const FAILED: u8 = 2;
const UNSUPPORTED: u8 = 3;

/// What the agent told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Version of the agent; empty where it does not shake hands.
    pub agent_version: String,
    /// `Standard_Stream`, `InteractiveCommands`, `Port`, …
    pub session_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    #[serde(default)]
    agent_version: String,
    #[serde(default)]
    requested_client_actions: Vec<Action>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Action {
    action_type: String,
    #[serde(default)]
    action_parameters: Value,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Response {
    client_version: &'static str,
    processed_client_actions: Vec<Processed>,
    errors: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Processed {
    action_type: String,
    action_status: u8,
    action_result: Value,
    error: String,
}

/// The answer to a request, and what was told; or the reason why this session
/// cannot go on (the answer is to be sent all the same: the agent waits for it).
pub fn answer(request: &[u8]) -> (Vec<u8>, Result<Told, SessionError>) {
    let Ok(request) = serde_json::from_slice::<Request>(request) else {
        let asked = "a handshake that cannot be read".to_owned();
        return (response(Vec::new()), Err(SessionError::Unsupported { asked }));
    };
    let mut told = Told { agent_version: request.agent_version, ..Told::default() };
    let mut wrong = None;
    let mut processed = Vec::new();
    for action in request.requested_client_actions {
        let (status, error) = match action.action_type.as_str() {
            "SessionType" => {
                let kind = action.action_parameters["SessionType"].as_str().unwrap_or_default();
                told.session_type = kind.to_owned();
                (SUCCESS, String::new())
            }
            "KMSEncryption" => {
                wrong = Some(SessionError::Encrypted);
                (FAILED, "encryption is not supported by this client".to_owned())
            }
            other => {
                let asked = other.to_owned();
                wrong.get_or_insert(SessionError::Unsupported { asked });
                (UNSUPPORTED, format!("unsupported action {other}"))
            }
        };
        processed.push(Processed {
            action_type: action.action_type,
            action_status: status,
            action_result: Value::Null,
            error,
        });
    }
    (response(processed), wrong.map_or(Ok(told), Err))
}

fn response(processed: Vec<Processed>) -> Vec<u8> {
    let errors = processed.iter().map(|p| p.error.clone()).filter(|error| !error.is_empty());
    let response = Response {
        client_version: CLIENT_VERSION,
        errors: errors.collect(),
        processed_client_actions: processed,
    };
    // Plain strings and numbers always have a JSON form.
    serde_json::to_vec(&response).unwrap_or_default()
}

/// Whether an agent of this version multiplexes ports (session-manager-plugin,
/// `config.go`: after 3.0.196.0).
pub fn multiplexes(agent_version: &str) -> bool {
    after(agent_version, [3, 0, 196, 0])
}

/// Whether an agent of this version can do without keep-alives (after 3.1.1511.0).
pub fn quiet(agent_version: &str) -> bool {
    after(agent_version, [3, 1, 1511, 0])
}

fn after(version: &str, than: [u32; 4]) -> bool {
    let mut numbers = [0; 4];
    for (number, text) in numbers.iter_mut().zip(version.split('.')) {
        let Ok(parsed) = text.parse() else { return false };
        *number = parsed;
    }
    numbers > than
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_type_is_agreed_to() {
        let request = br#"{"AgentVersion":"3.3.0.0","RequestedClientActions":[{"ActionType":"SessionType","ActionParameters":{"SessionType":"Port","Properties":{"portNumber":"9100"}}}]}"#;
        let (answer, told) = answer(request);
        let told = told.unwrap();
        assert_eq!((told.agent_version.as_str(), told.session_type.as_str()), ("3.3.0.0", "Port"));
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["ProcessedClientActions"][0]["ActionStatus"], 1);
        assert_eq!(answer["Errors"], serde_json::json!([]));
    }

    #[test]
    fn encryption_is_refused_in_words_and_to_the_agent() {
        let request = br#"{"RequestedClientActions":[{"ActionType":"KMSEncryption","ActionParameters":{"KMSKeyID":"k"}},{"ActionType":"SessionType","ActionParameters":{"SessionType":"Standard_Stream"}}]}"#;
        let (answer, told) = answer(request);
        assert!(matches!(told, Err(SessionError::Encrypted)), "{told:?}");
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["ProcessedClientActions"][0]["ActionStatus"], 2);
        assert_eq!(answer["Errors"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn what_is_unknown_is_unsupported() {
        let (_, told) = answer(br#"{"RequestedClientActions":[{"ActionType":"Dance"}]}"#);
        assert!(matches!(told, Err(SessionError::Unsupported { .. })), "{told:?}");
        assert!(answer(b"no JSON").1.is_err());
    }

    #[test]
    fn versions_are_numbers() {
        assert!(!multiplexes("3.0.196.0") && multiplexes("3.0.1124.0") && !multiplexes(""));
        assert!(!quiet("3.1.1511.0") && quiet("3.10.0.0"));
    }
}
