//! Sliding window over message counters (as RFC 4303, 3.4.3): each counter
//! is accepted once, late ones as long as they are inside the window.

/// Counters behind the newest one that are still told apart.
const WIDTH: u64 = 64;

/// Which counters have been seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReplayWindow {
    /// One more than the highest counter seen; 0 when none was.
    end: u64,
    /// Bit `i` is counter `end - 1 - i`.
    seen: u64,
}

impl ReplayWindow {
    /// Whether the counter is new; asked before the cost of deciphering.
    pub(crate) fn is_new(&self, counter: u64) -> bool {
        if counter >= self.end {
            return counter < u64::MAX;
        }
        let age = self.end - 1 - counter;
        age < WIDTH && self.seen & (1 << age) == 0
    }

    /// Marks a counter whose message proved authentic.
    pub(crate) fn mark(&mut self, counter: u64) {
        if counter >= self.end {
            let shift = counter - self.end + 1;
            self.seen = if shift >= WIDTH { 0 } else { self.seen << shift };
            self.seen |= 1;
            self.end = counter.saturating_add(1);
        } else if self.end - 1 - counter < WIDTH {
            self.seen |= 1 << (self.end - 1 - counter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn reordered_inside_the_window_is_new_once() {
        let mut window = ReplayWindow::default();
        for counter in [0, 70, 69, 7] {
            assert!(window.is_new(counter), "{counter}");
            window.mark(counter);
            assert!(!window.is_new(counter), "{counter}");
        }
        assert!(!window.is_new(6), "64 behind the newest is too old");
        assert!(!window.is_new(u64::MAX), "Noise reserves the last nonce");
    }

    proptest! {
        #[test]
        fn agrees_with_a_set(counters in prop::collection::vec(0_u64..200, 1..300)) {
            let (mut window, mut set, mut highest) = (ReplayWindow::default(), HashSet::new(), 0);
            for counter in counters {
                let expected = !set.contains(&counter) && (set.is_empty() || counter + WIDTH > highest);
                prop_assert_eq!(window.is_new(counter), expected);
                if expected {
                    window.mark(counter);
                    set.insert(counter);
                    highest = highest.max(counter);
                }
            }
        }
    }
}
