//! What EC2 announces to an instance, by `nixl-region notice` and the control API.
//!
//! Sources: EC2 user guide, "Spot Instance interruption notices", "EC2 instance
//! rebalance recommendations", "View scheduled events"; API model, `EventCode`.

use jiff::fmt::serde::duration::friendly::compact;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// One thing to announce, or that nothing is announced any more.
#[derive(Debug, Clone, Serialize, Deserialize, clap::Subcommand)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Notice {
    /// A Spot interruption; AWS announces it two minutes ahead.
    Spot {
        /// What becomes of the instance.
        #[arg(value_enum)]
        action: SpotAction,
        /// When.
        #[arg(long = "in", value_name = "TIME", default_value = "2m")]
        #[serde(serialize_with = "compact::required")]
        after: SignedDuration,
    },
    /// A recommendation to leave a Spot instance, as of now.
    Rebalance,
    /// A scheduled event; several may be announced.
    Maintenance {
        /// What will happen.
        #[arg(value_enum)]
        code: EventCode,
        /// When its window begins.
        #[arg(long = "in", value_name = "TIME", default_value = "168h")]
        #[serde(serialize_with = "compact::required")]
        after: SignedDuration,
        /// How long its window is.
        #[arg(long = "for", value_name = "TIME", default_value = "2h")]
        #[serde(serialize_with = "compact::required")]
        window: SignedDuration,
    },
    /// Takes back all that was announced; scheduled events go to the history as canceled.
    Clear,
}

/// What becomes of an interrupted Spot instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum SpotAction {
    /// It ends.
    Terminate,
    /// It can be started again.
    Stop,
    /// The same, with its memory.
    Hibernate,
}

/// `EventCode` of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum EventCode {
    /// The instance is rebooted.
    InstanceReboot,
    /// Its host is rebooted.
    SystemReboot,
    /// Network or power of its host are maintained.
    SystemMaintenance,
    /// It is stopped or terminated for good.
    InstanceRetirement,
    /// It is stopped, and starts elsewhere.
    InstanceStop,
}

/// What is announced to one instance.
#[derive(Debug, Clone, Default)]
pub struct Notices {
    spot: Option<(SpotAction, Timestamp)>,
    rebalance: Option<Timestamp>,
    events: Vec<Event>,
    history: Vec<Event>,
}

#[derive(Debug, Clone)]
struct Event {
    id: String,
    code: EventCode,
    not_before: Timestamp,
    not_after: Timestamp,
    state: &'static str,
}

impl Notices {
    /// Adds one, or takes back all.
    pub fn add(&mut self, notice: &Notice, now: Timestamp) {
        match notice {
            Notice::Spot { action, after } => self.spot = Some((*action, now + *after)),
            Notice::Rebalance => self.rebalance = Some(now),
            Notice::Maintenance { code, after, window } => self.events.push(Event {
                id: crate::state::ids::resource("instance-event"),
                code: *code,
                not_before: now + *after,
                not_after: now + *after + *window,
                state: "active",
            }),
            Notice::Clear => {
                let canceled =
                    self.events.drain(..).map(|event| Event { state: "canceled", ..event });
                self.history.extend(canceled);
                (self.spot, self.rebalance) = (None, None);
            }
        }
    }

    /// As paths below `meta-data/` and their texts. Scheduled events are always
    /// there, the others only when there is something to say.
    #[must_use]
    pub fn metadata(&self) -> Vec<(&'static str, String)> {
        let mut leaves = vec![
            ("events/maintenance/history", events(&self.history)),
            ("events/maintenance/scheduled", events(&self.events)),
        ];
        if let Some((action, at)) = &self.spot {
            let document = format!("{{\"action\": {}, \"time\": \"{at:.0}\"}}", json!(action));
            leaves.push(("spot/instance-action", document));
            if *action == SpotAction::Terminate {
                leaves.push(("spot/termination-time", format!("{at:.0}")));
            }
        }
        if let Some(at) = &self.rebalance {
            let document = format!("{{\"noticeTime\":\"{at:.0}\"}}");
            leaves.push(("events/recommendations/rebalance", document));
        }
        leaves
    }
}

fn events(events: &[Event]) -> String {
    let told = |at: &Timestamp| at.strftime("%-d %b %Y %H:%M:%S GMT").to_string();
    let documents: Vec<String> = events
        .iter()
        .map(|event| {
            let Event { id, code, not_before, not_after, state } = event;
            let fields = [
                ("NotBefore", told(not_before)),
                ("Code", code.name()),
                ("Description", event.description()),
                ("EventId", id.clone()),
                ("NotAfter", told(not_after)),
                ("State", (*state).to_owned()),
            ];
            let lines = fields.map(|(name, value)| format!("  \"{name}\" : {}", json!(value)));
            format!("{{\n{}\n}}", lines.join(",\n"))
        })
        .collect();
    match documents.len() {
        0 => "[]".to_owned(),
        _ => format!("[ {} ]", documents.join(", ")),
    }
}

impl Event {
    fn description(&self) -> String {
        let what = match self.code {
            EventCode::InstanceReboot | EventCode::SystemReboot => "scheduled reboot",
            EventCode::SystemMaintenance => "scheduled maintenance",
            EventCode::InstanceRetirement | EventCode::InstanceStop => {
                "The instance is running on degraded hardware"
            }
        };
        match self.state {
            "canceled" => format!("[Canceled] {what}"),
            _ => what.to_owned(),
        }
    }
}

impl EventCode {
    fn name(self) -> String {
        json!(self).as_str().unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn leaf(notices: &Notices, path: &str) -> Option<String> {
        notices.metadata().into_iter().find(|(name, _)| *name == path).map(|(_, text)| text)
    }

    #[test]
    fn an_interruption_reads_as_on_ec2() {
        let mut notices = Notices::default();
        let spot = |action| Notice::Spot { action, after: SignedDuration::from_mins(2) };
        notices.add(&spot(SpotAction::Terminate), at("2017-09-18T08:20:00.5Z"));
        let told = leaf(&notices, "spot/instance-action").unwrap();
        assert_eq!(told, r#"{"action": "terminate", "time": "2017-09-18T08:22:00Z"}"#);
        assert_eq!(leaf(&notices, "spot/termination-time").unwrap(), "2017-09-18T08:22:00Z");
        notices.add(&spot(SpotAction::Stop), at("2017-09-18T08:20:00Z"));
        assert_eq!(leaf(&notices, "spot/termination-time"), None);
        notices.add(&Notice::Rebalance, at("2020-10-27T08:22:00Z"));
        let told = leaf(&notices, "events/recommendations/rebalance").unwrap();
        assert_eq!(told, r#"{"noticeTime":"2020-10-27T08:22:00Z"}"#);
        notices.add(&Notice::Clear, at("2020-10-27T08:22:00Z"));
        assert_eq!(notices.metadata().len(), 2);
    }

    #[test]
    fn scheduled_events_are_a_list_that_may_be_empty() {
        let mut notices = Notices::default();
        assert_eq!(leaf(&notices, "events/maintenance/scheduled").unwrap(), "[]");
        let reboot = Notice::Maintenance {
            code: EventCode::SystemReboot,
            after: SignedDuration::from_hours(1),
            window: SignedDuration::from_mins(17),
        };
        notices.add(&reboot, at("2019-01-21T08:00:43Z"));
        let told = leaf(&notices, "events/maintenance/scheduled").unwrap();
        let read: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!(read[0]["NotBefore"], "21 Jan 2019 09:00:43 GMT");
        assert_eq!(read[0]["NotAfter"], "21 Jan 2019 09:17:43 GMT");
        assert_eq!(
            (&read[0]["Code"], &read[0]["State"]),
            (&json!("system-reboot"), &json!("active"))
        );
        assert!(told.contains("\"Code\" : \"system-reboot\""), "{told}");
        notices.add(&Notice::Clear, at("2019-01-21T08:30:00Z"));
        assert_eq!(leaf(&notices, "events/maintenance/scheduled").unwrap(), "[]");
        let history = leaf(&notices, "events/maintenance/history").unwrap();
        assert!(history.contains("[Canceled] scheduled reboot"), "{history}");
    }
}
