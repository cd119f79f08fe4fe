//! SSM parameters, public ones included.

use std::collections::BTreeMap;

/// A parameter.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// `String`, `StringList` or `SecureString`.
    pub kind: String,
    /// Value.
    pub value: String,
    /// `text` or `aws:ec2:image`.
    pub data_type: String,
    /// Counts from 1.
    pub version: u64,
    /// Seconds since 1970.
    pub modified: f64,
    /// Owned by AWS or Debian: readable by everyone, changed by nobody here.
    pub public: bool,
}

/// Parameters by name.
pub type Parameters = BTreeMap<String, Parameter>;
