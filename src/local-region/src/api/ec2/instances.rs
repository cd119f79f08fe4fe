//! DescribeInstances, DescribeInstanceStatus, RebootInstances, GetConsoleOutput.

use super::{
    done, dry_run, filter::Filters, interfaces, metadata_options, paging, tag_set, volumes,
};
use crate::api::{Answer, ApiError, Call, params::Params, tags::Tags};
use crate::rules::{instances as rules, pagination};
use crate::state::State;
use crate::state::ec2::{Ec2, Instance, InstanceState};
use base64::Engine;
use serde_json::{Value, json};

const FILTERS: &[&str] = &[
    "architecture",
    "availability-zone",
    "availability-zone-id",
    "client-token",
    "iam-instance-profile.arn",
    "image-id",
    "instance-id",
    "instance-state-code",
    "instance-state-name",
    "instance-type",
    "instance.group-id",
    "instance.group-name",
    "launch-index",
    "network-interface.network-interface-id",
    "network-interface.private-ip-address",
    "network-interface.subnet-id",
    "network-interface.vpc-id",
    "ip-address",
    "owner-id",
    "placement-group-name",
    "private-dns-name",
    "private-ip-address",
    "reservation-id",
    "state-reason-code",
    "subnet-id",
    "vpc-id",
];

/// Describes instances by id and filter, grouped by reservation.
pub fn describe(call: &Call<'_>, p: &Params) -> Answer {
    let filters = Filters::read(call, p, FILTERS)?;
    let ids = p.list("InstanceId");
    paging::whole_if_by_id(call, p, &ids, (&pagination::INSTANCE_IDS, "instancesSet"))?;
    let state = call.state();
    let ec2 = &state.ec2;
    let account = &call.region.config.account_id;
    check_ids(&state, &ids)?;
    dry_run(p)?;
    let profile_arn = |instance: &Instance| {
        instance
            .profile
            .as_ref()
            .and_then(|name| state.iam.profiles.get(name))
            .map(|p| (p.arn.clone(), p.id.clone()))
    };
    let mut found: Vec<&Instance> = ec2
        .instances
        .values()
        .filter(|i| !ec2.hides(&i.id) && (ids.is_empty() || ids.contains(&i.id)))
        .filter(|i| {
            let field =
                |name: &str| field(ec2, i, name, account, profile_arn(i).map(|(arn, _)| arn));
            filters.keep(&ec2.tags_of(&i.id), field)
        })
        .collect();
    found.sort_by_key(|i| (&i.launched, &i.reservation_id, i.index));
    let show = |i: &&Instance| show(ec2, i, account, profile_arn(i));
    let reservation = |of: &[&Instance]| {
        let instances: Vec<Value> = of.iter().map(show).collect();
        let id = &of[0].reservation_id;
        json!({"reservationId": id, "ownerId": account, "groupSet": [], "instancesSet": instances})
    };
    let by_reservation = |found: &[&Instance]| -> Vec<Value> {
        found.chunk_by(|a, b| a.reservation_id == b.reservation_id).map(reservation).collect()
    };
    let (items, next) = if call.region.rules.on(&pagination::BY_INSTANCE) {
        let (found, next) = paging::page_by(call, found, p, (5, 1000), None)?;
        (by_reservation(&found), next)
    } else {
        paging::page(call, by_reservation(&found), p, (5, 1000))?
    };
    Ok(json!({"reservationSet": items, "nextToken": next}))
}

fn field(
    ec2: &Ec2,
    i: &Instance,
    name: &str,
    account: &str,
    profile: Option<String>,
) -> Vec<String> {
    let (code, state) = i.state.told();
    let nics = || i.interfaces.iter();
    let groups = || nics().flat_map(|interface| interface.group_ids.iter());
    let subnet = || i.interfaces.first().map(|first| first.subnet_id.clone());
    match name {
        "architecture" => vec!["x86_64".to_owned()],
        "availability-zone" => vec![i.zone.clone()],
        "availability-zone-id" => vec![i.zone_id.clone()],
        "client-token" => vec![i.client_token.clone()],
        "iam-instance-profile.arn" => profile.into_iter().collect(),
        "image-id" => vec![i.image_id.clone()],
        "instance-id" => vec![i.id.clone()],
        "instance-state-code" => vec![code.to_string()],
        "instance-state-name" => vec![state.to_owned()],
        "instance-type" => vec![i.instance_type.clone()],
        "instance.group-id" => groups().cloned().collect(),
        "instance.group-name" => {
            groups().filter_map(|id| ec2.groups.get(id)).map(|group| group.name.clone()).collect()
        }
        "launch-index" => vec![i.index.to_string()],
        "network-interface.network-interface-id" => nics().map(|n| n.id.clone()).collect(),
        "network-interface.private-ip-address" => {
            nics().filter_map(|n| n.private_ip).map(|ip| ip.to_string()).collect()
        }
        "subnet-id" | "network-interface.subnet-id" => subnet().into_iter().collect(),
        "vpc-id" | "network-interface.vpc-id" => {
            subnet().map(|_| ec2.vpc_id.clone()).into_iter().collect()
        }
        "ip-address" => ec2.public_ip_of(i).iter().map(ToString::to_string).collect(),
        "owner-id" => vec![account.to_owned()],
        "placement-group-name" => i.placement_group.iter().cloned().collect(),
        "private-ip-address" => subnet().map(|_| i.private_ip().to_string()).into_iter().collect(),
        "private-dns-name" => subnet().map(|_| dns_name(i)).into_iter().collect(),
        "reservation-id" => vec![i.reservation_id.clone()],
        "state-reason-code" => i.reason.iter().map(|(code, _)| code.clone()).collect(),
        _ => Vec::new(),
    }
}

fn dns_name(i: &Instance) -> String {
    format!("ip-{}.ec2.internal", i.private_ip().to_string().replace('.', "-"))
}

/// An instance as RunInstances and DescribeInstances show it.
pub fn show(ec2: &Ec2, i: &Instance, account: &str, profile: Option<(String, String)>) -> Value {
    let (code, name) = i.state.told();
    let primary = i.interfaces.first();
    let tags: Tags = ec2.tags_of(&i.id);
    let public_ip = ec2.public_ip_of(i);
    let public_dns = public_ip
        .map(|ip| format!("ec2-{}.compute-1.amazonaws.com", ip.to_string().replace('.', "-")));
    let shown_interfaces: Vec<Value> =
        i.interfaces.iter().map(|n| interfaces::show_inside(ec2, i, n, account)).collect();
    json!({
        "instanceId": i.id,
        "imageId": i.image_id,
        "instanceState": {"code": code, "name": name},
        "privateDnsName": primary.map(|_| dns_name(i)).unwrap_or_default(),
        "dnsName": public_dns.unwrap_or_default(),
        "reason": i.transition,
        "stateReason": i.reason.as_ref().map(|(code, text)| json!({"code": code, "message": text})),
        "amiLaunchIndex": i.index,
        "productCodes": [],
        "instanceType": i.instance_type,
        "instanceLifecycle": i.market.lifecycle(),
        "spotInstanceRequestId": ec2.spot_requests.values().find(|r| r.instance_id == i.id).map(|r| &r.id),
        "capacityReservationId": i.capacity_reservation,
        "launchTime": i.started,
        "placement": {
            "availabilityZone": i.zone,
            "availabilityZoneId": i.zone_id,
            "groupName": i.placement_group.clone().unwrap_or_default(),
            "tenancy": "default",
        },
        "monitoring": {"state": "disabled"},
        "subnetId": primary.map(|n| n.subnet_id.clone()),
        "vpcId": primary.map(|_| ec2.vpc_id.clone()),
        "privateIpAddress": primary.and_then(|n| n.private_ip).map(|ip| ip.to_string()),
        "ipAddress": public_ip.map(|ip| ip.to_string()),
        "sourceDestCheck": primary.is_none_or(|n| n.source_dest_check),
        "groupSet": primary.map(|n| interfaces::groups_of(ec2, n)).unwrap_or_else(|| json!([])),
        "architecture": "x86_64",
        "rootDeviceType": "ebs",
        "rootDeviceName": "/dev/xvda",
        "blockDeviceMapping": volumes::mapping(i),
        "virtualizationType": "hvm",
        "hypervisor": "xen",
        "clientToken": i.client_token,
        "tagSet": tag_set(&tags),
        "networkInterfaceSet": shown_interfaces,
        "iamInstanceProfile": profile.map(|(arn, id)| json!({"arn": arn, "id": id})),
        "ebsOptimized": false,
        "enaSupport": true,
        "metadataOptions": metadata_options::show_of(i),
    })
}

/// All ids must be known, or none is acted upon.
pub fn check_ids(state: &State, ids: &[String]) -> Result<(), ApiError> {
    let malformed = |id: &&String| {
        !id.strip_prefix("i-").is_some_and(|hex| {
            matches!(hex.len(), 8 | 17) && hex.chars().all(|c| c.is_ascii_hexdigit())
        })
    };
    let bad = ids.iter().find(malformed);
    state.rules.check(&rules::ID_FORM, bad.is_none(), || {
        let message = format!("Invalid id: \"{}\"", bad.map(String::as_str).unwrap_or_default());
        ApiError::new("InvalidInstanceID.Malformed", message)
    })?;
    let known = |id: &str| state.ec2.instances.contains_key(id) && !state.ec2.hides(id);
    let missing: Vec<&str> = ids.iter().map(String::as_str).filter(|id| !known(id)).collect();
    state.rules.check(&rules::ID_UNKNOWN, missing.is_empty(), || {
        let message = match missing[..] {
            [id] => format!("The instance ID '{id}' does not exist"),
            _ => format!("The instance IDs '{}' do not exist", missing.join(", ")),
        };
        ApiError::new("InvalidInstanceID.NotFound", message)
    })
}

/// Ids of a call that acts on instances, each checked for the caller.
pub fn needed_ids(call: &Call<'_>, p: &Params) -> Result<Vec<String>, ApiError> {
    let ids = p.list("InstanceId");
    call.region.rules.check(&rules::ID_NEEDED, !ids.is_empty(), || {
        ApiError::new("MissingParameter", "The request must contain the parameter InstanceId")
    })?;
    for id in &ids {
        call.authorize(&call.arn(&format!("instance/{id}")))?;
    }
    Ok(ids)
}

/// State of running instances (of all with `IncludeAllInstances`).
pub fn describe_status(call: &Call<'_>, p: &Params) -> Answer {
    let filters = Filters::read(call, p, &["availability-zone", "instance-state-name"])?;
    let ids = p.list("InstanceId");
    paging::whole_if_by_id(call, p, &ids, (&pagination::STATUS_IDS, "instancesSet"))?;
    let all = p.flag("IncludeAllInstances")?;
    let state = call.state();
    check_ids(&state, &ids)?;
    dry_run(p)?;
    let shown = state
        .ec2
        .instances
        .values()
        .filter(|i| !state.ec2.hides(&i.id) && (ids.is_empty() || ids.contains(&i.id)))
        .filter(|i| all || i.state == InstanceState::Running)
        .filter(|i| filters.keep(&Tags::new(), |name| field(&state.ec2, i, name, "", None)))
        .map(|i| {
            let (code, name) = i.state.told();
            let health = if i.state == InstanceState::Running { "ok" } else { "not-applicable" };
            let status = json!({"status": health, "details": []});
            json!({
                "instanceId": i.id,
                "availabilityZone": i.zone,
                "instanceState": {"code": code, "name": name},
                "systemStatus": status,
                "instanceStatus": status,
            })
        })
        .collect();
    let (items, next) = paging::page(call, shown, p, (5, 1000))?;
    Ok(json!({"instanceStatusSet": items, "nextToken": next}))
}

/// Reboots machines; AWS queues this too and answers at once.
pub fn reboot(call: &Call<'_>, p: &Params) -> Answer {
    let in_force = &call.region.rules;
    let ids = needed_ids(call, p)?;
    let state = call.state();
    check_ids(&state, &ids)?;
    for id in &ids {
        let running = |i: &Instance| i.state == InstanceState::Running;
        let kept = state.ec2.instances.get(id).is_none_or(running);
        in_force.check(&rules::REBOOT_STATE, kept, || {
            let message =
                format!("The instance '{id}' is not in a state from which it can be rebooted.");
            ApiError::new("IncorrectInstanceState", message)
        })?;
    }
    dry_run(p)?;
    drop(state);
    for id in ids {
        let region = call.region.clone();
        call.region.runtime.spawn(async move {
            if let Err(error) = region.config.machines.reboot(&id).await {
                tracing::error!(instance_id = id, %error, "machine did not reboot");
            }
        });
    }
    done()
}

/// The machine's console, base64.
pub fn console(call: &Call<'_>, p: &Params) -> Answer {
    let id = p.need("InstanceId")?.to_owned();
    // `Latest` asks for what EC2 would otherwise show with delay; here it is
    // always the latest.
    let _ = p.flag("Latest")?;
    let ended = {
        let state = call.state();
        check_ids(&state, std::slice::from_ref(&id))?;
        let instance = state.ec2.instances.get(&id);
        let ended = instance.filter(|instance| instance.state == InstanceState::Terminated);
        ended.map(|instance| instance.last_console.clone())
    };
    dry_run(p)?;
    let output = ended.unwrap_or_else(|| call.region.config.machines.console(&id));
    Ok(json!({
        "instanceId": id,
        "timestamp": crate::api::timestamp(),
        "output": base64::engine::general_purpose::STANDARD.encode(output),
    }))
}
