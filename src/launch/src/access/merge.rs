//! Journals of several nodes as one, by time.

use super::journal::Entry;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// A later entry of a quiet node may still be on its way: so long is waited for it.
pub const HOLD: Duration = Duration::from_millis(700);

/// Puts entries in order. Each node's own come in order.
#[derive(Debug)]
pub struct Merger {
    nodes: Vec<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    entries: VecDeque<(Instant, Entry)>,
    ended: bool,
}

impl Merger {
    /// For so many nodes.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self { nodes: (0..nodes).map(|_| Waiting::default()).collect() }
    }

    /// An entry of a node.
    pub fn add(&mut self, node: usize, entry: Entry, now: Instant) {
        if let Some(waiting) = self.nodes.get_mut(node) {
            waiting.entries.push_back((now, entry));
        }
    }

    /// Nothing more comes from a node.
    pub fn end(&mut self, node: usize) {
        if let Some(waiting) = self.nodes.get_mut(node) {
            waiting.ended = true;
        }
    }

    /// The next entry, if none before it can come any more, or (if not everything
    /// is to be waited for) none has for a while.
    pub fn next(&mut self, now: Instant, patient: bool) -> Option<Entry> {
        let complete = self.nodes.iter().all(|node| node.ended || !node.entries.is_empty());
        let oldest = self
            .nodes
            .iter_mut()
            .filter(|node| !node.entries.is_empty())
            .min_by_key(|node| node.entries.front().map(|(_, entry)| entry.at_epoch_micros))?;
        let waited = now.duration_since(oldest.entries.front()?.0);
        if !complete && (patient || waited < HOLD) {
            return None;
        }
        oldest.entries.pop_front().map(|(_, entry)| entry)
    }

    /// Whether everything has been said.
    #[must_use]
    pub fn done(&self) -> bool {
        self.nodes.iter().all(|node| node.ended && node.entries.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::remote::RemoteNode;

    fn entry(node: usize, at: i64) -> Entry {
        let rank = u32::try_from(node).unwrap();
        let node = RemoteNode { rank, name: String::new(), instance_id: String::new() };
        let line = format!(r#"{{"__REALTIME_TIMESTAMP":"{at}","__CURSOR":"{at}"}}"#);
        Entry::parse(&node, line.as_bytes()).unwrap()
    }

    fn times(merger: &mut Merger, now: Instant, patient: bool) -> Vec<i64> {
        std::iter::from_fn(|| merger.next(now, patient)).map(|it| it.at_epoch_micros).collect()
    }

    #[tokio::test]
    async fn a_quiet_node_is_waited_for_a_while() {
        let (mut merger, now) = (Merger::new(2), Instant::now());
        merger.add(0, entry(0, 5), now);
        assert!(merger.next(now, false).is_none());
        merger.add(1, entry(1, 3), now + HOLD / 2);
        assert_eq!(times(&mut merger, now + HOLD / 2, false), [3]);
        assert_eq!(times(&mut merger, now + HOLD * 2, true), [0; 0], "patience waits for ever");
        assert_eq!(times(&mut merger, now + HOLD * 2, false), [5]);
        merger.end(0);
        merger.end(1);
        assert!(merger.done());
    }

    proptest::proptest! {
        #[test]
        fn what_is_whole_is_sorted_and_whole(mut a: Vec<u16>, mut b: Vec<u16>, mut c: Vec<u16>) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let now = runtime.block_on(async { Instant::now() });
            let mut merger = Merger::new(3);
            let mut told = Vec::new();
            for (node, times_of) in [&mut a, &mut b, &mut c].into_iter().enumerate() {
                times_of.sort_unstable();
                for at in times_of.iter() {
                    merger.add(node, entry(node, i64::from(*at)), now);
                }
                merger.end(node);
                told.extend(times(&mut merger, now, true));
            }
            let mut all: Vec<i64> = [a, b, c].concat().into_iter().map(i64::from).collect();
            all.sort_unstable();
            proptest::prop_assert_eq!(told, all);
        }
    }
}
