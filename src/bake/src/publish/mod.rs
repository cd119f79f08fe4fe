//! What becomes of an image once it is there: what is set on it, who may launch it,
//! and the parameter under which people find it.
//!
//! Each step looks before it changes anything and the parameter comes last, so whoever
//! reads it gets an image that is finished, and a run that was cut off is continued by
//! the next.

mod copies;
mod deed;
mod outlook;
mod parameter;

pub use deed::Deed;
pub use outlook::{Outlook, Subject, outlook};

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
use std::time::Duration;

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
    /// Accounts that may copy it, and no others; `None`: as it is.
    pub copied_by: Option<BTreeSet<String>>,
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
            copied_by: recipe.publish.copied_by(),
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
pub(crate) async fn all<T>(mut futures: Vec<impl Future<Output = T>>) -> Vec<T> {
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
    for deed in deed::look(place, wishes, Some(image), pace).await? {
        deed::carry_out(&deed, place, wishes, image, progress, pace).await?;
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

#[cfg(test)]
mod tests;
