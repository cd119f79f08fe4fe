//! Removing images: who uses them, and what is left of them.
//!
//! Source: EC2 API model, DeregisterImage, DescribeLaunchTemplateVersions.

use super::{Client, Ec2 as _, Filter, SERVICE, named};
use crate::{AwsError, Result, Tag};

/// An image and who uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// `ami-…`
    pub image_id: String,
    /// For people: an instance, or a version of a launch template.
    pub by: String,
}

/// A snapshot of the account's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// `snap-…`
    pub id: String,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// The calls.
#[async_trait::async_trait]
pub trait ImageRemoval: Send + Sync {
    /// Images of instances that are not terminated, stopped ones as well.
    async fn used_by_instances(&self) -> Result<Vec<Use>>;
    /// Images that versions of launch templates name, parameters resolved.
    async fn used_by_templates(&self) -> Result<Vec<Use>>;
    /// The account's own snapshots with a tag of this key.
    async fn snapshots_tagged(&self, key: &str) -> Result<Vec<Snapshot>>;
    /// Sets tags of snapshots; fine if one is gone, which another run has deleted.
    async fn tag_snapshots(&self, ids: &[String], tags: &[Tag]) -> Result<()>;
    /// Deregisters an image and deletes its snapshots, but those that another image
    /// has; fine if there is none.
    async fn deregister(&self, image_id: &str) -> Result<()>;
    /// Deletes a snapshot; fine if there is none. False: an image uses it.
    async fn delete_snapshot(&self, id: &str) -> Result<bool>;
}

#[async_trait::async_trait]
impl ImageRemoval for Client {
    async fn used_by_instances(&self) -> Result<Vec<Use>> {
        let alive = ["pending", "running", "shutting-down", "stopping", "stopped"];
        let found = self.describe_instances(&[Filter::new("instance-state-name", alive)]).await?;
        let by = |id, state| format!("instance {id} ({state})");
        Ok(found
            .into_iter()
            .map(|it| Use { by: by(it.id, it.state), image_id: it.image_id })
            .collect())
    }

    async fn used_by_templates(&self) -> Result<Vec<Use>> {
        let pages = self.sdk.describe_launch_templates().into_paginator().items().send();
        let templates = named!("DescribeLaunchTemplates", pages.try_collect().await)?;
        let mut uses = Vec::new();
        for id in templates.into_iter().filter_map(|it| it.launch_template_id) {
            let call = self.sdk.describe_launch_template_versions().launch_template_id(&id);
            let pages = call.resolve_alias(true).into_paginator().items().send();
            let versions = named!("DescribeLaunchTemplateVersions", pages.try_collect().await);
            let versions = match versions {
                // Deleted since it was listed.
                Err(error) if error.is(&["InvalidLaunchTemplateId.NotFound"]) => continue,
                versions => versions?,
            };
            uses.extend(versions.into_iter().filter_map(|it| {
                let number = it.version_number.unwrap_or_default();
                let by = format!("launch template {id}, version {number}");
                Some(Use { image_id: it.launch_template_data?.image_id?, by })
            }));
        }
        Ok(uses)
    }

    async fn snapshots_tagged(&self, key: &str) -> Result<Vec<Snapshot>> {
        let wanted = super::convert::filters(&[Filter::new("tag-key", [key])]);
        let call = self.sdk.describe_snapshots().owner_ids("self").set_filters(wanted);
        let pages = call.into_paginator().items().send();
        let found = named!("DescribeSnapshots", pages.try_collect().await)?;
        let snapshot = |it: aws_sdk_ec2::types::Snapshot| {
            Some(Snapshot { id: it.snapshot_id?, tags: super::convert::tags(it.tags) })
        };
        Ok(found.into_iter().filter_map(snapshot).collect())
    }

    async fn tag_snapshots(&self, ids: &[String], tags: &[Tag]) -> Result<()> {
        match self.create_tags(ids, tags).await {
            Err(error) if error.is(&["InvalidSnapshot.NotFound"]) => Ok(()),
            answer => answer,
        }
    }

    async fn deregister(&self, image_id: &str) -> Result<()> {
        let call = self.sdk.deregister_image().image_id(image_id).delete_associated_snapshots(true);
        match named!("DeregisterImage", call.send().await) {
            Err(error) if error.is(&["InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"]) => {
                Ok(())
            }
            answer => answer.map(drop),
        }
    }

    async fn delete_snapshot(&self, id: &str) -> Result<bool> {
        match named!("DeleteSnapshot", self.sdk.delete_snapshot().snapshot_id(id).send().await) {
            Err(error) if error.is(&["InvalidSnapshot.NotFound"]) => Ok(true),
            Err(error) if error.is(&["InvalidSnapshot.InUse"]) => Ok(false),
            answer => answer.map(|_| true),
        }
    }
}
