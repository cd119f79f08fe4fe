//! RunInstances.

super::rules! {
    gaps: [
        "ec2": "A terminated instance is visible for seconds, not for about an hour.",
    ]
    TOKEN_MISMATCH = "ec2.run.token-mismatch" {
        says: "The same client token with other parameters is refused.",
        source: "EC2 developer guide, Ensuring idempotency",
        answer: "IdempotentParameterMismatch",
        proof: Api,
    }
}
