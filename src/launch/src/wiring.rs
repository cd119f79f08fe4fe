//! The services over `nixl-aws`: the only place that names its clients.

use crate::services::{Account, Buckets, Services};
use nixl_aws::s3::S3;
use nixl_aws::sts::Sts;
use nixl_aws::{Aws, Result, Tag, ec2, iam, pricing, quotas, s3, sagemaker, scheduler, ssm, sts};
use std::sync::Arc;

/// Everything over one shared configuration.
#[must_use]
pub fn services(aws: &Aws) -> Services {
    let ec2 = Arc::new(ec2::Client::new(aws));
    let ssm = Arc::new(ssm::Client::new(aws));
    Services {
        reservations: ec2.clone(),
        addresses: ec2.clone(),
        spot: ec2.clone(),
        console: ec2.clone(),
        surroundings: ec2.clone(),
        quotas: Arc::new(quotas::Client::new(aws)),
        pricing: Arc::new(pricing::Client::new(aws)),
        ec2,
        iam: Arc::new(iam::Client::new(aws)),
        sagemaker: Arc::new(sagemaker::Client::new(aws)),
        parameters: ssm.clone(),
        ssm,
        scheduler: Arc::new(scheduler::Client::new(aws)),
        buckets: Arc::new(OverS3(s3::Client::new(aws))),
        account: Arc::new(OverSts(sts::Client::new(aws))),
    }
}

struct OverSts(sts::Client);

#[async_trait::async_trait]
impl Account for OverSts {
    async fn account_id(&self) -> Result<String> {
        Ok(self.0.get_caller_identity().await?.account)
    }
}

struct OverS3(s3::Client);

#[async_trait::async_trait]
impl Buckets for OverS3 {
    async fn tags(&self, bucket: &str, account: &str) -> Result<Option<Vec<Tag>>> {
        self.0.bucket_tags(bucket, account).await
    }

    async fn own(&self, prefix: &str) -> Result<Vec<String>> {
        self.0.own_buckets(prefix).await
    }

    async fn create(&self, bucket: &str) -> Result<()> {
        self.0.create_bucket(bucket).await
    }

    async fn secure(&self, bucket: &str, policy: &str, kms_key: Option<&str>) -> Result<()> {
        // Of settings of one bucket S3 refuses all but one at a time (OperationAborted).
        self.0.block_public_access(bucket).await?;
        self.0.encrypt_bucket(bucket, kms_key).await?;
        self.0.put_bucket_policy(bucket, policy).await
    }

    async fn settings(&self, bucket: &str, account: &str) -> Result<s3::BucketSettings> {
        self.0.bucket_settings(bucket, account).await
    }

    async fn tag(&self, bucket: &str, tags: &[Tag]) -> Result<()> {
        self.0.put_bucket_tagging(bucket, tags).await
    }

    async fn empty(&self, bucket: &str) -> Result<()> {
        let objects = self.0.list_objects(bucket, "").await?;
        let keys: Vec<String> = objects.into_iter().map(|object| object.key).collect();
        if keys.is_empty() { Ok(()) } else { self.0.delete_objects(bucket, &keys).await }
    }

    async fn delete(&self, bucket: &str) -> Result<()> {
        self.0.delete_bucket(bucket).await
    }
}
