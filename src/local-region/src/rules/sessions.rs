//! Session Manager.

super::rules! {
    gaps: [
        "ssm": "The region itself plays the agent of a session: a shell is root's, not ssm-user's; a port session carries one connection at a time (agent version below 3.0.196, no smux); session preferences, encryption by KMS and logs of sessions are not there.",
    ]
    TOKEN_ONCE = "ssm.session.token-once" {
        says: "A token opens its session once; ResumeSession gives another.",
        source: "SSM API reference, StartSession, TokenValue: valid only long enough to ensure the connection is successful",
        answer: "-",
        proof: Api,
    }
    IDLE = "ssm.session.idle" {
        says: "A session through which nothing passes for 20 minutes ends.",
        source: "Systems Manager user guide, Specify an idle session timeout value",
        answer: "-",
        proof: Api,
    }
    NOT_CONNECTED = "ssm.session.not-connected" {
        says: "A session starts only on an instance that runs and whose agent is connected.",
        source: "SSM API reference, StartSession, TargetNotConnected",
        answer: "TargetNotConnected",
        proof: Api,
    }
}
