//! The bake itself: find, or make what is missing, build, wait.
//!
//! Each step looks before it makes, so a run that was cut off anywhere is
//! continued by the next, and two runs at once end at the same image.

mod attempt;
mod card;
mod ensure;
mod excerpt;
mod log;
mod patience;
mod upload;
mod wait;
mod watch;

pub use card::Card;
pub use patience::Pace;

use crate::base;
use crate::blueprint::Blueprint;
use crate::cloud::{Cloud, Images};
use crate::error::{BakeError, Result};
use crate::hash::Sum;
use crate::progress::Progress;
use nixl_aws::Tag;
use nixl_aws::ec2::Image;
use nixl_cluster::{image_name, tag};
use std::time::Duration;

/// An image.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Baked {
    /// AMI.
    pub ami_id: String,
    /// Its content.
    pub digest: String,
    /// Whether it was there already.
    pub reused: bool,
    /// Where it is.
    pub region: String,
    /// What it was made from.
    pub base_ami: String,
    /// Account that shares it with this one, if it is not this one's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_by: Option<String>,
    /// The build that made it, if this run knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_arn: Option<String>,
    /// Instance type that it was tested on, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tested_on: Option<String>,
    /// The image as it was seen, if it was.
    #[serde(skip)]
    pub image: Option<Image>,
}

impl Baked {
    /// Whether it was tested where that is wanted. Image Builder tests what it makes,
    /// and nothing that is there.
    ///
    /// # Errors
    /// [`BakeError::Untested`] with what can be done.
    pub fn check_test(&self, wanted: Option<&str>) -> Result<()> {
        let Some(wanted) = wanted.filter(|wanted| self.tested_on.as_deref() != Some(*wanted))
        else {
            return Ok(());
        };
        let tested = self.tested_on.as_ref();
        Err(BakeError::Untested {
            ami: self.ami_id.clone(),
            wanted: wanted.to_owned(),
            tested: tested.map_or_else(|| "nowhere".to_owned(), |on| format!("on {on} only")),
        })
    }
}

/// How to go about it.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Longest wait for a build.
    pub deadline: Duration,
    /// How often to ask and to try again.
    pub pace: Pace,
}

/// Bakes `blueprint`, or finds that it is baked.
pub async fn bake(
    cloud: &Cloud,
    blueprint: &Blueprint,
    progress: &dyn Progress,
    options: Options,
) -> Result<Baked> {
    let pace = options.pace;
    progress.phase("looking for an image with this content");
    if let Some(image) = find(&*cloud.images, &blueprint.digest, pace).await? {
        return Ok(found(blueprint, image));
    }
    let history = attempt::history(cloud, blueprint, pace).await?;
    if let Some(image) = finished(cloud, &history, pace).await? {
        return Ok(found(blueprint, image));
    }
    let wanted = blueprint.test_on();
    let build = if let Some(build) = &history.running {
        progress.note("a build of this content is running already; waiting for it");
        if wanted.is_some() && tested_on(&build.tags) != wanted {
            progress.note("that build does not test it so");
        }
        build.clone()
    } else if let Some(build) = attempt::with_failed_test(cloud, blueprint, &history, pace).await? {
        progress.note("the last build is whole and failed its test: testing it again");
        attempt::test_again(cloud, blueprint, &build, pace).await?;
        build
    } else {
        if let Some(lost) = &history.last_failure {
            progress.note(&format!("the last attempt {lost}; trying again"));
        }
        // Before anything is made: a pinned image may be withdrawn.
        base::exists(cloud, &blueprint.base_ami, pace).await?;
        upload::upload(cloud, blueprint, progress, pace).await?;
        let arns = ensure::ensure(cloud, blueprint, progress, pace).await?;
        progress.phase("starting the build");
        attempt::start(cloud, blueprint, arns, &history, pace).await?
    };
    progress.building(&build.arn);
    let ami_id = wait::wait(cloud, blueprint, &build.arn, progress, options).await?;
    let tested_on = tested_on(&build.tags).map(str::to_owned);
    Ok(Baked { tested_on, ..baked(blueprint, ami_id, Some(build.arn)) })
}

/// Type that a build tests on, or an image was tested on.
pub(crate) fn tested_on(tags: &[Tag]) -> Option<&str> {
    Tag::find(tags, tag::TESTED_ON)
}

/// The newest usable AMI with this content.
///
/// # Errors
/// If AWS refuses to tell.
pub async fn find(images: &dyn Images, digest: &Sum, pace: Pace) -> Result<Option<Image>> {
    let digest = digest.hex();
    let found = patience::retry(pace, || async { images.by_digest(Some(&digest)).await }).await?;
    Ok(found.into_iter().find(|image| image.state == "available"))
}

/// The newest image with this content that one of `owners` shares with this account, by
/// its name.
///
/// # Errors
/// If AWS refuses to tell.
pub async fn find_shared(
    images: &dyn Images,
    owners: &[&str],
    recipe: &str,
    digest: &Sum,
    pace: Pace,
) -> Result<Option<Image>> {
    if owners.is_empty() {
        return Ok(None);
    }
    let stem = image_name::stem(recipe, &digest.hex());
    let found = patience::retry(pace, || async { images.shared(owners, &stem).await }).await?;
    Ok(found.into_iter().next())
}

/// The image of a build that ended after the first look, or whose tags are late.
pub(crate) async fn finished(
    cloud: &Cloud,
    history: &History,
    pace: Pace,
) -> Result<Option<Image>> {
    let Some(ami_id) = &history.ami_id else { return Ok(None) };
    let image = patience::retry(pace, || async { cloud.images.by_id(ami_id).await }).await?;
    Ok(image.filter(|image| image.state == "available"))
}

pub(crate) use attempt::{History, history, with_failed_test};
pub(crate) use ensure::is_ours;
pub(crate) use patience::retry;

fn baked(blueprint: &Blueprint, ami_id: String, build_arn: Option<String>) -> Baked {
    Baked {
        ami_id,
        digest: blueprint.digest.hex(),
        reused: false,
        region: blueprint.region.clone(),
        base_ami: blueprint.base_ami.clone(),
        shared_by: None,
        build_arn,
        tested_on: None,
        image: None,
    }
}

fn found(blueprint: &Blueprint, image: Image) -> Baked {
    let reused = baked(blueprint, image.id.clone(), None);
    let tested_on = tested_on(&image.tags).map(str::to_owned);
    Baked { reused: true, tested_on, image: Some(image), ..reused }
}

#[cfg(test)]
mod test_stage;
#[cfg(test)]
mod tests;
