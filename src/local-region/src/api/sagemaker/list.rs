//! Lists of servers and apps: filters, order, pages.

use super::secs;
use crate::api::constraint::{Page, one_of};
use crate::api::{Answer, ApiError, Call};
use crate::rules::tracking_servers as rules;
use crate::state::sagemaker::Served;
use serde_json::{Value, json};
use std::cmp::Ordering;

/// ListMlflowTrackingServers.
pub fn servers(call: &Call<'_>, input: &Value) -> Answer {
    call.authorize("*")?;
    let all = call.state().sagemaker.servers.values().map(|s| s.served.clone()).collect();
    let shown = select(call, input, all, "TrackingServerStatus")?
        .iter()
        .map(|served| {
            json!({
                "TrackingServerArn": served.arn,
                "TrackingServerName": served.name,
                "CreationTime": secs(served.created),
                "LastModifiedTime": secs(served.modified),
                "TrackingServerStatus": served.status.told(),
                "IsActive": if served.is_active() { "Active" } else { "Inactive" },
            })
        })
        .collect();
    Ok(page(call, shown, input)?.answer("TrackingServerSummaries"))
}

/// ListMlflowApps.
pub fn apps(call: &Call<'_>, input: &Value) -> Answer {
    call.authorize("*")?;
    let default = input["AccountDefaultStatus"].as_str();
    let domain = input["DefaultForDomainId"].as_str();
    let all = call
        .state()
        .sagemaker
        .apps
        .values()
        .filter(|app| default.is_none_or(|default| default == app.account_default))
        .filter(|app| {
            let domains = app.default_domains.as_array();
            domain.is_none_or(|id| domains.is_some_and(|list| list.contains(&json!(id))))
        })
        .map(|app| app.served.clone())
        .collect();
    let shown = select(call, input, all, "Status")?
        .iter()
        .map(|served| {
            json!({
                "Arn": served.arn,
                "Name": served.name,
                "Status": served.status.told(),
                "CreationTime": secs(served.created),
                "LastModifiedTime": secs(served.modified),
            })
        })
        .collect();
    Ok(page(call, shown, input)?.answer("Summaries"))
}

fn page(call: &Call<'_>, shown: Vec<Value>, input: &Value) -> Result<Page, ApiError> {
    let most = if call.region.rules.on(&rules::PAGES) { 100 } else { u64::MAX };
    Page::cut(shown, input, 1..=most, "ValidationException").map_err(|e| e.by(&rules::PAGES))
}

/// Filters and sorts; newest first, as SageMaker's lists do by default.
fn select(
    call: &Call<'_>,
    input: &Value,
    mut all: Vec<Served>,
    status: &str,
) -> Result<Vec<Served>, ApiError> {
    let by =
        one_of(input, "SortBy", &["Name", "CreationTime", "Status"])?.unwrap_or("CreationTime");
    let order = one_of(input, "SortOrder", &["Ascending", "Descending"])?.unwrap_or("Descending");
    if !call.region.rules.on(&rules::LIST) {
        return Ok(all);
    }
    let wanted = input[status].as_str();
    let (after, before) = (input["CreatedAfter"].as_f64(), input["CreatedBefore"].as_f64());
    all.retain(|served| {
        wanted.is_none_or(|wanted| wanted == served.status.told())
            && after.is_none_or(|time| secs(served.created) > time)
            && before.is_none_or(|time| secs(served.created) < time)
    });
    let compare = |a: &Served, b: &Served| -> Ordering {
        match by {
            "Name" => a.name.cmp(&b.name),
            "Status" => a.status.told().cmp(&b.status.told()),
            _ => a.created.cmp(&b.created),
        }
    };
    all.sort_by(|a, b| match order {
        "Ascending" => compare(a, b),
        _ => compare(b, a),
    });
    Ok(all)
}
