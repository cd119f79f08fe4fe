//! Spot requests; here each is made by a launch and has its instance at once.

use super::capacity::Market;
use super::ec2::{Ec2, Instance, InstanceState};

/// A one-time Spot request.
#[derive(Debug, Clone)]
pub struct SpotRequest {
    /// `sir-…`
    pub id: String,
    /// Its instance.
    pub instance_id: String,
    /// Image of the instance.
    pub image_id: String,
    /// Type of the instance.
    pub instance_type: String,
    /// Zone of the instance.
    pub zone: String,
    /// Creation time.
    pub created: String,
    /// It was cancelled, which leaves the instance running.
    pub cancelled: bool,
}

impl SpotRequest {
    /// The request behind a new instance, if that is a Spot instance.
    #[must_use]
    pub fn of(instance: &Instance) -> Option<Self> {
        (instance.market == Market::Spot).then(|| Self {
            id: super::ids::spot_request(),
            instance_id: instance.id.clone(),
            image_id: instance.image_id.clone(),
            instance_type: instance.instance_type.clone(),
            zone: instance.zone.clone(),
            created: instance.launched.clone(),
            cancelled: false,
        })
    }

    /// State and status code in the API.
    #[must_use]
    pub fn told(&self, ec2: &Ec2) -> (&'static str, &'static str) {
        let state = ec2.instances.get(&self.instance_id).map(|instance| instance.state);
        let runs =
            matches!(state, Some(s) if s.holds_resources() && s != InstanceState::ShuttingDown);
        match (self.cancelled, runs) {
            (false, true) => ("active", "fulfilled"),
            (true, true) => ("cancelled", "request-canceled-and-instance-running"),
            (_, false) => ("closed", "instance-terminated-by-user"),
        }
    }
}
