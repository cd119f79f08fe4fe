//! What a person asked for.

use super::{IdleStop, Wanted, WantedImage};
use nixl_aws::ec2::Market;
use nixl_cluster::{ClusterName, Provider, ProviderChoice, instance_type};
use serde::{Deserialize, Serialize};

/// How long a cluster lives unless it is told otherwise.
pub const DEFAULT_TTL_SECS: u64 = 8 * 3600;

/// How nodes reach AWS (SSM, SageMaker, S3) from their subnet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum PublicAddress {
    /// EC2's own where a single interface allows it, else an Elastic IP where the
    /// subnet is public, else none.
    #[default]
    Auto,
    /// None: a NAT gateway or VPC endpoints are there.
    None,
    /// An Elastic IP for each node.
    Elastic,
}

/// Flags of `up` and `plan` over `nixl.toml` over the defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Cluster.
    pub cluster: ClusterName,
    /// Region.
    pub region: String,
    /// Image.
    pub image: WantedImage,
    /// Accounts whose baked images count as well where the newest is wanted.
    pub shared_by: Vec<String>,
    /// Instance types, best first; at least one.
    pub instance_types: Vec<String>,
    /// Markets, best first; at least one.
    pub markets: Vec<Market>,
    /// The Capacity Reservation or Capacity Block to launch into, `cr-…`.
    pub reservation_id: Option<String>,
    /// Nodes.
    pub size: u32,
    /// How many of them prefill, where roles differ.
    pub prefill: Option<u32>,
    /// Provider.
    pub provider: ProviderChoice,
    /// The only zones to try, best first; every one that offers the type if empty.
    pub zones: Vec<String>,
    /// The only subnets to use; the default VPC's if empty.
    pub subnets: Vec<String>,
    /// Way out of the subnet.
    pub public_address: PublicAddress,
    /// Room for all nodes is reserved in the placement group before they are launched.
    pub hold: bool,
    /// Life of the cluster; `None` is without end, which a person must ask for.
    pub ttl_secs: Option<u64>,
    /// Ends the cluster when no node has used its GPUs or the fabric for so long.
    pub idle_secs: Option<u64>,
    /// MLflow.
    pub mlflow: Wanted,
    /// ARN of the KMS key for what the cluster's own MLflow keeps in its bucket; the
    /// bucket's own, or S3's keys, if not given.
    pub kms_key: Option<String>,
    /// When the cluster's own tracking server stops by itself; as it was told before, or
    /// never, if not given.
    pub mlflow_idle_stop: Option<IdleStop>,
}

impl Spec {
    /// The defaults: the article's pair.
    #[must_use]
    pub fn new(cluster: ClusterName, region: &str) -> Self {
        Self {
            cluster,
            region: region.to_owned(),
            image: WantedImage::default(),
            shared_by: Vec::new(),
            instance_types: vec![instance_type::DEFAULT.to_owned()],
            markets: vec![Market::OnDemand],
            reservation_id: None,
            size: 2,
            prefill: None,
            provider: Provider::Efa.into(),
            zones: Vec::new(),
            subnets: Vec::new(),
            public_address: PublicAddress::Auto,
            hold: false,
            ttl_secs: Some(DEFAULT_TTL_SECS),
            idle_secs: None,
            mlflow: Wanted::default(),
            kms_key: None,
            mlflow_idle_stop: None,
        }
    }
}
