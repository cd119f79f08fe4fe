//! The vocabulary of faults: the same words in a file, in the control API and
//! on the command line.

use super::pattern::CallPattern;
use http::StatusCode;
use jiff::SignedDuration;
use jiff::fmt::serde::duration::friendly::compact;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU64;

/// What goes wrong with which calls, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[command(group(clap::ArgGroup::new("effect").args(["error", "delay", "drop", "truncate", "hold"]).required(true).multiple(true)))]
pub struct Fault {
    /// Which calls: `service:Operation`, both may hold `*` and `?`.
    pub call: CallPattern,
    /// Whose calls: an ARN, or the last part of one (`i-0123…`); may hold `*` and `?`.
    #[arg(long, value_name = "PATTERN")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// Only the N-th of these calls, counted from now.
    #[arg(long, value_name = "N", conflicts_with = "times")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<NonZeroU64>,
    /// The next K of these calls; without `nth` and `times`: every one.
    #[arg(long, value_name = "K")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<NonZeroU64>,
    /// Answer with this error code; nothing is carried out.
    #[arg(long, value_name = "CODE", conflicts_with_all = ["drop", "truncate"])]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// HTTP status of the error (default: what AWS sends with the code, mostly 400).
    #[arg(long, value_name = "STATUS", requires = "error", conflicts_with_all = ["drop", "truncate"], value_parser = clap::value_parser!(u16).range(400..=599))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Message of the error.
    #[arg(long, value_name = "TEXT", requires = "error", conflicts_with_all = ["drop", "truncate"])]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The answer comes this much later, by the region's clock: `2s`, `300ms`.
    #[arg(long, value_name = "DURATION")]
    #[serde(
        default,
        serialize_with = "compact::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub delay: Option<SignedDuration>,
    /// Close the connection instead of answering: `before` the call is carried
    /// out, or `after`, when it is done and only its answer is lost.
    #[arg(long, value_name = "WHEN", conflicts_with = "truncate")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop: Option<DropWhen>,
    /// Carry the call out and cut the answer in the middle of its body.
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncate: bool,
    /// Hold the call until `fault release`: `before` it is carried out, or `after`, when its
    /// answer is held; `next`: it is answered, and every later call of its caller is held before
    /// it is carried out. Other effects come when it is let go.
    #[arg(long, value_name = "WHEN")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldWhen>,
}

/// When a call is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum HoldWhen {
    /// Nothing has been carried out.
    Before,
    /// The call has been carried out.
    After,
    /// The call has been answered: its caller's next ones are held.
    Next,
}

impl HoldWhen {
    /// Name, as the call log shows it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Before => "hold before",
            Self::After => "hold after",
            Self::Next => "hold next",
        }
    }
}

/// When the connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum DropWhen {
    /// Nothing is carried out.
    Before,
    /// The call is carried out.
    After,
}

/// What a fault does to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// No more than its delay.
    None,
    /// Answers with an error.
    Error {
        /// Code.
        code: String,
        /// Message.
        message: String,
        /// HTTP status.
        status: StatusCode,
    },
    /// Closes the connection and does nothing.
    DropBefore,
    /// Carries out and closes the connection.
    DropAfter,
    /// Carries out and cuts the answer.
    Truncate,
}

impl Effect {
    /// Name, as the call log shows it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "delay",
            Self::Error { .. } => "error",
            Self::DropBefore => "drop before",
            Self::DropAfter => "drop after",
            Self::Truncate => "truncate",
        }
    }
}

impl Fault {
    /// Says what is wrong with it, if something is.
    ///
    /// # Errors
    /// A sentence.
    pub fn check(&self) -> Result<(), &'static str> {
        let effects = [self.error.is_some(), self.drop.is_some(), self.truncate];
        match effects.iter().filter(|there| **there).count() {
            0 if self.delay.is_none() && self.hold.is_none() => {
                return Err("nothing goes wrong: give error, delay, drop, truncate or hold");
            }
            2.. => return Err("error, drop and truncate exclude each other"),
            _ => {}
        }
        if self.nth.is_some() && self.times.is_some() {
            return Err("nth and times exclude each other");
        }
        if self.error.is_none() && (self.status.is_some() || self.message.is_some()) {
            return Err("status and message need an error");
        }
        if self.status.is_some_and(|status| !(400..=599).contains(&status)) {
            return Err("status is not one of an error (400 to 599)");
        }
        if self.delay.is_some_and(|delay| delay.is_negative()) {
            return Err("delay is negative");
        }
        Ok(())
    }

    /// What it does.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match (&self.error, self.drop) {
            (Some(code), _) => Effect::Error {
                code: code.clone(),
                message: self.message.clone().unwrap_or_else(|| "A fault was set here.".to_owned()),
                status: self
                    .status
                    .and_then(|status| StatusCode::from_u16(status).ok())
                    .unwrap_or_else(|| usual_status(code)),
            },
            (None, Some(DropWhen::Before)) => Effect::DropBefore,
            (None, Some(DropWhen::After)) => Effect::DropAfter,
            (None, None) if self.truncate => Effect::Truncate,
            (None, None) => Effect::None,
        }
    }

    /// Whether it fires at a call that matches, when so many matched before
    /// and at so many of them it fired.
    #[must_use]
    pub fn fires(&self, matched: u64, fired: u64) -> bool {
        match (self.nth, self.times) {
            (Some(nth), _) => matched + 1 == nth.get(),
            (None, Some(times)) => fired < times.get(),
            (None, None) => true,
        }
    }
}

/// Status that comes with a code (EC2 API reference, "Error codes", server
/// errors; the services' models).
fn usual_status(code: &str) -> StatusCode {
    match code {
        "InsufficientInstanceCapacity"
        | "InternalError"
        | "InternalFailure"
        | "InternalServerError"
        | "ServiceException" => StatusCode::INTERNAL_SERVER_ERROR,
        "RequestLimitExceeded"
        | "Unavailable"
        | "ServiceUnavailable"
        | "SlowDown"
        | "ServiceUnavailableException" => StatusCode::SERVICE_UNAVAILABLE,
        "CallRateLimitExceededException" => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::BAD_REQUEST,
    }
}
