//! What is there, as read in one round.

use nixl_aws::Tag;
use nixl_aws::ec2::{
    Image, Instance, InstanceTypeInfo, PlacementGroup, SecurityGroup, Subnet, Vpc,
};
use nixl_aws::iam::{InstanceProfile, Role};
use nixl_aws::sagemaker::TrackingServer;

/// A snapshot of the account and region.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Account id.
    pub account: String,
    /// Image candidates: the one named, or every baked one.
    pub images: Vec<Image>,
    /// The types asked for, in that order.
    pub types: Vec<TypeFacts>,
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
}

/// An instance type, and where it is offered.
#[derive(Debug, Clone, Default)]
pub struct TypeFacts {
    /// The type.
    pub info: InstanceTypeInfo,
    /// Zones that offer it.
    pub zones: Vec<String>,
}

/// What is there of MLflow.
#[derive(Debug, Clone, Default)]
pub struct TrackingFacts {
    /// The server of the asked name, and its tags.
    pub server: Option<(TrackingServer, Vec<Tag>)>,
    /// The role the cluster would make for it.
    pub role: Option<Role>,
    /// The bucket the cluster would make for it is there.
    pub bucket_exists: bool,
}
