//! One thing seen on a node, as every part of the daemon tells it.

use crate::reason::Reason;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// One thing seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// What was looked at, e.g. a peer's instance id or a device.
    pub id: Option<String>,
    /// Value seen.
    pub value: Option<Value>,
    /// Unit of the value.
    pub unit: Option<&'static str>,
    /// Why it is not good, with the evidence as a person would say it.
    pub reason: Option<(&'static Reason, String)>,
    /// The evidence for programs, under names of [`Reason::fields`].
    pub fields: BTreeMap<&'static str, Value>,
    /// When it was seen, if not when it is told.
    pub at: Option<Timestamp>,
    /// When it happened last, for what happens and does not last: to
    /// acknowledge it means it up to now.
    pub happened: Option<Timestamp>,
}

impl Reading {
    /// A good reading.
    pub fn good(value: impl Into<Value>) -> Self {
        Self { value: Some(value.into()), ..Self::default() }
    }

    /// A reading that is not good.
    pub fn bad(reason: &'static Reason, evidence: impl Into<String>) -> Self {
        Self { reason: Some((reason, evidence.into())), ..Self::default() }
    }

    /// About this one.
    #[must_use]
    pub fn about(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// With this value.
    #[must_use]
    pub fn value(mut self, value: impl Into<Value>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// With this unit.
    #[must_use]
    pub fn unit(mut self, unit: &'static str) -> Self {
        self.unit = Some(unit);
        self
    }

    /// With this evidence under the name of a field of its reason.
    #[must_use]
    pub fn field(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        let known = self.reason.as_ref().is_none_or(|(reason, _)| reason.fields.contains(&name));
        debug_assert!(known, "{:?} has no field {name}", self.reason);
        self.fields.insert(name, value.into());
        self
    }

    /// Seen at this time.
    #[must_use]
    pub fn at(mut self, at: Timestamp) -> Self {
        self.at = Some(at);
        self
    }

    /// Happened at this time, for the last time so far.
    #[must_use]
    pub fn happened(mut self, at: Timestamp) -> Self {
        self.happened = Some(at);
        self
    }

    /// Code of its reason.
    #[must_use]
    pub fn code(&self) -> Option<&'static str> {
        self.reason.as_ref().map(|(reason, _)| reason.code)
    }
}
