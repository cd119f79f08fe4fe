//! What AWS announces: that a Spot instance is taken back or should be left,
//! and scheduled events.

use super::facts::{Maintenance, NOT_UNDERSTOOD, SpotNotice};
use super::time::{left, rfc2822, rfc3339};
use crate::board::Reading;
use jiff::Timestamp;
use nixl_aws::imds::{ScheduledEvent, SpotAction};
use nixl_cluster::reason;

/// What the metadata service says of the Spot instance; a notice whose time
/// cannot be read holds from now on.
pub fn spot(told: Option<SpotAction>, now: Timestamp) -> Option<SpotNotice> {
    told.map(|told| SpotNotice { at: rfc3339(&told.time).unwrap_or(now), action: told.action })
}

/// A notice that is there since then and is not understood.
pub fn odd_spot(since: Timestamp) -> SpotNotice {
    SpotNotice { action: NOT_UNDERSTOOD.to_owned(), at: since }
}

/// What it means.
pub fn judge_spot(notice: Option<&SpotNotice>, now: Timestamp) -> Reading {
    let Some(SpotNotice { action, at }) = notice else { return Reading::good("none") };
    let left_secs = at.duration_since(now).as_secs();
    let when = match left_secs {
        1.. => format!("in {}", left(left_secs)),
        _ => "at any moment".to_owned(),
    };
    if action == NOT_UNDERSTOOD {
        let evidence = format!("there is a notice that is not understood, since {at:.0}");
        return Reading::bad(&reason::SPOT_INTERRUPTION, evidence)
            .field("action", action.as_str())
            .value(action.as_str());
    }
    let done = match action.as_str() {
        "stop" => "stopped",
        "hibernate" => "hibernated",
        _ => "terminated",
    };
    Reading::bad(&reason::SPOT_INTERRUPTION, format!("this instance is {done} {when} ({at:.0})"))
        .field("action", action.as_str())
        .field("at", at.to_string())
        .field("left_secs", left_secs)
        .value(action.as_str())
}

/// What a recommendation to leave means.
pub fn judge_rebalance(at: Option<Timestamp>) -> Reading {
    let Some(at) = at else { return Reading::good("none") };
    Reading::bad(&reason::REBALANCE, format!("recommended at {at:.0}"))
        .field("at", at.to_string())
        .happened(at)
}

/// Scheduled events that are still to come or under way.
pub fn maintenance(told: Vec<ScheduledEvent>) -> Vec<Maintenance> {
    let active = told.into_iter().filter(|event| event.state == "active");
    let event = |event: ScheduledEvent| Maintenance {
        id: event.event_id,
        code: event.code,
        description: event.description,
        not_before: event.not_before.as_deref().and_then(rfc2822),
        not_after: event.not_after.as_deref().and_then(rfc2822),
    };
    active.map(event).collect()
}

/// What they mean, one reading each.
pub fn judge_maintenance(events: &[Maintenance], now: Timestamp) -> Vec<Reading> {
    if events.is_empty() {
        return vec![Reading::good("none")];
    }
    events.iter().map(|event| judge_event(event, now)).collect()
}

fn judge_event(event: &Maintenance, now: Timestamp) -> Reading {
    let begin = event.not_before.map(|at| {
        let secs = at.duration_since(now).as_secs();
        match secs {
            1.. => format!(" not before {at:.0} (in {})", left(secs)),
            _ => format!(" since {at:.0}"),
        }
    });
    let end = event.not_after.map(|at| format!(", until {at:.0}"));
    let evidence = format!(
        "{} ({}){}{}",
        event.code,
        event.description,
        begin.unwrap_or_default(),
        end.unwrap_or_default()
    );
    let mut reading = Reading::bad(&reason::MAINTENANCE, evidence)
        .field("code", event.code.as_str())
        .value(event.code.as_str())
        .about(event.id.as_str());
    for (name, at) in [("not_before", event.not_before), ("not_after", event.not_after)] {
        if let Some(at) = at {
            reading = reading.field(name, at.to_string());
        }
    }
    reading
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_interruption_tells_the_time_left() {
        let now = at("2017-09-18T08:20:02Z");
        let told =
            SpotAction { action: "terminate".to_owned(), time: "2017-09-18T08:22:00Z".to_owned() };
        let notice = spot(Some(told), now);
        let reading = judge_spot(notice.as_ref(), now);
        assert_eq!(reading.code(), Some("system.spot_interruption"));
        assert_eq!(reading.fields["left_secs"], 118);
        let (_, evidence) = reading.reason.unwrap();
        assert_eq!(evidence, "this instance is terminated in 1 min 58 s (2017-09-18T08:22:00Z)");
        let unreadable = SpotAction { action: "hibernate".to_owned(), time: "now".to_owned() };
        let (_, evidence) = judge_spot(spot(Some(unreadable), now).as_ref(), now).reason.unwrap();
        assert!(evidence.starts_with("this instance is hibernated at any moment"), "{evidence}");
        let odd = judge_spot(Some(&odd_spot(now)), now);
        assert_eq!(odd.code(), Some("system.spot_interruption"));
        assert_eq!(
            odd.reason.unwrap().1,
            "there is a notice that is not understood, since 2017-09-18T08:20:02Z"
        );
        assert_eq!(judge_spot(None, now).code(), None);
    }

    #[test]
    fn a_recommendation_is_acknowledged_up_to_its_time() {
        let when = at("2020-10-27T08:22:00Z");
        assert_eq!(judge_rebalance(Some(when)).happened, Some(when));
        assert_eq!(judge_rebalance(None).code(), None);
    }

    #[test]
    fn only_active_events_count_each_with_its_window() {
        let event = |id: &str, state: &str| ScheduledEvent {
            event_id: id.to_owned(),
            code: "system-reboot".to_owned(),
            description: "scheduled reboot".to_owned(),
            state: state.to_owned(),
            not_before: Some("21 Jan 2019 09:00:43 GMT".to_owned()),
            not_after: Some("21 Jan 2019 09:17:23 GMT".to_owned()),
        };
        let events =
            maintenance(vec![event("instance-event-1", "active"), event("x", "completed")]);
        let readings = judge_maintenance(&events, at("2019-01-20T08:00:43Z"));
        assert_eq!(readings.len(), 1);
        assert_eq!(readings[0].id.as_deref(), Some("instance-event-1"));
        let (reason, evidence) = readings[0].reason.as_ref().unwrap();
        assert_eq!(reason.code, "system.maintenance");
        let expected = "system-reboot (scheduled reboot) not before 2019-01-21T09:00:43Z (in 1 d 1 h), until 2019-01-21T09:17:23Z";
        assert_eq!(evidence, expected);
        assert_eq!(judge_maintenance(&[], Timestamp::now())[0].code(), None);
    }
}
