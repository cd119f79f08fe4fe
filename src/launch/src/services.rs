//! The services as this program uses them; tests put a fake in their place.

use nixl_aws::ec2::{Addresses, Console, Ec2, Reservations, SpotRequests, Surroundings};
use nixl_aws::iam::Iam;
use nixl_aws::pricing::Pricing;
use nixl_aws::quotas::Quotas;
use nixl_aws::s3::BucketSettings;
use nixl_aws::sagemaker::SageMaker;
use nixl_aws::scheduler::Scheduler;
use nixl_aws::ssm::{ManagedNodes, Ssm};
use nixl_aws::{Result, Tag};
use std::sync::Arc;

/// Who is calling.
#[async_trait::async_trait]
pub trait Account: Send + Sync {
    /// The caller's account id.
    async fn account_id(&self) -> Result<String>;
}

/// Buckets, as far as MLflow's artifacts need one.
#[async_trait::async_trait]
pub trait Buckets: Send + Sync {
    /// Its tags, or `None` if it is not there; an error if it does not belong to `account`.
    async fn tags(&self, bucket: &str, account: &str) -> Result<Option<Vec<Tag>>>;
    /// The caller's own buckets whose names begin with `prefix`.
    async fn own(&self, prefix: &str) -> Result<Vec<String>>;
    /// Makes it, in the client's region; fine if it is the caller's own already.
    async fn create(&self, bucket: &str) -> Result<()>;
    /// Closes it to the public and to whoever comes without TLS, and has new objects
    /// encrypted, with this KMS key or else with S3's own.
    async fn secure(&self, bucket: &str, policy: &str, kms_key: Option<&str>) -> Result<()>;
    /// How it is kept; an error if it does not belong to `account`.
    async fn settings(&self, bucket: &str, account: &str) -> Result<BucketSettings>;
    /// Replaces its tags.
    async fn tag(&self, bucket: &str, tags: &[Tag]) -> Result<()>;
    /// Deletes every object in it.
    async fn empty(&self, bucket: &str) -> Result<()>;
    /// Deletes it; it must be empty.
    async fn delete(&self, bucket: &str) -> Result<()>;
}

/// All of them.
#[derive(Clone)]
pub struct Services {
    /// EC2.
    pub ec2: Arc<dyn Ec2>,
    /// Capacity Reservations.
    pub reservations: Arc<dyn Reservations>,
    /// Elastic IP addresses.
    pub addresses: Arc<dyn Addresses>,
    /// Spot requests.
    pub spot: Arc<dyn SpotRequests>,
    /// EC2's consoles.
    pub console: Arc<dyn Console>,
    /// Routes and Spot prices.
    pub surroundings: Arc<dyn Surroundings>,
    /// Service Quotas.
    pub quotas: Arc<dyn Quotas>,
    /// Prices.
    pub pricing: Arc<dyn Pricing>,
    /// IAM.
    pub iam: Arc<dyn Iam>,
    /// SageMaker.
    pub sagemaker: Arc<dyn SageMaker>,
    /// SSM: agents, commands and sessions on nodes.
    pub ssm: Arc<dyn ManagedNodes>,
    /// SSM: parameters.
    pub parameters: Arc<dyn Ssm>,
    /// EventBridge Scheduler.
    pub scheduler: Arc<dyn Scheduler>,
    /// S3.
    pub buckets: Arc<dyn Buckets>,
    /// STS.
    pub account: Arc<dyn Account>,
}
