//! Tag keys that only this program writes and reads, beside those of
//! [`nixl_cluster::tag`].

/// On what a CloudFormation stack made, by CloudFormation: the stack's name.
pub const STACK: &str = "aws:cloudformation:stack-name";
/// On the security group: random at first, then each derived from the one before,
/// new for every group of nodes, so that the client token of a later launch
/// differs from an earlier one's. Written before the launch it is about.
pub const GENERATION: &str = "nixl:generation";
/// On the security group: the launch that may be in flight,
/// `<type>/<market>/<zone>/<digest>`, or [`NO_ATTEMPT`]. Written before the launch
/// it is about; with the generation it tells the client token.
pub const ATTEMPT: &str = "nixl:attempt";
/// Before an attempt that `down` recorded for the next `up`.
pub const NEXT: &str = "next:";
/// On the security group: the mark of who read the record last. What is read
/// together with one's own mark is not older than it.
pub const READER: &str = "nixl:reader";
/// On the security group: which attempts were refused for want of room and when,
/// `<type>/<market>/<zone>[:pg]@<seconds since the epoch>` with spaces between.
pub const REFUSALS: &str = "nixl:refusals";
/// Value of [`ATTEMPT`] when the last one is known to have launched nothing.
pub const NO_ATTEMPT: &str = "none";
/// On instances: libfabric provider they were told to use.
pub const PROVIDER: &str = "nixl:provider";
/// On instances: how they reach AWS, as they were launched.
pub const WAY_OUT: &str = "nixl:way-out";
/// On instances: how many of them they were told prefill; each node's
/// [`nixl_cluster::tag::ROLE`] follows from it.
pub const PREFILL: &str = "nixl:prefill";
/// On instances: ARN of the MLflow tracking server they were told of.
pub const TRACKING_ARN: &str = "nixl:tracking-arn";
/// On the bucket of MLflow: version of the settings it was given, written after them,
/// so that a run that was cut off is finished by the next.
pub const BUCKET: &str = "nixl:bucket";
/// Their version: closed to the public, TLS only, encrypted.
pub const BUCKET_SETTINGS: &str = "1";
/// On the bucket of MLflow: ARN of the KMS key of its objects, where it is not S3's own.
pub const KMS_KEY: &str = "nixl:kms-key";
/// On the MLflow role: name of the App made with it.
pub const MLFLOW_APP: &str = "nixl:mlflow-app";
/// On the MLflow role: ARN of the App that nodes are told of, written before they are
/// launched, for of several Apps the next launch takes the same.
pub const TOLD_APP: &str = "nixl:told-app";
/// On the MLflow role: name of the tracking server made with it. The role is
/// made before the server and its bucket and deleted after them, so it is the
/// record of both.
pub const TRACKING_SERVER: &str = "nixl:tracking-server";
/// On the MLflow role: seconds without nodes after which the tracking server made with it
/// is stopped, or `never`. Written before the schedule that stops it, and its record.
pub const IDLE_STOP: &str = "nixl:idle-stop-secs";
