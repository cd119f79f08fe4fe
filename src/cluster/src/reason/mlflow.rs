//! Reasons of the MLflow link.

use super::reasons;

reasons! {
    MLFLOW_DENIED "mlflow.denied" Warning FixSetting
        "The node may not create a presigned MLflow URL."
        "Allow the action in the evidence on the ARN in the node's role: sagemaker:CreatePresignedMlflowTrackingServerUrl for a tracking server, sagemaker:CreatePresignedMlflowAppUrl for an App."
    MLFLOW_UNREACHABLE "mlflow.unreachable" Warning Watch
        "SageMaker does not answer or refuses to create a presigned MLflow URL."
        "See the evidence; a tracking server needs up to 25 minutes to be created or started."
}
