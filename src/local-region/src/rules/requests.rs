//! What holds for every EC2 request.

super::rules! {
    gaps: [
        "ec2": "Parameters that EC2 knows and the region does not act upon have no effect; the region's log names them.",
    ]
    UNKNOWN_PARAMETER = "ec2.request.unknown-parameter" {
        says: "A parameter that the operation does not have is refused.",
        source: "EC2 API model, input shapes; code and message: aws-sdk-cpp issue 327, mirkokiefer/aws-lib issue 28",
        answer: "UnknownParameter",
        proof: Api,
    }
    DRY_RUN = "ec2.request.dry-run" {
        says: "Every operation takes DryRun: what would be done is told and not done.",
        source: "EC2 API model, DryRun of each operation; EC2 API reference, Error codes, DryRunOperation",
        answer: "DryRunOperation",
        proof: Api,
    }
    DRY_RUN_DENIED = "ec2.request.dry-run-denied" {
        says: "A dry run by who may not do it is denied like the real call.",
        source: "EC2 API model, DryRun of each operation",
        answer: "UnauthorizedOperation",
        proof: Api,
    }
}
