//! The launch of all nodes at once, by the first attempt that finds room.
//!
//! Why this launches exactly once is told in [`super::record`].

use super::arrival::Arrival;
use super::hold::{Held, is_unusable, stays};
use super::memory::Memory;
use super::placement::usable;
use super::record::{Group, Record};
use super::search::Search;
use super::send::{Sent, settled};
use super::{Engine, Pace, now_secs};
use crate::errors::Launch;
use crate::failure::{Problem, Refusal};
use crate::plan::{Attempt, Facts, Plan, live};
use nixl_aws::ec2::Instance;
use std::collections::BTreeSet;
use std::time::Duration;

/// First wait before what found no room is tried again; doubles up to the longest.
const RESCAN_FIRST: Duration = Duration::from_secs(15);
const RESCAN_LONGEST: Duration = Duration::from_secs(180);
/// Launches into held room that EC2 says cannot be launched into.
const MOST_HOLDS: u32 = 4;

/// How long a launch or a search for room may write nothing to AWS: the longest
/// request, the pause after its refusal, and the time to show what comes next.
pub(super) fn longest_silence(pace: &Pace) -> Duration {
    RESCAN_LONGEST + pace.unclear.max(pace.iam) + pace.consistency
}

/// A launch under way.
struct Course<'a> {
    plan: &'a Plan,
    group: Group,
    search: Search,
    memory: Memory,
    /// Placement groups of ours that are there.
    placement: BTreeSet<String>,
    /// The record is as this run wrote or read it, not as a stale read may show it.
    is_sure: bool,
    /// The attempt that an earlier run may have sent.
    earlier: Option<String>,
}

impl Course<'_> {
    /// Puts the recorded launch first; whether it would be the same request.
    fn prefer_recorded(&mut self) -> bool {
        let Some(attempt) = &self.group.record.attempt else { return false };
        let is_same = self.search.prefer(self.plan, attempt) && !self.plan.spec.hold;
        self.earlier = is_same.then(|| attempt.clone());
        is_same
    }
}

impl Engine<'_> {
    /// The nodes, running, launched now or by an earlier run that was cut off;
    /// and the id of their security group. `wait` is how long to wait for room.
    pub(super) async fn launch(
        &self,
        plan: &Plan,
        facts: &Facts,
        wait: Duration,
    ) -> Result<(Vec<Instance>, String), Problem> {
        let seen = plan.security_group.as_ref().map(|group| Record::of(&group.tags));
        let seen = seen.unwrap_or_default();
        let search = Search::new(plan, seen.attempt.as_deref(), &seen.memory, now_secs());
        let placement = usable(&facts.placement_groups);
        let Some(first) = search.first().cloned() else {
            return Err(Problem::NoCapacity { count: plan.spec.size, refusals: search.refusals() });
        };
        let artifacts = plan.tracking.artifacts();
        let (group, made, role) = tokio::join!(
            self.security_group(plan, Some(plan.record(&first))),
            self.placement_group(first.placement_group.as_deref(), &placement),
            self.node_role(facts, plan.tracking.arn(), artifacts.as_ref()),
        );
        let (made, ()) = (made?, role?);
        let (group, is_new) = group?;
        let mut course = Course {
            plan,
            group,
            search,
            memory: seen.memory,
            placement,
            is_sure: is_new,
            earlier: None,
        };
        course.placement.extend(made);

        let earlier = if is_new { None } else { self.settle_earlier(&mut course).await? };
        let outcome = match earlier {
            Some(nodes) => Ok(nodes),
            None => self.search(&mut course, wait).await,
        };
        let used = match &outcome {
            Ok(nodes) => nodes.first().and_then(|node| node.placement_group.as_ref()),
            Err(Problem::NoCapacity { .. }) => None,
            // Whoever goes on with it needs its group.
            Err(_) => return outcome.map(|nodes| (nodes, course.group.id)),
        };
        self.let_go_left(facts).await;
        self.tidy_placement_groups(&course.placement, used).await;
        outcome.map(|nodes| (nodes, course.group.id))
    }

    /// A launch that an earlier run recorded: sent again first if it would be
    /// the same request; otherwise looked for until it would have shown up. One
    /// in a held reservation is always looked for: a refusal to hold room again
    /// says nothing of the launch.
    async fn settle_earlier(
        &self,
        course: &mut Course<'_>,
    ) -> Result<Option<Vec<Instance>>, Problem> {
        if !(course.group.record.is_next && course.prefer_recorded()) {
            self.read_record(&mut course.group).await?;
            course.is_sure = true;
            if !course.prefer_recorded() {
                return self.look_for_recorded(course).await;
            }
        }
        Ok(None)
    }

    /// The nodes of the recorded launch; if there are none it is settled.
    async fn look_for_recorded(
        &self,
        course: &mut Course<'_>,
    ) -> Result<Option<Vec<Instance>>, Problem> {
        let Some(token) = course.group.record.token(&self.cluster) else { return Ok(None) };
        let attempt = course.group.record.attempt.clone().unwrap_or_default();
        let key = attempt.rsplit_once('/').map_or(attempt.as_str(), |(key, _)| key);
        self.progress.told(&format!("an earlier launch, {key}, is looked for"));
        let nodes = live(&self.appeared(&token).await?);
        match u32::try_from(nodes.len()) {
            Ok(0) => {
                let settled =
                    Record { attempt: None, is_next: false, ..course.group.record.clone() };
                self.write_record(&mut course.group, settled.renewed()).await?;
                Ok(None)
            }
            Ok(count) if count == course.plan.spec.size => {
                Ok(Some(self.arrival(&nodes).await?.running()?))
            }
            _ => Err(Problem::OtherSize { there: nodes.len(), asked: course.plan.spec.size }),
        }
    }

    /// Attempt after attempt, and round after round while there is time.
    async fn search(
        &self,
        course: &mut Course<'_>,
        wait: Duration,
    ) -> Result<Vec<Instance>, Problem> {
        let start = self.pace.clock.now();
        let mut pause = RESCAN_FIRST;
        loop {
            while let Some(attempt) = course.search.next() {
                if let Some(nodes) = self.try_once(course, &attempt).await? {
                    return Ok(nodes);
                }
                if self.pace.stop.is_asked() {
                    self.close(course).await?;
                    return Err(Problem::Interrupted);
                }
            }
            let left = wait.saturating_sub(self.pace.clock.since(start));
            if left.is_zero() || !course.search.may_wait() {
                self.close(course).await?;
                let refusals = std::mem::take(&mut course.search).refusals();
                return Err(Problem::NoCapacity { count: course.plan.spec.size, refusals });
            }
            let next = pause.min(left);
            self.progress.doing(
                "capacity",
                &format!(
                    "no room for {} nodes in {}; asked again in {} s, given up in {} min",
                    course.plan.spec.size,
                    course.search.waited_for(),
                    next.as_secs(),
                    left.as_secs().div_ceil(60),
                ),
            );
            if let Err(interrupted) = self.rest(next).await {
                self.close(course).await?;
                return Err(interrupted);
            }
            pause = (pause * 2).min(RESCAN_LONGEST);
            course.search.again();
        }
    }

    /// Says in AWS that no launch is open, and what found no room.
    async fn close(&self, course: &mut Course<'_>) -> Result<(), Problem> {
        let memory = course.memory.clone();
        let closed = |record| Record { attempt: None, is_next: false, memory, ..record };
        // What another run has launched stays recorded.
        self.record(course, closed).await.map(drop)
    }

    /// Records a change. If the record is not what this run believed, another
    /// one's launch comes first: its nodes, and nothing is written.
    async fn record(
        &self,
        course: &mut Course<'_>,
        change: impl FnOnce(Record) -> Record,
    ) -> Result<Option<Vec<Instance>>, Problem> {
        let believed = course.group.record.clone();
        let changed = change(believed.clone());
        if changed == believed {
            return Ok(None);
        }
        if !course.is_sure {
            self.read_record(&mut course.group).await?;
            course.is_sure = true;
            if course.group.record.token(&self.cluster) != believed.token(&self.cluster)
                && let Some(nodes) = self.look_for_recorded(course).await?
            {
                return Ok(Some(nodes));
            }
        }
        // Of what was read now, a generation that moved on stays; the token of
        // one that was believed may be used up.
        let moved = course.group.record.generation != believed.generation;
        let generation =
            if moved { course.group.record.generation.clone() } else { changed.generation.clone() };
        self.write_record(&mut course.group, Record { generation, ..changed }).await?;
        Ok(None)
    }

    /// One attempt: its nodes if it found room for all of them.
    async fn try_once(
        &self,
        course: &mut Course<'_>,
        attempt: &Attempt,
    ) -> Result<Option<Vec<Instance>>, Problem> {
        let refusal = match self.request(course, attempt).await? {
            Sent::Launched(nodes) => match self.arrival(&nodes).await? {
                Arrival::Running(nodes) => return Ok(Some(nodes)),
                Arrival::Ended(ended) => {
                    self.progress.told(&format!("{}: {ended}", attempt.key()));
                    self.terminate(nodes.into_iter().map(|node| node.id).collect()).await?;
                    let closed = |record| Record { attempt: None, is_next: false, ..record };
                    if let Some(nodes) =
                        self.record(course, |record| closed(record).renewed()).await?
                    {
                        return Ok(Some(nodes));
                    }
                    (Launch::NextZone, ended.refusal(attempt))
                }
                Arrival::Outdone(others) => {
                    self.terminate(nodes.into_iter().map(|node| node.id).collect()).await?;
                    return Err(Problem::TwoLaunches { others, is_ours_ended: true });
                }
            },
            Sent::Refused(class, error) => (class, Refusal::of(attempt, &error)),
            Sent::NotHeld(class, refusal) => (class, refusal),
            Sent::Spent(error) => (Launch::NotHere, Refusal::of(attempt, &error)),
        };
        let (class, refusal) = refusal;
        self.progress.told(&refusal.to_string());
        if class == Launch::NextZone {
            course.memory.note(attempt, now_secs());
        }
        course.search.refused(attempt, class, refusal);
        Ok(None)
    }

    /// Records an attempt, makes its placement group and sends it.
    async fn request(&self, course: &mut Course<'_>, attempt: &Attempt) -> Result<Sent, Problem> {
        let plan = course.plan;
        let wanted = plan.record(attempt);
        let may_be_out = course.earlier.take().is_some_and(|earlier| earlier == wanted);
        let memory = course.memory.clone();
        let known = course.placement.clone();
        let wish = |record: Record| Record {
            is_next: record.is_next && record.attempt.as_ref() == Some(&wanted),
            attempt: Some(wanted),
            memory,
            ..record
        };
        let (written, made) = tokio::join!(
            self.record(course, wish),
            self.placement_group(attempt.placement_group.as_deref(), &known),
        );
        let theirs = written?;
        course.placement.extend(made?);
        if let Some(nodes) = theirs {
            return Ok(Sent::Launched(nodes));
        }
        let key = attempt.key();
        let mut renewed = false;
        let mut holds = 0;
        loop {
            let mut request =
                plan.request(attempt, &course.group.id, &course.group.record.generation);
            let held = match self.hold(plan, attempt, &request).await? {
                Held::Not => None,
                Held::Refused(class, refusal) => return Ok(Sent::NotHeld(class, refusal)),
                Held::Room(id) => Some(id),
            };
            if held.is_some() {
                request.reservation_id = held.clone();
            }
            let (count, instance_type) = (request.count, &request.instance_type);
            let zone = &attempt.place.zone;
            self.progress.told(&format!("{count} {instance_type} requested in {zone}"));
            let sent = self.send(&request, &key, may_be_out && !renewed).await;
            let unusable = held.is_some() && sent.as_ref().is_err_and(is_unusable);
            holds += 1;
            if unusable && holds < MOST_HOLDS && !self.pace.stop.is_asked() {
                // Ended meanwhile, or EC2 does not see it yet: held again if it ended.
                self.pace.clock.sleep(self.pace.retry_first * 2_u32.pow(holds)).await;
                continue;
            }
            // An open launch is sent again into the same room.
            let open = sent.as_ref().is_err_and(|problem| !settled(problem));
            if held.is_some()
                && !open
                && let Err(error) = self.let_go_all().await
            {
                // Nodes that run are what was asked for.
                if !matches!(sent, Ok(Sent::Launched(_))) {
                    return Err(error.into());
                }
                self.progress.told(&stays(&error));
            }
            match sent {
                Ok(Sent::Spent(_)) if !renewed => {
                    if let Some(nodes) = self.record(course, Record::renewed).await? {
                        return Ok(Sent::Launched(nodes));
                    }
                    renewed = true;
                }
                Err(Problem::Aws { error, .. }) if unusable => {
                    return Ok(Sent::Refused(Launch::NextZone, error));
                }
                Err(problem) if settled(&problem) => {
                    self.close(course).await?;
                    return Err(problem);
                }
                sent => return sent,
            }
        }
    }
}
