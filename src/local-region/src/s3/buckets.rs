//! The S3 operations: what s3s-fs lacks, and the rest handed on to it.

use super::keys::Keys;
use s3s::dto::*;
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Settings of a bucket that are not files.
#[derive(Default)]
pub(super) struct Settings {
    tags: Option<TagSet>,
    public_access_block: Option<PublicAccessBlockConfiguration>,
    policy: Option<Policy>,
    pub(super) encryption: Option<ServerSideEncryptionConfiguration>,
}

/// Settings by bucket.
pub(super) type AllSettings = Mutex<HashMap<String, Settings>>;

/// Buckets as folders.
pub struct Buckets {
    files: FileSystem,
    root: PathBuf,
    settings: Arc<AllSettings>,
}

impl Buckets {
    /// Buckets below `root`.
    pub fn new(root: &Path) -> anyhow::Result<Self> {
        let files = FileSystem::new(root).map_err(|error| {
            anyhow::anyhow!("cannot keep S3 objects in {}: {error:?}", root.display())
        })?;
        Ok(Self { files, root: root.to_owned(), settings: Arc::default() })
    }

    /// The keys of its buckets, also those that are set later.
    pub fn keys(&self) -> Keys {
        Keys::new(self.settings.clone())
    }

    fn settings(&self) -> MutexGuard<'_, HashMap<String, Settings>> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn need(&self, bucket: &str) -> S3Result<PathBuf> {
        let path = self.root.join(bucket);
        if path.is_dir() {
            Ok(path)
        } else {
            Err(s3_error!(NoSuchBucket, "The specified bucket does not exist"))
        }
    }

    /// S3 has no folders: those that a deletion empties go with it.
    fn prune(&self, bucket: &str, key: &str) {
        let bucket = self.root.join(bucket);
        let mut folder = bucket.join(key);
        while folder.pop() && folder != bucket && folder.starts_with(&bucket) {
            if std::fs::remove_dir(&folder).is_err() {
                break;
            }
        }
    }
}

/// Whether there is a file anywhere below.
fn holds_files(folder: &Path) -> std::io::Result<bool> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() || holds_files(&entry.path())? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `encoding-type=url`, which clients ask for so that any key fits into XML;
/// s3s-fs repeats the wish but does not act on it.
fn encode(text: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'*');
    percent_encoding::utf8_percent_encode(text, KEPT).to_string()
}

fn encode_keys(objects: &mut Option<ObjectList>, prefixes: &mut Option<CommonPrefixList>) {
    for object in objects.iter_mut().flatten() {
        object.key = object.key.as_deref().map(encode);
    }
    for prefix in prefixes.iter_mut().flatten() {
        prefix.prefix = prefix.prefix.as_deref().map(encode);
    }
}

/// s3s-fs denies access to an upload that is not there, or no more, and says
/// nothing about an id that it would not have given.
fn no_such_upload(error: S3Error) -> S3Error {
    match error.code() {
        S3ErrorCode::AccessDenied => unknown_upload(),
        S3ErrorCode::InvalidRequest if error.message().is_none() => unknown_upload(),
        _ => error,
    }
}

fn unknown_upload() -> S3Error {
    s3_error!(
        NoSuchUpload,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may \
         have been aborted or completed."
    )
}

#[async_trait::async_trait]
impl S3 for Buckets {
    async fn create_bucket(
        &self,
        req: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let constraint = req.input.create_bucket_configuration.as_ref();
        if constraint.and_then(|c| c.location_constraint.as_ref()).is_some() {
            return Err(s3_error!(
                InvalidLocationConstraint,
                "The specified location-constraint is not valid"
            ));
        }
        let location = Some(format!("/{}", req.input.bucket));
        // In us-east-1 alone the owner may create a bucket again.
        if self.need(&req.input.bucket).is_err() {
            self.files.create_bucket(req).await?;
        }
        Ok(S3Response::new(CreateBucketOutput { location }))
    }

    async fn delete_bucket(
        &self,
        req: S3Request<DeleteBucketInput>,
    ) -> S3Result<S3Response<DeleteBucketOutput>> {
        let path = self.need(&req.input.bucket)?;
        if holds_files(&path).map_err(S3Error::internal_error)? {
            return Err(s3_error!(BucketNotEmpty, "The bucket you tried to delete is not empty"));
        }
        let bucket = req.input.bucket.clone();
        let mut answer = self.files.delete_bucket(req).await?;
        self.settings().remove(&bucket);
        answer.status = Some(hyper::StatusCode::NO_CONTENT);
        Ok(answer)
    }

    async fn delete_object(
        &self,
        req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let (bucket, key) = (req.input.bucket.clone(), req.input.key.clone());
        let answer = self.files.delete_object(req).await?;
        self.prune(&bucket, &key);
        Ok(answer)
    }

    async fn delete_objects(
        &self,
        req: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        self.need(&req.input.bucket)?;
        let bucket = req.input.bucket.clone();
        let keys: Vec<String> =
            req.input.delete.objects.iter().map(|object| object.key.clone()).collect();
        for key in &keys {
            super::check_key(key)?;
        }
        let answer = self.files.delete_objects(req).await?;
        for key in keys {
            self.prune(&bucket, &key);
        }
        Ok(answer)
    }

    async fn put_bucket_tagging(
        &self,
        req: S3Request<PutBucketTaggingInput>,
    ) -> S3Result<S3Response<PutBucketTaggingOutput>> {
        self.need(&req.input.bucket)?;
        self.settings().entry(req.input.bucket).or_default().tags = Some(req.input.tagging.tag_set);
        Ok(S3Response::new(PutBucketTaggingOutput::default()))
    }

    async fn get_bucket_tagging(
        &self,
        req: S3Request<GetBucketTaggingInput>,
    ) -> S3Result<S3Response<GetBucketTaggingOutput>> {
        self.need(&req.input.bucket)?;
        let tags =
            self.settings().get(&req.input.bucket).and_then(|settings| settings.tags.clone());
        let tag_set = tags.ok_or_else(|| s3_error!(NoSuchTagSet, "The TagSet does not exist"))?;
        Ok(S3Response::new(GetBucketTaggingOutput { tag_set }))
    }

    async fn delete_bucket_tagging(
        &self,
        req: S3Request<DeleteBucketTaggingInput>,
    ) -> S3Result<S3Response<DeleteBucketTaggingOutput>> {
        self.need(&req.input.bucket)?;
        if let Some(settings) = self.settings().get_mut(&req.input.bucket) {
            settings.tags = None;
        }
        Ok(S3Response::new(DeleteBucketTaggingOutput::default()))
    }

    async fn put_bucket_policy(
        &self,
        req: S3Request<PutBucketPolicyInput>,
    ) -> S3Result<S3Response<PutBucketPolicyOutput>> {
        self.need(&req.input.bucket)?;
        if serde_json::from_str::<serde_json::Value>(&req.input.policy).is_err() {
            return Err(s3_error!(MalformedPolicy, "This policy contains invalid Json"));
        }
        self.settings().entry(req.input.bucket).or_default().policy = Some(req.input.policy);
        Ok(S3Response::new(PutBucketPolicyOutput::default()))
    }

    async fn get_bucket_policy(
        &self,
        req: S3Request<GetBucketPolicyInput>,
    ) -> S3Result<S3Response<GetBucketPolicyOutput>> {
        self.need(&req.input.bucket)?;
        let policy = self.settings().get(&req.input.bucket).and_then(|s| s.policy.clone());
        let policy = policy
            .ok_or_else(|| s3_error!(NoSuchBucketPolicy, "The bucket policy does not exist"))?;
        Ok(S3Response::new(GetBucketPolicyOutput { policy: Some(policy) }))
    }

    async fn put_bucket_encryption(
        &self,
        req: S3Request<PutBucketEncryptionInput>,
    ) -> S3Result<S3Response<PutBucketEncryptionOutput>> {
        self.need(&req.input.bucket)?;
        self.settings().entry(req.input.bucket).or_default().encryption =
            Some(req.input.server_side_encryption_configuration);
        Ok(S3Response::new(PutBucketEncryptionOutput::default()))
    }

    async fn get_bucket_encryption(
        &self,
        req: S3Request<GetBucketEncryptionInput>,
    ) -> S3Result<S3Response<GetBucketEncryptionOutput>> {
        self.need(&req.input.bucket)?;
        let given = self.settings().get(&req.input.bucket).and_then(|s| s.encryption.clone());
        // What every new bucket has since January 2023.
        let encryption = given.unwrap_or_else(|| ServerSideEncryptionConfiguration {
            rules: vec![ServerSideEncryptionRule {
                apply_server_side_encryption_by_default: Some(ServerSideEncryptionByDefault {
                    kms_master_key_id: None,
                    sse_algorithm: ServerSideEncryption::from_static(ServerSideEncryption::AES256),
                }),
                ..Default::default()
            }],
        });
        Ok(S3Response::new(GetBucketEncryptionOutput {
            server_side_encryption_configuration: Some(encryption),
        }))
    }

    async fn put_public_access_block(
        &self,
        req: S3Request<PutPublicAccessBlockInput>,
    ) -> S3Result<S3Response<PutPublicAccessBlockOutput>> {
        self.need(&req.input.bucket)?;
        self.settings().entry(req.input.bucket).or_default().public_access_block =
            Some(req.input.public_access_block_configuration);
        Ok(S3Response::new(PutPublicAccessBlockOutput::default()))
    }

    async fn get_public_access_block(
        &self,
        req: S3Request<GetPublicAccessBlockInput>,
    ) -> S3Result<S3Response<GetPublicAccessBlockOutput>> {
        self.need(&req.input.bucket)?;
        let settings = self.settings();
        let given = settings.get(&req.input.bucket).and_then(|s| s.public_access_block.clone());
        // What every new bucket has since April 2023.
        let block = given.unwrap_or(PublicAccessBlockConfiguration {
            block_public_acls: Some(true),
            block_public_policy: Some(true),
            ignore_public_acls: Some(true),
            restrict_public_buckets: Some(true),
        });
        Ok(S3Response::new(GetPublicAccessBlockOutput {
            public_access_block_configuration: Some(block),
        }))
    }

    async fn put_object(
        &self,
        req: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        self.need(&req.input.bucket)?;
        self.files.put_object(req).await
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.need(&req.input.bucket)?;
        self.files.create_multipart_upload(req).await
    }

    async fn copy_object(
        &self,
        req: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        if let CopySource::Bucket { key, .. } = &req.input.copy_source {
            super::check_key(key)?;
        }
        self.files.copy_object(req).await
    }

    async fn get_object(
        &self,
        req: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        self.files.get_object(req).await
    }

    async fn head_bucket(
        &self,
        req: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.files.head_bucket(req).await
    }

    async fn head_object(
        &self,
        req: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        self.files.head_object(req).await
    }

    async fn list_buckets(
        &self,
        req: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        self.files.list_buckets(req).await
    }

    async fn list_objects(
        &self,
        req: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        let encoded = req.input.encoding_type.as_ref().is_some_and(|kind| kind.as_str() == "url");
        let mut answer = self.files.list_objects(req).await?;
        if encoded {
            let output = &mut answer.output;
            encode_keys(&mut output.contents, &mut output.common_prefixes);
            for text in [&mut output.prefix, &mut output.delimiter].into_iter().flatten() {
                *text = encode(text);
            }
        }
        Ok(answer)
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let encoded = req.input.encoding_type.as_ref().is_some_and(|kind| kind.as_str() == "url");
        let mut answer = self.files.list_objects_v2(req).await?;
        if encoded {
            let output = &mut answer.output;
            encode_keys(&mut output.contents, &mut output.common_prefixes);
            for text in [&mut output.prefix, &mut output.delimiter].into_iter().flatten() {
                *text = encode(text);
            }
        }
        Ok(answer)
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.files.get_bucket_location(req).await
    }

    async fn upload_part(
        &self,
        req: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        self.files.upload_part(req).await.map_err(no_such_upload)
    }

    async fn upload_part_copy(
        &self,
        req: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        if let CopySource::Bucket { key, .. } = &req.input.copy_source {
            super::check_key(key)?;
        }
        self.files.upload_part_copy(req).await
    }

    async fn list_parts(
        &self,
        req: S3Request<ListPartsInput>,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        // s3s-fs has an answer for any id, and the parts as they lie in the folder.
        let id = &req.input.upload_id;
        if id.contains('/') || !self.root.join(format!(".upload-{id}.json")).is_file() {
            return Err(unknown_upload());
        }
        let mut answer = self.files.list_parts(req).await?;
        if let Some(parts) = &mut answer.output.parts {
            parts.sort_by_key(|part| part.part_number);
        }
        Ok(answer)
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        self.files.complete_multipart_upload(req).await.map_err(no_such_upload)
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.files.abort_multipart_upload(req).await.map_err(no_such_upload)
    }
}
