//! How long nobody has used the node: without any clock of its own.

use super::Use;
use crate::board::Reading;
use crate::system::left;
use jiff::{SignedDuration, Timestamp};
use nixl_cluster::reason;

/// The end is told from here on, or from half of the limit on if that is less.
const WARN_SECS: i64 = 30 * 60;

/// Counts idle time.
#[derive(Debug)]
pub struct Clock {
    limit: SignedDuration,
    /// The node has been paired once: until then it is being set up.
    armed: bool,
    /// Since when nobody uses it, on the caller's clock.
    idle_since: Option<SignedDuration>,
}

/// Where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Not paired yet, so not counted.
    Unarmed,
    /// Used, or it cannot be told.
    Used(Use),
    /// Nobody uses it.
    Idle {
        /// For so long.
        idle_secs: i64,
        /// So much longer is allowed.
        left_secs: i64,
        /// How long is allowed at all.
        limit_secs: i64,
    },
}

impl Standing {
    /// Seconds until the end; none where it is not in sight.
    pub fn left_secs(&self) -> Option<i64> {
        match self {
            Self::Idle { left_secs, .. } => Some(*left_secs),
            _ => None,
        }
    }
}

impl std::fmt::Display for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unarmed => f.write_str("not paired yet"),
            Self::Used(Use::Used(how)) => write!(f, "used: {how}"),
            Self::Used(Use::Unknown(why)) => write!(f, "not known, taken for used: {why}"),
            Self::Used(Use::Unused) => f.write_str("used"),
            Self::Idle { idle_secs, .. } => {
                write!(f, "no GPU, no fabric and no session used for {}", left(*idle_secs))
            }
        }
    }
}

impl Clock {
    pub fn new(limit: SignedDuration) -> Self {
        Self { limit, armed: false, idle_since: None }
    }

    /// What was seen at `now`; times only grow.
    pub fn look(&mut self, used: Use, paired: bool, now: SignedDuration) -> Standing {
        self.armed |= paired;
        if !self.armed {
            return Standing::Unarmed;
        }
        if used != Use::Unused {
            self.idle_since = None;
            return Standing::Used(used);
        }
        let idle = now.saturating_sub(*self.idle_since.get_or_insert(now));
        Standing::Idle {
            idle_secs: idle.as_secs(),
            // Up, so that zero is over.
            left_secs: self.limit.saturating_sub(idle).as_secs_f64().ceil() as i64,
            limit_secs: self.limit.as_secs(),
        }
    }
}

/// What it means, with the end by the calendar clock.
pub fn judge(standing: &Standing, now: Timestamp) -> Reading {
    let Standing::Idle { idle_secs, left_secs, limit_secs } = standing else {
        return Reading::good(standing.to_string());
    };
    if *left_secs > WARN_SECS.min(limit_secs / 2) {
        return Reading::default().value(*idle_secs).unit("s");
    }
    let end = now.saturating_add(SignedDuration::from_secs(*left_secs)).unwrap_or(Timestamp::MAX);
    let when = match left_secs {
        1.. => format!("it powers off in {} ({end:.0})", left(*left_secs)),
        _ => "it powers off".to_owned(),
    };
    Reading::bad(&reason::IDLE, format!("{standing}; {when}"))
        .field("ends_at", format!("{end:.0}"))
        .field("left_secs", *left_secs)
        .value(*idle_secs)
        .unit("s")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secs(secs: i64) -> SignedDuration {
        SignedDuration::from_secs(secs)
    }

    fn used() -> Use {
        Use::Used("a test".to_owned())
    }

    #[test]
    fn a_node_is_counted_from_its_first_pairing_on() {
        let mut clock = Clock::new(secs(600));
        assert_eq!(clock.look(Use::Unused, false, secs(0)), Standing::Unarmed);
        assert_eq!(clock.look(Use::Unused, false, secs(900)), Standing::Unarmed);
        let left = |standing: Standing| standing.left_secs();
        assert_eq!(left(clock.look(Use::Unused, true, secs(1000))), Some(600));
        // Its peer is lost: it stays armed.
        assert_eq!(left(clock.look(Use::Unused, false, secs(1590))), Some(10));
        assert_eq!(left(clock.look(Use::Unused, false, secs(1600))), Some(0));
    }

    #[test]
    fn use_and_what_cannot_be_seen_begin_it_anew() {
        let mut clock = Clock::new(secs(600));
        for use_of_it in [used(), Use::Unknown("no answer".to_owned())] {
            clock.look(Use::Unused, true, secs(0));
            assert_eq!(clock.look(use_of_it.clone(), true, secs(599)), Standing::Used(use_of_it));
            let again = clock.look(Use::Unused, true, secs(700));
            assert_eq!(again.left_secs(), Some(600));
        }
    }

    #[test]
    fn the_end_is_told_before_it_comes() {
        let now: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        let code = |idle_secs: i64, limit_secs: i64| {
            let left_secs = limit_secs - idle_secs;
            judge(&Standing::Idle { idle_secs, left_secs, limit_secs }, now)
        };
        assert_eq!(code(3599, 7200).code(), None);
        assert_eq!(code(5400, 7200).code(), Some("node.idle"));
        assert_eq!(code(299, 600).code(), None);
        let told = code(300, 600).reason.unwrap().1;
        assert!(told.contains("in 5 min (2026-11-28T12:05:00Z)"), "{told}");
        assert_eq!(judge(&Standing::Unarmed, now).code(), None);
    }

    proptest! {
        /// It never ends within the limit after a use, and always does when
        /// nothing is used for as long.
        #[test]
        fn the_limit_holds(
            limit in 60i64..100_000,
            looks in proptest::collection::vec((1i64..600, any::<bool>()), 1..200),
        ) {
            let mut clock = Clock::new(secs(limit));
            let (mut now, mut idle_from) = (0, None);
            for (step, busy) in looks {
                now += step;
                let standing = clock.look(if busy { used() } else { Use::Unused }, true, secs(now));
                idle_from = if busy { None } else { Some(idle_from.unwrap_or(now)) };
                let over = standing.left_secs().is_some_and(|left| left <= 0);
                prop_assert_eq!(over, idle_from.is_some_and(|from| now - from >= limit));
            }
        }
    }
}
