//! S3, as far as handing files to a build and keeping artifacts need it
//! (API reference 2006-03-01).

mod client;
mod settings;

pub use client::Client;
pub use settings::BucketSettings;

use crate::{Result, Tag};
use bytes::Bytes;

/// An object found by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object {
    /// Key.
    pub key: String,
    /// Size.
    pub size_bytes: u64,
}

/// The calls; [`Client`] makes them, tests script them.
#[async_trait::async_trait]
pub trait S3: Send + Sync {
    /// Whether the bucket exists and belongs to `account`. A bucket of this
    /// name in other hands is an error: nothing may be put there.
    async fn head_bucket(&self, bucket: &str, account: &str) -> Result<bool>;
    /// Makes a bucket in the client's region; fine if it is the caller's own
    /// already.
    async fn create_bucket(&self, bucket: &str) -> Result<()>;
    /// Refuses public access of every kind.
    async fn block_public_access(&self, bucket: &str) -> Result<()>;
    /// Replaces the tags of a bucket.
    async fn put_bucket_tagging(&self, bucket: &str, tags: &[Tag]) -> Result<()>;
    /// Deletes an empty bucket; fine if there is none.
    async fn delete_bucket(&self, bucket: &str) -> Result<()>;

    /// The object, or `None` if there is none of this key.
    async fn head_object(&self, bucket: &str, key: &str) -> Result<Option<Object>>;
    /// Content of an object of at most `max_bytes`, or `None` if there is none of
    /// this key.
    ///
    /// # Errors
    /// Also if it is larger.
    async fn get_object(&self, bucket: &str, key: &str, max_bytes: u64) -> Result<Option<Bytes>>;
    /// Stores an object; S3 refuses it if the body does not have this SHA-256
    /// (base64).
    async fn put_object(
        &self,
        bucket: &str,
        key: &str,
        body: Bytes,
        sha256_base64: &str,
    ) -> Result<()>;
    /// Objects below a prefix, all pages.
    async fn list_objects(&self, bucket: &str, prefix: &str) -> Result<Vec<Object>>;
    /// Deletes objects by key, in requests of at most 1000.
    async fn delete_objects(&self, bucket: &str, keys: &[String]) -> Result<()>;
}
