//! Builds of one content: which run, which failed, and the next one.

use super::{Pace, card::Card, patience};
use crate::blueprint::{Arns, Blueprint};
use crate::cloud::Cloud;
use crate::error::Result;
use nixl_aws::imagebuilder::Build;
use nixl_cluster::tag;

/// Tokens that lead to builds which are over and deleted are passed over, but
/// not for ever.
const MAX_REPLAYS: u32 = 20;

/// What happened so far.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// A build that goes on.
    pub running: Option<Build>,
    /// AMI of the newest that ended well.
    pub ami_id: Option<String>,
    /// How the last one ended, if not well.
    pub last_failure: Option<String>,
    /// Number of the next.
    pub next_attempt: u32,
    /// ARNs of all, the newest last.
    pub known: Vec<String>,
}

/// The newest build, if all that failed of it is the test that is wanted now, and its
/// image is still there to be tested.
pub(crate) async fn with_failed_test(
    cloud: &Cloud,
    blueprint: &Blueprint,
    history: &History,
    pace: Pace,
) -> Result<Option<Build>> {
    let (Some(wanted), Some(arn)) = (blueprint.test_on(), history.known.last()) else {
        return Ok(None);
    };
    // Lists are not promised to tell why.
    let build = patience::retry(pace, || async { cloud.builder.get_image(arn).await }).await?;
    let in_test =
        |build: &Build| build.failed_test() && super::tested_on(&build.tags) == Some(wanted);
    if !build.as_ref().is_some_and(in_test) {
        return Ok(None);
    }
    let images = &cloud.images;
    let made = patience::retry(pace, || async { images.by_build(Some(arn)).await }).await?;
    Ok(build.filter(|_| made.iter().any(|image| image.state == "available")))
}

/// Tests a build again. Its tests so far are its token: the same call for all who see
/// the same failure.
pub(super) async fn test_again(
    cloud: &Cloud,
    blueprint: &Blueprint,
    build: &Build,
    pace: Pace,
) -> Result<()> {
    let arn = &build.arn;
    let flows = patience::retry(pace, || async { cloud.builder.list_workflows(arn).await }).await?;
    let tests = flows.iter().filter(|flow| flow.kind == "TEST").count();
    let token = blueprint.retry_token(arn, tests);
    Ok(patience::retry(pace, || async { cloud.builder.retry_image(arn, &token).await }).await?)
}

/// Looks up all builds of this content.
pub(crate) async fn history(cloud: &Cloud, blueprint: &Blueprint, pace: Pace) -> Result<History> {
    let digest = blueprint.digest.hex();
    let (name, version) = (&blueprint.recipe.name, &blueprint.recipe.version);
    let builds =
        patience::retry(pace, || async { cloud.builder.list_builds(name, version).await }).await?;
    let ours: Vec<Build> = builds
        .into_iter()
        .filter(|build| nixl_aws::Tag::find(&build.tags, tag::DIGEST) == Some(&digest))
        .collect();
    let next_attempt = u32::try_from(ours.len()).unwrap_or(u32::MAX - MAX_REPLAYS) + 1;
    let last_failure = ours
        .last()
        .filter(|build| matches!(build.status.as_str(), "FAILED" | "CANCELLED"))
        .map(|build| match build.status.as_str() {
            "CANCELLED" => "was cancelled".to_owned(),
            _ => format!("failed ({})", Card::new(build).summary()),
        });
    let known = ours.iter().map(|build| build.arn.clone()).collect();
    let ended_well = ours.iter().rev().filter(|build| build.status == "AVAILABLE");
    let ami_id = ended_well
        .flat_map(|build| &build.amis)
        .find(|(region, _)| *region == cloud.region)
        .map(|(_, ami)| ami.clone());
    let running = ours.into_iter().rev().find(|build| !build.is_final());
    Ok(History { running, ami_id, last_failure, next_attempt, known })
}

/// Starts a build and returns it. A token is answered with its first
/// answer for ever: an ARN that was known before, or of a build that has been
/// deleted, is an old answer, and the next attempt has another token.
pub(super) async fn start(
    cloud: &Cloud,
    blueprint: &Blueprint,
    arns: Arns,
    history: &History,
    pace: Pace,
) -> Result<Build> {
    let mut attempt = history.next_attempt;
    loop {
        let request = blueprint.image(arns.clone(), attempt);
        let arn =
            patience::retry(pace, || async { cloud.builder.create_image(&request).await }).await?;
        let is_old = history.known.contains(&arn) || !exists(cloud, &arn, pace).await?;
        if !is_old || attempt >= history.next_attempt + MAX_REPLAYS {
            return Ok(Build { arn, tags: request.tags, ..Build::default() });
        }
        tracing::debug!(%arn, attempt, "the token belongs to an earlier build");
        attempt += 1;
    }
}

/// Looks twice: what was just made may not be seen at once.
async fn exists(cloud: &Cloud, arn: &str, pace: Pace) -> Result<bool> {
    for look in 0..2 {
        if look > 0 {
            tokio::time::sleep(pace.longest).await;
        }
        if patience::retry(pace, || async { cloud.builder.get_image(arn).await }).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
