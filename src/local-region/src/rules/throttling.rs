//! Request throttling.

super::rules! {
    gaps: [
        "throttling": "Only EC2 and Parameter Store tell the sizes of their buckets; IAM, STS, SageMaker, Image Builder, the rest of SSM and other services have those of EC2's mutating and non-mutating actions. S3 is never throttled.",
        "throttling": "EC2's console bucket is not there; of the actions with a bucket of a size of their own, those about instances, images, volumes and interfaces are.",
        "throttling": "Of tracking servers AWS users report a Small one's rate; a Medium and a Large one have twice and four times that, as they have users, and an app has a Small one's.",
        "throttling": "A bucket refills continuously, not once a second.",
    ]
    NON_MUTATING = "throttle.ec2.non-mutating" {
        says: "Describe, List, Search and Get actions have a bucket of 100 requests, refilled by 20 a second.",
        source: "EC2 developer guide, Request throttling for the Amazon EC2 API",
        answer: "RequestLimitExceeded",
        proof: Api,
    }
    UNFILTERED = "throttle.ec2.unfiltered" {
        says: "Some of them, such as DescribeInstances, have a bucket of 50 and 10 a second when neither a filter nor a page is asked for.",
        source: "EC2 developer guide, Request throttling for the Amazon EC2 API",
        answer: "RequestLimitExceeded",
        proof: Api,
    }
    MUTATING = "throttle.ec2.mutating" {
        says: "Mutating actions have a bucket of 50 requests, refilled by 5 a second.",
        source: "EC2 developer guide, Request throttling for the Amazon EC2 API",
        answer: "RequestLimitExceeded",
        proof: Api,
    }
    RESOURCE_INTENSIVE = "throttle.ec2.resource-intensive" {
        says: "Resource-intensive actions, such as AuthorizeSecurityGroupIngress, have a bucket of 50 requests, refilled by 5 a second.",
        source: "EC2 developer guide, Request throttling for the Amazon EC2 API",
        answer: "RequestLimitExceeded",
        proof: Api,
    }
    OWN = "throttle.ec2.own-size" {
        says: "Some actions have a bucket of a size of their own: RunInstances 5 requests and 2 a second, CreateTags 100 and 10.",
        source: "EC2 developer guide, Request throttling for the Amazon EC2 API, uncategorized actions",
        answer: "RequestLimitExceeded",
        proof: Api,
    }
    PER_INSTANCE = "throttle.ec2.per-instance" {
        says: "Launches and starts also take a token for each instance from a bucket of 1000, refilled by 2 a second; terminations and stops from one refilled by 20.",
        source: "EC2 developer guide, Request throttling for the Amazon EC2 API, resource token limits",
        answer: "RequestLimitExceeded",
        proof: Api,
    }
    PER_OPERATION = "throttle.per-operation" {
        says: "Each operation has a bucket of its own: one that is empty does not stop another.",
        source: "EC2 developer guide, Request throttling for the Amazon EC2 API",
        answer: "-",
        proof: Api,
    }
    REFILL = "throttle.refill" {
        says: "Buckets refill with time, up to their size.",
        source: "EC2 developer guide, Request throttling for the Amazon EC2 API",
        answer: "-",
        proof: Api,
    }
    PARAMETERS = "throttle.ssm.parameters" {
        says: "GetParameter, GetParameters and GetParametersByPath share 40 requests a second.",
        source: "AWS General Reference, Systems Manager endpoints and quotas, Parameter Store, default throughput",
        answer: "ThrottlingException",
        proof: Api,
    }
    SSM = "throttle.ssm" {
        says: "Other operations of Systems Manager are throttled too.",
        source: "SSM API reference, Common errors, ThrottlingException; the size is not published",
        answer: "ThrottlingException",
        proof: Api,
    }
    IAM = "throttle.iam" {
        says: "IAM throttles with status 400.",
        source: "IAM API reference, Common errors; status and message: legion-platform/legion issue 807; the size is not published",
        answer: "Throttling",
        proof: Api,
    }
    STS = "throttle.sts" {
        says: "STS throttles as IAM does.",
        source: "STS API reference, Common errors; the size is not published",
        answer: "Throttling",
        proof: Api,
    }
    SAGEMAKER = "throttle.sagemaker" {
        says: "SageMaker throttles with status 400.",
        source: "SageMaker API reference, Common errors, ThrottlingException; the size is not published",
        answer: "ThrottlingException",
        proof: Api,
    }
    IMAGE_BUILDER = "throttle.imagebuilder" {
        says: "Image Builder throttles with status 429.",
        source: "Image Builder API model, CallRateLimitExceededException; the size is not published",
        answer: "CallRateLimitExceededException",
        proof: Api,
    }
    MLFLOW = "throttle.mlflow" {
        says: "A Small tracking server takes 25 calls of MLflow's API a second, whoever makes them, and answers more with status 429.",
        source: "londonaicentre/FLIP issue 745 for the rate; MLflow's clients retry 429",
        answer: "ThrottlingException",
        proof: Api,
    }
    OTHERS = "throttle.others" {
        says: "Other services throttle too, each by its own code.",
        source: "API models of Service Quotas (TooManyRequestsException), Pricing and Scheduler (ThrottlingException); the sizes are not published",
        answer: "-",
        proof: Api,
    }
}
