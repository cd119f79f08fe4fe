//! When a cluster ends: the value of the tag `nixl:expires-at`.

use jiff::{SignedDuration, Timestamp, Unit};
use nixl_aws::Tag;
use nixl_cluster::tag;
use std::time::Duration;

/// Value on the security group of a cluster without end; its nodes have no tag.
const NEVER: &str = "never";

/// The end of a cluster or of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// At this second.
    At(Timestamp),
    /// Somebody has to take it down.
    Never,
}

/// A value that is no time, or no time of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} is {value:?}, which is no time; `nixl-launch extend --ttl 8h` writes a right one",
    tag::EXPIRES_AT
)]
pub struct NoTime {
    /// What the tag says.
    pub value: String,
}

impl End {
    /// After so long, counted from `now` and in whole seconds; what is beyond
    /// all calendars is never.
    #[must_use]
    pub fn after(now: Timestamp, ttl: Option<Duration>) -> Self {
        let end = ttl
            .and_then(|ttl| SignedDuration::try_from(ttl).ok())
            .and_then(|ttl| now.checked_add(ttl).ok())
            .and_then(|at| at.round(Unit::Second).ok());
        end.map_or(Self::Never, Self::At)
    }

    /// What the tags of a resource say.
    ///
    /// # Errors
    /// If it is no time.
    pub fn of(tags: &[Tag]) -> Result<Self, NoTime> {
        match Tag::find(tags, tag::EXPIRES_AT) {
            None | Some(NEVER) => Ok(Self::Never),
            Some(value) => {
                value.parse().map(Self::At).map_err(|_| NoTime { value: value.to_owned() })
            }
        }
    }

    /// For resources on which a tag cannot be left out, as it was there before.
    #[must_use]
    pub fn tag(self) -> Tag {
        Tag::new(tag::EXPIRES_AT, self.to_string())
    }

    /// For nodes: none if they live on.
    #[must_use]
    pub fn node_tag(self) -> Option<Tag> {
        (self != Self::Never).then(|| self.tag())
    }

    /// The time, if there is one.
    #[must_use]
    pub fn at(self) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(at),
            Self::Never => None,
        }
    }

    /// Seconds from `now` on, negative once it is over.
    #[must_use]
    pub fn left_secs(self, now: Timestamp) -> Option<i64> {
        self.at().map(|at| at.duration_since(now).as_secs())
    }
}

/// `2026-11-28T20:00:00Z`, or `never`.
impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::At(at) => write!(f, "{at:.0}"),
            Self::Never => f.write_str(NEVER),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What is written is what is read.
        #[test]
        fn ends_survive_their_tag(now in -1_000_000_000i64..100_000_000_000, ttl: Option<u64>) {
            let now = Timestamp::from_second(now).unwrap();
            let end = End::after(now, ttl.map(Duration::from_secs));
            prop_assert_eq!(End::of(&[end.tag()]), Ok(end));
            let on_node: Vec<Tag> = end.node_tag().into_iter().collect();
            prop_assert_eq!(End::of(&on_node), Ok(end));
            if let Some(left) = end.left_secs(now) {
                prop_assert_eq!(Some(left as u64), ttl);
            }
        }
    }

    #[test]
    fn ends_are_whole_seconds_in_utc() {
        let now: Timestamp = "2026-11-28T12:00:00.7Z".parse().unwrap();
        let end = End::after(now, Some(Duration::from_secs(8 * 3600)));
        assert_eq!(end.to_string(), "2026-11-28T20:00:01Z");
        assert!(End::Never > end);
    }

    #[test]
    fn no_time_is_no_end_and_no_silence() {
        let told = End::of(&[Tag::new("nixl:expires-at", "soon")]).unwrap_err().to_string();
        assert!(told.contains("\"soon\""), "{told}");
        let offset = End::of(&[Tag::new("nixl:expires-at", "2026-11-28T21:00:00+01:00")]);
        assert_eq!(offset.unwrap().to_string(), "2026-11-28T20:00:00Z");
    }
}
