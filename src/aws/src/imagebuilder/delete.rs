//! Deletions; what is gone already is fine.

use super::client::failed;
use super::*;

impl Client {
    pub(super) async fn remove(&self, kind: ResourceKind, arn: &str) -> Result<()> {
        let sdk = &self.sdk;
        let result = match kind {
            ResourceKind::Component => sdk
                .delete_component()
                .component_build_version_arn(arn)
                .send()
                .await
                .map(drop)
                .map_err(failed("DeleteComponent")),
            ResourceKind::Recipe => sdk
                .delete_image_recipe()
                .image_recipe_arn(arn)
                .send()
                .await
                .map(drop)
                .map_err(failed("DeleteImageRecipe")),
            ResourceKind::Infrastructure => sdk
                .delete_infrastructure_configuration()
                .infrastructure_configuration_arn(arn)
                .send()
                .await
                .map(drop)
                .map_err(failed("DeleteInfrastructureConfiguration")),
            ResourceKind::Distribution => sdk
                .delete_distribution_configuration()
                .distribution_configuration_arn(arn)
                .send()
                .await
                .map(drop)
                .map_err(failed("DeleteDistributionConfiguration")),
            ResourceKind::Image => sdk
                .delete_image()
                .image_build_version_arn(arn)
                .send()
                .await
                .map(drop)
                .map_err(failed("DeleteImage")),
        };
        match result {
            Err(error) if error.is(&["ResourceNotFoundException"]) => Ok(()),
            result => result,
        }
    }
}
