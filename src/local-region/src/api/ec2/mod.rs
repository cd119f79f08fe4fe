//! EC2 (API reference 2016-11-15, query protocol).

mod addresses;
mod attributes;
mod capacity_blocks;
pub(crate) mod catalogue;
mod copy_image;
mod filter;
mod image_attributes;
pub(crate) mod images;
mod instances;
mod interfaces;
mod launch_options;
mod launch_templates;
mod market;
mod metadata_options;
mod network;
mod nics;
mod paging;
mod parameters;
mod place;
mod placement_groups;
mod plan;
mod power;
mod profile;
mod quota;
mod reservations;
mod route_tables;
mod run;
mod security_groups;
mod snapshot_attributes;
mod snapshots;
mod spot;
mod spot_prices;
mod tag_specifications;
mod tags;
mod terminate;
mod topology;
mod types;
mod volumes;

pub(crate) use catalogue::InstanceType;
#[cfg(test)]
pub(crate) use parameters::operations;

use super::{Answer, ApiError, Call, Caller, params::Params};
use crate::rules::{Rule, Rules, requests};
use crate::server::Inner;
use crate::state::ec2::InstanceState;
use crate::windows::Window;
use http::StatusCode;
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::sync::Arc;

/// What Image Builder, as a service, has EC2 start: the instance's id, or why there is none.
pub(crate) fn launch_instance(
    region: &Arc<Inner>,
    parameters: &[(String, String)],
) -> Result<String, String> {
    let answer = as_service(region, "RunInstances", parameters, run::run)?;
    let id = answer["instancesSet"][0]["instanceId"].as_str();
    id.map(str::to_owned).ok_or_else(|| "no instance was started".to_owned())
}

/// What it has EC2 end.
pub(crate) fn terminate_instance(region: &Arc<Inner>, id: &str) -> Result<(), String> {
    let parameters = [("InstanceId.1".to_owned(), id.to_owned())];
    as_service(region, "TerminateInstances", &parameters, terminate::terminate).map(drop)
}

/// A service's role may do all that the service does.
fn as_service(
    region: &Arc<Inner>,
    operation: &str,
    parameters: &[(String, String)],
    act: fn(&Call<'_>, &Params) -> Answer,
) -> Result<Value, String> {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs =
        parameters.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    let p = Params::parse(&pairs.collect::<Vec<_>>().join("&"));
    let call = Call { region, caller: &Caller::Administrator, service: "ec2", operation };
    act(&call, &p).map_err(|error| format!("{}: {}", error.code, error.message))
}

/// Operations that check the caller per resource; all others know only `*`.
const CHECKED_INSIDE: &[&str] = &[
    "CreateTags",
    "DeleteTags",
    "TerminateInstances",
    "RebootInstances",
    "StopInstances",
    "StartInstances",
];

/// Carries out an operation.
pub fn perform(call: &Call<'_>, p: &Params) -> Answer {
    let in_force = &call.region.rules;
    parameters::check(call, p)?;
    if !in_force.on(&requests::DRY_RUN_DENIED) {
        dry_run(p)?;
    }
    let wet = (!in_force.on(&requests::DRY_RUN)).then(|| p.without("DryRun"));
    let p = wet.as_ref().unwrap_or(p);
    if !CHECKED_INSIDE.contains(&call.operation) {
        call.authorize("*")?;
    }
    call.state().ec2.catch_up(call.region.clock.now());
    match call.operation {
        "RunInstances" => run::run(call, p),
        "DescribeInstances" => instances::describe(call, p),
        "DescribeInstanceStatus" => instances::describe_status(call, p),
        "TerminateInstances" => terminate::terminate(call, p),
        "RebootInstances" => instances::reboot(call, p),
        "DescribeInstanceTopology" => topology::describe(call, p),
        "DescribeInstanceAttribute" => attributes::describe(call, p),
        "ModifyInstanceAttribute" => attributes::modify(call, p),
        "ModifyInstanceMetadataOptions" => metadata_options::modify(call, p),
        "StopInstances" => power::stop(call, p),
        "StartInstances" => power::start(call, p),
        "GetConsoleOutput" => instances::console(call, p),
        "CreateTags" => tags::create(call, p),
        "DeleteTags" => tags::delete(call, p),
        "DescribeTags" => tags::describe(call, p),
        "DescribeImages" => images::describe(call, p),
        "CopyImage" => copy_image::copy(call, p),
        "ModifyImageAttribute" => image_attributes::modify(call, p),
        "DescribeImageAttribute" => image_attributes::describe(call, p),
        "EnableImageDeprecation" => image_attributes::deprecate(call, p),
        "DisableImageDeprecation" => image_attributes::undo_deprecation(call, p),
        "DeregisterImage" => images::deregister(call, p),
        "DescribeInstanceTypes" => types::describe(call, p),
        "DescribeInstanceTypeOfferings" => types::offerings(call, p),
        "DescribeAvailabilityZones" => network::zones(call, p),
        "DescribeRegions" => network::regions(call, p),
        "DescribeVpcs" => network::vpcs(call, p),
        "DescribeRouteTables" => route_tables::describe(call, p),
        "DescribeSubnets" => network::subnets(call, p),
        "CreateNetworkInterface" => interfaces::create(call, p),
        "DescribeNetworkInterfaces" => interfaces::describe(call, p),
        "ModifyNetworkInterfaceAttribute" => interfaces::modify(call, p),
        "DeleteNetworkInterface" => interfaces::delete(call, p),
        "AllocateAddress" => addresses::allocate(call, p),
        "DescribeAddresses" => addresses::describe(call, p),
        "AssociateAddress" => addresses::associate(call, p),
        "DisassociateAddress" => addresses::disassociate(call, p),
        "ReleaseAddress" => addresses::release(call, p),
        "DescribeVolumes" => volumes::describe(call, p),
        "DescribeSnapshots" => snapshots::describe(call, p),
        "DeleteSnapshot" => snapshots::delete(call, p),
        "DescribeSnapshotAttribute" => snapshot_attributes::describe(call, p),
        "ModifySnapshotAttribute" => snapshot_attributes::modify(call, p),
        "CreateSecurityGroup" => security_groups::create(call, p),
        "DescribeSecurityGroups" => security_groups::describe(call, p),
        "DeleteSecurityGroup" => security_groups::delete(call, p),
        "AuthorizeSecurityGroupIngress" => security_groups::rules::authorize(call, p, false),
        "AuthorizeSecurityGroupEgress" => security_groups::rules::authorize(call, p, true),
        "RevokeSecurityGroupIngress" => security_groups::rules::revoke(call, p, false),
        "RevokeSecurityGroupEgress" => security_groups::rules::revoke(call, p, true),
        "DescribeSecurityGroupRules" => security_groups::rules::describe(call, p),
        "CreatePlacementGroup" => placement_groups::create(call, p),
        "DescribePlacementGroups" => placement_groups::describe(call, p),
        "DeletePlacementGroup" => placement_groups::delete(call, p),
        "DescribeSpotPriceHistory" => spot_prices::history(call, p),
        "DescribeSpotInstanceRequests" => spot::describe(call, p),
        "CancelSpotInstanceRequests" => spot::cancel(call, p),
        "CreateLaunchTemplate" => launch_templates::create(call, p),
        "DescribeLaunchTemplates" => launch_templates::describe(call, p),
        "DescribeLaunchTemplateVersions" => launch_templates::versions(call, p),
        "DeleteLaunchTemplate" => launch_templates::delete(call, p),
        "CreateCapacityReservation" => reservations::create(call, p),
        "DescribeCapacityReservations" => reservations::describe(call, p),
        "CancelCapacityReservation" => reservations::cancel(call, p),
        "DescribeCapacityBlockOfferings" => capacity_blocks::offerings(call, p),
        "PurchaseCapacityBlock" => capacity_blocks::purchase(call, p),
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

/// An entry of the answer of what changes the state of instances.
fn power_change(id: &str, now: InstanceState, before: InstanceState) -> Value {
    let told = |(code, name): (u16, &str)| json!({"code": code, "name": name});
    json!({
        "instanceId": id,
        "currentState": told(now.told()),
        "previousState": told(before.told()),
    })
}

/// When what is changed now will be seen, if not at once.
fn seen_at(call: &Call<'_>, rule: &'static Rule, window: &Window) -> Option<Timestamp> {
    let length = call.region.windows.of(window);
    let late = length.is_positive() && call.region.rules.on(rule);
    call.region.clock.now().checked_add(length).ok().filter(|_| late)
}

/// Whether a parameter has the second of its two values; `usual` if it is not
/// given.
fn either(
    in_force: &Rules,
    rule: &'static Rule,
    p: &Params,
    (name, [first, second]): (&str, [&str; 2]),
    usual: bool,
) -> Result<bool, ApiError> {
    let Some(value) = p.get(name) else { return Ok(usual) };
    in_force.check(rule, value == first || value == second, || {
        plan::invalid(format!("Value ({value}) for parameter {name} is invalid."))
    })?;
    Ok(value == second)
}

/// `{return: true}`, the answer of operations that have nothing to say.
fn done() -> Answer {
    Ok(json!({"return": true}))
}

/// The tag set of a resource.
fn tag_set(tags: &super::tags::Tags) -> Value {
    super::tags::list(tags, "key", "value")
}
