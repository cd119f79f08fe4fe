//! EventBridge Scheduler, as far as one call at one time needs it.
//!
//! Source of shapes and limits: EventBridge Scheduler API reference 2021-06-30.
//! Schedules have no tags, their groups have.

mod client;

pub use client::Client;

use crate::{Result, Tag};

/// A group of schedules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScheduleGroup {
    /// Name, 1 to 64 of letters, digits and `-_.`.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// It goes, and its schedules with it.
    pub deleting: bool,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// One call at one time, deleted once it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Name of its group.
    pub group: String,
    /// Name, as a group's.
    pub name: String,
    /// For people, 512 characters at most.
    pub description: String,
    /// When, in UTC: `2026-11-28T20:00:00`.
    pub at_utc: String,
    /// What is called, for a universal target
    /// `arn:aws:scheduler:::aws-sdk:<service>:<operation>`.
    pub target_arn: String,
    /// Input of the operation, JSON.
    pub input: String,
    /// Role as which it is called; it trusts `scheduler.amazonaws.com`.
    pub role_arn: String,
}

/// The calls. What is not there is `None` when asked for and
/// `ResourceNotFoundException` when changed or deleted; what is there already
/// is `ConflictException` when made.
#[async_trait::async_trait]
pub trait Scheduler: Send + Sync {
    /// The group of this name, with its tags.
    async fn schedule_group(&self, name: &str) -> Result<Option<ScheduleGroup>>;
    /// Names of all groups.
    async fn schedule_groups(&self) -> Result<Vec<String>>;
    /// Makes a group; its ARN.
    async fn create_schedule_group(&self, name: &str, tags: &[Tag]) -> Result<String>;
    /// Deletes a group and all schedules in it.
    async fn delete_schedule_group(&self, name: &str) -> Result<()>;
    /// The schedule of this name.
    async fn schedule(&self, group: &str, name: &str) -> Result<Option<Schedule>>;
    /// Makes a schedule. `ValidationException` also when the role cannot be
    /// assumed (yet).
    async fn create_schedule(&self, schedule: &Schedule) -> Result<()>;
    /// Names of all schedules in a group; none if there is no such group.
    async fn schedules(&self, group: &str) -> Result<Vec<String>>;
    /// Deletes a schedule.
    async fn delete_schedule(&self, group: &str, name: &str) -> Result<()>;
    /// Replaces all of a schedule.
    async fn update_schedule(&self, schedule: &Schedule) -> Result<()>;
}
