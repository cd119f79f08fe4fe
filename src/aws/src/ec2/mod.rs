//! EC2, as far as launching, finding and registering need it.
//!
//! Source of shapes and limits: EC2 API reference 2016-11-15.

mod addresses;
mod client;
mod console;
mod convert;
mod images;
mod regions;
mod removal;
mod reservations;
mod spot;
mod surroundings;
mod types;

pub use addresses::{Address, Addresses};
pub use client::Client;
pub use console::Console;
pub use images::{CopyImage, ImageAttributes, Sharing};
pub use regions::AccountRegions;
pub use removal::{ImageRemoval, Snapshot, Use};
pub use reservations::{CreateReservation, Reservation, Reservations};
pub use spot::{SpotRequest, SpotRequests};
pub use surroundings::{RouteTable, SpotPrice, Surroundings};
pub use types::*;

use client::{SERVICE, named};

use crate::{Result, Tag};

/// The calls; `sdk` implements them over aws-sdk-ec2, tests script them.
#[async_trait::async_trait]
pub trait Ec2: Send + Sync {
    /// Instances matching all filters (all pages), terminated ones included.
    async fn describe_instances(&self, filters: &[Filter]) -> Result<Vec<Instance>>;
    /// One request for the whole group. SDK retries are off: the caller's loop
    /// decides by error code, with the same client token.
    async fn run_instances(&self, request: &RunInstances) -> Result<Vec<Instance>>;
    /// Whether the caller may send this launch: `DryRun`, which says nothing of
    /// room or quota. A request without profile or placement group asks for
    /// neither.
    async fn may_run_instances(&self, request: &RunInstances) -> Result<()>;
    /// Starts termination of all of `ids` or of none.
    async fn terminate_instances(&self, ids: &[String]) -> Result<()>;
    /// Lifts the protection against termination and stopping.
    async fn unprotect_instance(&self, id: &str) -> Result<()>;
    /// Writes `tags` on `resources`.
    async fn create_tags(&self, resources: &[String], tags: &[Tag]) -> Result<()>;

    /// Images matching all filters, of these owners (`self`, `amazon`, an
    /// account id) or of anyone if empty.
    async fn describe_images(&self, owners: &[&str], filters: &[Filter]) -> Result<Vec<Image>>;
    /// Facts about one instance type.
    async fn describe_instance_type(&self, name: &str) -> Result<InstanceTypeInfo>;
    /// Names of the types that the region offers and that fit a pattern (`g6*`).
    async fn types_offered(&self, pattern: &str) -> Result<Vec<String>>;
    /// Zone names that offer the type.
    async fn zones_offering(&self, instance_type: &str) -> Result<Vec<String>>;

    /// VPCs matching all filters.
    async fn describe_vpcs(&self, filters: &[Filter]) -> Result<Vec<Vpc>>;
    /// Subnets matching all filters.
    async fn describe_subnets(&self, filters: &[Filter]) -> Result<Vec<Subnet>>;

    /// Security groups matching all filters.
    async fn describe_security_groups(&self, filters: &[Filter]) -> Result<Vec<SecurityGroup>>;
    /// Makes a group; its id. EC2 adds an allow-all egress rule by itself.
    async fn create_security_group(
        &self,
        name: &str,
        description: &str,
        vpc_id: &str,
        tags: &[Tag],
    ) -> Result<String>;
    /// Allows all traffic from the group to itself.
    async fn authorize_self_ingress(&self, group_id: &str) -> Result<()>;
    /// Allows all traffic from the group to itself on the way out: the CIDR
    /// rule does not cover EFA.
    async fn authorize_self_egress(&self, group_id: &str) -> Result<()>;
    /// Deletes a group.
    async fn delete_security_group(&self, group_id: &str) -> Result<()>;

    /// Placement groups matching all filters.
    async fn describe_placement_groups(&self, filters: &[Filter]) -> Result<Vec<PlacementGroup>>;
    /// Makes a cluster placement group; `pending` at first.
    async fn create_placement_group(&self, name: &str, tags: &[Tag]) -> Result<()>;
    /// Deletes a placement group by name.
    async fn delete_placement_group(&self, name: &str) -> Result<()>;

    /// Network interfaces matching all filters.
    async fn describe_network_interfaces(
        &self,
        filters: &[Filter],
    ) -> Result<Vec<NetworkInterface>>;
    /// Deletes an interface that is attached to nothing.
    async fn delete_network_interface(&self, id: &str) -> Result<()>;
    /// Volumes matching all filters.
    async fn describe_volumes(&self, filters: &[Filter]) -> Result<Vec<Volume>>;
    /// Deletes a volume that is attached to nothing.
    async fn delete_volume(&self, id: &str) -> Result<()>;
}
