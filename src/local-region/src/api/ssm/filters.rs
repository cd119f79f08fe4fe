//! Filters of ListCommands and ListCommandInvocations.

use super::{invalid, send::DOCUMENT, silent};
use crate::api::{ApiError, Call};
use crate::rules::run_command as rules;
use crate::state::commands::{Command, Status};
use jiff::Timestamp;
use serde_json::Value;

const KEYS: [&str; 5] =
    ["InvokedAfter", "InvokedBefore", "Status", "ExecutionStage", "DocumentName"];

enum Filter {
    After(Timestamp),
    Before(Timestamp),
    Status(String),
    Executing(bool),
    Document(String),
}

/// All filters of a request.
pub struct Filters(Vec<Filter>);

impl Filters {
    /// Reads `Filters`.
    pub fn read(call: &Call<'_>, input: &Value) -> Result<Self, ApiError> {
        let mut filters = Vec::new();
        for filter in input["Filters"].as_array().into_iter().flatten() {
            let key = filter["key"].as_str().unwrap_or_default();
            let value = filter["value"].as_str().unwrap_or_default();
            call.region
                .rules
                .check(&rules::FILTERS, KEYS.contains(&key), || silent("InvalidFilterKey"))?;
            let time = || {
                value.parse::<Timestamp>().map_err(|_| {
                    invalid(format!("Filter {key}: {value} is no time like 2026-11-25T00:00:00Z."))
                })
            };
            filters.push(match key {
                "InvokedAfter" => Filter::After(time()?),
                "InvokedBefore" => Filter::Before(time()?),
                "Status" => Filter::Status(value.to_owned()),
                "ExecutionStage" => Filter::Executing(value == "Executing"),
                "DocumentName" => Filter::Document(value.to_owned()),
                _ => continue,
            });
        }
        Ok(Self(filters))
    }

    /// Whether a command, or one of its invocations, in this state passes.
    pub fn keep(&self, command: &Command, status: Status) -> bool {
        self.0.iter().all(|filter| match filter {
            Filter::After(time) => command.requested > *time,
            Filter::Before(time) => command.requested < *time,
            Filter::Status(wanted) => status.told().0 == wanted,
            Filter::Executing(wanted) => status.is_final() != *wanted,
            Filter::Document(name) => name == DOCUMENT,
        })
    }
}
