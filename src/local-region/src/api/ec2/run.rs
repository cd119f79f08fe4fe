//! RunInstances: all of MinCount or none, idempotent by client token.
//!
//! Rules: EC2 API reference, RunInstances; EC2 developer guide, "Ensuring
//! idempotency"; user guide, EFA chapter (interface types, public addresses).

use super::types::InstanceType;
use super::{
    check_specifications, dry_run, images, instances, placement_groups, security_groups,
    specified_tags,
};
use crate::api::{Answer, ApiError, Call, params::Params, timestamp};
use crate::lifecycle;
use crate::state::State;
use crate::state::ec2::{Instance, InstanceState, Interface, Launch};
use crate::state::ids;
use base64::Engine;
use serde_json::{Value, json};

/// Limit of decoded user data.
const MAX_USER_DATA_BYTES: usize = 16 * 1024;
/// Longest client token.
const MAX_TOKEN_CHARS: usize = 64;

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterValue", message)
}

fn combination(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterCombination", message)
}

/// One interface as asked for.
struct Wanted {
    card: u32,
    device: u32,
    kind: String,
    group_ids: Vec<String>,
    description: String,
    public: Option<bool>,
}

/// A launch whose every part was checked.
struct Plan {
    count: u32,
    instance_type: String,
    subnet: usize,
    interfaces: Vec<Wanted>,
    placement_group: Option<String>,
    profile: Option<String>,
    user_data: Option<Vec<u8>>,
}

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
    if launch.fingerprint != fingerprint {
        return Err(ApiError::new(
            "IdempotentParameterMismatch",
            "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
        ));
    }
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

fn plan(state: &State, p: &Params, subnet: usize, zone: &str) -> Result<Plan, ApiError> {
    images::find(&state.ec2, p.need("ImageId")?)?;
    let name = p.get("InstanceType").unwrap_or("m1.small");
    let instance_type = InstanceType::find(name)
        .ok_or_else(|| invalid(format!("Invalid value '{name}' for InstanceType.")))?;
    let need = |name: &str| {
        p.number::<u32>(name)?.ok_or_else(|| {
            ApiError::new(
                "MissingParameter",
                format!("The request must contain the parameter {name}"),
            )
        })
    };
    let (least, count) = (need("MinCount")?, need("MaxCount")?);
    if least == 0 || least > count {
        return Err(invalid(format!(
            "Value ({least}) for parameter minCount is invalid: it must be 1 to MaxCount ({count})."
        )));
    }
    if !instance_type.offered_in(zone) {
        return Err(ApiError::new(
            "Unsupported",
            format!(
                "Your requested instance type ({name}) is not supported in your requested Availability Zone ({zone}). Please retry your request by not specifying an Availability Zone or choosing another one."
            ),
        ));
    }
    let interfaces = interfaces(state, p, instance_type)?;
    let free = state.ec2.subnets[subnet].free();
    let addresses = interfaces.iter().filter(|n| n.kind != "efa-only").count() * count as usize;
    if addresses > free {
        return Err(ApiError::new(
            "InsufficientFreeAddressesInSubnet",
            format!(
                "There are not enough free addresses in subnet '{}' to satisfy the requested number of instances.",
                state.ec2.subnets[subnet].id
            ),
        ));
    }
    Ok(Plan {
        count,
        instance_type: name.to_owned(),
        subnet,
        interfaces,
        placement_group: placement(state, p, instance_type, zone)?,
        profile: profile(state, p)?,
        user_data: user_data(p)?,
    })
}

fn interfaces(state: &State, p: &Params, t: &InstanceType) -> Result<Vec<Wanted>, ApiError> {
    let default_group = || {
        state
            .ec2
            .groups
            .values()
            .filter(|group| group.name == "default")
            .map(|group| group.id.clone())
            .collect::<Vec<_>>()
    };
    let groups = |ids: Vec<String>| -> Result<Vec<String>, ApiError> {
        for id in &ids {
            security_groups::check_id(&state.ec2, id)?;
        }
        Ok(if ids.is_empty() { default_group() } else { ids })
    };
    let asked = p.groups("NetworkInterface");
    if asked.is_empty() {
        let mut ids = p.list("SecurityGroupId");
        for name in p.list("SecurityGroup") {
            let group =
                state.ec2.groups.values().find(|group| group.name == name).ok_or_else(|| {
                    ApiError::new(
                        "InvalidGroup.NotFound",
                        format!(
                            "The security group '{name}' does not exist in default VPC '{}'",
                            state.ec2.vpc_id
                        ),
                    )
                })?;
            ids.push(group.id.clone());
        }
        return Ok(vec![Wanted {
            card: 0,
            device: 0,
            kind: "interface".to_owned(),
            group_ids: groups(ids)?,
            description: String::new(),
            public: None,
        }]);
    }
    let cards = t.cards();
    let mut wanted: Vec<Wanted> = Vec::new();
    for entry in &asked {
        let device: u32 = entry.number("DeviceIndex")?.ok_or_else(|| {
            ApiError::new("MissingParameter", "Each network interface requires a device index.")
        })?;
        let card: u32 = entry.number("NetworkCardIndex")?.unwrap_or(0);
        let kind = entry.get("InterfaceType").unwrap_or("interface").to_owned();
        let Some((efa, most)) = cards.get(card as usize).copied() else {
            return Err(invalid(format!(
                "Network card index {card} exceeds the limit for {}: it has {} network cards.",
                t.name,
                cards.len()
            )));
        };
        match kind.as_str() {
            "interface" => {}
            "efa" | "efa-only" if efa => {}
            "efa" | "efa-only" => {
                return Err(combination(format!(
                    "EFA interfaces are not supported on {} (network card {card}).",
                    t.name
                )));
            }
            other => {
                return Err(invalid(format!(
                    "Value ({other}) for parameter InterfaceType is invalid."
                )));
            }
        }
        if kind == "efa-only" && device == 0 && card == 0 {
            return Err(combination(
                "An efa-only network interface cannot be the primary network interface.",
            ));
        }
        let on_card = |w: &&Wanted| w.card == card;
        if wanted.iter().filter(on_card).any(|w| w.device == device) {
            return Err(invalid(format!(
                "Each network interface requires a unique device index: network card {card}, device {device} is used twice."
            )));
        }
        if kind != "interface" && wanted.iter().filter(on_card).any(|w| w.kind != "interface") {
            return Err(ApiError::new(
                "AttachmentLimitExceeded",
                format!("Network card {card} of {} takes one EFA.", t.name),
            ));
        }
        if wanted.iter().filter(on_card).count() >= most as usize {
            return Err(ApiError::new(
                "AttachmentLimitExceeded",
                format!(
                    "Interface count exceeds the limit of {most} for network card {card} of {}.",
                    t.name
                ),
            ));
        }
        let public = entry
            .get("AssociatePublicIpAddress")
            .map(|_| entry.flag("AssociatePublicIpAddress"))
            .transpose()?;
        if public.is_some() && asked.len() > 1 {
            return Err(combination(
                "The associatePublicIPAddress parameter cannot be specified when launching with multiple network interfaces.",
            ));
        }
        if entry.get("DeleteOnTermination").is_some() && !entry.flag("DeleteOnTermination")? {
            return Err(ApiError::new(
                "UnsupportedOperation",
                "Network interfaces of the local region go with their instance.",
            ));
        }
        let ids = entry.list("SecurityGroupId");
        let description = entry.get("Description").unwrap_or_default().to_owned();
        wanted.push(Wanted { card, device, kind, group_ids: groups(ids)?, description, public });
    }
    wanted.sort_by_key(|w| (w.card, w.device));
    if !wanted.iter().any(|w| w.card == 0 && w.device == 0) {
        return Err(invalid(
            "A primary network interface (device index 0 on network card 0) is required.",
        ));
    }
    Ok(wanted)
}

fn placement(
    state: &State,
    p: &Params,
    t: &InstanceType,
    zone: &str,
) -> Result<Option<String>, ApiError> {
    let wanted = p.sub("Placement");
    let Some(name) = wanted.get("GroupName").filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let group = placement_groups::usable(&state.ec2, name)?;
    if !t.supports(&group.strategy) {
        let mut strategy = group.strategy.clone();
        strategy[..1].make_ascii_uppercase();
        return Err(combination(format!(
            "{strategy} placement groups are not supported by the '{}' instance type. Specify a supported instance type or change the placement group strategy, and try again.",
            t.name
        )));
    }
    let used = state.ec2.live().any(|i| i.placement_group.as_deref() == Some(name));
    if group.strategy == "cluster"
        && used
        && group.zone.as_deref().is_some_and(|bound| bound != zone)
    {
        return Err(invalid(format!(
            "The placement group '{name}' is in use in another availability zone: {}",
            group.zone.as_deref().unwrap_or_default()
        )));
    }
    Ok(Some(name.to_owned()))
}

fn profile(state: &State, p: &Params) -> Result<Option<String>, ApiError> {
    let given = p.sub("IamInstanceProfile");
    let (name, arn) = (given.get("Name"), given.get("Arn"));
    let profile = match (name, arn) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(combination("The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'")),
        (Some(name), None) => state.iam.profiles.get(name).ok_or_else(|| invalid(format!("Value ({name}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name")))?,
        (None, Some(arn)) => state.iam.profiles.values().find(|profile| profile.arn == arn).ok_or_else(|| invalid(format!("Value ({arn}) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN")))?,
    };
    if profile.role.is_none() {
        return Err(invalid(format!(
            "IAM Instance Profile \"{}\" has no associated IAM Roles",
            profile.arn
        )));
    }
    Ok(Some(profile.name.clone()))
}

fn user_data(p: &Params) -> Result<Option<Vec<u8>>, ApiError> {
    let Some(text) = p.get("UserData").filter(|text| !text.is_empty()) else { return Ok(None) };
    let data = base64::engine::general_purpose::STANDARD
        .decode(text)
        .map_err(|_| invalid("Invalid BASE64 encoding of user data."))?;
    if data.len() > MAX_USER_DATA_BYTES {
        return Err(ApiError::new(
            "InvalidUserData.Malformed",
            "User data is limited to 16384 bytes",
        ));
    }
    Ok(Some(data))
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
