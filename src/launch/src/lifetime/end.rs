//! When a node ends: its tag `nixl:expires-at`, or else its launch and its time
//! to live. The launch itself can only say the latter, since a launch that is sent
//! again must be the same request.

use crate::plan::is_live;
use jiff::{SignedDuration, Timestamp, Unit};
use nixl_aws::Tag;
use nixl_aws::ec2::Instance;
use nixl_cluster::tag;
use std::time::Duration;

/// The end of a cluster or of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// At this second.
    At(Timestamp),
    /// Somebody has to take it down.
    Never,
}

/// A value that is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the tag {key} of {instance_id} is {value:?}, which is no time; `nixl-launch extend --ttl 8h` gives it an end"
)]
pub struct NoTime {
    /// Instance.
    pub instance_id: String,
    /// The tag.
    pub key: &'static str,
    /// What it says.
    pub value: String,
}

/// Whether it costs money as a node: a stopped one still has its disk.
pub(super) fn is_there(node: &Instance) -> bool {
    is_live(node) || matches!(node.state.as_str(), "stopping" | "stopped")
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

    /// What a node's tags say.
    ///
    /// # Errors
    /// If they say no time.
    pub fn of(node: &Instance) -> Result<Self, NoTime> {
        let odd = |key, value: &str| NoTime {
            instance_id: node.id.clone(),
            key,
            value: value.to_owned(),
        };
        if let Some(value) = Tag::find(&node.tags, tag::EXPIRES_AT) {
            return value.parse().map(Self::At).map_err(|_| odd(tag::EXPIRES_AT, value));
        }
        let Some(value) = Tag::find(&node.tags, tag::TTL_SECS) else { return Ok(Self::Never) };
        let ttl = value.parse().map_err(|_| odd(tag::TTL_SECS, value))?;
        let launched = node.launch_time.as_deref().and_then(|time| time.parse().ok());
        let launched = launched.ok_or_else(|| odd(tag::TTL_SECS, "from an unknown launch on"))?;
        Ok(Self::after(launched, Some(Duration::from_secs(ttl))))
    }

    /// The end of a cluster: the latest of its nodes that are there, for an extension
    /// that got half way is one; none if no node is there.
    ///
    /// # Errors
    /// If a node's tags say no time.
    pub fn latest<'a>(
        nodes: impl IntoIterator<Item = &'a Instance>,
    ) -> Result<Option<Self>, NoTime> {
        let there = nodes.into_iter().filter(|node| is_there(node));
        let ends: Result<Vec<Self>, _> = there.map(Self::of).collect();
        Ok(ends?.into_iter().max())
    }

    /// The tag, if there is an end.
    #[must_use]
    pub fn tag(self) -> Option<Tag> {
        (self != Self::Never).then(|| Tag::new(tag::EXPIRES_AT, self.to_string()))
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
            Self::Never => f.write_str("never"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn node(tags: Vec<Tag>) -> Instance {
        let launch_time = Some("2026-11-28T12:00:00Z".to_owned());
        Instance { id: "i-1".to_owned(), launch_time, tags, ..Instance::default() }
    }

    proptest! {
        /// What is written is what is read.
        #[test]
        fn ends_survive_their_tag(now in -1_000_000_000i64..100_000_000_000, ttl: Option<u64>) {
            let now = Timestamp::from_second(now).unwrap();
            let end = End::after(now, ttl.map(Duration::from_secs));
            prop_assert_eq!(End::of(&node(end.tag().into_iter().collect())), Ok(end));
            if let Some(left) = end.left_secs(now) {
                prop_assert_eq!(Some(left as u64), ttl);
            }
        }
    }

    #[test]
    fn a_node_without_the_tag_lives_from_its_launch_on() {
        let ttl = Tag::new("nixl:ttl-secs", "28800");
        let end = End::of(&node(vec![ttl.clone()])).unwrap();
        assert_eq!(end.to_string(), "2026-11-28T20:00:00Z");
        let moved = Tag::new("nixl:expires-at", "2026-11-28T23:00:00+01:00");
        let end = End::of(&node(vec![ttl, moved])).unwrap();
        assert_eq!(end.to_string(), "2026-11-28T22:00:00Z");
        assert_eq!(End::of(&node(vec![])), Ok(End::Never));
        assert!(End::Never > end);
    }

    #[test]
    fn no_time_is_no_end_and_no_silence() {
        for (key, value) in [("nixl:expires-at", "soon"), ("nixl:ttl-secs", "8h")] {
            let told = End::of(&node(vec![Tag::new(key, value)])).unwrap_err().to_string();
            assert!(told.contains(key) && told.contains(value), "{told}");
        }
    }
}
