//! Creations.

use super::client::{failed, promised, to_map};
use super::*;
use crate::{AwsError, ErrorKind};
use aws_sdk_imagebuilder::types::{
    AmiDistributionConfiguration, ComponentConfiguration, Distribution,
    EbsInstanceBlockDeviceSpecification, EbsVolumeType, ImageTestsConfiguration,
    InstanceBlockDeviceMapping, InstanceMetadataOptions, Platform, WorkflowConfiguration,
    WorkflowType,
};

/// The builder itself needs the metadata service; nothing behind it does.
const BUILDER_HOP_LIMIT: i32 = 1;

impl Client {
    pub(super) async fn new_component(&self, request: &CreateComponent) -> Result<String> {
        const OPERATION: &str = "CreateComponent";
        let call = self
            .sdk
            .create_component()
            .name(&request.name)
            .semantic_version(&request.version)
            .description(&request.description)
            .platform(Platform::Linux)
            .set_tags(Some(to_map(&request.tags)))
            .client_token(&request.client_token);
        let call = match &request.document {
            DocumentSource::Inline(text) => call.data(text),
            DocumentSource::Uri(uri) => call.uri(uri),
        };
        let answer = call.send().await.map_err(failed(OPERATION))?;
        promised(OPERATION, "componentBuildVersionArn", answer.component_build_version_arn)
    }

    pub(super) async fn new_recipe(&self, request: &CreateRecipe) -> Result<String> {
        const OPERATION: &str = "CreateImageRecipe";
        let components = request
            .component_arns
            .iter()
            .map(|arn| ComponentConfiguration::builder().component_arn(arn).build())
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|error| invalid(OPERATION, &error))?;
        let root = InstanceBlockDeviceMapping::builder()
            .device_name(&request.root_device)
            .ebs(
                EbsInstanceBlockDeviceSpecification::builder()
                    .volume_size(i32::from(request.volume_size_gib))
                    .volume_type(EbsVolumeType::Gp3)
                    .delete_on_termination(true)
                    .set_encrypted(request.kms_key.is_some().then_some(true))
                    .set_kms_key_id(request.kms_key.clone())
                    .build(),
            )
            .build();
        let answer = self
            .sdk
            .create_image_recipe()
            .name(&request.name)
            .semantic_version(&request.version)
            .description(&request.description)
            .parent_image(&request.parent_image)
            .set_components(Some(components))
            .block_device_mappings(root)
            .set_tags(Some(to_map(&request.tags)))
            .client_token(&request.client_token)
            .send()
            .await
            .map_err(failed(OPERATION))?;
        promised(OPERATION, "imageRecipeArn", answer.image_recipe_arn)
    }

    pub(super) async fn new_infrastructure(
        &self,
        request: &CreateInfrastructure,
    ) -> Result<String> {
        const OPERATION: &str = "CreateInfrastructureConfiguration";
        let answer = self
            .sdk
            .create_infrastructure_configuration()
            .name(&request.name)
            .description(&request.description)
            .instance_types(&request.instance_type)
            .instance_profile_name(&request.instance_profile)
            .terminate_instance_on_failure(true)
            .instance_metadata_options(
                InstanceMetadataOptions::builder()
                    .http_tokens("required")
                    .http_put_response_hop_limit(BUILDER_HOP_LIMIT)
                    .build(),
            )
            .set_resource_tags(Some(to_map(&request.tags)))
            .set_tags(Some(to_map(&request.tags)))
            .client_token(&request.client_token)
            .send()
            .await
            .map_err(failed(OPERATION))?;
        promised(
            OPERATION,
            "infrastructureConfigurationArn",
            answer.infrastructure_configuration_arn,
        )
    }

    pub(super) async fn new_distribution(&self, request: &CreateDistribution) -> Result<String> {
        const OPERATION: &str = "CreateDistributionConfiguration";
        let distribution = Distribution::builder()
            .region(&request.region)
            .ami_distribution_configuration(
                AmiDistributionConfiguration::builder()
                    .name(&request.ami_name)
                    .description(&request.description)
                    .set_ami_tags(Some(to_map(&request.ami_tags)))
                    .build(),
            )
            .build()
            .map_err(|error| invalid(OPERATION, &error))?;
        let answer = self
            .sdk
            .create_distribution_configuration()
            .name(&request.name)
            .description(&request.description)
            .distributions(distribution)
            .set_tags(Some(to_map(&request.tags)))
            .client_token(&request.client_token)
            .send()
            .await
            .map_err(failed(OPERATION))?;
        promised(OPERATION, "distributionConfigurationArn", answer.distribution_configuration_arn)
    }

    pub(super) async fn new_test_workflow(&self, request: &CreateWorkflow) -> Result<String> {
        const OPERATION: &str = "CreateWorkflow";
        let answer = self
            .sdk
            .create_workflow()
            .name(&request.name)
            .semantic_version(&request.version)
            .description(&request.description)
            .r#type(WorkflowType::Test)
            .data(&request.document)
            .set_tags(Some(to_map(&request.tags)))
            .client_token(&request.client_token)
            .send()
            .await
            .map_err(failed(OPERATION))?;
        promised(OPERATION, "workflowBuildVersionArn", answer.workflow_build_version_arn)
    }

    pub(super) async fn new_image(&self, request: &CreateImage) -> Result<String> {
        const OPERATION: &str = "CreateImage";
        let (workflows, role) = match &request.workflows {
            None => (None, None),
            Some(own) => {
                let one = |arn| WorkflowConfiguration::builder().workflow_arn(arn).build();
                let all = own.arns.iter().map(one).collect::<std::result::Result<Vec<_>, _>>();
                let all = all.map_err(|error| invalid(OPERATION, &error))?;
                (Some(all), Some(own.execution_role.clone()))
            }
        };
        let answer = self
            .sdk
            .create_image()
            .image_recipe_arn(&request.recipe_arn)
            .infrastructure_configuration_arn(&request.infrastructure_arn)
            .distribution_configuration_arn(&request.distribution_arn)
            .image_tests_configuration(
                ImageTestsConfiguration::builder().image_tests_enabled(request.tests).build(),
            )
            .set_workflows(workflows)
            .set_execution_role(role)
            .set_tags(Some(to_map(&request.tags)))
            .client_token(&request.client_token)
            .send()
            .await
            .map_err(failed(OPERATION))?;
        promised(OPERATION, "imageBuildVersionArn", answer.image_build_version_arn)
    }
}

impl Client {
    pub(super) async fn retry(&self, arn: &str, client_token: &str) -> Result<()> {
        let call = self.sdk.retry_image().image_build_version_arn(arn).client_token(client_token);
        call.send().await.map_err(failed("RetryImage")).map(drop)
    }
}

fn invalid(operation: &'static str, error: &dyn std::error::Error) -> AwsError {
    AwsError {
        service: super::client::SERVICE,
        operation,
        kind: ErrorKind::Invalid,
        message: error.to_string(),
    }
}
