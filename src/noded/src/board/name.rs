//! Names of readings.

/// The settings file.
pub const SETTINGS: &str = "settings:file";
/// The instance metadata service.
pub const IMDS: &str = "imds:metadata";
/// Parts of the daemon that have ended by themselves.
pub const PARTS: &str = "daemon:parts";
/// This node's tags.
pub const REGISTRATION: &str = "registration:tags";
/// Looking for the other members.
pub const LOOK_UP: &str = "registration:members";
/// This node's rank, where its launch does not say it.
pub const RANK: &str = "registration:rank";
/// The libfabric endpoint.
pub const ENDPOINT: &str = "fabric:endpoint";
/// EFA that is there and not used.
pub const EFA: &str = "fabric:efa";
/// Errors of the fabric that belong to no operation.
pub const FAULTS: &str = "fabric:faults";
/// The process that owns the fabric.
pub const WORKER: &str = "worker:restarts";
/// Its sandbox: `complete`, or what this kernel or the surroundings cannot enforce.
pub const SANDBOX: &str = "worker:sandbox";
/// Number of peers paired.
pub const PEERS: &str = "pairing:peers";
/// State of each peer.
pub const PEER: &str = "peer:state";
/// What a paired peer has otherwise than this node, where it has.
pub const PEER_SKEW: &str = "peer:skew";
/// Median round trip to each peer.
pub const LINK_P50: &str = "link:roundTripP50";
/// 99th percentile of the round trip to each peer.
pub const LINK_P99: &str = "link:roundTripP99";
/// Probes without answer in the last measurement.
pub const LINK_LOST: &str = "link:probesLost";
/// Rate of two-sided operations of 1 MiB, or the largest below that the
/// link takes, to each peer on rail 0.
pub const LINK_BANDWIDTH: &str = "link:bandwidth";
/// The unspent presigned URL.
pub const MLFLOW: &str = "mlflow:url";
/// The loopback endpoint.
pub const MLFLOW_ENDPOINT: &str = "mlflow:endpoint";
/// Runs in which the links are logged.
pub const MLFLOW_RUNS: &str = "mlflow:runs";
/// Files that carry `MLFLOW_TRACKING_ARN`.
pub const ENVIRONMENT: &str = "environment:files";
