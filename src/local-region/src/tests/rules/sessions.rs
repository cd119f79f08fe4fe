//! Proofs of Session Manager's rules.

use super::{Case, case, same};
use crate::rules::sessions as rules;
use crate::testing::Bench;
use serde_json::json;

pub fn cases() -> Vec<Case> {
    vec![case(&rules::NOT_CONNECTED, async |bench: Bench| {
        let target = json!({"Target": "i-0123456789abcdef0"});
        let (_, told) = bench.json("ssm", "AmazonSSM.StartSession", target).await;
        same(told["__type"].as_str(), Some("TargetNotConnected"))
    })]
}
