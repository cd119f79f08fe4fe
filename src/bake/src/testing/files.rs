//! The scripted S3: one bucket, whoever asks.

use super::Fake;
use nixl_aws::s3::{Object, S3};
use nixl_aws::{Result, Tag};

#[async_trait::async_trait]
impl S3 for Fake {
    async fn head_bucket(&self, _: &str, _: &str) -> Result<bool> {
        Ok(self.called("head_bucket")?.bucket)
    }
    async fn create_bucket(&self, _: &str) -> Result<()> {
        self.called("create_bucket")?.bucket = true;
        Ok(())
    }
    async fn block_public_access(&self, _: &str) -> Result<()> {
        self.called("block_public_access").map(drop)
    }
    async fn put_bucket_tagging(&self, _: &str, _: &[Tag]) -> Result<()> {
        self.called("put_bucket_tagging").map(drop)
    }
    async fn delete_bucket(&self, _: &str) -> Result<()> {
        self.called("delete_bucket").map(drop)
    }
    async fn head_object(&self, _: &str, key: &str) -> Result<Option<Object>> {
        let world = self.called("head_object")?;
        Ok(world.objects.get(key).map(|size| Object { key: key.into(), size_bytes: *size as u64 }))
    }
    async fn get_object(&self, _: &str, key: &str, _: u64) -> Result<Option<bytes::Bytes>> {
        Ok(self.called("get_object")?.contents.get(key).cloned())
    }
    async fn put_object(&self, _: &str, key: &str, body: bytes::Bytes, _: &str) -> Result<()> {
        self.called("put_object")?.objects.insert(key.into(), body.len());
        Ok(())
    }
    async fn list_objects(&self, _: &str, _: &str) -> Result<Vec<Object>> {
        let world = self.called("list_objects")?;
        let object =
            |(key, size): (&String, &usize)| Object { key: key.clone(), size_bytes: *size as u64 };
        Ok(world.objects.iter().map(object).collect())
    }
    async fn delete_objects(&self, _: &str, _: &[String]) -> Result<()> {
        self.called("delete_objects").map(drop)
    }
}
