//! Presigned URLs of tracking servers and MLflow Apps.

super::rules! {
    gaps: [
        "sagemaker": "A presigned URL leads to the region's own endpoint, not to a host of the server's own.",
    ]
    LIMITS = "sagemaker.url.limits" {
        says: "A URL lives 5 to 300 seconds, its session 1800 to 43200.",
        source: "SageMaker API model, CreatePresignedMlflowTrackingServerUrl",
        answer: "ValidationException",
        proof: Api,
    }
    ACTIVE = "sagemaker.url.active" {
        says: "A URL is made only for a server or app that can be used.",
        source: "SageMaker developer guide, Launch the MLflow UI; amazon-sagemaker-feedback issue 104 for the words",
        answer: "ValidationException",
        proof: Api,
    }
    ONCE = "sagemaker.url.once" {
        says: "A URL opens its session once.",
        source: "SageMaker API reference, CreatePresignedMlflowTrackingServerUrl: can be used only once",
        answer: "-",
        proof: Api,
    }
    EXPIRES = "sagemaker.url.expires" {
        says: "A URL opens nothing after ExpiresInSeconds.",
        source: "SageMaker API reference, CreatePresignedMlflowTrackingServerUrl, ExpiresInSeconds",
        answer: "-",
        proof: Api,
    }
}
