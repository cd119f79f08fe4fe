//! What a person asked for.

use nixl_cluster::{ClusterName, ProviderChoice};

/// The flags of `up`, parsed.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Cluster.
    pub cluster: ClusterName,
    /// Region.
    pub region: String,
    /// Image; the newest baked one if not given.
    pub ami: Option<String>,
    /// Type.
    pub instance_type: String,
    /// Nodes.
    pub size: u32,
    /// How many of them prefill, where roles differ.
    pub prefill: Option<u32>,
    /// Provider.
    pub provider: ProviderChoice,
    /// The only zone to try.
    pub zone: Option<String>,
    /// Name of the MLflow tracking server, if one is wanted.
    pub tracking_server: Option<String>,
}
