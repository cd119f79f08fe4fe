//! Which permission a call of MLflow's API needs.

use nixl_mlflow::TrackingResource;
use nixl_tracking::Call;

/// What IAM must allow for a call (service authorization reference of
/// `sagemaker-mlflow`; an App knows one action for all).
pub(crate) fn permission(resource: &TrackingResource, call: Call) -> String {
    match resource {
        TrackingResource::Server { arn, .. } => {
            format!("sagemaker-mlflow:{} on {arn}", call.action())
        }
        TrackingResource::App { arn, .. } => format!("sagemaker:CallMlflowAppApi on {arn}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_is_named_as_the_kind_of_server_has_it() {
        let named = |kind: &str| {
            let arn = format!("arn:aws:sagemaker:us-east-1:111122223333:{kind}");
            permission(&arn.parse().unwrap(), Call::CreateRun)
        };
        assert_eq!(
            named("mlflow-tracking-server/a"),
            "sagemaker-mlflow:CreateRun on arn:aws:sagemaker:us-east-1:111122223333:mlflow-tracking-server/a"
        );
        assert!(named("mlflow-app/app-ABC").starts_with("sagemaker:CallMlflowAppApi on "));
    }
}
