//! What to write and when, without a clock or a network.

use super::Tags;
use std::time::Duration;

/// Least time between two writes.
pub(super) const GAP: Duration = Duration::from_secs(1);

/// Wanted against written.
#[derive(Debug, Default)]
pub(super) struct Coalescer {
    wanted: Tags,
    written: Tags,
    not_before: Duration,
}

impl Coalescer {
    pub fn want(&mut self, wanted: Tags) {
        self.wanted = wanted;
    }

    /// When to write; `None` if nothing differs.
    pub fn due(&self) -> Option<Duration> {
        (self.wanted != self.written).then_some(self.not_before)
    }

    /// What differs.
    pub fn batch(&self) -> Vec<(&'static str, String)> {
        let differs =
            |(key, value): &(&&'static str, &String)| self.written.get(*key) != Some(*value);
        self.wanted.iter().filter(differs).map(|(key, value)| (*key, value.clone())).collect()
    }

    pub fn written(&mut self, now: Duration, batch: &[(&'static str, String)]) {
        self.written.extend(batch.iter().cloned());
        self.not_before = now + GAP;
    }

    pub fn failed(&mut self, now: Duration, wait: Duration) {
        self.not_before = now + wait.max(GAP);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(values: &[(&'static str, &str)]) -> Tags {
        values.iter().map(|(key, value)| (*key, (*value).to_owned())).collect()
    }

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_first_write_is_at_once_and_whole() {
        let mut coalescer = Coalescer::default();
        assert_eq!(coalescer.due(), None);
        coalescer.want(tags(&[("state", "registered"), ("identity", "k"), ("endpoint", "e")]));
        assert_eq!((coalescer.due(), coalescer.batch().len()), (Some(Duration::ZERO), 3));
    }

    #[test]
    fn changes_within_a_second_become_one_write_of_the_last() {
        let mut coalescer = Coalescer::default();
        coalescer.want(tags(&[("state", "registered"), ("identity", "k")]));
        coalescer.written(millis(100), &coalescer.batch());
        assert_eq!(coalescer.due(), None);
        coalescer.want(tags(&[("state", "paired"), ("identity", "k")]));
        coalescer.want(tags(&[("state", "degraded"), ("identity", "k")]));
        assert_eq!(coalescer.due(), Some(millis(1100)));
        assert_eq!(coalescer.batch(), [("state", "degraded".to_owned())]);
    }

    #[test]
    fn a_change_that_goes_back_is_not_written() {
        let mut coalescer = Coalescer::default();
        coalescer.want(tags(&[("state", "paired")]));
        coalescer.written(millis(0), &coalescer.batch());
        coalescer.want(tags(&[("state", "degraded")]));
        coalescer.want(tags(&[("state", "paired")]));
        assert_eq!(coalescer.due(), None);
    }

    #[test]
    fn what_changed_during_a_write_is_written_after_it() {
        let mut coalescer = Coalescer::default();
        coalescer.want(tags(&[("state", "registered")]));
        let batch = coalescer.batch();
        coalescer.want(tags(&[("state", "paired")]));
        coalescer.written(millis(50), &batch);
        assert_eq!(coalescer.batch(), [("state", "paired".to_owned())]);
    }

    #[test]
    fn a_failure_waits_its_backoff() {
        let mut coalescer = Coalescer::default();
        coalescer.want(tags(&[("state", "registered")]));
        coalescer.failed(millis(0), millis(8000));
        assert_eq!(coalescer.due(), Some(millis(8000)));
    }
}
