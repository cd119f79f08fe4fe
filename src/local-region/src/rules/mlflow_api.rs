//! MLflow's own API on tracking servers and MLflow Apps.

super::rules! {
    gaps: [
        "sagemaker-mlflow": "Both kinds answer on the region's own endpoint, not on experiments.sagemaker.aws and app.aws. The texts, codes and bodies of refusals are not verified, but those that a source is named for; nor is the status of a call to a server that is stopped (503 here) or not there (404).",
        "sagemaker-mlflow": "Whether AWS takes an unsigned routing header, or UNSIGNED-PAYLOAD, is not known: it is refused here, which any client that works here survives.",
        "sagemaker-mlflow": "Of a tracking server, calls that SageMaker has no action for are answered with 404; creating a logged model is taken for LogModel, OpenTelemetry's /v1/traces for StartTrace; /health, /version and artifacts that a server hands out need no action. Conditions on the resource's tags hold for nothing.",
        "sagemaker-mlflow": "What is called is not recorded, as no AWS model describes it.",
    ]
    ROUTED = "mlflow.api.routed" {
        says: "A call names its tracking server in x-mlflow-sm-tracking-server-arn, or its app in x-sm-mlflow-app-arn; without it the answer is 500.",
        source: "sagemaker-mlflow 0.5.0; aws-samples/sample-sagemaker-mlflow-rest-apis; the status as users report it",
        answer: "InternalFailure",
        proof: Api,
    }
    ROUTE_SIGNED = "mlflow.api.route-signed" {
        says: "The routing header is under the signature.",
        source: "sagemaker-mlflow 0.5.0, which signs every header but Connection and User-Agent",
        answer: "IncompleteSignatureException",
        proof: Api,
    }
    SIGNING_NAME = "mlflow.api.signing-name" {
        says: "Calls are signed for sagemaker-mlflow on a tracking server, for sagemaker on an app.",
        source: "sagemaker-mlflow 0.5.0",
        answer: "InvalidSignatureException",
        proof: Api,
    }
    PAYLOAD = "mlflow.api.payload" {
        says: "The body is the one whose hash is under the signature; of another one nothing is carried out.",
        source: "IAM User Guide, Create a signed AWS API request, HashedPayload",
        answer: "InvalidSignatureException",
        proof: Api,
    }
    UNSIGNED_PAYLOAD = "mlflow.api.unsigned-payload" {
        says: "UNSIGNED-PAYLOAD is no hash of a body.",
        source: "IAM User Guide, Create a signed AWS API request: it is for Amazon S3",
        answer: "InvalidSignatureException",
        proof: Api,
    }
    ACTION = "mlflow.api.action" {
        says: "Each call on a tracking server needs the action of sagemaker-mlflow that is named after it.",
        source: "Service authorization reference, Amazon SageMaker with MLflow; status and text as users report them",
        answer: "AccessDeniedException",
        proof: Api,
    }
    APP_ACTION = "mlflow.api.app-action" {
        says: "Every call on an app needs sagemaker:CallMlflowAppApi, which allows all of them; the refusal does not name it.",
        source: "AWS managed policy AmazonSageMakerJobFullAccess; londonaicentre/FLIP issue 745",
        answer: "AccessDeniedException",
        proof: Api,
    }
    ACTIVE = "mlflow.api.active" {
        says: "Only a server or app that can be used answers.",
        source: "SageMaker API reference, DescribeMlflowTrackingServer, IsActive",
        answer: "ServiceUnavailable",
        proof: Api,
    }
}
