//! `nixl-bake list`: the images there are.

use crate::cloud::{Images, Regions};
use crate::elsewhere::{Elsewhere, elsewhere};
use crate::error::Result;
use nixl_aws::Tag;
use nixl_aws::ec2::Image;
use nixl_cluster::tag;
use serde::Serialize;

/// A baked image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Region.
    pub region: String,
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

impl Entry {
    fn new(region: &str, image: Image) -> Self {
        Self {
            region: region.to_owned(),
            digest: Tag::find(&image.tags, tag::DIGEST).unwrap_or_default().to_owned(),
            version: Tag::find(&image.tags, tag::VERSION).map(str::to_owned),
            ami_id: image.id,
            name: image.name,
            state: image.state,
            created: image.creation_date,
        }
    }
}

/// The images of a region, newest first.
pub async fn list(images: &dyn Images, region: &str) -> Result<Vec<Entry>> {
    let images = images.by_digest(None).await?;
    Ok(images.into_iter().map(|image| Entry::new(region, image)).collect())
}

/// The images of all regions but one, region by region, and which regions could not be
/// looked at.
pub async fn list_elsewhere(regions: &dyn Regions, home: &str) -> (Vec<Entry>, Vec<String>) {
    let Elsewhere { images, unread } = elsewhere(regions, home, None).await;
    let entries = images.into_iter().flat_map(|(region, images)| {
        images.into_iter().map(move |image| Entry::new(&region, image)).collect::<Vec<_>>()
    });
    (entries.collect(), unread)
}
