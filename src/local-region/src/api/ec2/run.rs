//! RunInstances: all of MinCount or none, idempotent by client token.
//!
//! Rules: EC2 API reference, RunInstances; EC2 developer guide, "Ensuring
//! idempotency"; user guide, EFA chapter (interface types, public addresses).

use super::plan::{Plan, combination, invalid, plan};
use super::{check_specifications, dry_run, images, instances, specified_tags};
use crate::api::{Answer, ApiError, Call, params::Params, timestamp};
use crate::lifecycle;
use crate::rules::launch as rules;
use crate::state::State;
use crate::state::ec2::{Instance, InstanceState, Interface, Launch};
use crate::state::ids;
use serde_json::{Value, json};

/// Longest client token.
const MAX_TOKEN_CHARS: usize = 64;

/// RunInstances.
pub fn run(call: &Call<'_>, p: &Params) -> Answer {
    let token = p.get("ClientToken").map(str::to_owned);
    if token.as_ref().is_some_and(|token| token.len() > MAX_TOKEN_CHARS || !token.is_ascii()) {
        return Err(invalid(format!(
            "Client token must be at most {MAX_TOKEN_CHARS} ASCII characters."
        )));
    }
    let fingerprint = p.fingerprint(&["DryRun"]);
    let mut state = call.state();
    let (subnet, zone) = place(&state, p)?;
    let key = token.clone().map(|token| (zone.clone(), token));
    if let Some(launch) = key.as_ref().and_then(|key| state.ec2.tokens.get(key)) {
        p.read_all();
        return replay(call, &state, launch, &fingerprint);
    }
    let plan = plan(&state, p, subnet, &zone)?;
    check_specifications(
        p,
        &["instance", "volume", "network-interface", "spot-instances-request"],
    )?;
    let tags = specified_tags(p, "instance")?;
    let volume_tags = specified_tags(p, "volume")?;
    let interface_tags = specified_tags(p, "network-interface")?;
    let options = p.sub("MetadataOptions");
    let tokens_required = match options.get("HttpTokens") {
        None | Some("optional") => false,
        Some("required") => true,
        Some(other) => {
            return Err(invalid(format!("Value ({other}) for parameter HttpTokens is invalid.")));
        }
    };
    let metadata_tags = match options.get("InstanceMetadataTags") {
        None | Some("disabled") => false,
        Some("enabled") => true,
        Some(other) => {
            return Err(invalid(format!(
                "Value ({other}) for parameter InstanceMetadataTags is invalid."
            )));
        }
    };
    if options.get("HttpEndpoint") == Some("disabled") {
        return Err(ApiError::new(
            "UnsupportedOperation",
            "IMDS cannot be switched off in the local region.",
        ));
    }
    let hop_limit: u8 =
        options.number("HttpPutResponseHopLimit")?.unwrap_or(if tokens_required { 2 } else { 1 });
    if !(1..=64).contains(&hop_limit) {
        return Err(invalid(format!(
            "Value ({hop_limit}) for parameter HttpPutResponseHopLimit is invalid."
        )));
    }
    if metadata_tags
        && let Some(bad) = tags.keys().find(|key| {
            key.contains('/') || key.contains(' ') || matches!(key.as_str(), "." | ".." | "_index")
        })
    {
        return Err(invalid(format!(
            "'{bad}' is not a valid tag key. Tag keys must match pattern ([0-9a-zA-Z\\-_+=,.@:]{{1,255}}), and must not be a reserved name ('.', '..', '_index')"
        )));
    }
    let terminate_on_shutdown = match p.get("InstanceInitiatedShutdownBehavior") {
        None | Some("stop") => false,
        Some("terminate") => true,
        Some(other) => {
            return Err(invalid(format!(
                "Value ({other}) for parameter InstanceInitiatedShutdownBehavior is invalid."
            )));
        }
    };
    dry_run(p)?;

    let image = images::find(&state.ec2, p.need("ImageId")?)?.clone();
    let reservation_id = ids::resource("r");
    let launched = timestamp();
    let mut made = Vec::new();
    for index in 0..plan.count {
        let interfaces = take_interfaces(&mut state, &plan)?;
        let public = plan.interfaces.first().and_then(|first| first.public);
        let wants_public = plan.interfaces.len() == 1 && public.unwrap_or(true);
        let instance = Instance {
            id: ids::resource("i"),
            reservation_id: reservation_id.clone(),
            index,
            image_id: image.id.clone(),
            root: image.root.clone(),
            instance_type: plan.instance_type.clone(),
            zone: zone.clone(),
            zone_id: state.ec2.subnets[plan.subnet].zone_id.to_owned(),
            interfaces,
            volume_id: ids::resource("vol"),
            public_ip: wants_public.then(|| state.ec2.free_public_ip()).flatten(),
            placement_group: plan.placement_group.clone(),
            profile: plan.profile.clone(),
            user_data: plan.user_data.clone(),
            tokens_required,
            metadata_tags,
            hop_limit,
            launched: launched.clone(),
            state: InstanceState::Pending,
            reason: None,
            client_token: token.clone().unwrap_or_default(),
            terminate_on_shutdown,
            ended: None,
            gate: Default::default(),
        };
        let mut tagged =
            vec![(instance.id.clone(), &tags), (instance.volume_id.clone(), &volume_tags)];
        tagged.extend(instance.interfaces.iter().map(|n| (n.id.clone(), &interface_tags)));
        for (id, tags) in tagged.into_iter().filter(|(_, tags)| !tags.is_empty()) {
            state.ec2.tags.insert(id, tags.clone());
        }
        made.push(instance.id.clone());
        state.ec2.instances.insert(instance.id.clone(), instance);
    }
    if let Some(group) =
        plan.placement_group.as_ref().and_then(|name| state.ec2.placement_groups.get_mut(name))
    {
        group.zone = Some(zone);
    }
    if let Some(key) = key {
        state
            .ec2
            .tokens
            .insert(key, Launch { fingerprint, reservation_id: reservation_id.clone() });
    }
    for id in &made {
        lifecycle::start(call.region, &state.ec2.instances[id]);
    }
    Ok(show(call, &state, &reservation_id))
}

/// The answer to a request that was already carried out.
fn replay(call: &Call<'_>, state: &State, launch: &Launch, fingerprint: &str) -> Answer {
    state.rules.check(&rules::TOKEN_MISMATCH, launch.fingerprint == fingerprint, || {
        ApiError::new(
            "IdempotentParameterMismatch",
            "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
        )
    })?;
    let made = state.ec2.instances.values().filter(|i| i.reservation_id == launch.reservation_id);
    let alive =
        |i: &Instance| !matches!(i.state, InstanceState::ShuttingDown | InstanceState::Terminated);
    if !made.clone().any(alive) {
        return Err(ApiError::new(
            "IdempotentInstanceTerminated",
            "The client token you have provided is associated with a resource that is already deleted. Use a different client token for this request.",
        ));
    }
    Ok(show(call, state, &launch.reservation_id))
}

fn show(call: &Call<'_>, state: &State, reservation_id: &str) -> Value {
    let account = &call.region.config.account_id;
    let mut made: Vec<&Instance> =
        state.ec2.instances.values().filter(|i| i.reservation_id == reservation_id).collect();
    made.sort_by_key(|instance| instance.index);
    let shown: Vec<Value> = made
        .into_iter()
        .map(|instance| {
            let profile = instance.profile.as_ref().and_then(|name| state.iam.profiles.get(name));
            instances::show(
                &state.ec2,
                instance,
                account,
                profile.map(|p| (p.arn.clone(), p.id.clone())),
            )
        })
        .collect();
    json!({"reservationId": reservation_id, "ownerId": account, "groupSet": [], "instancesSet": shown})
}

/// Subnet (as an index) and zone of the launch.
fn place(state: &State, p: &Params) -> Result<(usize, String), ApiError> {
    let interfaces = p.groups("NetworkInterface");
    let top_subnet = p.get("SubnetId");
    let top_groups = !p.list("SecurityGroupId").is_empty() || !p.list("SecurityGroup").is_empty();
    if !interfaces.is_empty() && (top_subnet.is_some() || top_groups) {
        return Err(combination(
            "Network interfaces and an instance-level subnet ID or security groups may not be specified on the same request",
        ));
    }
    let subnets = &state.ec2.subnets;
    let mut wanted: Vec<&str> = interfaces.iter().filter_map(|n| n.get("SubnetId")).collect();
    wanted.extend(top_subnet);
    let zone = p.sub("Placement").get("AvailabilityZone").map(str::to_owned);
    let index = match wanted.first() {
        Some(id) => subnets.iter().position(|subnet| subnet.id == *id).ok_or_else(|| {
            ApiError::new(
                "InvalidSubnetID.NotFound",
                format!("The subnet ID '{id}' does not exist"),
            )
        })?,
        None => match &zone {
            Some(zone) => subnets
                .iter()
                .position(|subnet| subnet.zone == *zone)
                .ok_or_else(|| invalid(format!("Invalid availability zone: [{zone}]")))?,
            None => 0,
        },
    };
    if wanted.iter().any(|id| *id != subnets[index].id) {
        return Err(combination(
            "Network interfaces are in different subnets; the local region's interfaces share one.",
        ));
    }
    if zone.is_some_and(|zone| zone != subnets[index].zone) {
        return Err(invalid(format!(
            "The availability zone does not match the zone of subnet '{}'",
            subnets[index].id
        )));
    }
    Ok((index, subnets[index].zone.to_owned()))
}

fn take_interfaces(state: &mut State, plan: &Plan) -> Result<Vec<Interface>, ApiError> {
    let subnet = &mut state.ec2.subnets[plan.subnet];
    let mut made = Vec::new();
    for wanted in &plan.interfaces {
        let private_ip = match wanted.kind.as_str() {
            "efa-only" => None,
            _ => Some(subnet.take().ok_or_else(|| {
                ApiError::new("InsufficientFreeAddressesInSubnet", "No address is left.")
            })?),
        };
        made.push(Interface {
            id: ids::resource("eni"),
            attachment_id: ids::resource("eni-attach"),
            card: wanted.card,
            device: wanted.device,
            kind: wanted.kind.clone(),
            subnet_id: subnet.id.clone(),
            private_ip,
            mac: ids::mac(),
            group_ids: wanted.group_ids.clone(),
            description: wanted.description.clone(),
        });
    }
    Ok(made)
}
