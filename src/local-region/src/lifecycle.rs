//! What takes time: machines that start and end, servers that come and go.
//! State follows what really happened.

use crate::api::ec2::catalogue::InstanceType;
use crate::backend::{MachineSpec, RootFs};
use crate::elsewhere;
use crate::faults::arrival::DeadOnArrival;
use crate::rules::{capacity_blocks as blocks, instances, power as rules};
use crate::server::Inner;
use crate::state::capacity::Market;
use crate::state::ec2::{Instance, InstanceState};
use crate::state::power::Cause;
use crate::windows::{DEAD_ON_ARRIVAL, TERMINATED_VISIBLE};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// EC2 begins to end what runs in a Capacity Block so long before its end.
const BLOCK_MARGIN: SignedDuration = SignedDuration::from_mins(30);

/// Starts the machine of an instance that is `pending`.
pub fn start(region: &Arc<Inner>, instance: &Instance) {
    let region = region.clone();
    let address = instance.private_ip();
    let spec = MachineSpec {
        instance_id: instance.id.clone(),
        host_name: format!("ip-{}", address.to_string().replace('.', "-")),
        root: instance.root.clone(),
        private_ip: address,
        mac: instance.interfaces.first().map(|first| first.mac.clone()).unwrap_or_default(),
        gpus: InstanceType::find(&instance.instance_type).and_then(InstanceType::nvidia_gpus),
    };
    let gate = instance.gate.clone().try_lock_owned();
    let arrives = !instance.has_run;
    let dies = arrives
        .then(|| region.faults.at_arrival(&instance.instance_type, &instance.zone))
        .flatten();
    let runtime = region.runtime.clone();
    runtime.spawn(async move {
        // The gate is free before a start; holding it from here makes an early
        // terminate wait until there is something to end.
        let _gate = gate;
        let id = spec.instance_id.clone();
        if let Some(arrival) = dies {
            return die_on_arrival(&region, &id, &arrival).await;
        }
        // The bridge knows the machine before it is there, and its address's last owner no more.
        let started = match region.firewall.follow(&region).await {
            Ok(()) => region.config.machines.start(spec).await,
            refused => refused,
        };
        let mut state = region.state();
        let Some(instance) = state.ec2.instances.get_mut(&id) else { return };
        match started {
            Ok(()) if instance.state == InstanceState::Pending => {
                instance.state = InstanceState::Running;
                instance.has_run = true;
                drop(state);
                crate::agents::follow(&region, &id);
            }
            Ok(()) => {}
            Err(error) => {
                tracing::error!(instance_id = id, %error, "machine did not start");
                let (has_run, before) = (instance.has_run, instance.state);
                instance.turn(before, &Cause::Launch(error.to_string()));
                match (has_run, before) {
                    (true, InstanceState::Pending) => state.ec2.stopped(&id, &region.rules),
                    // Its disk is there, and who terminates it waits at the gate.
                    (true, _) => {}
                    (false, _) => {
                        drop(state);
                        ended(&region, &id);
                    }
                }
            }
        }
    });
}

/// Powers off the machine of an instance that is `stopping`.
pub fn stop(region: &Arc<Inner>, instance_id: &str, orderly: bool) {
    let region = region.clone();
    let id = instance_id.to_owned();
    let runtime = region.runtime.clone();
    runtime.spawn(async move {
        let stopping = |instance: &&mut Instance| instance.state == InstanceState::Stopping;
        let gate =
            region.state().ec2.instances.get_mut(&id).filter(stopping).map(|i| i.gate.clone());
        let Some(gate) = gate else { return };
        let held = gate.lock().await;
        let machines = &region.config.machines;
        let stopped = if region.rules.on(&rules::DISK_KEPT) {
            machines.stop(&id, orderly).await
        } else {
            machines.terminate(&id).await.map(drop)
        };
        if let Err(error) = stopped {
            tracing::error!(instance_id = id, %error, "machine did not stop cleanly");
        }
        region.sessions.end_of(&id, region.clock.now());
        // Free before the state says so: a start finds it free.
        drop(held);
        let mut state = region.state();
        if state.ec2.instances.get_mut(&id).filter(stopping).is_some() {
            state.ec2.stopped(&id, &region.rules);
        }
    });
}

/// What EC2 does when it finds out too late that it cannot run an instance.
async fn die_on_arrival(region: &Arc<Inner>, id: &str, arrival: &DeadOnArrival) {
    let window = region.windows.of(&DEAD_ON_ARRIVAL);
    region.clock.sleep(window).await;
    if let Some(instance) = region.state().ec2.instances.get_mut(id) {
        instance.state = InstanceState::ShuttingDown;
        instance.reason = Some((arrival.reason.clone(), arrival.told()));
        instance.transition = arrival.reason.clone();
    }
    region.clock.sleep(window).await;
    ended(region, id);
}

/// Ends what runs in a Capacity Block before its end, and what is launched into
/// it after that at its end.
pub fn end_block(region: &Arc<Inner>, reservation_id: &str, end: Timestamp) {
    let region = region.clone();
    let reservation_id = reservation_id.to_owned();
    let runtime = region.runtime.clone();
    runtime.spawn(async move {
        for at in [end.saturating_sub(BLOCK_MARGIN).unwrap_or(end), end] {
            region.clock.sleep_until(at).await;
            if !region.rules.on(&blocks::TERMINATES) {
                return;
            }
            let mut state = region.state();
            let inside = |i: &&mut Instance| {
                i.capacity_reservation.as_ref() == Some(&reservation_id)
                    && i.state.holds_resources()
                    && i.state != InstanceState::ShuttingDown
            };
            for instance in state.ec2.instances.values_mut().filter(inside) {
                instance.turn(InstanceState::ShuttingDown, &Cause::BlockEnds);
                terminate(&region, &instance.id);
            }
        }
    });
}

/// Ends the machine of an instance that is `shutting-down`.
pub fn terminate(region: &Arc<Inner>, instance_id: &str) {
    let region = region.clone();
    let id = instance_id.to_owned();
    let runtime = region.runtime.clone();
    runtime.spawn(async move { terminate_now(&region, &id).await });
}

async fn terminate_now(region: &Arc<Inner>, id: &str) {
    let Some(gate) = region.state().ec2.instances.get(id).map(|instance| instance.gate.clone())
    else {
        return;
    };
    let _gate = gate.lock().await;
    let still = region.state().ec2.instances.get(id).is_some_and(|i| i.state.holds_resources());
    if !still {
        return;
    }
    match region.config.machines.terminate(id).await {
        Ok(console) if region.rules.on(&instances::CONSOLE_KEPT) => {
            if let Some(instance) = region.state().ec2.instances.get_mut(id) {
                instance.last_console = console;
            }
        }
        Ok(_) => {}
        Err(error) => tracing::error!(instance_id = id, %error, "machine did not end cleanly"),
    }
    ended(region, id);
}

/// Notes that an instance is gone, and forgets it after a while.
fn ended(region: &Arc<Inner>, id: &str) {
    {
        let mut state = region.state();
        state.ec2.release(id, &region.rules);
        state.sessions.forget_instance(id);
        region.sessions.end_of(id, region.clock.now());
    }
    let region = region.clone();
    let id = id.to_owned();
    let runtime = region.runtime.clone();
    runtime.spawn(async move {
        if let Err(error) = region.firewall.follow(&region).await {
            tracing::error!(%error, "the bridge still knows a machine that is gone");
        }
        let visible = region.windows.of(&TERMINATED_VISIBLE);
        region.clock.sleep(visible).await;
        let mut state = region.state();
        let root = state.ec2.instances.remove(&id).map(|instance| instance.root);
        state.ec2.tags.remove(&id);
        drop(state);
        if let Some(root) = root {
            discard(&region, root);
        }
    });
}

/// A machine powered itself off.
pub fn machine_ended(region: &Arc<Inner>, id: &str, why: &str) {
    let mut state = region.state();
    let Some(instance) = state.ec2.instances.get_mut(id) else { return };
    if !matches!(instance.state, InstanceState::Running | InstanceState::Pending) {
        return;
    }
    tracing::warn!(instance_id = id, why, "machine ended by itself");
    let terminates = instance.terminate_on_shutdown || instance.market == Market::Spot;
    if terminates && region.rules.on(&rules::FROM_INSIDE) {
        instance.turn(InstanceState::ShuttingDown, &Cause::Itself);
        terminate(region, id);
    } else {
        instance.turn(InstanceState::Stopping, &Cause::Itself);
        stop(region, id, true);
    }
}

/// Deletes the layers of an image that was deregistered, unless other images
/// or instances still stand on them.
pub fn discard(region: &Arc<Inner>, root: RootFs) {
    let mut keep: Vec<RootFs> = Vec::new();
    for region in elsewhere::all(region) {
        let state = region.state();
        keep.extend(state.ec2.images.values().map(|image| image.root.clone()));
        keep.extend(state.ec2.instances.values().map(|instance| instance.root.clone()));
    }
    if keep.contains(&root) {
        return;
    }
    let region = region.clone();
    let runtime = region.runtime.clone();
    runtime.spawn(async move { region.config.builder.discard(&root, &keep).await });
}

/// Ends every machine and tracking server at the same time.
pub async fn shutdown(region: &Arc<Inner>) {
    let (instances, servers) = {
        let mut state = region.state();
        for build in state.imagebuilder.images.values().filter(|build| build.is_building()) {
            build.cancel.notify_one();
        }
        let mut instances = Vec::new();
        for instance in state.ec2.instances.values_mut().filter(|i| i.state.holds_resources()) {
            instance.state = InstanceState::ShuttingDown;
            instances.push(instance.id.clone());
        }
        (instances, state.sagemaker.served().cloned().collect::<Vec<_>>())
    };
    let machines = instances.iter().map(|id| terminate_now(region, id));
    let servers = servers.iter().map(|served| async move {
        if let Err(error) = region.config.tracking.delete(&served.process).await {
            tracing::error!(arn = served.arn, %error, "mlflow server did not end cleanly");
        }
        region.state().sagemaker.remove(&served.key);
    });
    futures_util::future::join(
        futures_util::future::join_all(machines),
        futures_util::future::join_all(servers),
    )
    .await;
}
