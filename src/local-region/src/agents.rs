//! The SSM agent of every machine, played by the region: it is there once the
//! machine has booted, registers if the instance's role lets it, and is heard
//! of until the machine ends. Source: amazon-ssm-agent, `agent/health`.

use crate::api::Caller;
use crate::api::policy::{Asked, authorize};
use crate::backend::Platform;
use crate::rules::managed_nodes as rules;
use crate::server::Inner;
use crate::state::ec2::InstanceState;
use crate::windows::{AGENT_REGISTRATION, AGENT_SLEEP};
use std::sync::Arc;
use std::time::Duration;

/// Version told, also in sessions. From 3.0.196.0 on a client would multiplex
/// a port session with smux; this end carries one connection at a time.
pub const VERSION: &str = "3.0.161.0";
/// How often a machine is looked at. A look costs something only while it boots.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// What an agent calls to register and to ping.
const PING: &str = "ssm:UpdateInstanceInformation";
/// What it calls to be sent commands and sessions.
const CHANNELS: [&str; 4] = [
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
];

/// Plays the agent of an instance until the instance is forgotten; once for each.
pub fn follow(region: &Arc<Inner>, instance_id: &str) {
    let id = instance_id.to_owned();
    {
        let mut state = region.state();
        if state.agents.contains_key(&id) {
            return;
        }
        state.agents.insert(id.clone(), Default::default());
    }
    let region = region.clone();
    let runtime = region.runtime.clone();
    runtime.spawn(async move {
        while look(&region, &id).await {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        region.state().agents.remove(&id);
    });
}

/// Looks at a machine once and plays its agent; false if the instance is forgotten.
pub async fn look(region: &Inner, id: &str) -> bool {
    let state = region.state().ec2.instances.get(id).map(|instance| instance.state);
    let platform = match state {
        None => return false,
        Some(InstanceState::Running) => region.config.machines.platform(id).await,
        Some(_) => None,
    };
    play(region, id, platform);
    true
}

fn play(region: &Inner, id: &str, platform: Option<Platform>) {
    let now = region.clock.now();
    let after = |window| now.checked_add(region.windows.of(window)).unwrap_or(now);
    let may_register = may(region, id, PING) || !region.rules.on(&rules::REGISTERS);
    let mut state = region.state();
    let Some(agent) = state.agents.get_mut(id) else { return };
    let Some(platform) = platform else {
        agent.connected &= !region.rules.on(&rules::CONNECTION_LOST);
        return;
    };
    if agent.platform.as_ref().map(|known| known.boot) != Some(platform.boot) {
        agent.platform = Some(platform);
        agent.connected = false;
        agent.sleeps_until = after(&AGENT_REGISTRATION);
    }
    if agent.sleeps_until > now {
        return;
    }
    if may_register {
        agent.connected = true;
        agent.registered.get_or_insert(now);
        agent.last_ping = now;
    } else if !agent.connected && region.rules.on(&rules::SLEEPS) {
        agent.sleeps_until = after(&AGENT_SLEEP);
    } else {
        agent.connected = false;
    }
}

/// Whether an instance's agent is heard of.
pub fn online(region: &Inner, instance_id: &str) -> bool {
    let state = region.state();
    let instance = state.ec2.instances.get(instance_id);
    let running = instance.is_some_and(|instance| instance.state == InstanceState::Running);
    state.agents.get(instance_id).is_some_and(|agent| agent.connected)
        && (running || !region.rules.on(&rules::CONNECTION_LOST))
}

/// Whether commands and sessions reach an instance's agent now.
pub fn reachable(region: &Inner, instance_id: &str) -> bool {
    let may_listen = || CHANNELS.iter().all(|action| may(region, instance_id, action));
    online(region, instance_id) && (!region.rules.on(&rules::CHANNELS) || may_listen())
}

/// Whether an instance's role allows an action on the instance.
fn may(region: &Inner, instance_id: &str, action: &str) -> bool {
    let config = &region.config;
    let arn = format!("arn:aws:ec2:{}:{}:instance/{instance_id}", config.region, config.account_id);
    role_session(region, instance_id)
        .is_some_and(|caller| authorize(region, &caller, &Asked::new(action, &arn)).is_ok())
}

/// The instance's role as a caller.
pub fn role_session(region: &Inner, instance_id: &str) -> Option<Caller> {
    let state = region.state();
    let profile = state.ec2.instances.get(instance_id)?.profile.as_ref()?;
    let role = state.iam.roles.get(state.iam.profiles.get(profile)?.role.as_ref()?)?;
    Some(Caller::Session {
        role_name: role.name.clone(),
        role_id: role.id.clone(),
        session_name: instance_id.to_owned(),
        of_instance: true,
    })
}
