//! What stands in the way of a launch: each with what to do about it.

use crate::failure::joined;

/// One obstacle, found before anything was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// No baked image.
    #[error("no image: run `nixl-bake build`")]
    NoImage,
    /// The image named is not there.
    #[error("image {ami} is not there or not yours; leave out --ami to use the newest baked one")]
    ImageMissing {
        /// As given.
        ami: String,
    },
    /// The image cannot be launched.
    #[error("image {ami} is {state}, not available")]
    ImageState {
        /// Image.
        ami: String,
        /// Its state.
        state: String,
    },
    /// Image and type do not fit.
    #[error(
        "image {image} is for {image_architecture}, but {instance_type} is {}; bake for it or choose another --instance-type",
        joined(.type_architectures)
    )]
    Architecture {
        /// Image.
        image: String,
        /// Its architecture.
        image_architecture: String,
        /// Type.
        instance_type: String,
        /// What the type runs.
        type_architectures: Vec<String>,
    },
    /// A cluster has at least two nodes.
    #[error("--nodes {size} is no cluster; the least is 2")]
    Size {
        /// As given.
        size: u32,
    },
    /// The type has no EFA.
    #[error("{instance_type} has no EFA; choose e.g. g6.12xlarge, or --provider tcp")]
    NoEfa {
        /// Type.
        instance_type: String,
    },
    /// The type cannot be in a cluster placement group.
    #[error(
        "{instance_type} cannot be in a cluster placement group; choose another --instance-type"
    )]
    NoClusterPlacement {
        /// Type.
        instance_type: String,
    },
    /// No default VPC.
    #[error("the region has no default VPC; make one with `aws ec2 create-default-vpc`")]
    NoVpc,
    /// The zone named cannot be used.
    #[error("zone {zone} cannot be used for {instance_type}: {why}; possible: {}", joined(.possible))]
    Zone {
        /// As given.
        zone: String,
        /// Type.
        instance_type: String,
        /// What is wrong.
        why: &'static str,
        /// Zones that can.
        possible: Vec<String>,
    },
    /// No zone can be used.
    #[error(
        "no zone offers {instance_type} and has a default subnet with {size} free addresses (offered in: {})",
        joined(.offered)
    )]
    NoZone {
        /// Type.
        instance_type: String,
        /// Addresses needed.
        size: u32,
        /// Where the type is offered.
        offered: Vec<String>,
    },
    /// A resource has our name and not our tag.
    #[error(
        "{kind} {name} is there but does not carry the tag nixl:cluster={cluster}; it is left alone: delete it or choose another --cluster"
    )]
    Foreign {
        /// What it is.
        kind: &'static str,
        /// Name or id.
        name: String,
        /// Cluster.
        cluster: String,
    },
    /// The tracking server cannot be used.
    #[error("MLflow tracking server {name} is {status}; {advice}")]
    TrackingServer {
        /// Name.
        name: String,
        /// Status.
        status: String,
        /// What to do.
        advice: &'static str,
    },
    /// The cluster has made another server before.
    #[error(
        "the cluster has made the MLflow tracking server {made}: leave out --tracking-server {asked} or name {made}, or run `nixl-launch down` first"
    )]
    OtherServer {
        /// What it has made.
        made: String,
        /// What is asked for.
        asked: String,
    },
    /// Part of a cluster is there.
    #[error("cluster {cluster} is not whole ({seen}); run `nixl-launch down`, then `up` again")]
    Half {
        /// Cluster.
        cluster: String,
        /// What was found.
        seen: String,
    },
    /// A whole cluster of another size is there.
    #[error(
        "cluster {cluster} is there with {there} nodes, --nodes says {asked}; run `nixl-launch down` first"
    )]
    OtherSize {
        /// Cluster.
        cluster: String,
        /// Nodes it has.
        there: String,
        /// Nodes asked.
        asked: u32,
    },
    /// The user data cannot be made.
    #[error("user data: {why}")]
    UserData {
        /// What is wrong.
        why: String,
    },
}

/// Everything that stands in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings(pub Vec<Finding>);

impl std::fmt::Display for Findings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, finding) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{finding}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Findings {}
