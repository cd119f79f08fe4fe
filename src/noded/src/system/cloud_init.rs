//! How cloud-init fared: `status.json` and `result.json` in /run/cloud-init
//! (cloud-init documentation, "Exported errors"), and its logs, which the
//! group adm may read.

mod line;
mod secret;

use super::facts::CloudInit;
use super::time::left;
use crate::board::Reading;
use jiff::Timestamp;
use nixl_cluster::reason;
use serde::Deserialize;
use serde_json::Value;
use std::io;
use std::path::Path;

const FOLDER: &str = "run/cloud-init";
/// Longer than any stage takes that only sets up the node.
const LONG_SECS: i64 = 600;
/// Errors that are told; the rest is in its log.
const MOST: usize = 3;

#[derive(Deserialize)]
struct Document<T> {
    v1: T,
}

#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    errors: Vec<Value>,
}

/// Reads it; `root` is `/` on a node.
///
/// # Errors
/// If a file that is there cannot be read or is none of cloud-init's.
pub fn read(root: &Path) -> io::Result<CloudInit> {
    let folder = root.join(FOLDER);
    let Some(status) = json::<Value>(&folder.join("status.json"))? else {
        return Ok(CloudInit::Absent);
    };
    let Some(Outcome { errors }) = json(&folder.join("result.json"))? else {
        return Ok(running(&status));
    };
    let errors: Vec<String> = errors.iter().map(words).collect();
    let line = if errors.is_empty() { None } else { line::failing(root) };
    Ok(CloudInit::Done { errors, recovered: recovered(&status), line })
}

fn json<T: for<'de> Deserialize<'de>>(path: &Path) -> io::Result<Option<T>> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let Document { v1 } = serde_json::from_slice(&text)?;
    Ok(Some(v1))
}

fn running(status: &Value) -> CloudInit {
    let stage = status["stage"].as_str().unwrap_or("between stages").to_owned();
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds do")]
    let since = status[&stage]["start"].as_f64().map(|secs| secs as i64);
    CloudInit::Running { since: since.and_then(|secs| Timestamp::from_second(secs).ok()), stage }
}

/// What every stage could get over, but for mere deprecations.
fn recovered(status: &Value) -> Vec<String> {
    let stages = status.as_object().into_iter().flat_map(|stages| stages.values());
    let levels = stages.filter_map(|stage| stage["recoverable_errors"].as_object()).flatten();
    levels
        .filter(|(level, _)| *level != "DEPRECATED")
        .filter_map(|(_, told)| told.as_array())
        .flatten()
        .map(words)
        .collect()
}

fn words(value: &Value) -> String {
    line::fit(value.as_str().map_or_else(|| value.to_string(), str::to_owned).trim())
}

/// What that means.
pub fn judge(known: &CloudInit, now: Timestamp) -> Reading {
    match known {
        CloudInit::Absent => Reading::good("not in use"),
        CloudInit::Running { stage, since } => {
            let secs = since.map_or(0, |since| now.duration_since(since).as_secs());
            if secs < LONG_SECS {
                return Reading::good(format!("running: {stage}"));
            }
            let evidence = format!("{stage} has been running for {}", left(secs));
            Reading::bad(&reason::CLOUD_INIT_RUNNING, evidence)
                .field("stage", stage.as_str())
                .field("secs", secs)
        }
        CloudInit::Done { errors, line, .. } if !errors.is_empty() => {
            let mut evidence = some(errors);
            if let Some(line) = line {
                evidence = format!("{evidence}; its log: {line}");
            }
            let reading =
                Reading::bad(&reason::CLOUD_INIT_FAILED, evidence).field("errors", errors.len());
            match line {
                Some(line) => reading.field("line", line.as_str()),
                None => reading,
            }
        }
        CloudInit::Done { recovered, .. } if !recovered.is_empty() => {
            Reading::bad(&reason::CLOUD_INIT_DEGRADED, some(recovered))
                .field("errors", recovered.len())
        }
        CloudInit::Done { .. } => Reading::good("done"),
    }
}

fn some(told: &[String]) -> String {
    let first = told.iter().take(MOST).cloned().collect::<Vec<_>>().join("; ");
    match told.len().saturating_sub(MOST) {
        0 => first,
        more => format!("{first}; and {more} more"),
    }
}

#[cfg(test)]
mod tests;
