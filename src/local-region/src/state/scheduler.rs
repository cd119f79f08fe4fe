//! EventBridge Scheduler: groups and one-time schedules.

use crate::api::tags::Tags;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// The group of a schedule that names none.
pub const DEFAULT_GROUP: &str = "default";

/// A schedule group.
#[derive(Debug, Clone)]
pub struct Group {
    /// Creation time.
    pub created: Timestamp,
    /// Client token of its creation.
    pub token: Option<String>,
    /// Tags.
    pub tags: Tags,
}

/// Group and name of a schedule.
pub type Key = (String, String);

/// A schedule.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// What was asked for.
    pub definition: Definition,
    /// Tells this definition from those before and after it.
    pub version: u64,
    /// Creation time.
    pub created: Timestamp,
    /// Time of the last change.
    pub modified: Timestamp,
    /// Client token of its creation.
    pub token: Option<String>,
}

/// What a schedule is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// `at(…)`, as it was written.
    pub expression: String,
    /// Name of the time zone, as it was written.
    pub timezone: String,
    /// When it fires.
    pub at: Timestamp,
    /// It fires at all.
    pub enabled: bool,
    /// It is deleted when it has fired.
    pub delete_after: bool,
    /// Target, with its defaults filled in.
    pub target: Value,
    /// Flexible time window.
    pub window: Value,
    /// Other fields, which have no effect: description, dates, key.
    pub others: BTreeMap<&'static str, Value>,
}

/// All groups and schedules.
#[derive(Debug)]
pub struct Scheduler {
    /// Groups by name.
    pub groups: BTreeMap<String, Group>,
    /// Schedules by group and name.
    pub schedules: BTreeMap<Key, Schedule>,
    versions: u64,
}

impl Scheduler {
    /// With the default group alone.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let group = Group { created: now, token: None, tags: Tags::new() };
        Self {
            groups: BTreeMap::from([(DEFAULT_GROUP.to_owned(), group)]),
            schedules: BTreeMap::new(),
            versions: 0,
        }
    }

    /// Puts a schedule in the place of any other of its name; its version.
    pub fn put(&mut self, key: Key, schedule: Schedule) -> u64 {
        self.versions += 1;
        self.schedules.insert(key, Schedule { version: self.versions, ..schedule });
        self.versions
    }

    /// The schedule, if it still is what it was then.
    #[must_use]
    pub fn still(&self, key: &Key, version: u64) -> Option<&Schedule> {
        self.schedules.get(key).filter(|schedule| schedule.version == version)
    }
}
