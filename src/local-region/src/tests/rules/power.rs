//! Proofs of the rules of stopping and starting.

use super::launch::{accepted, launch, refused};
use super::{Case, Found, case, same};
use crate::backend::Directory;
use crate::rules::power as rules;
use crate::state::capacity::Market;
use crate::state::ec2::{Instance, InstanceState};
use crate::testing::{Bench, element};
use jiff::SignedDuration;

fn of<T>(bench: &Bench, id: &str, read: impl Fn(&Instance) -> T) -> Option<T> {
    bench.region.inner.state().ec2.instances.get(id).map(read)
}

async fn until(bench: &Bench, id: &str, state: InstanceState) {
    bench.until(|_| of(bench, id, |i| i.state).filter(|now| *now == state)).await;
}

/// A running instance.
pub async fn running(bench: &Bench, more: &str) -> Result<String, String> {
    let (_, text) = launch(bench, more).await;
    accepted(&text)?;
    let id = element(&text, "instanceId").to_owned();
    until(bench, &id, InstanceState::Running).await;
    Ok(id)
}

async fn ask(bench: &Bench, action: &str, ids: &[&str]) -> String {
    let ids: String =
        ids.iter().enumerate().map(|(n, id)| format!("&InstanceId.{}={id}", n + 1)).collect();
    bench.query("ec2", &format!("Action={action}Instances{ids}")).await.1
}

/// Stops it, and waits until it is stopped.
pub async fn stop(bench: &Bench, id: &str) -> Found {
    let text = ask(bench, "Stop", &[id]).await;
    accepted(&text)?;
    same(element(element(&text, "currentState"), "name"), "stopping")?;
    until(bench, id, InstanceState::Stopped).await;
    Ok(())
}

async fn start(bench: &Bench, id: &str) -> Found {
    let text = ask(bench, "Start", &[id]).await;
    accepted(&text)?;
    same(element(element(&text, "currentState"), "name"), "pending")?;
    until(bench, id, InstanceState::Running).await;
    Ok(())
}

fn put(bench: &Bench, id: &str, state: InstanceState) {
    if let Some(instance) = bench.region.inner.state().ec2.instances.get_mut(id) {
        instance.state = state;
    }
}

fn refusals() -> Vec<Case> {
    const STATE: &str = "IncorrectInstanceState";
    vec![
        case(&rules::STOP_SPOT, async |bench: Bench| {
            let id = running(&bench, "&InstanceMarketOptions.MarketType=spot").await?;
            refused(&ask(&bench, "Stop", &[&id]).await, "UnsupportedOperation")
        }),
        case(&rules::STOP_PENDING, async |bench: Bench| {
            let id = running(&bench, "").await?;
            bench.region.inner.state().ec2.instances.get_mut(&id).unwrap().has_run = false;
            put(&bench, &id, InstanceState::Pending);
            let text = ask(&bench, "Stop", &[&id]).await;
            refused(&text, STATE)?;
            let told = format!(
                "Instance '{id}' cannot be stopped as it has never reached the 'running' state."
            );
            same(element(&text, "Message"), &told)
        }),
        case(&rules::STOP_STATE, async |bench: Bench| {
            let (one, two) = (running(&bench, "").await?, running(&bench, "").await?);
            ask(&bench, "Terminate", &[&two]).await;
            refused(&ask(&bench, "Stop", &[&one, &two]).await, STATE)?;
            same(of(&bench, &one, |i| i.state), Some(InstanceState::Running))
        }),
        case(&rules::STOP_HIBERNATE, async |bench: Bench| {
            let id = running(&bench, "").await?;
            let body = format!("Action=StopInstances&InstanceId.1={id}&Hibernate=true");
            refused(&bench.query("ec2", &body).await.1, "UnsupportedHibernationConfiguration")
        }),
        case(&rules::START_STATE, async |bench: Bench| {
            let (one, two) = (running(&bench, "").await?, running(&bench, "").await?);
            stop(&bench, &one).await?;
            put(&bench, &two, InstanceState::Stopping);
            refused(&ask(&bench, "Start", &[&one, &two]).await, STATE)?;
            same(of(&bench, &one, |i| i.state), Some(InstanceState::Stopped))?;
            ask(&bench, "Terminate", &[&two]).await;
            refused(&ask(&bench, "Start", &[&two]).await, STATE)
        }),
        case(&rules::AGAIN, async |bench: Bench| {
            let id = running(&bench, "").await?;
            accepted(&ask(&bench, "Start", &[&id]).await)?;
            stop(&bench, &id).await?;
            let text = ask(&bench, "Stop", &[&id]).await;
            accepted(&text)?;
            same(element(element(&text, "currentState"), "name"), "stopped")?;
            let stops = |line: &String| line.starts_with("stop ");
            same(bench.machines.log().into_iter().filter(stops).count(), 1)
        }),
        case(&rules::START_CAPACITY, async |bench: Bench| {
            let id = running(&bench, "&Placement.AvailabilityZone=us-east-1a").await?;
            stop(&bench, &id).await?;
            let limit = |most| {
                let mut state = bench.region.inner.state();
                state.ec2.capacity.set("us-east-1a", "g5.12xlarge", Market::OnDemand, Some(most));
            };
            limit(0);
            refused(&ask(&bench, "Start", &[&id]).await, "InsufficientInstanceCapacity")?;
            limit(1);
            start(&bench, &id).await
        }),
    ]
}

pub fn cases() -> Vec<Case> {
    let mut all = refusals();
    all.extend([
        case(&rules::PUBLIC_ADDRESS, async |bench: Bench| {
            let id = running(&bench, "").await?;
            let addresses = |i: &Instance| (i.private_ip(), i.interfaces[0].id.clone());
            let before = of(&bench, &id, addresses);
            let public = of(&bench, &id, |i| i.public_ip).flatten();
            stop(&bench, &id).await?;
            same(of(&bench, &id, |i| i.public_ip).flatten(), None)?;
            // Another one takes the address meanwhile.
            let other = running(&bench, "").await?;
            same(of(&bench, &other, |i| i.public_ip).flatten(), public)?;
            start(&bench, &id).await?;
            same(of(&bench, &id, addresses), before)?;
            let now = of(&bench, &id, |i| i.public_ip).flatten();
            same((now.is_some(), now == public), (true, false))
        }),
        case(&rules::REASON, async |bench: Bench| {
            let id = running(&bench, "").await?;
            stop(&bench, &id).await?;
            let describe = format!("Action=DescribeInstances&InstanceId.1={id}");
            let (_, text) = bench.query("ec2", &describe).await;
            let told = element(&text, "reason");
            let timed = told.starts_with("User initiated (20") && told.ends_with(" GMT)");
            same((told.len(), timed), ("User initiated (2026-11-25 00:00:00 GMT)".len(), true))?;
            let reason = element(&text, "stateReason");
            same(element(reason, "code"), "Client.UserInitiatedShutdown")?;
            same(
                element(reason, "message"),
                "Client.UserInitiatedShutdown: User initiated shutdown",
            )?;
            start(&bench, &id).await?;
            let (_, text) = bench.query("ec2", &describe).await;
            same(text.contains("stateReason"), false)
        }),
        case(&rules::LAUNCH_TIME, async |bench: Bench| {
            let id = running(&bench, "").await?;
            let first = of(&bench, &id, |i| i.started.clone());
            stop(&bench, &id).await?;
            bench.region.inner.clock.advance(SignedDuration::from_mins(2));
            start(&bench, &id).await?;
            same(of(&bench, &id, |i| i.started.clone()) > first, true)
        }),
        case(&rules::CAPACITY_FREED, async |bench: Bench| {
            let zone = "&Placement.AvailabilityZone=us-east-1a";
            let set = ("us-east-1a", "g5.12xlarge", Market::OnDemand, Some(1));
            bench.region.inner.state().ec2.capacity.set(set.0, set.1, set.2, set.3);
            let id = running(&bench, zone).await?;
            refused(&launch(&bench, zone).await.1, "InsufficientInstanceCapacity")?;
            stop(&bench, &id).await?;
            accepted(&launch(&bench, zone).await.1)
        }),
        case(&rules::GROUP_KEPT, async |bench: Bench| {
            let group = "Action=CreatePlacementGroup&Strategy=cluster&GroupName=pair";
            accepted(&bench.query("ec2", group).await.1)?;
            bench.region.inner.clock.advance(SignedDuration::from_secs(2));
            let id = running(&bench, "&Placement.GroupName=pair").await?;
            stop(&bench, &id).await?;
            let (_, text) = bench.query("ec2", "Action=DeletePlacementGroup&GroupName=pair").await;
            refused(&text, "InvalidPlacementGroup.InUse")
        }),
        case(&rules::FROM_INSIDE, async |bench: Bench| {
            let stops = running(&bench, "").await?;
            bench.region.machine_ended(&stops, "powered off");
            until(&bench, &stops, InstanceState::Stopped).await;
            let reason = of(&bench, &stops, |i| (i.reason.clone(), i.transition.clone()));
            let (reason, transition) = reason.ok_or("gone")?;
            let code = "Client.InstanceInitiatedShutdown".to_owned();
            same(reason, Some((code.clone(), format!("{code}: Instance initiated shutdown"))))?;
            same(transition.as_str(), "User initiated")?;
            start(&bench, &stops).await?;
            let ends = running(&bench, "&InstanceInitiatedShutdownBehavior=terminate").await?;
            bench.region.machine_ended(&ends, "powered off");
            let settled =
                |s: &InstanceState| matches!(s, InstanceState::Stopped | InstanceState::Terminated);
            let state = bench.until(|_| of(&bench, &ends, |i| i.state).filter(settled)).await;
            same(state, InstanceState::Terminated)
        }),
    ]);
    all
}
