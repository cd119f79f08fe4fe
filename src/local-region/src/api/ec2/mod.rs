//! EC2 (API reference 2016-11-15, query protocol).

mod catalogue;
mod filter;
mod images;
mod instances;
mod launch_options;
mod market;
mod network;
mod nics;
mod place;
mod placement_groups;
mod plan;
mod reservations;
mod rules;
mod run;
mod security_groups;
mod spot;
mod tags;
mod types;
mod volumes;

#[cfg(test)]
pub(crate) use catalogue::InstanceType;

use super::{Answer, ApiError, Call, params::Params};
use base64::Engine;
use http::StatusCode;
use serde_json::{Value, json};

/// Operations that check the caller per resource; all others know only `*`.
const CHECKED_INSIDE: &[&str] =
    &["CreateTags", "DeleteTags", "TerminateInstances", "RebootInstances"];

/// Carries out an operation.
pub fn perform(call: &Call<'_>, p: &Params) -> Answer {
    if !CHECKED_INSIDE.contains(&call.operation) {
        call.authorize("*")?;
    }
    match call.operation {
        "RunInstances" => run::run(call, p),
        "DescribeInstances" => instances::describe(call, p),
        "DescribeInstanceStatus" => instances::describe_status(call, p),
        "TerminateInstances" => instances::terminate(call, p),
        "RebootInstances" => instances::reboot(call, p),
        "StopInstances" | "StartInstances" => Err(ApiError::new(
            "UnsupportedOperation",
            "Machines of the local region are terminated, not stopped: their disks live as long as they do.",
        )),
        "GetConsoleOutput" => instances::console(call, p),
        "CreateTags" => tags::create(call, p),
        "DeleteTags" => tags::delete(call, p),
        "DescribeTags" => tags::describe(call, p),
        "DescribeImages" => images::describe(call, p),
        "DeregisterImage" => images::deregister(call, p),
        "DescribeInstanceTypes" => types::describe(call, p),
        "DescribeInstanceTypeOfferings" => types::offerings(call, p),
        "DescribeAvailabilityZones" => network::zones(p),
        "DescribeRegions" => network::regions(call),
        "DescribeVpcs" => network::vpcs(call, p),
        "DescribeSubnets" => network::subnets(call, p),
        "DescribeNetworkInterfaces" => network::interfaces(call, p),
        "DescribeVolumes" => volumes::describe(call, p),
        "DescribeSnapshots" => volumes::snapshots(call, p),
        "CreateSecurityGroup" => security_groups::create(call, p),
        "DescribeSecurityGroups" => security_groups::describe(call, p),
        "DeleteSecurityGroup" => security_groups::delete(call, p),
        "AuthorizeSecurityGroupIngress" => rules::authorize(call, p, false),
        "AuthorizeSecurityGroupEgress" => rules::authorize(call, p, true),
        "RevokeSecurityGroupIngress" => rules::revoke(call, p, false),
        "RevokeSecurityGroupEgress" => rules::revoke(call, p, true),
        "DescribeSecurityGroupRules" => rules::describe(call, p),
        "CreatePlacementGroup" => placement_groups::create(call, p),
        "DescribePlacementGroups" => placement_groups::describe(call, p),
        "DeletePlacementGroup" => placement_groups::delete(call, p),
        "DescribeSpotInstanceRequests" => spot::describe(call, p),
        "CancelSpotInstanceRequests" => spot::cancel(call, p),
        "CreateCapacityReservation" => reservations::create(call, p),
        "DescribeCapacityReservations" => reservations::describe(call, p),
        "CancelCapacityReservation" => reservations::cancel(call, p),
        other => Err(ApiError::unknown_operation("ec2", other)),
    }
}

/// Ends a dry run where the real one would begin: its success is an error.
fn dry_run(p: &Params) -> Result<(), ApiError> {
    if p.flag("DryRun")? {
        return Err(ApiError::new(
            "DryRunOperation",
            "Request would have succeeded, but DryRun flag is set.",
        )
        .status(StatusCode::PRECONDITION_FAILED));
    }
    Ok(())
}

/// `{return: true}`, the answer of operations that have nothing to say.
fn done() -> Answer {
    Ok(json!({"return": true}))
}

/// One page of a describe operation and the token of the next.
fn page(
    items: Vec<Value>,
    p: &Params,
    range: (usize, usize),
) -> Result<(Vec<Value>, Option<String>), ApiError> {
    page_by(items, p, range, None)
}

/// The same for operations that do not send everything if no size is asked for.
fn page_by(
    items: Vec<Value>,
    p: &Params,
    (least, most): (usize, usize),
    usual: Option<usize>,
) -> Result<(Vec<Value>, Option<String>), ApiError> {
    let size: Option<usize> = p.number("MaxResults")?.or(usual);
    if let Some(size) = size
        && !(least..=most).contains(&size)
    {
        return Err(ApiError::new(
            "InvalidParameterValue",
            format!(
                "Value ( {size} ) for parameter maxResults is invalid. Expecting a value between {least} and {most}."
            ),
        ));
    }
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let skip: usize = match p.get("NextToken").filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => engine
            .decode(token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| text.strip_prefix("page:")?.parse().ok())
            .ok_or_else(|| ApiError::new("InvalidNextToken", "The token is invalid."))?,
    };
    let end = size.map_or(items.len(), |size| (skip + size).min(items.len()));
    let next = (end < items.len()).then(|| engine.encode(format!("page:{end}")));
    Ok((items.into_iter().take(end).skip(skip).collect(), next))
}

/// Tags of a `TagSpecification` for one resource type.
fn specified_tags(p: &Params, resource_type: &str) -> Result<super::tags::Tags, ApiError> {
    for entry in p.groups("TagSpecification") {
        if entry.need("ResourceType")? == resource_type {
            return super::tags::read(&entry, "Tag");
        }
    }
    Ok(Default::default())
}

/// Tag specifications may only name what the operation creates.
fn check_specifications(p: &Params, allowed: &[&str]) -> Result<(), ApiError> {
    let mut seen = Vec::new();
    for entry in p.groups("TagSpecification") {
        let kind = entry.need("ResourceType")?.to_owned();
        if !allowed.contains(&kind.as_str()) {
            return Err(ApiError::new(
                "InvalidParameterValue",
                format!("'{kind}' is not a valid taggable resource type for this operation."),
            ));
        }
        if seen.contains(&kind) {
            return Err(ApiError::new(
                "InvalidParameterValue",
                format!("Duplicate resource type '{kind}' in TagSpecification."),
            ));
        }
        seen.push(kind);
    }
    Ok(())
}

/// The tag set of a resource.
fn tag_set(tags: &super::tags::Tags) -> Value {
    super::tags::list(tags, "key", "value")
}
