//! Whose a bucket is, and how it is kept.

use super::client::{Client, failed, invalid};
use crate::{Result, Tag};
use aws_sdk_s3::types::{
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule,
};

impl Client {
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

    /// New objects are encrypted with keys of S3 (SSE-S3), with one key for many.
    ///
    /// # Errors
    /// If the caller may not.
    pub async fn encrypt_bucket(&self, bucket: &str) -> Result<()> {
        const OPERATION: &str = "PutBucketEncryption";
        let by_default = ServerSideEncryptionByDefault::builder()
            .sse_algorithm(ServerSideEncryption::Aes256)
            .build()
            .map_err(|error| invalid(OPERATION, &error))?;
        let rule = ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(by_default)
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
