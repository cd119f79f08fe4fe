//! `nixl-bake prune`: removes images that nobody needs any more, with their snapshots.
//!
//! What is looked at first is the whole account's use of them; what is not known to be
//! free stays. Before an image goes its snapshots are told apart by a tag, so that a run
//! that is cut off leaves nothing that the next does not find.

mod kept;

pub use kept::Why;

use crate::cloud::Place;
use crate::error::Result;
use crate::flow::{Pace, retry};
use crate::progress::Progress;
use kept::Uses;
use nixl_aws::Tag;
use nixl_aws::ec2::Image;
use nixl_cluster::tag;
use serde::Serialize;

/// What is to go.
#[derive(Debug, Clone)]
pub struct Prune {
    /// Images of each recipe and architecture that stay, the newest.
    pub keep: usize,
    /// This recipe's only.
    pub recipe: Option<String>,
    /// Whether they go, or are looked at only.
    pub yes: bool,
}

/// An image that goes, or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// AMI.
    pub ami_id: String,
    /// Name.
    pub name: String,
    /// RFC 3339.
    pub created: String,
    /// Its snapshots.
    pub snapshots: Vec<String>,
}

/// An image that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// AMI.
    pub ami_id: String,
    /// Name.
    pub name: String,
    /// Why.
    pub why: Why,
}

/// What was found and done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Nothing was changed.
    pub dry_run: bool,
    /// Images that go, newest first.
    pub removed: Vec<Removed>,
    /// Images that stay, newest first.
    pub kept: Vec<Kept>,
    /// Snapshots of images that an earlier run removed.
    pub left_over: Vec<String>,
}

/// Looks which images may go and, if told to, removes them.
///
/// # Errors
/// If a call fails; a further run goes on.
pub async fn prune(
    place: &Place,
    wanted: &Prune,
    progress: &dyn Progress,
    pace: Pace,
) -> Result<Pruned> {
    progress.phase("looking who uses which image");
    let images = ours(place, wanted, pace).await?;
    let uses = Uses::look(place, &images, pace).await?;
    let mut pruned = Pruned {
        dry_run: !wanted.yes,
        removed: Vec::new(),
        kept: Vec::new(),
        left_over: left_over(place, pace).await?,
    };
    let mut newest = kept::Newest::new(wanted.keep);
    for image in images {
        let ami = &image.id;
        // Of what would go only: it is a call for each.
        let why = match newest.takes(&image).or_else(|| uses.of(ami)) {
            Some(why) => Some(why),
            None => kept::shared(place, ami, pace).await?,
        };
        if let Some(why) = why {
            pruned.kept.push(Kept { ami_id: image.id, name: image.name, why });
            continue;
        }
        if wanted.yes {
            progress.phase(&format!("removing {ami}"));
            remove(place, &image, pace).await?;
        }
        pruned.removed.push(Removed {
            ami_id: image.id,
            name: image.name,
            created: image.creation_date,
            snapshots: image.snapshot_ids,
        });
    }
    if wanted.yes {
        for id in &pruned.left_over {
            retry(pace, || async { place.removal.delete_snapshot(id).await }).await?;
        }
    }
    Ok(pruned)
}

/// The account's own images that carry all of our tags, newest first.
async fn ours(place: &Place, wanted: &Prune, pace: Pace) -> Result<Vec<Image>> {
    let mut images = retry(pace, || async { place.images.by_digest(None).await }).await?;
    images.retain(|image| {
        let has = |key| Tag::find(&image.tags, key);
        let recipe = has(tag::RECIPE);
        has(tag::VERSION).is_some()
            && recipe.is_some()
            && (wanted.recipe.is_none() || recipe == wanted.recipe.as_deref())
    });
    Ok(images)
}

/// Tag first, so that what a lost answer or a refusal leaves is found again.
async fn remove(place: &Place, image: &Image, pace: Pace) -> Result<()> {
    let (removal, snapshots) = (&place.removal, &image.snapshot_ids);
    let digest = Tag::find(&image.tags, tag::DIGEST).unwrap_or_default();
    let tags = [Tag::new(tag::IMAGE, &image.id), Tag::new(tag::DIGEST, digest)];
    if !snapshots.is_empty() {
        retry(pace, || async { removal.tag_snapshots(snapshots, &tags).await }).await?;
    }
    retry(pace, || async { removal.deregister(&image.id).await }).await?;
    // EC2 has deleted them, unless it could not or another image has them, too.
    for id in snapshots {
        retry(pace, || async { removal.delete_snapshot(id).await }).await?;
    }
    Ok(())
}

/// Snapshots whose image an earlier run has removed.
async fn left_over(place: &Place, pace: Pace) -> Result<Vec<String>> {
    let removal = &place.removal;
    let mut left = Vec::new();
    for one in retry(pace, || async { removal.snapshots_tagged(tag::IMAGE).await }).await? {
        let image = Tag::find(&one.tags, tag::IMAGE).unwrap_or_default();
        let found = retry(pace, || async { place.images.by_id(image).await }).await?;
        if found.is_none() {
            left.push(one.id);
        }
    }
    Ok(left)
}

#[cfg(test)]
mod tests;
