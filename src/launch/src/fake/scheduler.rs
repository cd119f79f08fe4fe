//! EventBridge Scheduler of the account in memory; nothing fires.

use super::{ACCOUNT, Fake, REGION, refusal};
use nixl_aws::scheduler::{Schedule, ScheduleGroup, Scheduler};
use nixl_aws::{Result, Tag};
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct State {
    /// By name.
    pub groups: BTreeMap<String, ScheduleGroup>,
    /// By name: no two groups of a cluster share one.
    pub schedules: BTreeMap<String, Schedule>,
    /// So many tries to make a schedule find that the role cannot be assumed.
    pub role_unseen: u32,
}

#[async_trait::async_trait]
impl Scheduler for Fake {
    async fn schedule_group(&self, name: &str) -> Result<Option<ScheduleGroup>> {
        self.call("GetScheduleGroup", |state| {
            let found = state.scheduler.groups.get(name).cloned();
            // Deletion takes a moment, as on AWS.
            if found.as_ref().is_some_and(|it| it.deleting) {
                state.scheduler.groups.remove(name);
            }
            Ok(found)
        })
    }

    async fn schedule_groups(&self) -> Result<Vec<String>> {
        self.call("ListScheduleGroups", |state| {
            let named = state.scheduler.groups.keys().cloned();
            Ok(std::iter::once("default".to_owned()).chain(named).collect())
        })
    }

    async fn create_schedule_group(&self, name: &str, tags: &[Tag]) -> Result<String> {
        self.call("CreateScheduleGroup", |state| {
            if state.scheduler.groups.contains_key(name) {
                return Err(refusal("CreateScheduleGroup", "ConflictException", "", 409));
            }
            let arn = format!("arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{name}");
            let group = ScheduleGroup {
                name: name.to_owned(),
                arn: arn.clone(),
                deleting: false,
                tags: tags.to_vec(),
            };
            state.scheduler.groups.insert(name.to_owned(), group);
            Ok(arn)
        })
    }

    async fn delete_schedule_group(&self, name: &str) -> Result<()> {
        self.call("DeleteScheduleGroup", |state| {
            let Some(group) = state.scheduler.groups.get_mut(name) else {
                return Err(refusal("Delete", "ResourceNotFoundException", "", 404));
            };
            group.deleting = true;
            state.scheduler.schedules.retain(|_, schedule| schedule.group != name);
            Ok(())
        })
    }

    async fn schedule(&self, _: &str, name: &str) -> Result<Option<Schedule>> {
        self.call("GetSchedule", |state| Ok(state.scheduler.schedules.get(name).cloned()))
    }

    async fn schedules(&self, group: &str) -> Result<Vec<String>> {
        self.call("ListSchedules", |state| {
            let all = state.scheduler.schedules.values();
            Ok(all.filter(|it| it.group == group).map(|it| it.name.clone()).collect())
        })
    }

    async fn delete_schedule(&self, _: &str, name: &str) -> Result<()> {
        self.call("DeleteSchedule", |state| match state.scheduler.schedules.remove(name) {
            Some(_) => Ok(()),
            None => Err(refusal("DeleteSchedule", "ResourceNotFoundException", "", 404)),
        })
    }

    async fn create_schedule(&self, schedule: &Schedule) -> Result<()> {
        self.call("CreateSchedule", |state| {
            if state.scheduler.role_unseen > 0 {
                state.scheduler.role_unseen -= 1;
                let message = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.";
                return Err(refusal("CreateSchedule", "ValidationException", message, 400));
            }
            if !state.scheduler.groups.contains_key(&schedule.group) {
                return Err(refusal("CreateSchedule", "ResourceNotFoundException", "", 404));
            }
            if state.scheduler.schedules.contains_key(&schedule.name) {
                return Err(refusal("CreateSchedule", "ConflictException", "", 409));
            }
            state.scheduler.schedules.insert(schedule.name.clone(), schedule.clone());
            Ok(())
        })
    }

    async fn update_schedule(&self, schedule: &Schedule) -> Result<()> {
        self.call("UpdateSchedule", |state| {
            match state.scheduler.schedules.get_mut(&schedule.name) {
                Some(there) => *there = schedule.clone(),
                None => return Err(refusal("Update", "ResourceNotFoundException", "", 404)),
            }
            Ok(())
        })
    }
}
