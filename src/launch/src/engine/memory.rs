//! The memory of refusals: which attempts found no room a moment ago. It is a
//! tag of the security group, so that other machines have it, too, and goes in
//! the same CreateTags as the next attempt.

use crate::plan::Attempt;

/// How long a refusal is taken into account. Karpenter: 3 minutes.
const LASTS_SECS: u64 = 180;
/// Longest tag value.
const MAX_CHARS: usize = 256;

/// Refusals, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Memory(Vec<(String, u64)>);

/// In a placement group there may be no room where there is some without.
fn key(attempt: &Attempt) -> String {
    let group = if attempt.placement_group.is_some() { ":pg" } else { "" };
    format!("{}{group}", attempt.key())
}

impl Memory {
    /// What a tag says; what cannot be read is forgotten.
    pub fn read(value: &str) -> Self {
        let entry = |text: &str| {
            let (key, at) = text.rsplit_once('@')?;
            Some((key.to_owned(), at.parse().ok()?))
        };
        Self(value.split(' ').filter_map(entry).collect())
    }

    /// As a tag's value: the newest that fit.
    pub fn written(&self) -> String {
        let mut value = String::new();
        for (key, at_secs) in self.0.iter().rev() {
            let entry = format!("{key}@{at_secs}");
            let more = usize::from(!value.is_empty()) + entry.len();
            if value.len() + more > MAX_CHARS {
                break;
            }
            value = if value.is_empty() { entry } else { format!("{entry} {value}") };
        }
        value
    }

    /// Remembers a refusal.
    pub fn note(&mut self, attempt: &Attempt, now_secs: u64) {
        let key = key(attempt);
        self.0.retain(|(old, at)| *old != key && at.saturating_add(LASTS_SECS) > now_secs);
        self.0.push((key, now_secs));
    }

    /// Whether the attempt was refused lately.
    pub fn has(&self, attempt: &Attempt, now_secs: u64) -> bool {
        let key = key(attempt);
        // A clock that is behind the other machine's sees a refusal of the future.
        self.0.iter().any(|(old, at)| *old == key && now_secs.abs_diff(*at) < LASTS_SECS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::attempt;
    use proptest::prelude::*;

    #[test]
    fn a_refusal_is_remembered_for_three_minutes_and_for_its_kind_only() {
        let mut memory = Memory::default();
        let refused = attempt("g6.12xlarge", "us-east-1a");
        memory.note(&refused, 1000);
        assert_eq!(memory.written(), "g6.12xlarge/on-demand/us-east-1a:pg@1000");
        assert!(memory.has(&refused, 1179) && memory.has(&refused, 990));
        assert!(!memory.has(&refused, 1180));
        let elsewhere = attempt("g6.12xlarge", "us-east-1b");
        let without_group = Attempt { placement_group: None, ..refused };
        assert!(!memory.has(&elsewhere, 1000) && !memory.has(&without_group, 1000));
    }

    #[test]
    fn the_newest_fit_into_a_tag() {
        let mut memory = Memory::default();
        for n in 0..20_u64 {
            memory.note(&attempt("p6-b300.48xlarge", &format!("us-east-1{n}")), 1_700_000_000 + n);
        }
        let value = memory.written();
        assert!(value.len() <= MAX_CHARS && value.ends_with("us-east-119:pg@1700000019"));
        assert!(Memory::read(&value).0.len() >= 4);
    }

    proptest! {
        #[test]
        fn anything_can_be_read(value in ".{0,300}") {
            let memory = Memory::read(&value);
            prop_assert!(memory.written().len() <= MAX_CHARS);
            let again = Memory::read(&memory.written());
            prop_assert_eq!(again.written(), memory.written());
        }

        #[test]
        fn what_is_written_is_read(ats in proptest::collection::vec(0_u64..2_000_000_000, 0..4)) {
            let entries = ats.iter().enumerate().map(|(n, at)| (format!("t/on-demand/z{n}"), *at));
            let memory = Memory(entries.collect());
            prop_assert_eq!(Memory::read(&memory.written()), memory);
        }
    }
}
