//! A peer's health: what it answers over the fabric, and what
//! `GET /peer/health` tells of that.

use crate::health::{Check, HealthDocument};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What a node says when its peer asks how it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerAnswer {
    /// How many of its checks had no room.
    #[serde(default)]
    pub left_out: usize,
    /// The document, with as many of its checks as have room, the worst first.
    pub document: HealthDocument,
}

/// Answer of `GET /peer/health`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerHealth {
    /// Its instance id, as the pairing knows it.
    pub instance_id: String,
    /// Its rank.
    pub rank: u32,
    /// How long ago it said this.
    pub age_secs: f64,
    /// What it said.
    #[serde(flatten)]
    pub answer: PeerAnswer,
}

impl PeerAnswer {
    /// As compact JSON of at most `most` bytes, or of as little as goes without
    /// checks.
    ///
    /// # Errors
    /// If a value has no JSON.
    pub fn encode(document: HealthDocument, most: usize) -> serde_json::Result<Vec<u8>> {
        let whole = serde_json::to_vec(&Self { left_out: 0, document: document.clone() })?;
        if whole.len() <= most {
            return Ok(whole);
        }
        let mut checks: Vec<(String, Check)> = document
            .checks
            .into_iter()
            .flat_map(|(name, checks)| checks.into_iter().map(move |check| (name.clone(), check)))
            .collect();
        // A stable sort: what is equally bad stays together.
        checks.sort_by_key(|(_, check)| Reverse((check.counts(), check.status)));
        let all = checks.len();
        let bare = Self {
            left_out: all,
            document: HealthDocument { checks: BTreeMap::new(), ..document },
        };
        let mut room = most.saturating_sub(serde_json::to_vec(&bare)?.len());
        let mut kept: BTreeMap<String, Vec<Check>> = BTreeMap::new();
        for (name, check) in checks {
            // With its name, quotes, colon, brackets and comma, as if it were the first of its name.
            let bytes = serde_json::to_vec(&check)?.len() + serde_json::to_vec(&name)?.len() + 4;
            if bytes <= room {
                room -= bytes;
                kept.entry(name).or_default().push(check);
            }
        }
        let left_out = all - kept.values().map(Vec::len).sum::<usize>();
        let document = HealthDocument { checks: kept, ..bare.document };
        serde_json::to_vec(&Self { left_out, document })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{NodeSummary, Status};

    fn check(status: Status, text: &str) -> Check {
        Check {
            component_id: Some(text.to_owned()),
            component_type: "component".to_owned(),
            observed_value: None,
            observed_unit: None,
            status,
            time: "2026-01-01T00:00:00.000Z".to_owned(),
            reason: None,
        }
    }

    fn document(checks: Vec<(&str, Vec<Check>)>) -> HealthDocument {
        HealthDocument {
            status: Status::Fail,
            version: "1".to_owned(),
            release_id: "0".to_owned(),
            service_id: "i-1".to_owned(),
            output: String::new(),
            node: NodeSummary::default(),
            checks: checks.into_iter().map(|(name, checks)| (name.to_owned(), checks)).collect(),
        }
    }

    #[test]
    fn what_fits_is_told_whole() {
        let document = document(vec![("a:b", vec![check(Status::Pass, "x")])]);
        let bytes = PeerAnswer::encode(document.clone(), 4096).unwrap();
        let answer: PeerAnswer = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(answer, PeerAnswer { left_out: 0, document });
    }

    #[test]
    fn of_what_does_not_fit_the_worst_is_told_and_how_much_is_left_out() {
        let many = |status, count: usize| {
            (0..count).map(|i| check(status, &format!("device {i}"))).collect::<Vec<_>>()
        };
        let all = document(vec![
            ("a:pass", many(Status::Pass, 50)),
            ("m:fail", many(Status::Fail, 3)),
            ("z:warn", many(Status::Warn, 50)),
        ]);
        for most in [0, 700, 1200, 3000, 9000] {
            let bytes = PeerAnswer::encode(all.clone(), most).unwrap();
            let answer: PeerAnswer = serde_json::from_slice(&bytes).unwrap();
            let count = |name: &str| answer.document.checks.get(name).map_or(0, Vec::len);
            let [pass, fail, warn] = ["a:pass", "m:fail", "z:warn"].map(count);
            assert_eq!(pass + fail + warn + answer.left_out, 103);
            assert!(fail == 3 || warn == 0, "{most}: {fail} of 3 while {warn} warn");
            assert!(warn == 50 || pass == 0, "{most}");
            if most > 0 {
                assert!(bytes.len() <= most && fail > 0, "{most}: {}", bytes.len());
            }
        }
    }

    #[test]
    fn an_answer_over_http_reads_back() {
        let answer = PeerAnswer { left_out: 2, document: document(vec![]) };
        let health = PeerHealth { instance_id: "i-2".to_owned(), rank: 1, age_secs: 0.25, answer };
        let text = serde_json::to_string(&health).unwrap();
        assert!(text.contains(r#""leftOut":2"#), "{text}");
        assert_eq!(serde_json::from_str::<PeerHealth>(&text).unwrap(), health);
    }
}
