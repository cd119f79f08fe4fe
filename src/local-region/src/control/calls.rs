//! `/_region/calls`.

use crate::faults::pattern::{CallPattern, caller_matches};
use crate::server::Inner;
use crate::state::calls::{CallRecord, depth};
use axum::Json;
use axum::extract::{Query, State as Shared};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// Which calls: a window of the log, in which depth is counted.
#[derive(Debug, Clone, Default, Serialize, Deserialize, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// Only calls answered after this one, by sequence number.
    #[arg(long, value_name = "SEQ")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Only calls of these: an ARN, or the last part of one; may hold `*` and `?`.
    #[arg(long, value_name = "PATTERN")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// Only these calls: `service:Operation`; may hold `*` and `?`.
    #[arg(long, value_name = "CALL")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<CallPattern>,
    /// Only calls whose caller got no good answer.
    #[arg(long)]
    #[serde(default)]
    pub failed: bool,
    /// Only calls answered after this one are sent; depth is counted all the same.
    #[arg(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen_from: Option<u64>,
}

impl Selection {
    fn takes(&self, call: &CallRecord) -> bool {
        self.since.is_none_or(|since| call.sequence > since)
            && self.caller.as_deref().is_none_or(|whose| caller_matches(whose, &call.caller))
            && self.operation.as_ref().is_none_or(|o| o.matches(&call.service, &call.operation))
            && (!self.failed || call.failed())
    }
}

/// Selected calls in the order of their answers, and all of them in numbers.
pub(super) async fn list(
    Shared(region): Shared<Arc<Inner>>,
    Query(selection): Query<Selection>,
) -> Json<Value> {
    let selected: Vec<CallRecord> =
        region.state().calls.iter().filter(|call| selection.takes(call)).cloned().collect();
    let (mut calls, summary) = depth::place(selected.into_iter());
    calls.retain(|placed| selection.unseen_from.is_none_or(|seen| placed.call.sequence > seen));
    Json(json!({ "calls": calls, "summary": summary }))
}
