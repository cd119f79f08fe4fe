//! What EC2 has not caught up with yet: new resources that are not known, and
//! changes of tags that are not seen.

use super::ec2::Ec2;
use crate::api::tags::Tags;
use jiff::Timestamp;
use std::collections::{BTreeMap, VecDeque};

/// Until when.
#[derive(Debug, Default)]
pub struct Lag {
    hidden: BTreeMap<String, Timestamp>,
    tags: VecDeque<(Timestamp, String, TagChange)>,
}

/// A change of a resource's tags.
#[derive(Debug, Clone)]
pub enum TagChange {
    /// Adds or overwrites.
    Set(Tags),
    /// Deletes by key, or by key and value; all if none is named.
    Delete(Vec<(String, Option<String>)>),
}

impl TagChange {
    fn apply(self, tags: &mut Tags) {
        match self {
            Self::Set(new) => tags.extend(new),
            Self::Delete(named) => tags.retain(|key, value| {
                let names = |(name, want): &(String, Option<String>)| {
                    name == key && want.as_ref().is_none_or(|want| want == value)
                };
                !(named.is_empty() || named.iter().any(names))
            }),
        }
    }
}

impl Ec2 {
    /// Lets a new resource be unknown until a time.
    pub fn hide(&mut self, id: &str, until: Timestamp) {
        self.lag.hidden.insert(id.to_owned(), until);
    }

    /// Whether a resource is not known yet.
    #[must_use]
    pub fn hides(&self, id: &str) -> bool {
        self.lag.hidden.contains_key(id)
    }

    /// Changes tags, at a time or else now.
    pub fn change_tags(&mut self, id: String, change: TagChange, at: Option<Timestamp>) {
        match at {
            Some(at) => self.lag.tags.push_back((at, id, change)),
            None => change.apply(self.tags.entry(id).or_default()),
        }
    }

    /// Lets be seen what is due.
    pub fn catch_up(&mut self, now: Timestamp) {
        self.lag.hidden.retain(|_, until| *until > now);
        while self.lag.tags.front().is_some_and(|(at, _, _)| *at <= now) {
            let Some((_, id, change)) = self.lag.tags.pop_front() else { break };
            if self.exists(&id) {
                change.apply(self.tags.entry(id).or_default());
            }
        }
    }
}
