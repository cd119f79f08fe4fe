//! Names of this component's readings.

/// The kernel's clock.
pub const CLOCK: &str = "system:clock";
/// Room on each filesystem.
pub const DISK: &str = "system:disk";
/// Whether the state folder takes files.
pub const STATE_FOLDER: &str = "system:stateFolder";
/// Memory available.
pub const MEMORY: &str = "system:memory";
/// Processes that the kernel has killed for memory.
pub const OOM_KILLS: &str = "system:oomKills";
/// Whether the metadata service insists on session tokens.
pub const IMDS_TOKENS: &str = "system:imdsTokens";
/// Credentials of the instance's role.
pub const CREDENTIALS: &str = "system:credentials";
/// The SSM agent.
pub const SSM_AGENT: &str = "system:ssmAgent";
/// How cloud-init fared.
pub const CLOUD_INIT: &str = "system:cloudInit";
/// That EC2 takes the Spot instance back.
pub const SPOT: &str = "system:spot";
/// That EC2 recommends to leave the Spot instance.
pub const REBALANCE: &str = "system:rebalance";
/// Scheduled events.
pub const MAINTENANCE: &str = "system:maintenance";
/// How long nobody has used the node.
pub const IDLE: &str = "system:idle";
/// Time to live of the cluster.
pub const LIFETIME: &str = "system:lifetime";
