//! StartMlflowTrackingServer and StopMlflowTrackingServer.

use super::servers::{named, not_found, wrong_state};
use crate::api::{Answer, Call};
use crate::rules::{Rule, tracking_servers as rules};
use crate::served::{Step, change};
use crate::state::sagemaker::Status;
use serde_json::{Value, json};

struct Turn {
    rule: &'static Rule,
    from: fn(Status) -> bool,
    cannot: &'static str,
    doing: Status,
    step: Step,
    done: Status,
    failed: Status,
}

/// StartMlflowTrackingServer.
pub fn start(call: &Call<'_>, input: &Value) -> Answer {
    turn(
        call,
        input,
        Turn {
            rule: &rules::START_STATE,
            from: |status| matches!(status, Status::Stopped | Status::StartFailed),
            cannot: "can't be started",
            doing: Status::Starting,
            step: Step::Start,
            done: Status::Started,
            failed: Status::StartFailed,
        },
    )
}

/// StopMlflowTrackingServer: its store is kept.
pub fn stop(call: &Call<'_>, input: &Value) -> Answer {
    turn(
        call,
        input,
        Turn {
            rule: &rules::STOP_STATE,
            from: |status| {
                use Status as S;
                matches!(
                    status,
                    S::Created | S::Started | S::Updated | S::UpdateFailed | S::StopFailed
                )
            },
            cannot: "can't be stopped",
            doing: Status::Stopping,
            step: Step::Stop,
            done: Status::Stopped,
            failed: Status::StopFailed,
        },
    )
}

fn turn(call: &Call<'_>, input: &Value, turn: Turn) -> Answer {
    let (name, arn) = named(call, input)?;
    let now = call.region.clock.now();
    let mut state = call.state();
    let served =
        &mut state.sagemaker.servers.get_mut(&name).ok_or_else(|| not_found(&name))?.served;
    let status = served.status;
    call.region
        .rules
        .check(turn.rule, (turn.from)(status), || wrong_state(&arn, status, turn.cannot))?;
    served.status = turn.doing;
    served.modified = now;
    let key = served.key.clone();
    drop(state);
    change(call.region, &key, turn.step, turn.done, turn.failed);
    Ok(json!({ "TrackingServerArn": arn }))
}
