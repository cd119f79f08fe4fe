//! Session Manager: sessions of a shell or a forwarded port (SSM API reference,
//! StartSession and its neighbours). The stream itself is in `crate::session`.

use super::{Answer, ApiError, Call};
use crate::agents;
use crate::rules::sessions as rules;
use crate::server::Inner;
use crate::session::channel::Purpose;
use crate::session::grants::Record;
use crate::state::ids;
use crate::windows::SESSION_IDLE;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// Page size, at most and by default.
const MAX_RESULTS: usize = 200;

/// StartSession.
pub fn start(call: &Call<'_>, input: &Value) -> Answer {
    let target = needed(input, "Target")?.to_owned();
    let document = input["DocumentName"].as_str().unwrap_or("SSM-SessionManagerRunShell");
    call.authorize(&call.arn_of("ec2", &format!("instance/{target}")))?;
    let purpose = purpose(document, &input["Parameters"])?;
    let connected = agents::reachable(call.region, &target);
    call.region.rules.check(&rules::NOT_CONNECTED, connected, || {
        ApiError::new("TargetNotConnected", format!("{target} is not connected."))
    })?;
    let owner = call.caller.arn(&call.region.config.account_id);
    let user = owner.rsplit('/').next().unwrap_or("session");
    let session_id = format!("{user}-{}", ids::resource("s").trim_start_matches("s-"));
    let token = ids::secret(96);
    call.region.sessions.add(
        Record {
            session_id: session_id.clone(),
            instance_id: target,
            owner: owner.clone(),
            document: document.to_owned(),
            reason: input["Reason"].as_str().map(str::to_owned),
            started: call.region.clock.now(),
            ended: None,
        },
        purpose,
        &token,
    );
    end_when_idle(call.region, session_id.clone());
    Ok(answer(call, &session_id, &token))
}

/// Ends a session through which nothing passes any more.
fn end_when_idle(region: &Arc<Inner>, session_id: String) {
    let region = region.clone();
    let runtime = region.runtime.clone();
    runtime.spawn(async move {
        while let Some(active) = region.sessions.active(&session_id) {
            let idle = region.windows.of(&SESSION_IDLE);
            let until = active.checked_add(idle).unwrap_or(Timestamp::MAX);
            if until <= region.clock.now() {
                if region.rules.on(&rules::IDLE) {
                    region.sessions.close(&session_id);
                }
                return;
            }
            region.clock.sleep_until(until).await;
        }
    });
}

/// ResumeSession: a new token; the old one opens nothing any more.
pub fn resume(call: &Call<'_>, input: &Value) -> Answer {
    let session_id = needed(input, "SessionId")?;
    call.authorize(&call.arn(&format!("session/{session_id}")))?;
    let token = ids::secret(96);
    if !call.region.sessions.renew(session_id, &token) {
        return Err(ApiError::new(
            "DoesNotExistException",
            format!("Session {session_id} does not exist."),
        ));
    }
    Ok(answer(call, session_id, &token))
}

/// TerminateSession; fine for a session that has ended.
pub fn terminate(call: &Call<'_>, input: &Value) -> Answer {
    let session_id = needed(input, "SessionId")?;
    call.authorize(&call.arn(&format!("session/{session_id}")))?;
    call.region.sessions.end(session_id, call.region.clock.now());
    Ok(json!({"SessionId": session_id}))
}

/// DescribeSessions.
pub fn describe(call: &Call<'_>, input: &Value) -> Answer {
    call.authorize("*")?;
    let active = match needed(input, "State")? {
        "Active" => true,
        "History" => false,
        other => return Err(invalid(format!("State {other} is neither Active nor History."))),
    };
    let filters: Vec<(&str, &str)> = input["Filters"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|filter| {
            (
                filter["key"].as_str().unwrap_or_default(),
                filter["value"].as_str().unwrap_or_default(),
            )
        })
        .collect();
    const KEYS: [&str; 4] = ["Target", "Owner", "Status", "SessionId"];
    if filters.iter().any(|(key, _)| !KEYS.contains(key)) {
        return Err(super::ssm::silent("InvalidFilterKey"));
    }
    let status = |record: &Record| if record.ended.is_some() { "Terminated" } else { "Connected" };
    let found: Vec<Value> = call
        .region
        .sessions
        .records()
        .into_iter()
        .filter(|record| record.ended.is_none() == active)
        .filter(|record| {
            filters.iter().all(|(key, value)| match *key {
                "Target" => record.instance_id == *value,
                "Owner" => record.owner == *value,
                "Status" => status(record) == *value,
                _ => record.session_id == *value,
            })
        })
        .map(|record| {
            let secs = |time: jiff::Timestamp| time.as_millisecond() as f64 / 1000.0;
            let mut shown = json!({
                "SessionId": record.session_id,
                "Target": record.instance_id,
                "Status": status(&record),
                "StartDate": secs(record.started),
                "DocumentName": record.document,
                "Owner": record.owner,
            });
            if let Some(ended) = record.ended {
                shown["EndDate"] = json!(secs(ended));
            }
            if let Some(reason) = record.reason {
                shown["Reason"] = json!(reason);
            }
            shown
        })
        .collect();
    let size = input["MaxResults"].as_u64().map_or(MAX_RESULTS, |size| size as usize);
    if !(1..=MAX_RESULTS).contains(&size) {
        return Err(invalid("MaxResults takes 1 to 200."));
    }
    let skip = match input["NextToken"].as_str() {
        None => 0,
        Some(token) => {
            token.parse::<usize>().ok().filter(|skip| *skip <= found.len()).ok_or_else(|| {
                ApiError::new("InvalidNextToken", "The specified token is not valid.")
            })?
        }
    };
    let end = (skip + size).min(found.len());
    let mut told = json!({"Sessions": found[skip..end]});
    if end < found.len() {
        told["NextToken"] = json!(end.to_string());
    }
    Ok(told)
}

fn answer(call: &Call<'_>, session_id: &str, token: &str) -> Value {
    let endpoint = call.region.config.endpoint_url.trim_end_matches('/');
    let endpoint = endpoint.replacen("http", "ws", 1);
    json!({
        "SessionId": session_id,
        "TokenValue": token,
        "StreamUrl": format!("{endpoint}/v1/data-channel/{session_id}?role=publish_subscribe"),
    })
}

/// What a session document is for.
fn purpose(document: &str, parameters: &Value) -> Result<Purpose, ApiError> {
    let one = |name: &str| parameters[name][0].as_str().map(str::to_owned);
    let port = || {
        one("portNumber")
            .and_then(|text| text.parse::<u16>().ok())
            .filter(|port| *port > 0)
            .ok_or_else(|| {
                ApiError::new("InvalidParameters", "portNumber must be a port from 1 to 65535.")
            })
    };
    Ok(match document {
        "SSM-SessionManagerRunShell" => Purpose::Shell { command: None },
        "AWS-StartInteractiveCommand" => Purpose::Shell {
            command: Some(one("command").ok_or_else(|| {
                ApiError::new("InvalidParameters", "The document needs the parameter command.")
            })?),
        },
        "AWS-StartPortForwardingSession" => {
            Purpose::Port { host: None, port: port()?, local_port: one("localPortNumber") }
        }
        "AWS-StartPortForwardingSessionToRemoteHost" => {
            let host = one("host").ok_or_else(|| {
                ApiError::new("InvalidParameters", "The document needs the parameter host.")
            })?;
            Purpose::Port { host: Some(host), port: port()?, local_port: one("localPortNumber") }
        }
        other => {
            return Err(ApiError::new(
                "InvalidDocument",
                format!("Document with name {other} does not exist."),
            ));
        }
    })
}

fn needed<'a>(input: &'a Value, name: &str) -> Result<&'a str, ApiError> {
    input[name]
        .as_str()
        .filter(|text| !text.is_empty())
        .ok_or_else(|| invalid(format!("{name} must not be null.")))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}
