//! Which Capacity Blocks are for sale. AWS publishes no rule for it beyond
//! their ends; here each zone that has the type offers what ends nearest to
//! the duration asked for.

use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Blocks end at this time of the day, in minutes of UTC.
const END_MINUTE: i64 = 11 * 60 + 30;
const DAY_MINUTES: i64 = 24 * 60;
/// What is over sooner is not offered.
const LEAST_MINUTES: i64 = 60;

/// A time that a block lasts, in whole minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Its start.
    pub start: Timestamp,
    /// Its end.
    pub end: Timestamp,
}

impl Span {
    /// How long it is.
    #[must_use]
    pub fn minutes(&self) -> i64 {
        self.end.duration_since(self.start).as_mins()
    }

    /// Whether both have a moment in common.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// What may be bought.
#[derive(Debug, Clone, PartialEq)]
pub struct Offering {
    /// Zone name.
    pub zone: String,
    /// Type name.
    pub instance_type: String,
    /// Instances.
    pub count: u32,
    /// When.
    pub span: Span,
    /// For all of it.
    pub fee_usd: f64,
}

/// Offerings that were told, by id.
#[derive(Debug, Default)]
pub struct Offerings(BTreeMap<String, Offering>);

impl Offerings {
    /// The id of an offering, the same for the same one.
    pub fn tell(&mut self, offering: &Offering) -> String {
        if let Some((id, _)) = self.0.iter().find(|(_, told)| *told == offering) {
            return id.clone();
        }
        let id = super::ids::resource("cbr");
        self.0.insert(id.clone(), offering.clone());
        id
    }

    /// An offering that was told.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Offering> {
        self.0.get(id)
    }
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(minute.saturating_mul(60)).unwrap_or(Timestamp::MAX)
}

/// Spans for a duration, soonest first: one from this minute on that is shorter and
/// one that is longer, and one from the next end of others on that is exact.
/// Without `ends_alike` the one from now on is exact, too.
#[must_use]
pub fn spans(now: Timestamp, length: SignedDuration, ends_alike: bool) -> Vec<Span> {
    let length = length.as_mins();
    let start = now.as_second().div_euclid(60);
    let span = |start, end| Span { start: at(start), end: at(end) };
    if !ends_alike {
        return vec![span(start, start + length)];
    }
    let wished = start + length;
    let before = (wished - END_MINUTE).div_euclid(DAY_MINUTES) * DAY_MINUTES + END_MINUTE;
    let next =
        (start - END_MINUTE).div_euclid(DAY_MINUTES) * DAY_MINUTES + END_MINUTE + DAY_MINUTES;
    let mut spans = vec![span(next, next + length)];
    for end in [before + DAY_MINUTES, before] {
        if end - start >= LEAST_MINUTES {
            spans.insert(0, span(start, end));
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn all_end_at_half_past_eleven_around_the_duration(
            secs in 0_i64..4_000_000_000,
            days in 1_i64..182,
        ) {
            let now = Timestamp::from_second(secs).unwrap();
            let length = SignedDuration::from_hours(24 * days);
            let spans = spans(now, length, true);
            prop_assert!(spans.len() >= 2 && spans.is_sorted_by_key(|span| span.start));
            for span in spans {
                prop_assert!(span.end.strftime("%H:%M:%S").to_string() == "11:30:00");
                prop_assert!(span.start.as_second() > secs - 60);
                prop_assert!((span.minutes() - length.as_mins()).abs() <= DAY_MINUTES);
            }
        }
    }
}
