//! A new end for a cluster that runs.

use super::End;
use jiff::Timestamp;
use std::time::Duration;

/// What a person asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// So much longer than now planned.
    By(Duration),
    /// So long from now on.
    Ttl(Duration),
    /// At this time.
    Until(Timestamp),
}

/// Why there is no such end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Nothing to add to.
    #[error("the cluster has no end that could be extended; give it one by --ttl or --until")]
    NoEnd,
    /// Beyond all calendars.
    #[error("that is too far away")]
    TooFar,
}

impl Change {
    /// The new end. What is over is extended from now on: it ran until now.
    ///
    /// # Errors
    /// If there is none.
    pub fn end(self, old: End, now: Timestamp) -> Result<End, ChangeError> {
        let (from, by) = match self {
            Self::By(by) => (old.at().ok_or(ChangeError::NoEnd)?.max(now), by),
            Self::Ttl(ttl) => (now, ttl),
            Self::Until(at) => (at, Duration::ZERO),
        };
        match End::after(from, Some(by)) {
            End::Never => Err(ChangeError::TooFar),
            end => Ok(end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_second(secs).unwrap()
    }

    proptest! {
        /// An extension never takes time away, and gives what was asked for.
        #[test]
        fn an_extension_gives_time(
            old in 0i64..4_000_000_000,
            now in 0i64..4_000_000_000,
            by in 0u64..1_000_000_000,
        ) {
            let span = Duration::from_secs(by);
            let longer = Change::By(span).end(End::At(at(old)), at(now)).unwrap();
            prop_assert_eq!(longer.left_secs(at(old.max(now))), Some(by as i64));
            let ttl = Change::Ttl(span).end(End::At(at(old)), at(now)).unwrap();
            prop_assert_eq!(ttl.left_secs(at(now)), Some(by as i64));
            let until = Change::Until(at(old)).end(End::Never, at(now)).unwrap();
            prop_assert_eq!(until, End::At(at(old)));
        }
    }

    #[test]
    fn there_must_be_something_to_extend_and_a_calendar_for_it() {
        let now = at(1000);
        assert_eq!(
            Change::By(Duration::from_secs(1)).end(End::Never, now),
            Err(ChangeError::NoEnd)
        );
        let far = Change::Ttl(Duration::from_secs(u64::MAX)).end(End::Never, now);
        assert_eq!(far, Err(ChangeError::TooFar));
    }
}
