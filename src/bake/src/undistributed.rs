//! Images that Image Builder made and has not distributed: their test runs, or failed.
//!
//! Our tags come with the distribution. Until then an AMI has Image Builder's own, which
//! name the build that made it (user guide, "Tag Image Builder output resources";
//! aws-parallelcluster pull request 3210), and the build has ours.

use crate::cloud::Place;
use crate::flow::{Pace, retry};
use nixl_aws::ec2::Image;
use nixl_aws::imagebuilder::{BUILD_ARN_TAG, Build};
use nixl_aws::{Result, Tag};
use nixl_cluster::tag;
use std::collections::BTreeMap;

/// How far Image Builder came with an image.
#[derive(Debug, Clone)]
pub struct Made {
    /// In this build.
    pub build: Build,
    /// Whether its test failed and `build` would run it again: the content was not built
    /// anew since.
    pub can_retry: bool,
}

impl Made {
    /// `testing`, `test_failed`, `cancelled`, …
    #[must_use]
    pub fn state(&self) -> String {
        state(&self.build)
    }
}

/// What a build is to who asks for its image.
pub(crate) fn state(build: &Build) -> String {
    if build.failed_test() { "test_failed".to_owned() } else { build.status.to_lowercase() }
}

/// The account's own such images that we had made, newest first, each with those tags that
/// follow from its build.
///
/// # Errors
/// If a call fails.
pub async fn undistributed(place: &Place, pace: Pace) -> Result<Vec<(Image, Made)>> {
    let (images, builder) = (&place.images, &place.builder);
    let mut found = retry(pace, || async { images.by_build(None).await }).await?;
    found.retain(|image| Tag::find(&image.tags, tag::DIGEST).is_none());
    if found.is_empty() {
        return Ok(Vec::new());
    }
    // One call tells of many builds; of most AMIs here somebody else asked for them.
    let builds = retry(pace, || async { builder.list_all_builds().await }).await?;
    let mut newest = BTreeMap::new();
    for build in &builds {
        let (version, number) = build.version();
        let known = newest.entry(version).or_insert(number);
        *known = number.max(*known);
    }
    let mut ours = Vec::new();
    for mut image in found {
        let of = Tag::find(&image.tags, BUILD_ARN_TAG);
        let Some(build) = builds.iter().find(|build| Some(build.arn.as_str()) == of) else {
            continue;
        };
        let Some(tags) = tags(build).filter(|_| is_undistributed(build)) else { continue };
        let mut build = build.clone();
        if build.status == "FAILED" {
            // Lists are not promised to tell why.
            let arn = &build.arn;
            let looked = retry(pace, || async { builder.get_image(arn).await }).await?;
            let Some(looked) = looked.filter(is_undistributed) else { continue };
            build = looked;
        }
        let (version, number) = build.version();
        let can_retry = build.failed_test() && newest.get(version) == Some(&number);
        image.tags.extend(tags);
        ours.push((image, Made { build, can_retry }));
    }
    Ok(ours)
}

/// The tags that its image would have, if we asked for the build.
fn tags(build: &Build) -> Option<Vec<Tag>> {
    let of = |key| Some(Tag::new(key, Tag::find(&build.tags, key)?));
    Some(vec![of(tag::DIGEST)?, of(tag::VERSION)?, Tag::new(tag::RECIPE, &build.name)])
}

/// What is available has its tags, or had them.
fn is_undistributed(build: &Build) -> bool {
    !build.is_final() || matches!(build.status.as_str(), "FAILED" | "CANCELLED")
}
