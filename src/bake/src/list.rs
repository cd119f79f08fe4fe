//! `nixl-bake list`: the images there are.

use crate::cloud::Cloud;
use crate::error::Result;
use nixl_aws::Tag;
use nixl_cluster::tag;
use serde::Serialize;

/// A baked image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// AMI.
    pub ami_id: String,
    /// Name.
    pub name: String,
    /// `available`, `pending`, `failed`, …
    pub state: String,
    /// RFC 3339.
    pub created: String,
    /// Its content.
    pub digest: String,
    /// Version of the program that made it.
    pub version: Option<String>,
}

/// All, newest first.
pub async fn list(cloud: &Cloud) -> Result<Vec<Entry>> {
    let images = cloud.images.by_digest(None).await?;
    Ok(images
        .into_iter()
        .map(|image| Entry {
            digest: Tag::find(&image.tags, tag::DIGEST).unwrap_or_default().to_owned(),
            version: Tag::find(&image.tags, tag::VERSION).map(str::to_owned),
            ami_id: image.id,
            name: image.name,
            state: image.state,
            created: image.creation_date,
        })
        .collect())
}
