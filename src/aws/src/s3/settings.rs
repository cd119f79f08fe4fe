//! Whose a bucket is, and how it is kept.

use super::client::{Client, failed, invalid};
use crate::{Result, Tag};
use aws_sdk_s3::types::{
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule,
};

/// `None` where the service says by this code that it was never set.
fn set<T>(answer: Result<T>, code: &str) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is(&[code]) => Ok(None),
        Err(error) => Err(error),
    }
}

/// How a bucket is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BucketSettings {
    /// New objects are encrypted.
    pub is_encrypted: bool,
    /// ARN or id of the KMS key that does it; without one S3's own keys do.
    pub kms_key: Option<String>,
    /// Public access of every kind is refused.
    pub is_closed: bool,
    /// Its policy, a JSON document.
    pub policy: Option<String>,
}

impl Client {
    /// How the caller's own bucket is kept.
    ///
    /// # Errors
    /// Also if a bucket of this name belongs to somebody else than `account`.
    pub async fn bucket_settings(&self, bucket: &str, account: &str) -> Result<BucketSettings> {
        let encryption =
            self.sdk.get_bucket_encryption().bucket(bucket).expected_bucket_owner(account);
        let block =
            self.sdk.get_public_access_block().bucket(bucket).expected_bucket_owner(account);
        let policy = self.sdk.get_bucket_policy().bucket(bucket).expected_bucket_owner(account);
        let (encryption, block, policy) =
            tokio::join!(encryption.send(), block.send(), policy.send());
        let encryption = set(
            encryption.map_err(failed("GetBucketEncryption")),
            "ServerSideEncryptionConfigurationNotFoundError",
        )?;
        let block = set(
            block.map_err(failed("GetPublicAccessBlock")),
            "NoSuchPublicAccessBlockConfiguration",
        )?;
        let policy = set(policy.map_err(failed("GetBucketPolicy")), "NoSuchBucketPolicy")?;
        let rules = encryption.and_then(|it| it.server_side_encryption_configuration);
        let rules = rules.map(|it| it.rules).unwrap_or_default();
        let by_default =
            rules.into_iter().find_map(|rule| rule.apply_server_side_encryption_by_default);
        let block = block.and_then(|it| it.public_access_block_configuration);
        let is_closed = block.is_some_and(|it| {
            let parts = [
                it.block_public_acls,
                it.block_public_policy,
                it.ignore_public_acls,
                it.restrict_public_buckets,
            ];
            parts.iter().all(|part| *part == Some(true))
        });
        Ok(BucketSettings {
            is_encrypted: by_default.is_some(),
            kms_key: by_default.and_then(|it| it.kms_master_key_id),
            is_closed,
            policy: policy.and_then(|it| it.policy),
        })
    }

    /// Tags of the caller's own bucket, or `None` if there is none of this name.
    ///
    /// # Errors
    /// Also if a bucket of this name belongs to somebody else than `account`.
    pub async fn bucket_tags(&self, bucket: &str, account: &str) -> Result<Option<Vec<Tag>>> {
        let answer = self
            .sdk
            .get_bucket_tagging()
            .bucket(bucket)
            .expected_bucket_owner(account)
            .send()
            .await
            .map_err(failed("GetBucketTagging"));
        match answer {
            Ok(answer) => {
                let tags = answer.tag_set().iter();
                Ok(Some(tags.map(|tag| Tag::new(tag.key(), tag.value())).collect()))
            }
            Err(error) if error.is(&["NoSuchTagSet"]) => Ok(Some(Vec::new())),
            Err(error) if error.is(&["NoSuchBucket"]) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// New objects are encrypted with this KMS key, one data key for many objects
    /// (an S3 Bucket Key), or else with keys of S3 (SSE-S3). S3 does not look whether
    /// the key is there.
    ///
    /// # Errors
    /// If the caller may not.
    pub async fn encrypt_bucket(&self, bucket: &str, kms_key: Option<&str>) -> Result<()> {
        const OPERATION: &str = "PutBucketEncryption";
        let by_default = ServerSideEncryptionByDefault::builder()
            .sse_algorithm(match kms_key {
                Some(_) => ServerSideEncryption::AwsKms,
                None => ServerSideEncryption::Aes256,
            })
            .set_kms_master_key_id(kms_key.map(str::to_owned))
            .build()
            .map_err(|error| invalid(OPERATION, &error))?;
        let rule = ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(by_default)
            .set_bucket_key_enabled(kms_key.map(|_| true))
            .build();
        let configuration = ServerSideEncryptionConfiguration::builder()
            .rules(rule)
            .build()
            .map_err(|error| invalid(OPERATION, &error))?;
        self.sdk
            .put_bucket_encryption()
            .bucket(bucket)
            .server_side_encryption_configuration(configuration)
            .send()
            .await
            .map(drop)
            .map_err(failed(OPERATION))
    }

    /// Replaces the bucket's policy, a JSON document.
    ///
    /// # Errors
    /// If the caller may not, or it is no policy.
    pub async fn put_bucket_policy(&self, bucket: &str, policy: &str) -> Result<()> {
        self.sdk
            .put_bucket_policy()
            .bucket(bucket)
            .policy(policy)
            .send()
            .await
            .map(drop)
            .map_err(failed("PutBucketPolicy"))
    }
}
