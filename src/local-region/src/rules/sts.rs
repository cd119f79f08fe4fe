//! STS.

super::rules! {
    gaps: [
        "sts": "AssumeRole knows no session policies, session tags, MFA or source identity; they have no effect.",
        "sts": "An encoded authorization message is encoded only, so that who may not decode it could.",
    ]
    TRUST = "sts.assume-role.trust" {
        says: "A role is assumed only by whom its trust policy lets in, its conditions included.",
        source: "IAM user guide, AWS JSON policy elements: Principal; STS API reference, AssumeRole",
        answer: "AccessDenied",
        proof: Api,
    }
    ACCOUNT_TRUST = "sts.assume-role.account" {
        says: "Where the trust policy names the account, the caller's own policies must allow sts:AssumeRole too.",
        source: "IAM user guide, AWS account principals",
        answer: "AccessDenied",
        proof: Api,
    }
    SESSION_NAME = "sts.assume-role.session-name" {
        says: "A session's name has 2 to 64 letters, digits and _+=,.@-.",
        source: "STS API model, roleSessionNameType",
        answer: "ValidationError",
        proof: Api,
    }
    DURATION = "sts.assume-role.duration" {
        says: "A session lasts 900 to 43200 seconds.",
        source: "STS API model, roleDurationSecondsType",
        answer: "ValidationError",
        proof: Api,
    }
    MAX_DURATION = "sts.assume-role.max-duration" {
        says: "A session lasts no longer than the role's MaxSessionDuration.",
        source: "STS API reference, AssumeRole, DurationSeconds; message as reported by users",
        answer: "ValidationError",
        proof: Api,
    }
    CHAINED = "sts.assume-role.chained" {
        says: "Who is in a role session assumes another role for at most an hour.",
        source: "IAM user guide, Role chaining; message as reported by users",
        answer: "ValidationError",
        proof: Api,
    }
}
