//! What becomes of an image once it is there: what is set on it, who may launch it,
//! and the parameter under which people find it.
//!
//! Each step looks before it changes anything and the parameter comes last, so whoever
//! reads it gets an image that is finished, and a run that was cut off is continued by
//! the next.

mod parameter;

use crate::blueprint::VERSION;
use crate::cloud::{Place, Regions};
use crate::error::{BakeError, Result};
use crate::flow::{Baked, Pace, retry};
use crate::progress::Progress;
use crate::recipe::{Architecture, Days, Recipe};
use nixl_aws::Tag;
use nixl_aws::ec2::{Image, Sharing};
use nixl_cluster::tag;
use serde::Serialize;
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What is to become of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wishes {
    /// Recipe.
    pub recipe: String,
    /// Kind of machine.
    pub architecture: Architecture,
    /// Parameter that names the image.
    pub parameter: String,
    /// Its tags.
    pub parameter_tags: Vec<Tag>,
    /// Who else may launch it, and nobody besides; `None`: as it is.
    pub sharing: Option<Sharing>,
    /// Days after which earlier images of the recipe are deprecated, if they are.
    pub grace_days: Option<u16>,
}

impl Wishes {
    /// What a recipe says.
    #[must_use]
    pub fn new(recipe: &Recipe) -> Self {
        let (name, architecture) = (recipe.name.as_str(), recipe.architecture);
        Self {
            recipe: name.to_owned(),
            architecture,
            parameter: format!("/nixl/ami/{name}/{}/latest", architecture.as_str()),
            parameter_tags: vec![Tag::new(tag::RECIPE, name), Tag::new(tag::VERSION, VERSION)],
            sharing: recipe.publish.sharing(),
            grace_days: recipe.publish.deprecate_days.map(Days::days),
        }
    }
}

/// Where an image can be found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Published {
    /// Parameter that holds its id.
    pub parameter: String,
}

/// Makes of a baked image what is wished.
///
/// # Errors
/// [`BakeError::Unpublished`] with what stands in the way; a further run goes on.
pub async fn publish(
    regions: &dyn Regions,
    wishes: &Wishes,
    baked: &Baked,
    progress: &dyn Progress,
    pace: Pace,
) -> Result<Published> {
    progress.phase("publishing");
    let home = regions.place(&baked.region);
    offer(&home, wishes, baked, progress, pace).await.map_err(|error| BakeError::Unpublished {
        ami: baked.ami_id.clone(),
        region: home.region.clone(),
        source: Box::new(error),
    })?;
    Ok(Published { parameter: wishes.parameter.clone() })
}

async fn offer(
    place: &Place,
    wishes: &Wishes,
    baked: &Baked,
    progress: &dyn Progress,
    pace: Pace,
) -> Result<()> {
    let image = match &baked.image {
        Some(image) => image.clone(),
        None => seen(place, &baked.ami_id, pace).await?,
    };
    if !image.imds_v2 {
        // EC2 has no way back from it; the image is this account's and carries our digest.
        retry(pace, || async { place.attributes.require_imds_v2(&image.id).await }).await?;
    }
    if let Some(sharing) = &wishes.sharing {
        share(place, &image.id, sharing, progress, pace).await?;
    }
    if wishes.grace_days.is_some() && image.deprecation_time.is_some() {
        progress.note(&format!("{} is the latest again and not deprecated any more", image.id));
        retry(pace, || async { place.attributes.undo_deprecation(&image.id).await }).await?;
    }
    parameter::keep(place, wishes, &image.id, progress, pace).await?;
    if let Some(days) = wishes.grace_days {
        deprecate_others(place, wishes, &image.id, days, progress, pace).await?;
    }
    Ok(())
}

/// The image that a build has just made, which EC2 may show a moment later.
async fn seen(place: &Place, ami: &str, pace: Pace) -> Result<Image> {
    let mut pause = pace.first;
    for attempt in 1.. {
        let found = retry(pace, || async { place.images.by_id(ami).await }).await?;
        if let Some(image) = found {
            return Ok(image);
        }
        if attempt >= pace.tries {
            break;
        }
        tokio::time::sleep(pause).await;
        pause = pace.next(pause);
    }
    Err(BakeError::NoImage { ami: ami.to_owned(), region: place.region.clone() })
}

async fn share(
    place: &Place,
    ami: &str,
    wanted: &Sharing,
    progress: &dyn Progress,
    pace: Pace,
) -> Result<()> {
    let now = retry(pace, || async { place.attributes.sharing(ami).await }).await?;
    let (add, remove) = (wanted.without(&now), now.without(wanted));
    if add.is_empty() && remove.is_empty() {
        return Ok(());
    }
    progress.note(&format!("{ami} may be launched by {wanted}"));
    let attributes = &place.attributes;
    Ok(retry(pace, || async { attributes.change_sharing(ami, &add, &remove).await }).await?)
}

/// Gives a last day to what the image takes the place of, unless it has one.
async fn deprecate_others(
    place: &Place,
    wishes: &Wishes,
    latest: &str,
    days: u16,
    progress: &dyn Progress,
    pace: Pace,
) -> Result<()> {
    let recipe = &wishes.recipe;
    let images = retry(pace, || async { place.images.by_recipe(recipe).await }).await?;
    let replaced = images.into_iter().filter(|image| {
        image.id != latest
            && image.state == "available"
            && image.architecture == wishes.architecture.as_str()
            && image.deprecation_time.is_none()
    });
    let at = SystemTime::now() + DAY * u32::from(days);
    for image in replaced {
        progress.note(&format!("{} is deprecated in {days} days", image.id));
        retry(pace, || async { place.attributes.deprecate(&image.id, at).await }).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
