//! DescribeSpotInstanceRequests and CancelSpotInstanceRequests; the requests
//! are made by RunInstances.

use super::{dry_run, filter::Filters, paging::page, tag_set};
use crate::api::{Answer, ApiError, Call, params::Params};
use crate::rules::capacity as rules;
use crate::state::ec2::Ec2;
use crate::state::spot::SpotRequest;
use serde_json::{Value, json};

fn show(ec2: &Ec2, request: &SpotRequest) -> Value {
    let (state, code) = request.told(ec2);
    json!({
        "spotInstanceRequestId": request.id,
        "type": "one-time",
        "state": state,
        "status": {"code": code, "updateTime": request.created},
        "instanceId": request.instance_id,
        "launchedAvailabilityZone": request.zone,
        "launchSpecification": {
            "imageId": request.image_id,
            "instanceType": request.instance_type,
        },
        "productDescription": "Linux/UNIX",
        "createTime": request.created,
        "instanceInterruptionBehavior": "terminate",
        "tagSet": tag_set(&ec2.tags_of(&request.id)),
    })
}

/// The ids of the call, all known.
fn ids(call: &Call<'_>, ec2: &Ec2, p: &Params) -> Result<Vec<String>, ApiError> {
    let ids = p.list("SpotInstanceRequestId");
    let unknown = ids.iter().find(|id| !ec2.spot_requests.contains_key(*id));
    call.region.rules.check(&rules::SPOT_UNKNOWN, unknown.is_none(), || {
        let id = unknown.map(String::as_str).unwrap_or_default();
        let message = format!("The spot instance request ID '{id}' does not exist");
        ApiError::new("InvalidSpotInstanceRequestID.NotFound", message)
    })?;
    Ok(ids)
}

/// DescribeSpotInstanceRequests.
pub fn describe(call: &Call<'_>, p: &Params) -> Answer {
    let known = ["instance-id", "spot-instance-request-id", "state", "status-code"];
    let filters = Filters::read(call, p, &known)?;
    dry_run(p)?;
    let state = call.state();
    let ec2 = &state.ec2;
    let ids = ids(call, ec2, p)?;
    let shown = ec2
        .spot_requests
        .values()
        .filter(|request| ids.is_empty() || ids.contains(&request.id))
        .filter(|request| {
            filters.keep(&ec2.tags_of(&request.id), |name| {
                let (state, code) = request.told(ec2);
                vec![match name {
                    "instance-id" => request.instance_id.clone(),
                    "spot-instance-request-id" => request.id.clone(),
                    "state" => state.to_owned(),
                    _ => code.to_owned(),
                }]
            })
        })
        .map(|request| show(ec2, request))
        .collect();
    let (items, next) = page(call, shown, p, (5, 1000))?;
    Ok(json!({"spotInstanceRequestSet": items, "nextToken": next}))
}

/// CancelSpotInstanceRequests.
pub fn cancel(call: &Call<'_>, p: &Params) -> Answer {
    let mut state = call.state();
    let ids = ids(call, &state.ec2, p)?;
    dry_run(p)?;
    for id in &ids {
        if let Some(request) = state.ec2.spot_requests.get_mut(id) {
            request.cancelled = true;
        }
    }
    let cancelled: Vec<Value> =
        ids.iter().map(|id| json!({"spotInstanceRequestId": id, "state": "cancelled"})).collect();
    Ok(json!({"spotInstanceRequestSet": cancelled}))
}
