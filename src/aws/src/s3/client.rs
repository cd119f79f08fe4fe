//! [`S3`] over aws-sdk-s3.

use super::{Object, S3};
use crate::{Aws, AwsError, ErrorKind, Result, Tag};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, Delete, ObjectIdentifier,
    PublicAccessBlockConfiguration, Tag as S3Tag, Tagging,
};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use bytes::Bytes;
use std::time::Duration;

const SERVICE: &str = "s3";
/// The one region whose name is refused as a location constraint.
const CLASSIC_REGION: &str = "us-east-1";
/// Limit of DeleteObjects.
const DELETE_BATCH: usize = 1000;
/// A daemon binary over a slow uplink takes longer than the shared timeout.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(600);

/// The SDK's client.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) sdk: aws_sdk_s3::Client,
    region: Option<String>,
}

impl Client {
    /// A client with the shared configuration. An endpoint override is one
    /// host, which has no DNS name for each bucket, so the bucket goes into
    /// the path.
    #[must_use]
    pub fn new(aws: &Aws) -> Self {
        let config = aws_sdk_s3::config::Builder::from(aws.sdk())
            .force_path_style(aws.sdk().endpoint_url().is_some())
            .build();
        Self { sdk: aws_sdk_s3::Client::from_conf(config), region: aws.region().map(str::to_owned) }
    }

    /// The caller's own buckets whose names begin with `prefix`, all pages.
    ///
    /// # Errors
    /// Also if the caller may use buckets, but not list them.
    pub async fn own_buckets(&self, prefix: &str) -> Result<Vec<String>> {
        let pages = self.sdk.list_buckets().prefix(prefix).into_paginator().send();
        let found = pages.try_collect().await.map_err(failed("ListBuckets"))?;
        let names = found.into_iter().flat_map(|page| page.buckets.unwrap_or_default());
        // Not everybody who speaks S3 knows the prefix.
        Ok(names.filter_map(|it| it.name).filter(|name| name.starts_with(prefix)).collect())
    }
}

#[async_trait::async_trait]
impl S3 for Client {
    async fn head_bucket(&self, bucket: &str, account: &str) -> Result<bool> {
        let result = self
            .sdk
            .head_bucket()
            .bucket(bucket)
            .expected_bucket_owner(account)
            .send()
            .await
            .map_err(failed("HeadBucket"));
        match result {
            Ok(_) => Ok(true),
            // A HEAD answer has no body, so often no code either.
            Err(error) => match status(&error) {
                Some(404) => Ok(false),
                Some(403) => Err(AwsError {
                    message: format!(
                        "bucket {bucket} is not yours, or you may not use it (account {account})"
                    ),
                    ..error
                }),
                _ => Err(error),
            },
        }
    }

    async fn create_bucket(&self, bucket: &str) -> Result<()> {
        let location = self
            .region
            .as_deref()
            .filter(|region| *region != CLASSIC_REGION)
            .map(BucketLocationConstraint::from)
            .map(|region| CreateBucketConfiguration::builder().location_constraint(region).build());
        let result = self
            .sdk
            .create_bucket()
            .bucket(bucket)
            .set_create_bucket_configuration(location)
            .send()
            .await
            .map_err(failed("CreateBucket"));
        match result {
            Err(error) if !error.is(&["BucketAlreadyOwnedByYou"]) => Err(error),
            _ => Ok(()),
        }
    }

    async fn block_public_access(&self, bucket: &str) -> Result<()> {
        let all = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .block_public_policy(true)
            .ignore_public_acls(true)
            .restrict_public_buckets(true)
            .build();
        self.sdk
            .put_public_access_block()
            .bucket(bucket)
            .public_access_block_configuration(all)
            .send()
            .await
            .map(drop)
            .map_err(failed("PutPublicAccessBlock"))
    }

    async fn put_bucket_tagging(&self, bucket: &str, tags: &[Tag]) -> Result<()> {
        const OPERATION: &str = "PutBucketTagging";
        let set = tags
            .iter()
            .map(|tag| S3Tag::builder().key(&tag.key).value(&tag.value).build())
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|error| invalid(OPERATION, &error))?;
        let tagging = Tagging::builder()
            .set_tag_set(Some(set))
            .build()
            .map_err(|error| invalid(OPERATION, &error))?;
        self.sdk
            .put_bucket_tagging()
            .bucket(bucket)
            .tagging(tagging)
            .send()
            .await
            .map(drop)
            .map_err(failed(OPERATION))
    }

    async fn delete_bucket(&self, bucket: &str) -> Result<()> {
        let result =
            self.sdk.delete_bucket().bucket(bucket).send().await.map_err(failed("DeleteBucket"));
        match result {
            Err(error) if !error.is(&["NoSuchBucket"]) => Err(error),
            _ => Ok(()),
        }
    }

    async fn head_object(&self, bucket: &str, key: &str) -> Result<Option<Object>> {
        let result = self
            .sdk
            .head_object()
            .bucket(bucket)
            .key(key)
            .send()
            .await
            .map_err(failed("HeadObject"));
        match result {
            Ok(answer) => {
                Ok(Some(Object { key: key.to_owned(), size_bytes: size(answer.content_length()) }))
            }
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn get_object(&self, bucket: &str, key: &str, max_bytes: u64) -> Result<Option<Bytes>> {
        const OPERATION: &str = "GetObject";
        let result = self.sdk.get_object().bucket(bucket).key(key).send().await;
        let answer = match result.map_err(failed(OPERATION)) {
            Ok(answer) => answer,
            Err(error) if error.is(&["NoSuchKey"]) => return Ok(None),
            Err(error) => return Err(error),
        };
        let ambiguous = |message: String| AwsError {
            service: SERVICE,
            operation: OPERATION,
            kind: ErrorKind::Ambiguous,
            message,
        };
        let bytes = size(answer.content_length());
        if bytes > max_bytes {
            return Err(ambiguous(format!(
                "{key} has {bytes} bytes, at most {max_bytes} are read"
            )));
        }
        // What comes is as long as was announced, or an error.
        let body = answer.body.collect().await.map_err(|error| ambiguous(error.to_string()))?;
        Ok(Some(body.into_bytes()))
    }

    async fn put_object(
        &self,
        bucket: &str,
        key: &str,
        body: Bytes,
        sha256_base64: &str,
    ) -> Result<()> {
        let patience = aws_sdk_s3::config::timeout::TimeoutConfig::builder()
            .operation_attempt_timeout(UPLOAD_TIMEOUT)
            .build();
        self.sdk
            .put_object()
            .bucket(bucket)
            .key(key)
            .checksum_sha256(sha256_base64)
            .body(ByteStream::from(body))
            .customize()
            .config_override(aws_sdk_s3::config::Builder::new().timeout_config(patience))
            .send()
            .await
            .map(drop)
            .map_err(failed("PutObject"))
    }

    async fn list_objects(&self, bucket: &str, prefix: &str) -> Result<Vec<Object>> {
        let mut pages =
            self.sdk.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("ListObjectsV2"))?;
            found.extend(page.contents.into_iter().flatten().filter_map(|object| {
                let size_bytes = size(object.size());
                object.key.map(|key| Object { key, size_bytes })
            }));
        }
        Ok(found)
    }

    async fn delete_objects(&self, bucket: &str, keys: &[String]) -> Result<()> {
        const OPERATION: &str = "DeleteObjects";
        for batch in keys.chunks(DELETE_BATCH) {
            let objects = batch
                .iter()
                .map(|key| ObjectIdentifier::builder().key(key).build())
                .collect::<std::result::Result<Vec<_>, _>>()
                .map_err(|error| invalid(OPERATION, &error))?;
            let delete = Delete::builder()
                .set_objects(Some(objects))
                .quiet(true)
                .build()
                .map_err(|error| invalid(OPERATION, &error))?;
            let answer = self
                .sdk
                .delete_objects()
                .bucket(bucket)
                .delete(delete)
                .send()
                .await
                .map_err(failed(OPERATION))?;
            // The call succeeds as a whole even if single keys were refused.
            if let Some(error) = answer.errors().first() {
                return Err(AwsError {
                    service: SERVICE,
                    operation: OPERATION,
                    kind: ErrorKind::Service {
                        code: error.code().unwrap_or("Unknown").to_owned(),
                        status: 200,
                    },
                    message: format!(
                        "{}: {}",
                        error.key().unwrap_or_default(),
                        error.message().unwrap_or_default()
                    ),
                });
            }
        }
        Ok(())
    }
}

pub(super) fn failed<E>(operation: &'static str) -> impl Fn(SdkError<E, HttpResponse>) -> AwsError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    move |error| AwsError::from_sdk(SERVICE, operation, error)
}

pub(super) fn invalid(operation: &'static str, error: &dyn std::error::Error) -> AwsError {
    AwsError { service: SERVICE, operation, kind: ErrorKind::Invalid, message: error.to_string() }
}

fn status(error: &AwsError) -> Option<u16> {
    match error.kind {
        ErrorKind::Service { status, .. } => Some(status),
        _ => None,
    }
}

fn size(length: Option<i64>) -> u64 {
    length.and_then(|length| u64::try_from(length).ok()).unwrap_or(0)
}
