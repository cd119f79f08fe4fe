//! Tag keys. All but `Name` are under `nixl:` so that one IAM condition on
//! `aws:TagKeys` can limit what a node may write.

/// Human name of a resource; the console shows it.
pub const NAME: &str = "Name";
/// Prefix of every key this project owns.
pub const PREFIX: &str = "nixl:";
/// Cluster a resource belongs to (written by the launcher at creation).
pub const CLUSTER: &str = "nixl:cluster";
/// Number of nodes in the cluster (written by the launcher).
pub const SIZE: &str = "nixl:size";
/// [`crate::Role`] of a node when roles differ (written by the launcher).
pub const ROLE: &str = "nixl:role";
/// Life of an instance in seconds from its launch on, while it has no
/// [`EXPIRES_AT`] (written by the launcher at creation).
pub const TTL_SECS: &str = "nixl:ttl-secs";
/// RFC 3339 time at which an instance ends (written by the launcher).
pub const EXPIRES_AT: &str = "nixl:expires-at";
/// [`crate::IdentityRecord`], written by the node on itself.
pub const IDENTITY: &str = "nixl:identity";
/// [`crate::EndpointRecord`], written by the node on itself.
pub const ENDPOINT: &str = "nixl:endpoint";
/// [`crate::StateRecord`], written by the node on itself.
pub const STATE: &str = "nixl:state";
/// Rank of a node in a cluster with [`crate::Membership::Tag`] (written by whoever
/// launches it; no node may).
pub const RANK: &str = "nixl:rank";
/// [`crate::ClaimRecord`], written by the node on itself in a cluster with
/// [`crate::Membership::Registration`].
pub const CLAIM: &str = "nixl:claim";
/// Content digest of a baked image (64 hex characters, SHA-256).
pub const DIGEST: &str = "nixl:digest";
/// Name of the recipe an image was baked from.
pub const RECIPE: &str = "nixl:recipe";
/// With a name behind it: what went into a baked image, so that a later one can
/// be told from it.
pub const INPUT_PREFIX: &str = "nixl:input:";
/// Image that a snapshot is of, written before that image is removed: what is left
/// of it is found by this.
pub const IMAGE: &str = "nixl:image";
/// Where the manifest of a baked image is kept (`s3://…`).
pub const MANIFEST: &str = "nixl:manifest";
/// Instance types that a baked image was tested on, or is being.
pub const TESTED_ON: &str = "nixl:tested-on";
/// Version of the program that made a resource.
pub const VERSION: &str = "nixl:version";

/// The keys a node's role may write, and only on its own instance.
pub const NODE_WRITABLE: [&str; 4] = [IDENTITY, ENDPOINT, STATE, CLAIM];
