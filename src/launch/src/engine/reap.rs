//! `reap`: every cluster of the account and region whose time is over.

use super::clusters::{Seen, told};
use super::inventory::Inventory;
use super::record::Record;
use super::{Engine, Removal, Removed};
use crate::failure::{Failure, Problem};
use crate::lifetime::{Found, judge, judge_rest};
use crate::plan::is_live;
use jiff::Timestamp;
use nixl_aws::ec2::SecurityGroup;
use nixl_cluster::ClusterName;
use serde::Serialize;
use std::time::Duration;

/// What a reaper sees.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Look {
    /// Account it looked at.
    pub account: String,
    /// Region it looked at.
    pub region: String,
    /// Every cluster of which anything is there, by name.
    pub clusters: Vec<Found>,
    /// What could not be read: clusters without nodes may be missing.
    pub unread: Vec<String>,
}

impl Look {
    /// Clusters that are over.
    #[must_use]
    pub fn over(&self) -> Vec<ClusterName> {
        self.clusters.iter().filter_map(Found::over).collect()
    }
}

impl Engine<'_> {
    /// Looks at all clusters, whatever this engine's own is: at their nodes, and at
    /// what is left of those without any that `removal` would remove.
    ///
    /// # Errors
    /// If it cannot see nodes: a reaper that sees nothing must not look like one
    /// that finds nothing.
    pub async fn look_for_over(&self, grace: Duration, removal: Removal) -> Result<Look, Failure> {
        self.looked(grace, removal).await.map_err(Failure::unchanged)
    }

    async fn looked(&self, grace: Duration, removal: Removal) -> nixl_aws::Result<Look> {
        let (account, Seen { names, instances, mut unread }) =
            tokio::try_join!(self.services.account.account_id(), self.names_seen())?;
        let prices = self.prices(instances.iter().filter(|node| is_live(node))).await;
        let mut clusters = judge(&instances, &prices, grace.as_secs(), Timestamp::now());
        for name in names {
            if clusters.iter().all(|found| found.cluster != name.as_str()) {
                let rest = self.of(&name).found().await?;
                unread.extend(rest.unread);
                let rest = rest.inventory;
                clusters.extend(judge_rest(
                    &name,
                    rest.resources(Removal::ALL),
                    rest.resources(removal),
                ));
            }
        }
        clusters.sort_by(|a, b| a.cluster.cmp(&b.cluster));
        let unread = told(&unread);
        Ok(Look { account, region: self.region.clone(), clusters, unread })
    }

    /// Takes one of them down, if it is over still: somebody may have extended it,
    /// or may be launching it.
    ///
    /// # Errors
    /// With what is left.
    pub async fn reap(
        &self,
        cluster: &ClusterName,
        grace: Duration,
        removal: Removal,
    ) -> Result<Option<Removed>, Failure> {
        let look = self.look_for_over(grace, removal).await?;
        if !look.over().contains(cluster) {
            return Ok(None);
        }
        let nodes = look.clusters.iter().find(|it| it.cluster == cluster.as_str());
        let nodes = nodes.is_some_and(|it| !it.instance_ids.is_empty());
        let engine = self.of(cluster);
        if !nodes && engine.is_worked_on().await.map_err(Failure::unchanged)? {
            return Ok(None);
        }
        // The last point at which nothing is begun.
        if self.pace.stop.is_asked() {
            return Err(Failure::unchanged(Problem::Interrupted));
        }
        engine.down(removal).await.map(Some)
    }

    /// Whether somebody launches a cluster that has no nodes. The last launch may
    /// be in flight unless it left nodes that ended; one that is, or a search for
    /// room, writes to AWS before the longest wait of a launch is over.
    async fn is_worked_on(&self) -> Result<bool, Problem> {
        let before = self.seen_by_ec2().await?;
        let settled = |group: &SecurityGroup| {
            let token = Record::of(&group.tags).token(&self.cluster);
            token.is_some_and(|token| before.tokens.contains(&token))
        };
        let groups = &before.security_groups;
        if !groups.is_empty() && groups.iter().all(settled) {
            return Ok(false);
        }
        let wait = super::launch::longest_silence(&self.pace);
        self.progress.told(&format!(
            "cluster {} has no node; for {} s it is seen whether somebody launches it",
            self.cluster,
            wait.as_secs()
        ));
        self.rest(wait).await?;
        let after = self.seen_by_ec2().await?;
        let tags = |found: &Inventory| -> Vec<_> {
            found.security_groups.iter().map(|group| Record::of(&group.tags)).collect()
        };
        Ok(tags(&before) != tags(&after)
            || before.resources(Removal::ALL) != after.resources(Removal::ALL))
    }

    /// What is there, as far as it can be read, of EC2 all of it: a launch begins
    /// there.
    async fn seen_by_ec2(&self) -> nixl_aws::Result<Inventory> {
        let found = self.found().await?;
        match found.unread.into_iter().find(|error| error.service == "ec2") {
            Some(error) => Err(error),
            None => Ok(found.inventory),
        }
    }

    /// The same for another cluster.
    fn of(&self, cluster: &ClusterName) -> Engine<'_> {
        let (region, pace) = (self.region.clone(), self.pace.clone());
        Engine { cluster: cluster.clone(), region, pace, ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Patience;
    use crate::fake::{Fake, Fault, REGION};
    use crate::lifetime::Verdict;
    use crate::plan::Spec;
    use nixl_aws::Tag;

    /// Else it would take down a search that writes next after a pause of 180 s
    /// and a request that was throttled for all its 120 s.
    #[test]
    fn a_reaper_waits_longer_than_a_search_is_silent() {
        let silence = crate::engine::launch::longest_silence(&crate::engine::Pace::default());
        assert!(silence > Duration::from_secs(180 + 120), "{silence:?}");
    }

    #[tokio::test]
    async fn what_is_over_goes_and_what_lives_stays() {
        let fake = Fake::new();
        let services = fake.services();
        let engine = fake.engine(&services);
        let patience = Patience { ready: Duration::from_millis(500), capacity: Duration::ZERO };
        engine.up(&Spec::new(Default::default(), REGION), patience).await.unwrap();
        let look = engine.look_for_over(Duration::ZERO, Removal::ALL).await.unwrap();
        assert_eq!((look.clusters.len(), look.over()), (1, vec![]));
        let name = ClusterName::default();
        let removal = Removal::ALL;
        assert_eq!(engine.reap(&name, Duration::ZERO, removal).await.unwrap(), None);

        for node in &mut fake.state().instances {
            node.tags.retain(|tag| tag.key != "nixl:expires-at");
            node.tags.push(Tag::new("nixl:expires-at", "2020-01-01T00:00:00Z"));
        }
        assert_eq!(
            engine.look_for_over(Duration::ZERO, Removal::ALL).await.unwrap().over(),
            std::slice::from_ref(&name)
        );
        let removed = engine.reap(&name, Duration::ZERO, removal).await.unwrap().unwrap();
        assert!(removed.removed.len() > 2);
        assert_eq!(fake.residue(), Vec::<String>::new());
        assert_eq!(engine.look_for_over(Duration::ZERO, Removal::ALL).await.unwrap().clusters, []);
    }

    /// Ends all nodes, as their timers and schedules do.
    async fn after_the_usual_end(fake: &Fake) {
        let services = fake.services();
        let patience = Patience { ready: Duration::from_millis(500), capacity: Duration::ZERO };
        let engine = fake.engine(&services);
        engine.up(&Spec::new(Default::default(), REGION), patience).await.unwrap();
        fake.state().instances.iter_mut().for_each(|node| node.state = "terminated".to_owned());
    }

    #[tokio::test]
    async fn what_the_usual_end_leaves_is_found_and_goes() {
        for shown in [true, false] {
            let fake = Fake::new();
            after_the_usual_end(&fake).await;
            if !shown {
                // An hour later EC2 shows them no more.
                fake.state().instances.clear();
            }
            let services = fake.services();
            let name = ClusterName::default();
            let engine = Engine { cluster: "other".parse().unwrap(), ..fake.engine(&services) };
            let look = engine.look_for_over(Duration::ZERO, Removal::ALL).await.unwrap();
            assert_eq!(look.over(), std::slice::from_ref(&name), "{look:?}");
            let without = Removal::default();
            assert!(engine.reap(&name, Duration::ZERO, without).await.unwrap().is_some());
            let look = engine.look_for_over(Duration::ZERO, without).await.unwrap();
            assert!(matches!(look.clusters[0].verdict, Verdict::Kept { .. }), "{look:?}");
            assert!(engine.reap(&name, Duration::ZERO, Removal::ALL).await.unwrap().is_some());
            assert_eq!(fake.residue(), Vec::<String>::new());
        }
    }

    /// Who may not look into IAM, SageMaker and the schedules still ends nodes that
    /// are over, and is told what was not seen.
    #[tokio::test]
    async fn an_account_that_can_be_read_in_part_is_reaped_in_part() {
        let fake = Fake::new();
        let services = fake.services();
        let engine = fake.engine(&services);
        let patience = Patience { ready: Duration::from_millis(500), capacity: Duration::ZERO };
        engine.up(&Spec::new(Default::default(), REGION), patience).await.unwrap();
        for node in &mut fake.state().instances {
            node.tags.retain(|tag| tag.key != "nixl:expires-at");
            node.tags.push(Tag::new("nixl:expires-at", "2020-01-01T00:00:00Z"));
        }
        let denied = Fault::Refuse("AccessDeniedException", "not you", 403);
        for operation in ["ListRoles", "ListMlflowTrackingServers", "ListScheduleGroups"] {
            fake.script(operation, &vec![denied.clone(); 9]);
        }
        let look = engine.look_for_over(Duration::ZERO, Removal::ALL).await.unwrap();
        assert_eq!(look.over(), [ClusterName::default()]);
        assert_eq!(look.unread.len(), 3, "{:?}", look.unread);
        engine.reap(&ClusterName::default(), Duration::ZERO, Removal::ALL).await.unwrap().unwrap();
        assert!(fake.state().instances.iter().all(|node| node.state == "terminated"));
    }

    #[tokio::test]
    async fn whoever_wants_to_leave_leaves_before_the_first_change() {
        let fake = Fake::new();
        after_the_usual_end(&fake).await;
        let services = fake.services();
        let engine = fake.engine(&services);
        let before = fake.residue();
        engine.pace.stop.ask();
        let name = ClusterName::default();
        let failure = engine.reap(&name, Duration::ZERO, Removal::ALL).await.unwrap_err();
        assert!(matches!(failure.problem, Problem::Interrupted));
        assert_eq!(fake.residue(), before);
    }
}
