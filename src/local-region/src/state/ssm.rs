//! SSM parameters, public ones included.

use crate::api::epoch_secs;
use crate::api::tags::Tags;
use std::collections::{BTreeMap, VecDeque};

/// Versions kept of a parameter; the oldest goes.
const VERSIONS_KEPT: usize = 100;

/// One version of a value.
#[derive(Debug, Clone)]
pub struct Version {
    /// Counts from 1.
    pub number: u64,
    /// Value.
    pub value: String,
    /// Seconds since 1970.
    pub modified: f64,
    /// ARN of who wrote it.
    pub by: String,
}

/// A parameter.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// `String`, `StringList` or `SecureString`.
    pub kind: String,
    /// `text` or `aws:ec2:image`.
    pub data_type: String,
    /// `Standard` or `Advanced`.
    pub tier: String,
    /// Description.
    pub description: Option<String>,
    /// Regular expression that values match.
    pub allowed_pattern: Option<String>,
    /// Tags.
    pub tags: Tags,
    /// Owned by AWS or Debian: readable by everyone, changed by nobody here.
    pub public: bool,
    /// Oldest first; never empty.
    versions: VecDeque<Version>,
}

impl Parameter {
    /// A new one.
    #[must_use]
    pub fn new(kind: &str, data_type: &str, value: &str, by: &str) -> Self {
        let mut parameter = Self {
            kind: kind.to_owned(),
            data_type: data_type.to_owned(),
            tier: "Standard".to_owned(),
            description: None,
            allowed_pattern: None,
            tags: Tags::new(),
            public: false,
            versions: VecDeque::new(),
        };
        parameter.write(value, by);
        parameter
    }

    /// Adds a version; its number.
    pub fn write(&mut self, value: &str, by: &str) -> u64 {
        let number = self.versions.back().map_or(1, |last| last.number + 1);
        if self.versions.len() == VERSIONS_KEPT {
            self.versions.pop_front();
        }
        self.versions.push_back(Version {
            number,
            value: value.to_owned(),
            modified: epoch_secs(),
            by: by.to_owned(),
        });
        number
    }

    /// The latest version.
    #[must_use]
    pub fn latest(&self) -> Option<&Version> {
        self.versions.back()
    }

    /// A certain version.
    #[must_use]
    pub fn version(&self, number: u64) -> Option<&Version> {
        self.versions.iter().find(|version| version.number == number)
    }

    /// All versions kept, oldest first.
    pub fn versions(&self) -> impl Iterator<Item = &Version> {
        self.versions.iter()
    }
}

/// Parameters by name.
pub type Parameters = BTreeMap<String, Parameter>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_version_goes() {
        let mut parameter = Parameter::new("String", "text", "1", "me");
        for number in 2..=101 {
            assert_eq!(parameter.write("x", "me"), number);
        }
        assert!(parameter.version(1).is_none() && parameter.version(2).is_some());
        assert_eq!(parameter.latest().map(|latest| latest.number), Some(101));
    }
}
