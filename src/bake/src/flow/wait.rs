//! Waiting for a build. The service does the work; losing sight of it for a
//! while is no reason to give up.

use super::{Options, card::Card, patience::may_pass};
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
    arn: &str,
    progress: &dyn Progress,
    options: Options,
) -> Result<String> {
    let started = Instant::now();
    let mut pause = options.pace.first;
    let mut errors = 0;
    let mut status = "PENDING".to_owned();
    loop {
        match cloud.builder.get_image(arn).await {
            Ok(Some(build)) => {
                errors = 0;
                if build.is_final() {
                    return outcome(cloud, &build);
                }
                if build.status != status {
                    // Something happens: look more closely again.
                    pause = options.pace.first;
                }
                status.clone_from(&build.status);
                show(cloud, &build, progress).await;
            }
            Ok(None) => {
                return Err(lost(arn).into());
            }
            Err(error) if errors < MAX_ERRORS && passes(&error) => {
                errors += 1;
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
        pause = options.pace.next(pause);
    }
}

fn passes(error: &AwsError) -> bool {
    may_pass(error) || error.kind == ErrorKind::Unreachable
}

fn outcome(cloud: &Cloud, build: &Build) -> Result<String> {
    if build.status != "AVAILABLE" {
        return Err(BakeError::Build(Box::new(Card::new(build))));
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

/// Steps are told where the service tells them; without, the state will do.
async fn show(cloud: &Cloud, build: &Build, progress: &dyn Progress) {
    let phase = match build.status.as_str() {
        "PENDING" | "CREATING" => "waiting for a build instance",
        "BUILDING" => "building",
        "TESTING" => "testing",
        "DISTRIBUTING" => "making the AMI",
        "INTEGRATING" => "finishing",
        other => other,
    };
    progress.phase(phase);
    match steps(cloud, build).await {
        Ok(Some((done, total, what))) => progress.step(done, total, &what),
        Ok(None) => {}
        Err(error) => tracing::debug!(%error, "no steps"),
    }
}

async fn steps(
    cloud: &Cloud,
    build: &Build,
) -> std::result::Result<Option<(usize, usize, String)>, AwsError> {
    let workflows = cloud.builder.list_workflows(&build.arn).await?;
    let Some(workflow) = workflows.into_iter().find(|workflow| workflow.status == "RUNNING") else {
        return Ok(None);
    };
    let steps = cloud.builder.list_steps(&workflow.id).await?;
    let what = steps
        .into_iter()
        .find(|step| step.status == "RUNNING")
        .map(|step| match step.message.filter(|message| !message.trim().is_empty()) {
            Some(message) => format!("{}: {}", step.name, message.trim()),
            None => step.name,
        })
        .unwrap_or_default();
    Ok(Some((workflow.steps_done as usize, workflow.steps_total as usize, what)))
}
