//! Look-ups. Lists are read to their last page.

use super::client::{failed, filter, from_map};
use super::*;
use aws_sdk_imagebuilder::types::{
    ImageFailureContext, ImageState, ImageSummary, OutputResources, Ownership,
    WorkflowExecutionMetadata, WorkflowType,
};

impl Client {
    pub(super) async fn component(&self, name: &str, version: &str) -> Result<Option<Resource>> {
        let versions = self
            .sdk
            .list_components()
            .owner(Ownership::SelfValue)
            .filters(filter("name", name))
            .into_paginator()
            .items()
            .send()
            .collect::<std::result::Result<Vec<_>, _>>()
            .await
            .map_err(failed("ListComponents"))?;
        let Some(arn) =
            versions.into_iter().find(|one| one.version() == Some(version)).and_then(|one| one.arn)
        else {
            return Ok(None);
        };
        let builds = self
            .sdk
            .list_component_build_versions()
            .component_version_arn(arn)
            .into_paginator()
            .items()
            .send()
            .collect::<std::result::Result<Vec<_>, _>>()
            .await
            .map_err(failed("ListComponentBuildVersions"))?;
        Ok(builds
            .into_iter()
            .filter_map(|build| {
                let tags = from_map(build.tags());
                build.arn.map(|arn| Resource { arn, tags })
            })
            .max_by_key(|build| build_number(&build.arn)))
    }

    pub(super) async fn test_workflow(
        &self,
        name: &str,
        version: &str,
    ) -> Result<Option<Resource>> {
        let versions = self
            .sdk
            .list_workflows()
            .owner(Ownership::SelfValue)
            .filters(filter("name", name))
            .into_paginator()
            .items()
            .send()
            .collect::<std::result::Result<Vec<_>, _>>()
            .await
            .map_err(failed("ListWorkflows"))?;
        let Some(arn) = versions
            .into_iter()
            .find(|one| one.version() == Some(version) && one.r#type() == Some(&WorkflowType::Test))
            .and_then(|one| one.arn)
        else {
            return Ok(None);
        };
        let builds = self
            .sdk
            .list_workflow_build_versions()
            .workflow_version_arn(arn)
            .into_paginator()
            .items()
            .send()
            .collect::<std::result::Result<Vec<_>, _>>()
            .await
            .map_err(failed("ListWorkflowBuildVersions"))?;
        Ok(builds
            .into_iter()
            .filter_map(|build| {
                let tags = from_map(build.tags());
                build.arn.map(|arn| Resource { arn, tags })
            })
            .max_by_key(|build| build_number(&build.arn)))
    }

    pub(super) async fn recipe(&self, name: &str, version: &str) -> Result<Option<Resource>> {
        let recipes = self
            .sdk
            .list_image_recipes()
            .owner(Ownership::SelfValue)
            .filters(filter("name", name))
            .into_paginator()
            .items()
            .send()
            .collect::<std::result::Result<Vec<_>, _>>()
            .await
            .map_err(failed("ListImageRecipes"))?;
        // The summary has no version of its own; the ARN ends in it.
        let ending = format!("/{version}");
        Ok(recipes
            .into_iter()
            .filter_map(|one| {
                let tags = from_map(one.tags());
                one.arn.map(|arn| Resource { arn, tags })
            })
            .find(|one| one.arn.ends_with(&ending)))
    }

    pub(super) async fn infrastructure(&self, name: &str) -> Result<Option<Resource>> {
        let all = self
            .sdk
            .list_infrastructure_configurations()
            .filters(filter("name", name))
            .into_paginator()
            .items()
            .send()
            .collect::<std::result::Result<Vec<_>, _>>()
            .await
            .map_err(failed("ListInfrastructureConfigurations"))?;
        Ok(all.into_iter().find(|one| one.name() == Some(name)).and_then(|one| {
            let tags = from_map(one.tags());
            one.arn.map(|arn| Resource { arn, tags })
        }))
    }

    pub(super) async fn distribution(&self, name: &str) -> Result<Option<Resource>> {
        let all = self
            .sdk
            .list_distribution_configurations()
            .filters(filter("name", name))
            .into_paginator()
            .items()
            .send()
            .collect::<std::result::Result<Vec<_>, _>>()
            .await
            .map_err(failed("ListDistributionConfigurations"))?;
        Ok(all.into_iter().find(|one| one.name() == Some(name)).and_then(|one| {
            let tags = from_map(one.tags());
            one.arn.map(|arn| Resource { arn, tags })
        }))
    }

    pub(super) async fn builds(&self, name: &str, version: &str) -> Result<Vec<Build>> {
        let versions = self
            .sdk
            .list_images()
            .owner(Ownership::SelfValue)
            .filters(filter("name", name))
            .into_paginator()
            .items()
            .send()
            .collect::<std::result::Result<Vec<_>, _>>()
            .await
            .map_err(failed("ListImages"))?;
        let Some(arn) =
            versions.into_iter().find(|one| one.version() == Some(version)).and_then(|one| one.arn)
        else {
            return Ok(Vec::new());
        };
        let mut builds = self.builds_of(Some(arn)).await?;
        builds.sort_by_key(|one| one.version().1);
        Ok(builds)
    }

    /// Builds of an image version, or of all images of the account.
    pub(super) async fn builds_of(&self, version_arn: Option<String>) -> Result<Vec<Build>> {
        let builds = self
            .sdk
            .list_image_build_versions()
            .set_image_version_arn(version_arn)
            .into_paginator()
            .items()
            .send()
            .collect::<std::result::Result<Vec<_>, _>>()
            .await
            .map_err(failed("ListImageBuildVersions"))?;
        Ok(builds.into_iter().filter_map(summary).collect())
    }

    pub(super) async fn build(&self, arn: &str) -> Result<Option<Build>> {
        let answer = match self
            .sdk
            .get_image()
            .image_build_version_arn(arn)
            .send()
            .await
            .map_err(failed("GetImage"))
        {
            Err(error) if error.is(&["ResourceNotFoundException"]) => return Ok(None),
            answer => answer?,
        };
        Ok(answer.image.map(|image| {
            let tags = from_map(image.tags());
            build(
                image.arn.unwrap_or_else(|| arn.to_owned()),
                image.name,
                image.state,
                image.output_resources,
                tags,
            )
        }))
    }

    pub(super) async fn workflows(&self, image_arn: &str) -> Result<Vec<Workflow>> {
        let all = self
            .sdk
            .list_workflow_executions()
            .image_build_version_arn(image_arn)
            .into_paginator()
            .items()
            .send()
            .collect::<std::result::Result<Vec<_>, _>>()
            .await
            .map_err(failed("ListWorkflowExecutions"))?;
        Ok(all.into_iter().filter_map(workflow).collect())
    }

    pub(super) async fn steps(&self, workflow_execution_id: &str) -> Result<Vec<Step>> {
        let all = self
            .sdk
            .list_workflow_step_executions()
            .workflow_execution_id(workflow_execution_id)
            .into_paginator()
            .items()
            .send()
            .collect::<std::result::Result<Vec<_>, _>>()
            .await
            .map_err(failed("ListWorkflowStepExecutions"))?;
        Ok(all
            .into_iter()
            .map(|one| Step {
                status: one.status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
                name: one.name.unwrap_or_default(),
                message: one.message,
            })
            .collect())
    }
}

/// The number an ARN of a build version ends in.
fn build_number(arn: &str) -> u64 {
    arn.rsplit('/').next().and_then(|last| last.parse().ok()).unwrap_or(0)
}

fn summary(one: ImageSummary) -> Option<Build> {
    let tags = from_map(one.tags());
    Some(build(one.arn?, one.name, one.state, one.output_resources, tags))
}

fn build(
    arn: String,
    name: Option<String>,
    state: Option<ImageState>,
    output: Option<OutputResources>,
    tags: Vec<crate::Tag>,
) -> Build {
    let amis = output
        .as_ref()
        .map(|output| output.amis())
        .unwrap_or_default()
        .iter()
        .filter_map(|ami| Some((ami.region()?.to_owned(), ami.image()?.to_owned())))
        .collect();
    let (status, reason, failure) = state.map_or_else(Default::default, |state| {
        (
            state.status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
            state.reason().map(str::to_owned),
            state.failure_context().map(failure),
        )
    });
    Build { arn, name: name.unwrap_or_default(), status, reason, failure, amis, tags }
}

fn failure(context: &ImageFailureContext) -> Failure {
    let component = context.component_failure();
    let distribution = context.distribution_failure();
    // A region's own message says more than the sum over all of them.
    let region = distribution.and_then(|one| one.region_failures().first());
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Failure {
        image_status: context.image_status().map(|status| status.as_str().to_owned()),
        workflow_step: owned(context.failed_step()),
        component_arn: owned(component.and_then(|one| one.component_arn())),
        phase: owned(component.and_then(|one| one.phase_name())),
        step: owned(component.and_then(|one| one.step_name())),
        action: owned(component.and_then(|one| one.action())),
        message: owned(
            component
                .and_then(|one| one.error_message())
                .or(region.and_then(|one| one.error_message()))
                .or(distribution.and_then(|one| one.error_message())),
        ),
    }
}

fn workflow(one: WorkflowExecutionMetadata) -> Option<Workflow> {
    let count = |number: i32| u32::try_from(number).unwrap_or(0);
    Some(Workflow {
        kind: one.r#type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        status: one.status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
        steps_total: count(one.total_step_count()),
        steps_done: count(one.total_steps_succeeded())
            + count(one.total_steps_failed())
            + count(one.total_steps_skipped()),
        started: one.start_time,
        ended: one.end_time,
        id: one.workflow_execution_id?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_one_of_its_version() {
        let arn = "arn:aws:imagebuilder:r:1:image/a/1.0.0/12".to_owned();
        let build = Build { arn, ..Build::default() };
        assert_eq!(build.version(), ("arn:aws:imagebuilder:r:1:image/a/1.0.0", 12));
    }

    #[test]
    fn the_newest_build_has_the_highest_number() {
        assert_eq!(build_number("arn:aws:imagebuilder:r:1:component/a/1.0.0/12"), 12);
        assert_eq!(build_number("arn:aws:imagebuilder:r:1:component/a/1.0.0"), 0);
    }
}
