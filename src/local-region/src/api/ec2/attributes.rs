//! DescribeInstanceAttribute and ModifyInstanceAttribute.

use super::instances::check_ids;
use super::plan::{combination, invalid, user_data};
use super::{catalogue::InstanceType, done, dry_run, either, interfaces, security_groups};
use crate::api::{Answer, ApiError, Call, params::Params};
use crate::rules::{Rules, instances as rules, launch};
use crate::state::State;
use crate::state::capacity::Market;
use crate::state::ec2::{Ec2, Instance, InstanceState};
use base64::Engine;
use serde_json::{Value, json};

/// Parameter of the shutdown behaviour.
pub const SHUTDOWN: &str = "InstanceInitiatedShutdownBehavior";

/// Attributes that can be modified here, beside the security groups, and
/// their parameters.
const MODIFIED: &[(&str, &str)] = &[
    ("disableApiTermination", "DisableApiTermination"),
    ("disableApiStop", "DisableApiStop"),
    ("sourceDestCheck", "SourceDestCheck"),
    ("instanceInitiatedShutdownBehavior", SHUTDOWN),
    ("userData", "UserData"),
    ("instanceType", "InstanceType"),
];

/// A new value.
enum Change {
    DisableApiTermination(bool),
    DisableApiStop(bool),
    SourceDestCheck(bool),
    TerminateOnShutdown(bool),
    UserData(Option<Vec<u8>>),
    InstanceType(String),
    Groups(Vec<String>),
}

/// Spot Instances cannot be protected.
pub fn check_protectable(
    in_force: &Rules,
    market: Market,
    attribute: &str,
) -> Result<(), ApiError> {
    in_force.check(&rules::PROTECT_SPOT, market != Market::Spot, || {
        let message = format!("Modifying '{attribute}' is not supported for spot instances.");
        ApiError::new("UnsupportedOperation", message)
    })
}

/// ModifyInstanceAttribute.
pub fn modify(call: &Call<'_>, p: &Params) -> Answer {
    let in_force = &call.region.rules;
    let id = p.need("InstanceId")?.to_owned();
    let mut state = call.state();
    check_ids(&state, std::slice::from_ref(&id))?;
    let asked = asked(in_force, p)?;
    let Some(instance) = state.ec2.instances.get(&id) else { return done() };
    let mut changes = Vec::new();
    for attribute in &asked {
        check_state(in_force, instance, attribute)?;
        changes.push(change(&state, p, attribute)?);
    }
    dry_run(p)?;
    if let Some(instance) = state.ec2.instances.get_mut(&id) {
        changes.into_iter().for_each(|change| apply(instance, change));
    }
    done()
}

/// The attributes that a request names: one.
fn asked(in_force: &Rules, p: &Params) -> Result<Vec<String>, ApiError> {
    let named = |parameter: &str| p.sub(parameter).get("Value").is_some();
    let mut asked: Vec<String> = MODIFIED
        .iter()
        .filter(|(_, parameter)| named(parameter))
        .map(|(attribute, _)| (*attribute).to_owned())
        .collect();
    if !p.list("GroupId").is_empty() {
        asked.push("groupSet".to_owned());
    }
    if let Some(attribute) = p.get("Attribute") {
        let known = MODIFIED.iter().any(|(name, _)| *name == attribute);
        in_force.check(&rules::ATTRIBUTE, known, || {
            invalid(format!(
                "Value ({attribute}) for parameter attribute is invalid. Unknown attribute."
            ))
        })?;
        asked.push(attribute.to_owned());
    }
    in_force.check(&rules::ONE_ATTRIBUTE, asked.len() == 1, || {
        combination(match asked.len() {
            0 => "No attributes specified.".to_owned(),
            _ => format!("Fields for multiple attribute types specified: {}", asked.join(", ")),
        })
    })?;
    Ok(asked)
}

fn check_state(in_force: &Rules, instance: &Instance, attribute: &str) -> Result<(), ApiError> {
    let id = &instance.id;
    let wrong = |message| ApiError::new("IncorrectInstanceState", message);
    let live = !matches!(instance.state, InstanceState::ShuttingDown | InstanceState::Terminated);
    in_force.check(&rules::MODIFY_LIVE, live, || {
        wrong(format!("The instance '{id}' is not in a state from which it can be modified."))
    })?;
    let only_stopped = matches!(attribute, "instanceType" | "userData");
    let kept = !only_stopped || instance.state == InstanceState::Stopped;
    in_force.check(&rules::MODIFY_STOPPED, kept, || {
        wrong(format!("The instance '{id}' is not in the 'stopped' state."))
    })?;
    if attribute.starts_with("disableApi") {
        check_protectable(in_force, instance.market, attribute)?;
    }
    let of_interface = matches!(attribute, "groupSet" | "sourceDestCheck");
    let kept = !of_interface || instance.interfaces.len() < 2;
    in_force.check(&rules::MODIFY_INTERFACE, kept, || {
        let message = format!(
            "There are multiple interfaces attached to instance '{id}'. Please specify an interface ID for the operation instead."
        );
        ApiError::new("InvalidInstanceID", message)
    })
}

/// The new value of an attribute, checked.
fn change(state: &State, p: &Params, attribute: &str) -> Result<Change, ApiError> {
    let in_force = &state.rules;
    let parameter = MODIFIED.iter().find(|(name, _)| *name == attribute).map(|(_, p)| *p);
    // Either `Attribute` and `Value`, or a structure of its own.
    let own = p.sub(parameter.unwrap_or_default());
    let value = if own.is_empty() { p } else { &own };
    Ok(match attribute {
        "disableApiTermination" => Change::DisableApiTermination(value.flag("Value")?),
        "disableApiStop" => Change::DisableApiStop(value.flag("Value")?),
        "sourceDestCheck" => Change::SourceDestCheck(value.flag("Value")?),
        "instanceInitiatedShutdownBehavior" => {
            let values = ("Value", ["stop", "terminate"]);
            Change::TerminateOnShutdown(either(in_force, &launch::SHUTDOWN, value, values, false)?)
        }
        "userData" => Change::UserData(user_data(state, value.get("Value"))?),
        "instanceType" => {
            let name = value.need("Value")?;
            in_force.check(&rules::INSTANCE_TYPE, InstanceType::find(name).is_some(), || {
                let message = format!("Invalid value '{name}' for InstanceType.");
                ApiError::new("InvalidInstanceAttributeValue", message)
            })?;
            Change::InstanceType(name.to_owned())
        }
        _ => Change::Groups(security_groups::of_interface(state, p.list("GroupId"))?),
    })
}

fn apply(instance: &mut Instance, change: Change) {
    let attributes = &mut instance.attributes;
    match change {
        Change::DisableApiTermination(on) => attributes.disable_api_termination = on,
        Change::DisableApiStop(on) => attributes.disable_api_stop = on,
        Change::SourceDestCheck(on) => {
            if let Some(primary) = instance.interfaces.first_mut() {
                primary.source_dest_check = on;
            }
        }
        Change::TerminateOnShutdown(on) => instance.terminate_on_shutdown = on,
        Change::UserData(data) => instance.user_data = data,
        Change::InstanceType(name) => instance.instance_type = name,
        Change::Groups(ids) => {
            if let Some(primary) = instance.interfaces.first_mut() {
                primary.group_ids = ids;
            }
        }
    }
}

/// DescribeInstanceAttribute.
pub fn describe(call: &Call<'_>, p: &Params) -> Answer {
    let in_force = &call.region.rules;
    let id = p.need("InstanceId")?.to_owned();
    let attribute = p.need("Attribute")?;
    let state = call.state();
    check_ids(&state, std::slice::from_ref(&id))?;
    let shown = state.ec2.instances.get(&id).and_then(|i| show(&state.ec2, i, attribute));
    in_force.check(&rules::ATTRIBUTE, shown.is_some(), || {
        invalid(format!(
            "Value ({attribute}) for parameter attribute is invalid. Unknown attribute."
        ))
    })?;
    dry_run(p)?;
    Ok(json!({"instanceId": id, attribute: shown}))
}

fn show(ec2: &Ec2, i: &Instance, attribute: &str) -> Option<Value> {
    let value = |value: Value| Some(json!({"value": value}));
    let behaviour = if i.terminate_on_shutdown { "terminate" } else { "stop" };
    let data = i.user_data.as_ref();
    let first = i.interfaces.first();
    match attribute {
        "disableApiTermination" => value(json!(i.attributes.disable_api_termination)),
        "disableApiStop" => value(json!(i.attributes.disable_api_stop)),
        "sourceDestCheck" => value(json!(first.is_none_or(|n| n.source_dest_check))),
        "instanceInitiatedShutdownBehavior" => value(json!(behaviour)),
        "instanceType" => value(json!(i.instance_type)),
        "userData" => {
            value(json!(data.map(|data| base64::engine::general_purpose::STANDARD.encode(data))))
        }
        "rootDeviceName" => value(json!("/dev/xvda")),
        "ebsOptimized" => value(json!(false)),
        "enclaveOptions" => Some(json!({"enabled": false})),
        "kernel" | "ramdisk" | "sriovNetSupport" => Some(json!({})),
        "productCodes" => Some(json!([])),
        "groupSet" => Some(first.map_or(json!([]), |n| interfaces::groups_of(ec2, n))),
        "blockDeviceMapping" => Some(super::volumes::mapping(i)),
        _ => None,
    }
}
