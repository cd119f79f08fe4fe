//! MLflow tracking servers.

super::rules! {
    gaps: [
        "sagemaker": "There is one version of MLflow, the one that is installed; a wish for another is refused. A size is kept and told, and changes nothing else; maintenance never happens; models are not registered anywhere.",
        "sagemaker": "How many servers an account may have, the codes of a name that exists and of states that do not fit, and what can be updated in which state are not verified.",
        "sagemaker": "Artifacts go to S3 with the account's key, not with the server's role.",
    ]
    PATTERNS = "sagemaker.server.patterns" {
        says: "Names, URIs, roles, windows, sizes and accounts fit the patterns of SageMaker's model.",
        source: "SageMaker API model, CreateMlflowTrackingServer and CreateMlflowApp",
        answer: "ValidationException",
        proof: Api,
    }
    BUCKET = "sagemaker.server.bucket" {
        says: "The artifact store is a bucket of this region that exists.",
        source: "SageMaker developer guide, MLflow tracking servers: cross-region artifact storage is not supported",
        answer: "ValidationException",
        proof: Api,
    }
    BUCKET_OWNER = "sagemaker.server.bucket-owner" {
        says: "The bucket belongs to S3BucketOwnerAccountId, unless S3BucketOwnerVerification is off.",
        source: "SageMaker API reference, CreateMlflowTrackingServer, S3BucketOwnerVerification",
        answer: "ValidationException",
        proof: Api,
    }
    ROLE = "sagemaker.server.role" {
        says: "The role exists and trusts sagemaker.amazonaws.com.",
        source: "SageMaker developer guide, Set up IAM permissions for MLflow",
        answer: "ValidationException",
        proof: Api,
    }
    EXISTS = "sagemaker.server.exists" {
        says: "The name of a tracking server is unique.",
        source: "SageMaker API reference, CreateMlflowTrackingServer, TrackingServerName is part of the ARN",
        answer: "ConflictException",
        proof: Api,
    }
    LIMIT = "sagemaker.server.limit" {
        says: "An account has only so many tracking servers.",
        source: "SageMaker API model, CreateMlflowTrackingServer, ResourceLimitExceeded; quota L-6BC1B1A9",
        answer: "ResourceLimitExceeded",
        proof: Api,
    }
    START_STATE = "sagemaker.server.start-state" {
        says: "Only a stopped server is started.",
        source: "SageMaker API reference, StartMlflowTrackingServer",
        answer: "ValidationException",
        proof: Api,
    }
    STOP_STATE = "sagemaker.server.stop-state" {
        says: "Only a running server is stopped; what it stored is there when it is started again.",
        source: "amazon-sagemaker-feedback issue 104",
        answer: "ValidationException",
        proof: Api,
    }
    UPDATE_STATE = "sagemaker.server.update-state" {
        says: "Only an active server is updated.",
        source: "SageMaker API model, UpdateMlflowTrackingServer, ConflictException; issue 104 of amazon-sagemaker-feedback for the words",
        answer: "ValidationException",
        proof: Api,
    }
    DELETE_STATE = "sagemaker.server.delete-state" {
        says: "A server that is being changed is not deleted.",
        source: "amazon-sagemaker-feedback issue 104",
        answer: "ValidationException",
        proof: Api,
    }
    LIST = "sagemaker.server.list" {
        says: "Lists are filtered by status and time and sorted, newest first by default.",
        source: "SageMaker API model, ListMlflowTrackingServers and ListMlflowApps",
        answer: "-",
        proof: Api,
    }
    PAGES = "sagemaker.server.pages" {
        says: "A page has 1 to 100 servers or apps.",
        source: "SageMaker API model, MaxResults",
        answer: "ValidationException",
        proof: Api,
    }
}
