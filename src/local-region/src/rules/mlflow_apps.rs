//! MLflow Apps.

super::rules! {
    gaps: [
        "sagemaker": "Apps do not scale to zero and are not shared with other accounts; KmsKeyId has no effect. The messages for states that do not fit are not verified.",
    ]
    ARN = "sagemaker.app.arn" {
        says: "An app is named by its ARN, whose last part SageMaker makes.",
        source: "SageMaker API model, MlflowAppArn",
        answer: "ValidationException",
        proof: Api,
    }
    UPDATE_STATE = "sagemaker.app.update-state" {
        says: "Only an app that can be used is updated.",
        source: "SageMaker API model, UpdateMlflowApp, ConflictException",
        answer: "ConflictException",
        proof: Api,
    }
    DELETE_STATE = "sagemaker.app.delete-state" {
        says: "An app that is being changed is not deleted.",
        source: "SageMaker API model, MlflowAppStatus; as for tracking servers",
        answer: "ValidationException",
        proof: Api,
    }
}
