//! Reasons of the MLflow link.

use super::reasons;

reasons! {
    MLFLOW_DENIED "mlflow.denied" Warning FixSetting
        "The node may not create a presigned MLflow URL."
        "Allow sagemaker:CreatePresignedMlflowTrackingServerUrl on the tracking server's ARN in the node's role."
    MLFLOW_UNREACHABLE "mlflow.unreachable" Warning Watch
        "SageMaker does not answer or refuses to create a presigned MLflow URL."
        "See the evidence; a tracking server needs up to 25 minutes to be created or started."
}
