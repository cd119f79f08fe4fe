//! `nixl-bake list`: the images there are.

use crate::cloud::{Place, Regions};
use crate::elsewhere::{Elsewhere, PACE, elsewhere};
use crate::error::Result;
use crate::flow::retry;
use crate::publish::all;
use crate::undistributed::undistributed;
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
    /// `available`, `pending`, `failed`, …; of one that is not distributed `testing`,
    /// `test_failed`, …
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

/// The images of a region, newest first, and what could not be looked at.
pub async fn list(place: &Place) -> Result<(Vec<Entry>, Vec<String>)> {
    let images = retry(PACE, || async { place.images.by_digest(None).await }).await?;
    Ok(with_undistributed(place, images).await)
}

/// The images of all regions but one, region by region, and what could not be looked at.
pub async fn list_elsewhere(regions: &dyn Regions, home: &str) -> (Vec<Entry>, Vec<String>) {
    let Elsewhere { images, mut unread } = elsewhere(regions, home, None).await;
    let looks = images.into_iter().map(|(region, images)| async move {
        with_undistributed(&regions.place(&region), images).await
    });
    let mut entries = Vec::new();
    for (found, why) in all(looks.collect()).await {
        entries.extend(found);
        unread.extend(why);
    }
    (entries, unread)
}

/// Beside `images` of a region those that are not distributed, newest first.
async fn with_undistributed(place: &Place, images: Vec<Image>) -> (Vec<Entry>, Vec<String>) {
    let region = &place.region;
    let (made, unread) = match undistributed(place, PACE).await {
        Ok(made) => (made, Vec::new()),
        Err(why) => (Vec::new(), vec![format!("{region}, images whose test failed: {why}")]),
    };
    let of_made = made.into_iter().map(|(image, made)| Image { state: made.state(), ..image });
    let mut images: Vec<Image> = images.into_iter().chain(of_made).collect();
    images.sort_by(|a, b| b.creation_date.cmp(&a.creation_date));
    (images.into_iter().map(|image| Entry::new(region, image)).collect(), unread)
}
