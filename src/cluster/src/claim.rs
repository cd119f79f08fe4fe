//! The record by which a node takes part in a cluster whose ranks are dealt out
//! by order of registration.

use crate::RecordError;
use crate::record::fields;
use std::fmt;
use std::str::FromStr;

/// `1:<rank or ->:<launch, unix seconds>:<since, unix milliseconds>`, written by
/// the node on itself: it is there, and holds this rank or waits for one.
///
/// EC2's tags know no lock, so two nodes may claim one rank; then the claim that
/// is older counts, and of two equally old ones the one of the instance that was
/// launched first, or has the lower id. Every node decides by that alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimRecord {
    /// The rank that is held; `None` while the node waits for one.
    pub rank: Option<u32>,
    /// Launch time of the instance. A claim from before a stop and a start, which
    /// gives an instance another launch time, does not count any more.
    pub launched_secs: i64,
    /// When the claim was made, by the node's clock.
    pub since_millis: u64,
}

impl fmt::Display for ClaimRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rank = self.rank.map_or("-".to_owned(), |rank| rank.to_string());
        write!(f, "1:{rank}:{}:{}", self.launched_secs, self.since_millis)
    }
}

impl FromStr for ClaimRecord {
    type Err = RecordError;
    fn from_str(value: &str) -> Result<Self, RecordError> {
        let bad = |why| RecordError { record: "claim", value: value.to_owned(), why };
        let [rank, launched, since] = fields("claim", value)?;
        let rank = match rank {
            "-" => None,
            rank => Some(rank.parse().map_err(|_| bad("rank is not a number"))?),
        };
        Ok(Self {
            rank,
            launched_secs: launched.parse().map_err(|_| bad("launch is not a number"))?,
            since_millis: since.parse().map_err(|_| bad("since is not a number"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn claims_round_trip(rank: Option<u32>, launched_secs: i64, since_millis: u64) {
            let record = ClaimRecord { rank, launched_secs, since_millis };
            let text = record.to_string();
            prop_assert!(text.len() <= crate::record::MAX_TAG_VALUE_CHARS);
            prop_assert_eq!(text.parse::<ClaimRecord>().unwrap(), record);
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<ClaimRecord>();
        }
    }
}
