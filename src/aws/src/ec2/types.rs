//! EC2 shapes, cut down to the members that are used.

use crate::Tag;
use serde::{Deserialize, Serialize};

/// A filter, e.g. `tag:nixl:cluster` = [`nixl`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Filter name.
    pub name: String,
    /// Any of these matches.
    pub values: Vec<String>,
}

impl Filter {
    /// A filter with any of `values`.
    pub fn new<const N: usize>(name: impl Into<String>, values: [&str; N]) -> Self {
        Self { name: name.into(), values: values.map(str::to_owned).to_vec() }
    }

    /// Resources that carry this tag with this value.
    #[must_use]
    pub fn tag(key: &str, value: &str) -> Self {
        Self::new(format!("tag:{key}"), [value])
    }
}

/// An instance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// `i-…`
    pub id: String,
    /// `pending`, `running`, `shutting-down`, `terminated`, `stopping`, `stopped`.
    pub state: String,
    /// Code of the state's reason, e.g. `Server.InsufficientInstanceCapacity`.
    pub state_reason_code: Option<String>,
    /// Text of the state's reason.
    pub state_reason: Option<String>,
    /// `r-…`; all instances of one RunInstances share it.
    pub reservation_id: String,
    /// Index in its RunInstances, the rank.
    pub launch_index: u32,
    /// Type name.
    pub instance_type: String,
    /// Image.
    pub image_id: String,
    /// vCPUs: cores by threads a core.
    pub vcpus: u32,
    /// How it was bought.
    pub market: Market,
    /// Capacity Reservation it runs in.
    pub reservation_used: Option<String>,
    /// Zone name.
    pub zone: String,
    /// VPC.
    pub vpc_id: Option<String>,
    /// Subnet of its first interface.
    pub subnet_id: Option<String>,
    /// Network interfaces, by card and device.
    pub interfaces: Vec<AttachedInterface>,
    /// Placement group name.
    pub placement_group: Option<String>,
    /// ARN of its instance profile.
    pub profile_arn: Option<String>,
    /// Its metadata service.
    pub metadata: Option<MetadataOptions>,
    /// Primary private IPv4 address.
    pub private_ip: Option<String>,
    /// Public IPv4 address.
    pub public_ip: Option<String>,
    /// Launch time, RFC 3339.
    pub launch_time: Option<String>,
    /// Token of the RunInstances that made it.
    pub client_token: Option<String>,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// Options of an instance's metadata service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataOptions {
    /// It answers at all.
    pub endpoint: bool,
    /// It answers only who has a token (IMDSv2).
    pub tokens_required: bool,
    /// It tells the instance's tags.
    pub tags: bool,
}

/// A network interface of an instance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachedInterface {
    /// `eni-…`
    pub id: String,
    /// Network card.
    pub card_index: u32,
    /// Device index on the card.
    pub device_index: u32,
    /// `interface`, `efa` or `efa-only`.
    pub interface_type: String,
    /// Security groups.
    pub group_ids: Vec<String>,
}

/// One network interface of a launch request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInterfaceSpec {
    /// Network card.
    pub card_index: u32,
    /// Device index on the card.
    pub device_index: u32,
    /// `interface`, `efa` or `efa-only`.
    pub interface_type: String,
    /// Subnet.
    pub subnet_id: String,
    /// Security groups.
    pub group_ids: Vec<String>,
    /// Only allowed with a single interface.
    pub associate_public_ip: Option<bool>,
}

/// How an instance is bought (API model, MarketType; `on-demand` sends none).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Market {
    /// By the second, until it is ended.
    #[default]
    OnDemand,
    /// Spare capacity; one-time, and an interruption terminates it.
    Spot,
    /// Paid up front; needs the reservation's id.
    CapacityBlock,
}

impl Market {
    /// EC2's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OnDemand => "on-demand",
            Self::Spot => "spot",
            Self::CapacityBlock => "capacity-block",
        }
    }
}

impl std::fmt::Display for Market {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// One RunInstances: all nodes or none (MinCount = MaxCount = `count`).
/// IMDSv2 is required and instance tags are shown in it; every interface and
/// volume goes with its instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInstances {
    /// Number of instances.
    pub count: u32,
    /// Image.
    pub image_id: String,
    /// Type name.
    pub instance_type: String,
    /// Idempotency token, at most 64 ASCII characters; unique by zone.
    pub client_token: String,
    /// How they are bought.
    pub market: Market,
    /// Capacity Reservation or Capacity Block that the launch targets, `cr-…`.
    pub reservation_id: Option<String>,
    /// Cluster placement group name; none with a Capacity Block.
    pub placement_group: Option<String>,
    /// Instance profile name.
    pub instance_profile: String,
    /// Network interfaces.
    pub network_interfaces: Vec<NetworkInterfaceSpec>,
    /// User data as text, at most 16 KiB; encoded by the implementation.
    pub user_data: String,
    /// Tags for instances, volumes, network interfaces and Spot requests.
    pub tags: Vec<Tag>,
}

/// An image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// `ami-…`
    pub id: String,
    /// Name.
    pub name: String,
    /// Account it belongs to.
    pub owner_id: String,
    /// `pending`, `available`, `failed`, …
    pub state: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// RFC 3339 creation time.
    pub creation_date: String,
    /// Volume that instances boot from; none if that is no EBS volume.
    pub root_volume: Option<RootVolume>,
    /// Snapshots of its volumes, `snap-…`.
    #[serde(default)]
    pub snapshot_ids: Vec<String>,
    /// Its instances need tokens of IMDS unless their launch says otherwise.
    #[serde(default)]
    pub imds_v2: bool,
    /// RFC 3339 time from which on it is deprecated, if it is to be.
    #[serde(default)]
    pub deprecation_time: Option<String>,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// The volume that an image's instances boot from, unless a launch says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootVolume {
    /// Device name, e.g. `/dev/xvda`.
    pub device: String,
    /// Size in GiB.
    pub size_gib: u32,
    /// `gp3`, `gp2`, `io2`, …
    pub kind: String,
    /// It goes with its instance.
    pub delete_on_termination: bool,
}

/// Facts about an instance type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceTypeInfo {
    /// Name.
    pub name: String,
    /// Default vCPUs.
    pub vcpus: u32,
    /// GPUs over all kinds.
    pub gpus: u32,
    /// Supports EFA.
    pub efa_supported: bool,
    /// Most EFA interfaces.
    pub efa_max_interfaces: u32,
    /// `x86_64`, `arm64`.
    pub architectures: Vec<String>,
    /// `cluster`, `partition`, `spread`.
    pub placement_strategies: Vec<String>,
    /// Network cards in order.
    pub network_cards: Vec<NetworkCard>,
}

/// A network card of a type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkCard {
    /// Card index.
    pub index: u32,
    /// Most interfaces on it.
    pub max_interfaces: u32,
    /// What may be attached: `interface`, `efa`, `efa-only`.
    pub interface_types: Vec<String>,
    /// Its speed in EC2's words, e.g. `100 Gigabit`.
    pub performance: String,
}

/// A VPC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    /// `vpc-…`
    pub id: String,
    /// Whether it is the account's default.
    pub is_default: bool,
}

/// A subnet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// `subnet-…`
    pub id: String,
    /// VPC.
    pub vpc_id: String,
    /// Zone name.
    pub zone: String,
    /// Addresses left.
    pub free_addresses: u32,
    /// Default subnet of its zone.
    pub default_for_zone: bool,
    /// Whether instances get a public address by default.
    pub map_public_ip: bool,
}

/// A security group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// `sg-…`
    pub id: String,
    /// Name.
    pub name: String,
    /// VPC.
    pub vpc_id: String,
    /// All traffic in from the group itself is allowed.
    pub self_ingress: bool,
    /// All traffic out to the group itself is allowed by a group rule.
    pub self_egress: bool,
    /// All traffic out to every IPv4 address is allowed.
    pub open_egress: bool,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// A placement group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacementGroup {
    /// `pg-…`
    pub id: String,
    /// Name.
    pub name: String,
    /// `pending`, `available`, `deleting`, `deleted`.
    pub state: String,
    /// `cluster`, …
    pub strategy: String,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// A network interface.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInterface {
    /// `eni-…`
    pub id: String,
    /// `in-use`, `available`, …
    pub status: String,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// A volume.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// `vol-…`
    pub id: String,
    /// `in-use`, `available`, `deleting`, …
    pub state: String,
    /// Tags.
    pub tags: Vec<Tag>,
}
