//! Which calls waited for which.
//!
//! A client is a caller with a user agent. A call waited for every call of its
//! client that had been answered when it began; its depth is one more than the
//! largest among those. So calls made side by side share a depth, and the
//! largest depth is the number of round trips one after the other.

use super::CallRecord;
use serde::Serialize;
use std::collections::HashMap;

/// A call and what it waited for.
#[derive(Debug, Serialize)]
pub struct Placed {
    /// The call.
    #[serde(flatten)]
    pub call: CallRecord,
    /// Round trips of its client up to its answer, from 1.
    pub depth: u32,
    /// Sequence number of the deepest call it waited for, the latest of those.
    pub waited_for: Option<u64>,
}

/// All calls of a selection in numbers.
#[derive(Debug, Default, Serialize, PartialEq, Eq)]
pub struct Summary {
    /// Calls.
    pub calls: usize,
    /// Clients.
    pub clients: usize,
    /// Largest depth.
    pub round_trips: u32,
    /// Calls whose caller got no good answer.
    pub failures: usize,
}

/// An answer of one client.
struct Answered {
    micros: u64,
    /// Largest depth so far, and the call that has it.
    deepest: (u32, u64),
}

/// Places calls, which come in the order of their answers.
pub fn place(calls: impl Iterator<Item = CallRecord>) -> (Vec<Placed>, Summary) {
    let mut clients: HashMap<(String, String), Vec<Answered>> = HashMap::new();
    let mut summary = Summary::default();
    let mut placed = Vec::new();
    for call in calls {
        let answered = clients.entry((call.caller.clone(), agent(&call.user_agent))).or_default();
        let before = answered.partition_point(|answer| answer.micros <= call.started_micros);
        let waited_for = before.checked_sub(1).map(|last| answered[last].deepest);
        let depth = waited_for.map_or(0, |(depth, _)| depth) + 1;
        let so_far = answered.last().map_or((0, 0), |last| last.deepest);
        answered.push(Answered {
            micros: call.started_micros + call.latency_micros,
            deepest: if depth >= so_far.0 { (depth, call.sequence) } else { so_far },
        });
        summary.calls += 1;
        summary.failures += usize::from(call.failed());
        summary.round_trips = summary.round_trips.max(depth);
        placed.push(Placed { call, depth, waited_for: waited_for.map(|(_, sequence)| sequence) });
    }
    summary.clients = clients.len();
    (placed, summary)
}

/// A user agent without what AWS's clients change from call to call: the
/// operation (`api/…`, `md/command#…`) and the features used (`m/…`).
fn agent(text: &str) -> String {
    let varies = |part: &&str| ["api/", "m/", "md/command#"].iter().any(|p| part.starts_with(p));
    text.split_whitespace().filter(|part| !varies(part)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call of a client, from one time to another.
    fn call(sequence: u64, caller: &str, from: u64, to: u64) -> CallRecord {
        CallRecord {
            sequence,
            caller: caller.to_owned(),
            user_agent: format!("sdk/1 api/ec2#{sequence}"),
            started_micros: from,
            latency_micros: to - from,
            outcome: "OK".to_owned(),
            ..CallRecord::default()
        }
    }

    #[test]
    fn calls_side_by_side_share_a_depth() {
        let calls = [
            call(1, "a", 0, 10),
            call(2, "a", 11, 20),
            call(3, "b", 12, 21),
            // Began before 2 was answered, and so waited for 1 alone.
            call(4, "a", 15, 30),
            call(5, "a", 31, 40),
        ];
        let (placed, summary) = place(calls.into_iter());
        let depths: Vec<_> = placed.iter().map(|p| (p.depth, p.waited_for)).collect();
        assert_eq!(depths, [(1, None), (2, Some(1)), (1, None), (2, Some(1)), (3, Some(4))]);
        assert_eq!(summary, Summary { calls: 5, clients: 2, round_trips: 3, failures: 0 });
    }

    #[test]
    fn a_long_call_does_not_hide_the_depth_of_short_ones() {
        let calls =
            [call(1, "a", 0, 5), call(2, "a", 6, 9), call(3, "a", 1, 10), call(4, "a", 11, 12)];
        let (placed, _) = place(calls.into_iter());
        assert_eq!(placed.iter().map(|p| p.depth).collect::<Vec<_>>(), [1, 2, 1, 3]);
        assert_eq!(placed[3].waited_for, Some(2));
    }
}
