//! One way to launch the whole group: a type, a market and a place.

use super::Place;
use crate::keys;
use nixl_aws::Tag;
use nixl_aws::ec2::{Instance, Market};
use serde::{Deserialize, Serialize};

/// One RunInstances that may be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// Type name; one of the plan's types.
    pub instance_type: String,
    /// Market.
    pub market: Market,
    /// Zone and subnet.
    pub place: Place,
    /// How its nodes reach AWS.
    pub way_out: WayOut,
    /// Capacity Reservation or Capacity Block it goes into.
    pub reservation_id: Option<String>,
    /// Cluster placement group; none in a Capacity Block or a reservation that
    /// was not made in one.
    pub placement_group: Option<String>,
}

/// How nodes reach AWS (SSM, SageMaker, S3) from their subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WayOut {
    /// A public address that EC2 assigns at launch, to a single interface only.
    Assigned,
    /// An Elastic IP on each node's first interface, once it runs.
    Elastic,
    /// No public address: a NAT gateway or VPC endpoints.
    Private,
}

impl WayOut {
    /// As in [`crate::keys::WAY_OUT`].
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::Elastic => "elastic",
            Self::Private => "private",
        }
    }

    /// As the node was launched, whatever is asked now.
    #[must_use]
    pub fn of(node: &Instance) -> Option<Self> {
        let told = Tag::find(&node.tags, keys::WAY_OUT)?;
        [Self::Assigned, Self::Elastic, Self::Private].into_iter().find(|it| it.as_str() == told)
    }
}

impl Attempt {
    /// `<type>/<market>/<zone>`: its name in the record of launches and in the
    /// memory of refusals.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}/{}/{}", self.instance_type, self.market, self.place.zone)
    }
}
