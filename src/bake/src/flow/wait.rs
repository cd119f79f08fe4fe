//! Waiting for a build. The service does the work; losing sight of it for a
//! while is no reason to give up.

use super::{Options, patience::may_pass, watch::Watch};
use crate::blueprint::Blueprint;
use crate::cloud::Cloud;
use crate::error::{BakeError, Result};
use crate::progress::Progress;
use nixl_aws::imagebuilder::Build;
use nixl_aws::{AwsError, ErrorKind};
use std::time::Instant;

/// Errors in a row after which the wait ends: with the longest pause between
/// them that is five minutes.
const MAX_ERRORS: u32 = 20;

/// The AMI of a build, once it is available.
pub(super) async fn wait(
    cloud: &Cloud,
    blueprint: &Blueprint,
    arn: &str,
    progress: &dyn Progress,
    options: Options,
) -> Result<String> {
    let started = Instant::now();
    let mut watch = Watch::new(cloud, blueprint, arn).await;
    let mut pause = options.pace.first;
    let mut changed = started;
    let mut errors = 0;
    let mut status = "PENDING".to_owned();
    loop {
        match cloud.builder.get_image(arn).await {
            Ok(Some(build)) => {
                errors = 0;
                if build.is_final() {
                    return outcome(cloud, watch, &build).await;
                }
                if build.status != status {
                    changed = Instant::now();
                }
                pause = options.pace.after(changed.elapsed());
                status.clone_from(&build.status);
                watch.show(&build, progress).await;
            }
            Ok(None) => {
                return Err(lost(arn).into());
            }
            Err(error) if errors < MAX_ERRORS && passes(&error) => {
                errors += 1;
                pause = options.pace.next(pause);
                progress.note(&format!("cannot see the build just now: {error}"));
            }
            Err(error) => return Err(error.into()),
        }
        if started.elapsed() >= options.deadline {
            return Err(BakeError::Deadline {
                arn: arn.to_owned(),
                status,
                minutes: started.elapsed().as_secs() / 60,
            });
        }
        tokio::time::sleep(pause).await;
    }
}

fn passes(error: &AwsError) -> bool {
    may_pass(error) || error.kind == ErrorKind::Unreachable
}

async fn outcome(cloud: &Cloud, watch: Watch<'_>, build: &Build) -> Result<String> {
    if build.status != "AVAILABLE" {
        return Err(BakeError::Build(Box::new(watch.card(build).await)));
    }
    build
        .amis
        .iter()
        .find(|(region, _)| *region == cloud.region)
        .map(|(_, ami)| ami.clone())
        .ok_or_else(|| {
            AwsError {
                service: "imagebuilder",
                operation: "GetImage",
                kind: ErrorKind::Ambiguous,
                message: format!("{} is available but has no AMI in {}", build.arn, cloud.region),
            }
            .into()
        })
}

fn lost(arn: &str) -> AwsError {
    AwsError {
        service: "imagebuilder",
        operation: "GetImage",
        kind: ErrorKind::Service { code: "ResourceNotFoundException".to_owned(), status: 404 },
        message: format!("{arn} was deleted while it was waited for"),
    }
}
