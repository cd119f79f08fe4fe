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
use crate::error::Result;
use crate::hash::Sum;
use crate::progress::Progress;
use nixl_aws::ec2::Image;
use nixl_cluster::image_name;
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
    /// The image as it was seen, if it was.
    #[serde(skip)]
    pub image: Option<Image>,
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
    let build = match &history.running {
        Some(build) => {
            progress.note("a build of this content is running already; waiting for it");
            build.arn.clone()
        }
        None => {
            if let Some(lost) = &history.last_failure {
                progress.note(&format!("the last attempt {lost}; trying again"));
            }
            // Before anything is made: a pinned image may be withdrawn.
            base::exists(cloud, &blueprint.base_ami, pace).await?;
            upload::upload(cloud, blueprint, progress, pace).await?;
            let arns = ensure::ensure(cloud, blueprint, progress, pace).await?;
            progress.phase("starting the build");
            attempt::start(cloud, blueprint, arns, &history, pace).await?
        }
    };
    progress.building(&build);
    let ami_id = wait::wait(cloud, blueprint, &build, progress, options).await?;
    Ok(baked(blueprint, ami_id, Some(build)))
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

pub(crate) use attempt::{History, history};
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
        image: None,
    }
}

fn found(blueprint: &Blueprint, image: Image) -> Baked {
    let reused = baked(blueprint, image.id.clone(), None);
    Baked { reused: true, image: Some(image), ..reused }
}

#[cfg(test)]
mod tests;
