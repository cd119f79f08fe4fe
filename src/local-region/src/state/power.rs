//! States of an instance and why it left one, in AWS's words.

use super::ec2::{Ec2, Instance};
use jiff::Timestamp;

/// State of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceState {
    /// The machine is being started.
    Pending,
    /// Its init runs.
    Running,
    /// The machine is being ended.
    ShuttingDown,
    /// Gone.
    Terminated,
    /// The machine is being powered off.
    Stopping,
    /// Powered off; its disk is kept.
    Stopped,
}

impl InstanceState {
    /// Code and name in the API.
    #[must_use]
    pub fn told(self) -> (u16, &'static str) {
        match self {
            Self::Pending => (0, "pending"),
            Self::Running => (16, "running"),
            Self::ShuttingDown => (32, "shutting-down"),
            Self::Terminated => (48, "terminated"),
            Self::Stopping => (64, "stopping"),
            Self::Stopped => (80, "stopped"),
        }
    }

    /// Whether it still holds interfaces, volumes and groups.
    #[must_use]
    pub fn holds_resources(self) -> bool {
        self != Self::Terminated
    }
}

/// What made an instance leave its state.
#[derive(Debug, Clone)]
pub enum Cause {
    /// StopInstances or TerminateInstances, and when.
    User(Timestamp),
    /// A power-off from inside.
    Itself,
    /// The end of its Capacity Block is near.
    BlockEnds,
    /// It could not be started.
    Launch(String),
}

impl Instance {
    /// Enters a state for a reason. EC2 tells no time, and calls the user the
    /// initiator, when the instance powered itself off.
    pub fn turn(&mut self, state: InstanceState, cause: &Cause) {
        let (code, text, transition) = match cause {
            Cause::User(now) => (
                "Client.UserInitiatedShutdown",
                "User initiated shutdown".to_owned(),
                format!("User initiated ({})", now.strftime("%Y-%m-%d %H:%M:%S GMT")),
            ),
            Cause::Itself => (
                "Client.InstanceInitiatedShutdown",
                "Instance initiated shutdown".to_owned(),
                "User initiated".to_owned(),
            ),
            Cause::BlockEnds => (
                "Server.ScheduledStop",
                "The Capacity Block of the instance ends".to_owned(),
                "Server.ScheduledStop".to_owned(),
            ),
            Cause::Launch(why) => (
                "Server.InternalError",
                format!("Internal error on launch: {why}"),
                "Server.InternalError".to_owned(),
            ),
        };
        self.state = state;
        self.reason = Some((code.to_owned(), format!("{code}: {text}")));
        self.transition = transition;
    }

    /// Enters `pending` again, now.
    pub fn start_again(&mut self, now: String) {
        self.state = InstanceState::Pending;
        self.started = now;
        self.reason = None;
        self.transition = String::new();
    }
}

impl Ec2 {
    /// An instance has powered off: what it gives back until it is started.
    pub fn stopped(&mut self, instance_id: &str, in_force: &crate::rules::Rules) {
        use crate::rules::power as rules;
        let Some(instance) = self.instances.get_mut(instance_id) else { return };
        instance.state = InstanceState::Stopped;
        if in_force.on(&rules::PUBLIC_ADDRESS) {
            instance.public_ip = None;
        }
        if in_force.on(&rules::CAPACITY_FREED) {
            instance.capacity_reservation = None;
        }
    }
}
