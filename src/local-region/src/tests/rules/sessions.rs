//! Proofs of Session Manager's rules.

use super::managed_nodes::node;
use super::{Case, case, same};
use crate::rules::sessions as rules;
use crate::session::{channel::Purpose, grants::Record};
use crate::testing::Bench;
use crate::windows::SESSION_IDLE;
use jiff::SignedDuration;
use serde_json::json;
use std::time::{Duration, Instant};

pub fn cases() -> Vec<Case> {
    vec![
        case(&rules::NOT_CONNECTED, async |bench: Bench| {
            let target = json!({"Target": "i-0123456789abcdef0"});
            let (_, told) = bench.json("ssm", "AmazonSSM.StartSession", target).await;
            same(told["__type"].as_str(), Some("TargetNotConnected"))
        }),
        case(&rules::IDLE, async |bench: Bench| {
            let target = json!({"Target": node(&bench).await});
            let (_, started) = bench.json("ssm", "AmazonSSM.StartSession", target).await;
            let id = started["SessionId"].as_str().unwrap_or_default();
            let (clock, sessions) = (&bench.region.inner.clock, bench.region.sessions());
            let idle = bench.region.inner.windows.of(&SESSION_IDLE);
            clock.advance(idle - SignedDuration::from_secs(60));
            sessions.touch(id);
            clock.advance(idle - SignedDuration::from_secs(60));
            tokio::task::yield_now().await;
            same(sessions.active(id).is_some(), true)?;
            clock.advance(SignedDuration::from_secs(60));
            let end = Instant::now() + Duration::from_secs(5);
            while sessions.active(id).is_some() && Instant::now() < end {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            same(sessions.active(id), None)
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
