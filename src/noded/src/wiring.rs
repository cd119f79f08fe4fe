//! The one place that names the implementations behind the traits.

use nixl_aws::Aws;
use nixl_aws::ec2::Ec2;
use nixl_aws::imds::{self, Imds};
use nixl_aws::sagemaker::SageMaker;
use std::sync::Arc;

/// The metadata service of this instance.
#[must_use]
pub fn imds() -> Arc<dyn Imds> {
    Arc::new(imds::Client::from_env())
}

/// The services a node calls.
pub struct Services {
    /// Tags.
    pub ec2: Arc<dyn Ec2>,
    /// Presigned URLs, in the region of the ARN.
    pub sagemaker: Option<Arc<dyn SageMaker>>,
}

/// Clients for this node's region and the ARN's.
pub async fn services(region: &str, mlflow_region: Option<&str>) -> Services {
    let aws = Aws::load(Some(region)).await;
    let sagemaker: Option<Arc<dyn SageMaker>> = match mlflow_region {
        None => None,
        Some(same) if same == region => Some(Arc::new(nixl_aws::sagemaker::Client::new(&aws))),
        Some(other) => {
            let aws = Aws::load(Some(other)).await;
            Some(Arc::new(nixl_aws::sagemaker::Client::new(&aws)))
        }
    };
    Services { ec2: Arc::new(nixl_aws::ec2::Client::new(&aws)), sagemaker }
}
