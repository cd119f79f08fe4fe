//! `--record FILE`: every exchange as one line of JSON, for judges that check
//! both sides against the services' models.
//!
//! ```json
//! {"sequence": 7, "time": "2026-11-24T10:00:00.000001Z", "service": "ec2",
//!  "operation": "DescribeVpcs", "caller": "arn:aws:iam::123456789012:user/administrator",
//!  "fault": null,
//!  "request": {"method": "POST", "path": "/", "query": "",
//!              "headers": {"content-type": "…", "user-agent": "…"}, "body": "Action=DescribeVpcs&…"},
//!  "answer": {"status": 200, "headers": {"content-type": "…", "x-amzn-requestid": "…"}, "body": "<?xml …"}}
//! ```
//! `sequence` is that of the call log; `fault` is the fault that was at work.
//! `answer` is the region's, also where a fault kept it from the caller; it is
//! null where a fault let nothing be done. Bodies are complete but for secrets,
//! which read `REDACTED`; S3 has none where they are what is in an object.

pub mod object;
mod redact;

use http::{HeaderMap, HeaderName, Method, Response};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Headers of a request that its meaning depends on; never a credential.
const REQUEST_HEADERS: &[&str] =
    &["content-type", "user-agent", "x-amz-target", "x-amz-user-agent"];
/// The same of an answer.
const ANSWER_HEADERS: &[&str] = &["content-type", "x-amzn-errortype", "x-amzn-requestid"];

/// Writes exchanges to a file.
#[derive(Debug)]
pub struct Recorder(Mutex<File>);

/// One exchange.
#[derive(Debug, Serialize)]
pub struct Exchange<'a> {
    /// Sequence number of the call log.
    pub sequence: u64,
    /// RFC 3339, when the request came.
    pub time: &'a str,
    /// IAM prefix of the service.
    pub service: &'a str,
    /// Operation.
    pub operation: &'a str,
    /// ARN, or `-`.
    pub caller: &'a str,
    /// Id of the fault that was at work.
    pub fault: Option<&'a str>,
    /// What was asked.
    pub request: Asked,
    /// What was answered.
    pub answer: Option<Answered>,
}

/// A request as it is recorded.
#[derive(Debug, Serialize)]
pub struct Asked {
    method: String,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

/// An answer as it is recorded.
#[derive(Debug, Serialize)]
pub struct Answered {
    status: u16,
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

impl Recorder {
    /// Appends to a file, which only its owner can read.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn append_to(path: &Path) -> std::io::Result<Self> {
        let file = File::options().create(true).append(true).mode(0o600).open(path)?;
        Ok(Self(Mutex::new(file)))
    }

    /// Writes an exchange. Every line is written at once, so that what was
    /// answered is there also after the region was killed.
    pub fn write(&self, exchange: &Exchange<'_>) {
        let written = serde_json::to_vec(exchange).map_err(std::io::Error::from).and_then(|line| {
            let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            file.write_all(&[line.as_slice(), b"\n"].concat())
        });
        if let Err(error) = written {
            tracing::error!(%error, sequence = exchange.sequence, "exchange not recorded");
        }
    }
}

impl Asked {
    /// With all that matters of it.
    #[must_use]
    pub fn whole(
        method: &Method,
        path: &str,
        query: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Self {
        Self {
            method: method.to_string(),
            path: path.to_owned(),
            query: redact::query(query),
            headers: kept(headers, |name| REQUEST_HEADERS.contains(&name)),
            body: Some(redact::body(&String::from_utf8_lossy(body))),
        }
    }
}

impl Answered {
    /// With all that matters of it.
    #[must_use]
    pub fn whole(answer: &Response<String>) -> Self {
        Self {
            status: answer.status().as_u16(),
            headers: kept(answer.headers(), |name| ANSWER_HEADERS.contains(&name)),
            body: Some(redact::body(answer.body())),
        }
    }
}

fn kept(headers: &HeaderMap, wanted: impl Fn(&str) -> bool) -> BTreeMap<String, String> {
    let text = |name: &HeaderName| {
        let value = headers.get(name)?;
        Some((name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
    };
    headers.keys().filter(|name| wanted(name.as_str())).filter_map(text).collect()
}
