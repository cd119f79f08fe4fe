//! The bucket and the files in it.

use super::{Pace, patience::retry};
use crate::blueprint::Blueprint;
use crate::cloud::Cloud;
use crate::error::Result;
use crate::progress::Progress;

/// Makes the bucket and uploads what it lacks. A key holds the content's sum
/// and S3 checks it on arrival, so a key that exists is a file that is right.
pub(super) async fn upload(
    cloud: &Cloud,
    blueprint: &Blueprint,
    progress: &dyn Progress,
    pace: Pace,
) -> Result<()> {
    let bucket = &blueprint.bucket;
    let account = &cloud.identity.account;
    progress.phase("uploading");
    let there = retry(pace, || async { cloud.s3.head_bucket(bucket, account).await }).await?;
    if !there {
        progress.note(&format!("making bucket {bucket}"));
        retry(pace, || async { cloud.s3.create_bucket(bucket).await }).await?;
    }
    // An empty one may be of a run that was cut off: files come after all else.
    if !there || retry(pace, || async { cloud.s3.list_objects(bucket, "").await }).await?.is_empty()
    {
        retry(pace, || async { cloud.s3.block_public_access(bucket).await }).await?;
        let tags = &blueprint.bucket_tags;
        retry(pace, || async { cloud.s3.put_bucket_tagging(bucket, tags).await }).await?;
    }
    for (done, upload) in blueprint.uploads.iter().enumerate() {
        progress.step(done, blueprint.uploads.len(), &upload.key);
        let key = &upload.key;
        let found = retry(pace, || async { cloud.s3.head_object(bucket, key).await }).await?;
        if found.is_some_and(|object| object.size_bytes == upload.bytes.len() as u64) {
            continue;
        }
        let body = bytes::Bytes::copy_from_slice(&upload.bytes);
        let sum = upload.sum.base64();
        retry(pace, || async { cloud.s3.put_object(bucket, key, body.clone(), &sum).await })
            .await?;
    }
    Ok(())
}
