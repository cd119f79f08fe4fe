//! How often each fault happened to each device, in this boot.

use super::Fault;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Longest text kept of a fault.
const MOST_TEXT_CHARS: usize = 200;
/// A node has 8 GPUs and some 200 Xids; more kinds than this are nonsense, and
/// are not kept apart.
const MOST_KINDS: usize = 1024;

/// One fault of one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// PCI address of the GPU or switch, `0000:53:00.0`.
    pub device: String,
    /// What happened.
    pub fault: Fault,
    /// How often since the node booted.
    pub count: u64,
    /// When last.
    pub last: Timestamp,
    /// What the driver wrote then, without the device and the number.
    pub text: String,
}

/// All of them, by device and fault.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Count>", into = "Vec<Count>")]
pub struct Counters(BTreeMap<(String, Fault), Count>);

impl Counters {
    /// It happened.
    pub fn add(&mut self, device: &str, fault: Fault, at: Timestamp, text: &str) {
        let key = (device.to_owned(), fault);
        if self.0.len() >= MOST_KINDS && !self.0.contains_key(&key) {
            return;
        }
        let count = self.0.entry(key).or_insert_with(|| Count {
            device: device.to_owned(),
            fault,
            count: 0,
            last: at,
            text: String::new(),
        });
        count.count += 1;
        if at >= count.last {
            count.last = at;
            count.text = text.chars().take(MOST_TEXT_CHARS).collect();
        }
    }

    /// Each, by device and fault.
    pub fn iter(&self) -> impl Iterator<Item = &Count> {
        self.0.values()
    }

    /// How often this happened to this device.
    #[must_use]
    pub fn of(&self, device: &str, fault: Fault) -> u64 {
        self.0.get(&(device.to_owned(), fault)).map_or(0, |count| count.count)
    }
}

impl From<Vec<Count>> for Counters {
    fn from(counts: Vec<Count>) -> Self {
        let by_key = |count: Count| ((count.device.clone(), count.fault), count);
        Self(counts.into_iter().map(by_key).collect())
    }
}

impl From<Counters> for Vec<Count> {
    fn from(counters: Counters) -> Self {
        counters.0.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_second(secs).unwrap()
    }

    #[test]
    fn each_fault_of_each_device_is_counted_apart() {
        let mut counters = Counters::default();
        counters.add("0000:53:00.0", Fault::Xid(94), at(5), "contained");
        counters.add("0000:53:00.0", Fault::Xid(94), at(3), "older, told late");
        counters.add("0000:53:00.0", Fault::Xid(79), at(6), "gone");
        counters.add("0000:64:00.0", Fault::Xid(94), at(7), "contained");
        assert_eq!(counters.of("0000:53:00.0", Fault::Xid(94)), 2);
        assert_eq!(counters.of("0000:64:00.0", Fault::Xid(94)), 1);
        assert_eq!(counters.of("0000:64:00.0", Fault::Xid(79)), 0);
        let first = counters.iter().next().unwrap();
        assert_eq!((first.fault, first.last), (Fault::Xid(79), at(6)));
        let second = counters.iter().nth(1).unwrap();
        assert_eq!((second.last, second.text.as_str()), (at(5), "contained"));
        let text = serde_json::to_string(&counters).unwrap();
        assert_eq!(serde_json::from_str::<Counters>(&text).unwrap(), counters);
    }

    #[test]
    fn nonsense_does_not_fill_the_memory() {
        let mut counters = Counters::default();
        for number in 0..5000 {
            counters.add("0000:53:00.0", Fault::Xid(number), at(1), &"x".repeat(5000));
        }
        assert_eq!(counters.iter().count(), MOST_KINDS);
        assert!(counters.iter().all(|count| count.text.len() == MOST_TEXT_CHARS));
        counters.add("0000:53:00.0", Fault::Xid(0), at(2), "");
        assert_eq!(counters.of("0000:53:00.0", Fault::Xid(0)), 2);
    }
}
