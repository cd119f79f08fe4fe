//! `nixl-bake prune`: removes images that nobody needs any more, with their snapshots.
//!
//! What is looked at first is the whole account's use of them; what is not known to be
//! free stays. Before an image goes its snapshots are told apart by a tag, so that a run
//! that is cut off leaves nothing that the next does not find. What a failed test has left
//! goes as well, but for the one that can be tested again. Builds stay in Image Builder's
//! list, whatever came of them: they cost nothing.

mod kept;

pub use kept::Why;

use crate::cloud::Place;
use crate::error::Result;
use crate::flow::{Pace, retry};
use crate::progress::Progress;
use crate::undistributed::{Made, undistributed};
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
    /// Also images whose test failed and could be tried again.
    pub failed: bool,
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
    /// `available`, `failed`, `test_failed`, …
    pub state: String,
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
    /// `available`, `pending`, `test_failed`, …
    pub state: String,
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

/// An image of ours, and how far Image Builder came with it if it is not distributed.
struct Found {
    image: Image,
    made: Option<Made>,
}

impl Found {
    fn state(&self) -> String {
        self.made.as_ref().map_or_else(|| self.image.state.clone(), Made::state)
    }
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
    let images = ours(place, wanted, progress, pace).await?;
    let uses = Uses::look(place, &images, pace).await?;
    let mut pruned = Pruned {
        dry_run: !wanted.yes,
        removed: Vec::new(),
        kept: Vec::new(),
        left_over: left_over(place, pace).await?,
    };
    let mut newest = kept::Newest::new(wanted.keep, !wanted.failed, &images);
    for one in images {
        let (ami, state) = (&one.image.id, one.state());
        // Of what would go only: it is a call for each.
        let mut why = match newest.takes(&one).or_else(|| uses.of(ami)) {
            Some(why) => Some(why),
            None => kept::shared(place, ami, pace).await?,
        };
        if let (None, Some(made), true) = (&why, &one.made, wanted.yes) {
            why = kept::taken_up(place, made, pace).await?;
        }
        let image = one.image;
        if let Some(why) = why {
            pruned.kept.push(Kept { ami_id: image.id, name: image.name, state, why });
            continue;
        }
        if wanted.yes {
            progress.phase(&format!("removing {}", image.id));
            remove(place, &image, pace).await?;
        }
        pruned.removed.push(Removed {
            ami_id: image.id,
            name: image.name,
            state,
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

/// The account's own images that carry all of our tags, or will once they are distributed,
/// newest first.
async fn ours(
    place: &Place,
    wanted: &Prune,
    progress: &dyn Progress,
    pace: Pace,
) -> Result<Vec<Found>> {
    let images = retry(pace, || async { place.images.by_digest(None).await }).await?;
    let made = match undistributed(place, pace).await {
        // Who may use EC2 only goes on with what EC2 tells.
        Err(why) if why.is(&["AccessDeniedException", "ForbiddenException"]) => {
            progress.note(&format!("images whose test failed are not looked at: {why}"));
            Vec::new()
        }
        made => made?,
    };
    let made = made.into_iter().map(|(image, made)| Found { image, made: Some(made) });
    let distributed = images.into_iter().map(|image| Found { image, made: None });
    let mut found: Vec<Found> = distributed.chain(made).collect();
    found.retain(|one| {
        let has = |key| Tag::find(&one.image.tags, key);
        let recipe = has(tag::RECIPE);
        has(tag::VERSION).is_some()
            && recipe.is_some()
            && (wanted.recipe.is_none() || recipe == wanted.recipe.as_deref())
    });
    found.sort_by(|a, b| b.image.creation_date.cmp(&a.image.creation_date));
    Ok(found)
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
