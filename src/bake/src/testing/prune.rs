//! What the scripted cloud knows of removing images.

use super::Fake;
use nixl_aws::ec2::{ImageRemoval, Snapshot, Use};
use nixl_aws::{Result, Tag};

#[async_trait::async_trait]
impl ImageRemoval for Fake {
    async fn used_by_instances(&self) -> Result<Vec<Use>> {
        Ok(self.called("used_by_instances")?.uses.clone())
    }
    async fn used_by_templates(&self) -> Result<Vec<Use>> {
        Ok(Vec::new())
    }
    async fn snapshots_tagged(&self, key: &str) -> Result<Vec<Snapshot>> {
        let world = self.called("snapshots_tagged")?;
        let tagged = world.snapshots.iter().filter(|(_, (_, tags))| Tag::find(tags, key).is_some());
        Ok(tagged.map(|(id, (_, tags))| Snapshot { id: id.clone(), tags: tags.clone() }).collect())
    }
    async fn tag_snapshots(&self, ids: &[String], tags: &[Tag]) -> Result<()> {
        let mut world = self.called("tag_snapshots")?;
        for id in ids {
            world.snapshots.get_mut(id).unwrap().1 = tags.to_vec();
        }
        Ok(())
    }
    /// The image goes and its snapshots stay, as when EC2 could not delete them.
    async fn deregister(&self, id: &str) -> Result<()> {
        self.called("deregister")?.images.retain(|image| image.id != id);
        Ok(())
    }
    async fn delete_snapshot(&self, id: &str) -> Result<bool> {
        let mut world = self.called("delete_snapshot")?;
        let Some((image, _)) = world.snapshots.get(id).cloned() else { return Ok(true) };
        if world.images.iter().any(|one| one.id == image) {
            return Ok(false);
        }
        world.snapshots.remove(id);
        Ok(true)
    }
}
