//! What becomes of an image once it is there: what is set on it, who may launch it,
//! and the parameter under which people find it.
//!
//! Each step looks before it changes anything and the parameter comes last, so whoever
//! reads it gets an image that is finished, and a run that was cut off is continued by
//! the next.

mod copies;
mod parameter;

use crate::blueprint::VERSION;
use crate::cloud::{Place, Regions};
use crate::error::{BakeError, Result};
use crate::flow::{Baked, Options, Pace, retry};
use crate::progress::Progress;
use crate::recipe::{Architecture, Days, Recipe};
use nixl_aws::Tag;
use nixl_aws::ec2::{Image, Sharing};
use nixl_cluster::tag;
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Parameter that holds the id of a recipe's latest image.
#[must_use]
pub fn latest(recipe: &str, architecture: &str) -> String {
    format!("/nixl/ami/{recipe}/{architecture}/latest")
}

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
    /// Where else it is.
    pub regions: BTreeSet<String>,
    /// Alias of the key that encrypts it.
    pub kms_key: Option<String>,
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
            parameter: latest(name, architecture.as_str()),
            parameter_tags: vec![Tag::new(tag::RECIPE, name), Tag::new(tag::VERSION, VERSION)],
            regions: recipe.publish.regions.iter().map(|one| one.as_str().to_owned()).collect(),
            kms_key: recipe.kms_key.as_ref().map(|key| key.as_str().to_owned()),
            sharing: recipe.publish.sharing(),
            grace_days: recipe.publish.deprecate_days.map(Days::days),
        }
    }
}

/// Where an image can be found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Published {
    /// Parameter that holds its id, in each of the regions.
    pub parameter: String,
    /// Its copies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<Copied>,
}

/// A copy in another region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Copied {
    /// Region.
    pub region: String,
    /// AMI.
    pub ami_id: String,
}

/// Makes of a baked image what is wished, here and in all further regions at once.
///
/// # Errors
/// [`BakeError::Unpublished`] with what stands in the way, of each region; a further
/// run goes on.
pub async fn publish(
    regions: &dyn Regions,
    wishes: &Wishes,
    baked: &Baked,
    progress: &dyn Progress,
    options: Options,
) -> Result<Published> {
    progress.phase("publishing");
    let home = regions.place(&baked.region);
    let unpublished = |region: &str| {
        let (ami, region) = (baked.ami_id.clone(), region.to_owned());
        |source| BakeError::Unpublished { ami, region, source: Box::new(source) }
    };
    let image = match &baked.image {
        Some(image) => image.clone(),
        None => {
            seen(&home, &baked.ami_id, options.pace).await.map_err(unpublished(&home.region))?
        }
    };
    let here = async {
        let offered = offer(&home, wishes, &image, progress, options.pace).await;
        offered.map_err(unpublished(&home.region))
    };
    let others = wishes.regions.iter().filter(|region| **region != home.region);
    let there = others.map(|region| async {
        let place = regions.place(region);
        let copied = copy_to(&place, &home.region, &image, wishes, progress, options).await;
        copied.map_err(unpublished(&place.region))
    });
    let (here, there) = tokio::join!(here, all(there.collect()));
    let mut problems: Vec<BakeError> = here.err().into_iter().collect();
    let mut copies = Vec::new();
    for copied in there {
        match copied {
            Ok(copied) => copies.push(copied),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        return Ok(Published { parameter: wishes.parameter.clone(), copies });
    }
    Err(BakeError::several(problems))
}

/// Awaits all at once; there are as many as regions.
async fn all<T>(mut futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let Some(last) = futures.pop() else { return Vec::new() };
    let (mut done, last) = tokio::join!(Box::pin(all(futures)), last);
    done.push(last);
    done
}

async fn copy_to(
    place: &Place,
    home: &str,
    source: &Image,
    wishes: &Wishes,
    progress: &dyn Progress,
    options: Options,
) -> Result<Copied> {
    let image = copies::there(place, home, source, wishes, progress, options).await?;
    offer(place, wishes, &image, progress, options.pace).await?;
    Ok(Copied { region: place.region.clone(), ami_id: image.id })
}

async fn offer(
    place: &Place,
    wishes: &Wishes,
    image: &Image,
    progress: &dyn Progress,
    pace: Pace,
) -> Result<()> {
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

/// The image that was just made, which EC2 may show a moment later, and its tags later
/// still.
async fn seen(place: &Place, ami: &str, pace: Pace) -> Result<Image> {
    let mut pause = pace.first;
    for attempt in 1.. {
        let found = retry(pace, || async { place.images.by_id(ami).await }).await?;
        let tagged = |image: &Image| Tag::find(&image.tags, tag::DIGEST).is_some();
        if let Some(image) = found.filter(tagged) {
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
