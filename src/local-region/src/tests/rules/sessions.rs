//! Proofs of Session Manager's rules.

use super::{Case, case, same};
use crate::rules::sessions as rules;
use crate::session::{channel::Purpose, grants::Record};
use crate::testing::Bench;
use serde_json::json;

pub fn cases() -> Vec<Case> {
    vec![
        case(&rules::NOT_CONNECTED, async |bench: Bench| {
            let target = json!({"Target": "i-0123456789abcdef0"});
            let (_, told) = bench.json("ssm", "AmazonSSM.StartSession", target).await;
            same(told["__type"].as_str(), Some("TargetNotConnected"))
        }),
        case(&rules::TOKEN_ONCE, async |bench: Bench| {
            let sessions = bench.region.sessions();
            let record = Record {
                session_id: "s-1".to_owned(),
                instance_id: "i-1".to_owned(),
                owner: String::new(),
                document: String::new(),
                reason: None,
                started: bench.region.inner.clock.now(),
                ended: None,
            };
            sessions.add(record, Purpose::Shell { command: None }, "first");
            same(sessions.open("s-1", "first").is_some(), true)?;
            same(sessions.open("s-1", "first").is_some(), false)?;
            let resumed = json!({"SessionId": "s-1"});
            let (_, told) = bench.json("ssm", "AmazonSSM.ResumeSession", resumed).await;
            let token = told["TokenValue"].as_str().unwrap_or_default();
            same(sessions.open("s-1", token).is_some(), true)
        }),
    ]
}
