//! What is there, as read in one round.

use nixl_aws::Tag;
use nixl_aws::ec2::{
    Image, Instance, InstanceTypeInfo, PlacementGroup, Reservation, RouteTable, SecurityGroup,
    SpotPrice, Subnet, Vpc,
};
use nixl_aws::iam::{InstanceProfile, Role};
use nixl_aws::pricing::ListPrice;
use nixl_aws::quotas::Increase;
use nixl_aws::sagemaker::Mlflow;

/// A fact a launch can do without: who may not read it may still launch.
#[derive(Debug, Clone, PartialEq)]
pub enum Known<T> {
    /// So it is.
    Value(T),
    /// Why it is not known.
    Unknown(String),
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self::Unknown("not asked for".to_owned())
    }
}

impl<T> Known<T> {
    /// The value, if it is known.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }
}

impl<T> From<nixl_aws::Result<T>> for Known<T> {
    fn from(read: nixl_aws::Result<T>) -> Self {
        match read {
            Ok(value) => Self::Value(value),
            Err(error) => Self::Unknown(error.to_string()),
        }
    }
}

/// A snapshot of the account and region.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// When it was read.
    pub read_at: Option<jiff::Timestamp>,
    /// Account id.
    pub account: String,
    /// The image id that the parameter asked for holds, if there is such a parameter
    /// and it holds one.
    pub image_parameter: Option<String>,
    /// Image candidates: the one named, or every baked one.
    pub images: Vec<Image>,
    /// The types asked for, in that order, without those that EC2 does not know.
    pub types: Vec<TypeFacts>,
    /// Types that EC2 does not know, and what was probably meant.
    pub unknown_types: Vec<(String, Option<String>)>,
    /// VPCs.
    pub vpcs: Vec<Vpc>,
    /// Subnets.
    pub subnets: Vec<Subnet>,
    /// Instances of the cluster, in any state.
    pub instances: Vec<Instance>,
    /// Security groups of the cluster's name.
    pub security_groups: Vec<SecurityGroup>,
    /// Placement groups of the cluster.
    pub placement_groups: Vec<PlacementGroup>,
    /// Role of the cluster's name.
    pub node_role: Option<Role>,
    /// Document of its inline policy.
    pub node_policy: Option<String>,
    /// ARNs of the managed policies attached to it.
    pub node_managed_policies: Vec<String>,
    /// Instance profile of the cluster's name.
    pub node_profile: Option<InstanceProfile>,
    /// MLflow.
    pub tracking: TrackingFacts,
    /// The reservation asked for.
    pub reservation: Option<Reservation>,
    /// Reservations of the account.
    pub reservations: Known<Vec<Reservation>>,
    /// Instances of the account that run or are about to.
    pub usage: Known<Vec<Instance>>,
    /// Quotas of the types asked for.
    pub quotas: Vec<QuotaFacts>,
    /// On-Demand prices of the types asked for and of what may be offered instead.
    pub prices: Vec<PriceFacts>,
    /// Spot prices of the types asked for.
    pub spot_prices: Known<Vec<SpotPrice>>,
    /// Route tables.
    pub routes: Known<Vec<RouteTable>>,
    /// How many Elastic IP addresses the account has.
    pub addresses: Known<u32>,
    /// Of these, how many are the cluster's already.
    pub own_addresses: u32,
    /// How many it may have.
    pub address_limit: Known<f64>,
}

/// An instance type, and where it is offered.
#[derive(Debug, Clone, Default)]
pub struct TypeFacts {
    /// The type.
    pub info: InstanceTypeInfo,
    /// Zones that offer it.
    pub zones: Vec<String>,
}

/// A quota as read.
#[derive(Debug, Clone, Default)]
pub struct QuotaFacts {
    /// `L-…`
    pub code: String,
    /// Its value.
    pub limit: Known<f64>,
    /// Increases that are not settled.
    pub pending: Known<Vec<Increase>>,
}

/// A price as read.
#[derive(Debug, Clone, Default)]
pub struct PriceFacts {
    /// Type name.
    pub instance_type: String,
    /// On-Demand price, if there is one.
    pub price: Known<Option<ListPrice>>,
}

/// What is there of MLflow.
#[derive(Debug, Clone, Default)]
pub struct TrackingFacts {
    /// The server of the asked name or that the cluster has made, or what has the ARN
    /// that was asked for or that nodes were told of.
    pub found: Option<Mlflow>,
    /// Apps that this cluster has made: one, or more after races and lost answers.
    pub apps: Vec<Mlflow>,
    /// The role the cluster would make for it.
    pub role: Option<Role>,
    /// Price of the server that was asked for.
    pub price: Known<Option<ListPrice>>,
    /// Role and bucket were seen to in this run.
    pub is_settled: bool,
    /// Tags of the bucket the cluster would make for it, if it is there.
    pub bucket: Option<Vec<Tag>>,
}
