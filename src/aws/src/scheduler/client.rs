//! [`Scheduler`] over aws-sdk-scheduler.

use super::{Schedule, ScheduleGroup, Scheduler};
use crate::{Aws, AwsError, ErrorKind, Result, Tag};
use aws_sdk_scheduler::types as sdk;

const SERVICE: &str = "scheduler";
const NOT_FOUND: &[&str] = &["ResourceNotFoundException"];

/// The service.
#[derive(Debug, Clone)]
pub struct Client {
    sdk: aws_sdk_scheduler::Client,
}

impl Client {
    /// A client with the shared configuration.
    #[must_use]
    pub fn new(aws: &Aws) -> Self {
        Self { sdk: aws_sdk_scheduler::Client::new(aws.sdk()) }
    }
}

/// Names the operation in an SDK error.
macro_rules! named {
    ($operation:literal, $call:expr) => {
        $call.map_err(|error| AwsError::from_sdk(SERVICE, $operation, error))
    };
}

/// A schedule as both CreateSchedule and UpdateSchedule take it whole; their
/// builders share no trait.
macro_rules! described {
    ($call:expr, $operation:expr, $schedule:expr) => {
        $call
            .group_name(&$schedule.group)
            .name(&$schedule.name)
            .description(&$schedule.description)
            .schedule_expression(format!("at({})", $schedule.at_utc))
            .flexible_time_window(window($operation)?)
            .action_after_completion(sdk::ActionAfterCompletion::Delete)
            .target(target($operation, $schedule)?)
    };
}

fn invalid(operation: &'static str, error: &dyn std::error::Error) -> AwsError {
    AwsError { service: SERVICE, operation, kind: ErrorKind::Invalid, message: error.to_string() }
}

/// `None` where the service says there is no such thing.
fn found<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is(NOT_FOUND) => Ok(None),
        Err(error) => Err(error),
    }
}

fn window(operation: &'static str) -> Result<sdk::FlexibleTimeWindow> {
    let builder = sdk::FlexibleTimeWindow::builder().mode(sdk::FlexibleTimeWindowMode::Off);
    builder.build().map_err(|error| invalid(operation, &error))
}

fn target(operation: &'static str, schedule: &Schedule) -> Result<sdk::Target> {
    sdk::Target::builder()
        .arn(&schedule.target_arn)
        .role_arn(&schedule.role_arn)
        .input(&schedule.input)
        .build()
        .map_err(|error| invalid(operation, &error))
}

#[async_trait::async_trait]
impl Scheduler for Client {
    async fn schedule_group(&self, name: &str) -> Result<Option<ScheduleGroup>> {
        let answer =
            named!("GetScheduleGroup", self.sdk.get_schedule_group().name(name).send().await);
        let Some(group) = found(answer)? else { return Ok(None) };
        let arn = group.arn.unwrap_or_default();
        let answer = named!(
            "ListTagsForResource",
            self.sdk.list_tags_for_resource().resource_arn(&arn).send().await
        );
        // Deleted in between.
        let Some(tags) = found(answer)? else { return Ok(None) };
        Ok(Some(ScheduleGroup {
            name: name.to_owned(),
            arn,
            deleting: group.state == Some(sdk::ScheduleGroupState::Deleting),
            tags: tags
                .tags
                .unwrap_or_default()
                .into_iter()
                .map(|t| Tag::new(t.key, t.value))
                .collect(),
        }))
    }

    async fn schedule_groups(&self) -> Result<Vec<String>> {
        let pages = self.sdk.list_schedule_groups().into_paginator().items();
        let groups = named!("ListScheduleGroups", pages.send().try_collect().await)?;
        Ok(groups.into_iter().filter_map(|group| group.name).collect())
    }

    async fn create_schedule_group(&self, name: &str, tags: &[Tag]) -> Result<String> {
        const OPERATION: &str = "CreateScheduleGroup";
        let tags: Result<Vec<_>> = tags
            .iter()
            .map(|tag| sdk::Tag::builder().key(&tag.key).value(&tag.value).build())
            .map(|tag| tag.map_err(|error| invalid(OPERATION, &error)))
            .collect();
        let call = self.sdk.create_schedule_group().name(name).set_tags(Some(tags?));
        Ok(named!("CreateScheduleGroup", call.send().await)?.schedule_group_arn)
    }

    async fn delete_schedule_group(&self, name: &str) -> Result<()> {
        named!("DeleteScheduleGroup", self.sdk.delete_schedule_group().name(name).send().await)?;
        Ok(())
    }

    async fn schedule(&self, group: &str, name: &str) -> Result<Option<Schedule>> {
        let answer = named!(
            "GetSchedule",
            self.sdk.get_schedule().group_name(group).name(name).send().await
        );
        let Some(schedule) = found(answer)? else { return Ok(None) };
        let expression = schedule.schedule_expression.unwrap_or_default();
        let at = expression.strip_prefix("at(").and_then(|rest| rest.strip_suffix(')'));
        let target = schedule.target;
        let of =
            |get: fn(&sdk::Target) -> &str| target.as_ref().map(get).unwrap_or_default().to_owned();
        Ok(Some(Schedule {
            group: group.to_owned(),
            name: name.to_owned(),
            description: schedule.description.unwrap_or_default(),
            at_utc: at.unwrap_or(&expression).to_owned(),
            target_arn: of(|target| &target.arn),
            input: of(|target| target.input.as_deref().unwrap_or_default()),
            role_arn: of(|target| &target.role_arn),
        }))
    }

    async fn schedules(&self, group: &str) -> Result<Vec<String>> {
        let pages = self.sdk.list_schedules().group_name(group).into_paginator().items();
        let answer = named!("ListSchedules", pages.send().try_collect().await);
        let schedules = found(answer)?.unwrap_or_default();
        Ok(schedules.into_iter().filter_map(|it| it.name).collect())
    }

    async fn delete_schedule(&self, group: &str, name: &str) -> Result<()> {
        let call = self.sdk.delete_schedule().group_name(group).name(name);
        named!("DeleteSchedule", call.send().await)?;
        Ok(())
    }

    async fn create_schedule(&self, schedule: &Schedule) -> Result<()> {
        const OPERATION: &str = "CreateSchedule";
        let call = described!(self.sdk.create_schedule(), OPERATION, schedule);
        named!("CreateSchedule", call.send().await)?;
        Ok(())
    }

    async fn update_schedule(&self, schedule: &Schedule) -> Result<()> {
        const OPERATION: &str = "UpdateSchedule";
        let call = described!(self.sdk.update_schedule(), OPERATION, schedule);
        named!("UpdateSchedule", call.send().await)?;
        Ok(())
    }
}
