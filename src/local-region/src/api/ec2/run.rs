//! RunInstances: from MinCount up to MaxCount or none, idempotent by client token.
//!
//! Rules: EC2 API reference, RunInstances; EC2 developer guide, "Ensuring
//! idempotency"; user guide, EFA chapter (interface types, public addresses).

use super::launch_options::LaunchOptions;
use super::market::Demand;
use super::nics::Wanted;
use super::place::{Place, place};
use super::plan::{Plan, invalid, plan};
use super::{dry_run, instances, launch_templates, profile, seen_at, tag_specifications};
use crate::api::{Answer, ApiError, Call, params::Params, tags::Tags, timestamp};
use crate::lifecycle;
use crate::rules::{capacity, consistency, launch as rules};
use crate::state::State;
use crate::state::ec2::{Instance, InstanceState, Interface, Launch};
use crate::state::ids;
use crate::state::interfaces::Attachment;
use crate::state::spot::SpotRequest;
use crate::windows::INSTANCE_VISIBLE;
use serde_json::{Value, json};

/// Longest client token.
const MAX_TOKEN_CHARS: usize = 64;

/// Tags of what a launch makes.
struct LaunchTags {
    instance: Tags,
    volume: Tags,
    interface: Tags,
    spot_request: Tags,
}

/// RunInstances.
pub fn run(call: &Call<'_>, p: &Params) -> Answer {
    let p = &launch_templates::expand(call, p)?;
    profile::pass_role(call, p)?;
    let mut state = call.state();
    let in_force = state.rules.clone();
    let token = token(&in_force, p)?;
    if !in_force.on(&rules::DRY_RUN_LAST) {
        dry_run(p)?;
    }
    let demand = Demand::read(&in_force, p)?;
    let now = call.region.clock.now();
    let place = place(&state, p, &demand, now)?;
    let fingerprint = p.fingerprint(&["DryRun"]);
    let key = token.clone().map(|token| (scope(&in_force, &place), token));
    if let Some(launch) = key.as_ref().and_then(|key| state.ec2.tokens.get(key))
        && (launch.fingerprint != fingerprint || in_force.on(&rules::TOKEN_REPLAY))
    {
        p.read_all();
        let answer = replay(call, &state, launch, &fingerprint)?;
        dry_run(p)?;
        return Ok(answer);
    }
    let plan = plan(&state, p, &demand, &place, now)?;
    let kinds = ["instance", "volume", "network-interface", "spot-instances-request"];
    tag_specifications::check(&in_force, p, &kinds)?;
    let specified = |kind| tag_specifications::specified(&in_force, p, kind);
    let tags = LaunchTags {
        instance: specified("instance")?,
        volume: specified("volume")?,
        interface: specified("network-interface")?,
        spot_request: specified("spot-instances-request")?,
    };
    let options = LaunchOptions::read(&in_force, p, &tags.instance, &demand, &plan.image)?;
    dry_run(p)?;

    let reservation_id = ids::resource("r");
    let launched = timestamp();
    let mut made = Vec::new();
    for index in 0..plan.count {
        let instance = Instance {
            index,
            capacity_reservation: plan.reserved.get(index as usize).cloned(),
            reservation_id: reservation_id.clone(),
            client_token: token.clone().unwrap_or_default(),
            launched: launched.clone(),
            started: launched.clone(),
            ..new_instance(&mut state, &plan, &options)
        };
        made.push(instance.id.clone());
        if let Some(until) = seen_at(call, &consistency::INSTANCE, &INSTANCE_VISIBLE) {
            state.ec2.hide(&instance.id, until);
        }
        add(&mut state, instance, &plan, &tags);
    }
    if let Some(group) =
        plan.placement_group.as_ref().and_then(|name| state.ec2.placement_groups.get_mut(name))
    {
        group.zone = Some(place.zone);
    }
    if let Some(key) = key {
        let launch = Launch { fingerprint, reservation_id: reservation_id.clone() };
        state.ec2.tokens.insert(key, launch);
    }
    for id in &made {
        lifecycle::start(call.region, &state.ec2.instances[id]);
    }
    Ok(show(call, &state, &reservation_id))
}

fn token(in_force: &crate::rules::Rules, p: &Params) -> Result<Option<String>, ApiError> {
    let token = p.get("ClientToken").filter(|token| !token.is_empty()).map(str::to_owned);
    let kept = token.as_ref().is_none_or(|t| t.len() <= MAX_TOKEN_CHARS && t.is_ascii());
    in_force.check(&rules::TOKEN_LENGTH, kept, || {
        invalid(format!("Client token must be at most {MAX_TOKEN_CHARS} ASCII characters."))
    })?;
    Ok(token)
}

/// Where a client token is unique: in a zone that was asked for, or else in
/// the region, which has no name here.
fn scope(in_force: &crate::rules::Rules, place: &Place) -> String {
    let rule = if place.asked { &rules::TOKEN_ZONAL } else { &rules::TOKEN_REGIONAL };
    if place.asked == in_force.on(rule) { place.zone.clone() } else { String::new() }
}

/// An instance of the plan, not yet part of a reservation.
fn new_instance(state: &mut State, plan: &Plan, options: &LaunchOptions) -> Instance {
    let public = plan.interfaces.first().and_then(|first| first.public);
    let wants_public = plan.interfaces.len() == 1 && public.unwrap_or(true);
    let interfaces = take_interfaces(state, plan);
    let subnet = &state.ec2.subnets[plan.subnet];
    Instance {
        id: ids::resource("i"),
        reservation_id: String::new(),
        index: 0,
        image_id: plan.image.id.clone(),
        root: plan.image.root.clone(),
        instance_type: plan.instance_type.clone(),
        market: plan.market,
        capacity_reservation: None,
        zone: subnet.zone.to_owned(),
        zone_id: subnet.zone_id.to_owned(),
        interfaces,
        volume_id: ids::resource("vol"),
        public_ip: wants_public.then(|| state.ec2.free_public_ip()).flatten(),
        wants_public_ip: wants_public,
        placement_group: plan.placement_group.clone(),
        profile: plan.profile.clone(),
        user_data: plan.user_data.clone(),
        tokens_required: options.metadata.tokens_required,
        metadata_tags: options.metadata.metadata_tags,
        hop_limit: options.metadata.hop_limit,
        launched: String::new(),
        started: String::new(),
        has_run: false,
        state: InstanceState::Pending,
        reason: None,
        transition: String::new(),
        notices: Default::default(),
        client_token: String::new(),
        terminate_on_shutdown: options.terminate_on_shutdown,
        attributes: options.attributes,
        last_console: Vec::new(),
        ended: None,
        gate: Default::default(),
    }
}

fn add(state: &mut State, instance: Instance, plan: &Plan, tags: &LaunchTags) {
    let request = SpotRequest::of(&instance).filter(|_| state.rules.on(&capacity::SPOT_REQUEST));
    let mut tagged =
        vec![(instance.id.clone(), &tags.instance), (instance.volume_id.clone(), &tags.volume)];
    let new =
        instance.interfaces.iter().zip(&plan.interfaces).filter(|(_, w)| w.existing.is_none());
    tagged.extend(new.map(|(n, _)| (n.id.clone(), &tags.interface)));
    tagged.extend(request.iter().map(|request| (request.id.clone(), &tags.spot_request)));
    for (id, tags) in tagged.into_iter().filter(|(_, tags)| !tags.is_empty()) {
        state.ec2.tags.insert(id, tags.clone());
    }
    state.ec2.spot_requests.extend(request.map(|request| (request.id.clone(), request)));
    state.ec2.instances.insert(instance.id.clone(), instance);
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
    state.rules.check(&rules::TOKEN_TERMINATED, made.clone().any(alive), || {
        ApiError::new(
            "IdempotentInstanceTerminated",
            "The client token you have provided is associated with a resource that is already deleted. Use a different client token for this request.",
        )
    })?;
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

fn take_interfaces(state: &mut State, plan: &Plan) -> Vec<Interface> {
    let mut taken = Vec::new();
    for wanted in &plan.interfaces {
        let existing = wanted.existing.as_ref().and_then(|id| state.ec2.interfaces.remove(id));
        let Wanted { card, device, kind, group_ids, description, .. } = wanted;
        let subnet = &mut state.ec2.subnets[plan.subnet];
        let new = || Interface::new(subnet, kind, group_ids.clone(), description);
        let attachment = Attachment::new(*card, *device, wanted.delete_on_termination);
        let interface = existing.unwrap_or_else(new);
        taken.push(Interface { attachment: Some(attachment), ..interface });
    }
    taken
}
