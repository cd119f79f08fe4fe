//! Image builds: refused, since nothing could run the documents.

use super::NO_MACHINES;
use crate::backend::{BuildFailure, BuildSpec, Builder, RootFs, StepDone};
use std::sync::Arc;

/// Builds nothing.
pub struct PretendBuilder;

#[async_trait::async_trait]
impl Builder for PretendBuilder {
    async fn build(
        &self,
        spec: BuildSpec,
        _: Arc<dyn Fn(StepDone) + Send + Sync>,
    ) -> Result<RootFs, BuildFailure> {
        let component_arn = spec.documents.first().map(|first| first.component_arn.clone());
        Err(BuildFailure {
            component_arn: component_arn.unwrap_or_default(),
            phase: "build".to_owned(),
            step: "-".to_owned(),
            action: "-".to_owned(),
            message: format!("{NO_MACHINES}, so nothing is built; use the image that is there"),
        })
    }

    async fn discard(&self, _: &RootFs, _: &[RootFs]) {}
}
