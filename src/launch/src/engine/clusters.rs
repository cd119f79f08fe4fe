//! `list` and `audit`: all clusters of the region, by tags.

use super::inventory::{Answers, by_itself};
use super::{Engine, Removal};
use crate::audit::{Audit, ClusterAudit, Found, audit};
use crate::failure::Failure;
use crate::list::{ClusterLine, lines};
use crate::plan::is_live;
use futures_util::{StreamExt, TryStreamExt, stream};
use nixl_aws::ec2::{Filter, Instance};
use nixl_aws::{AwsError, Result, Tag};
use nixl_cluster::{ClusterName, tag};
use std::collections::BTreeSet;

/// Questions about one server or group each that are asked at the same time: an
/// account may have hundreds, most of them none of ours.
const AT_ONCE: usize = 8;

/// What a look at all clusters finds.
pub(super) struct Seen {
    /// Names of all that anything is there of.
    pub names: BTreeSet<ClusterName>,
    /// Instances of all, in any state.
    pub instances: Vec<Instance>,
    /// A failed read each: clusters of which nothing else is left may be missing.
    pub unread: Vec<AwsError>,
}

/// Each failed read once: the same of every cluster fails alike.
pub(super) fn told(unread: &[AwsError]) -> Vec<String> {
    let told: BTreeSet<String> = unread.iter().map(ToString::to_string).collect();
    told.into_iter().collect()
}

fn any_cluster() -> [Filter; 1] {
    [Filter::new("tag-key", [tag::CLUSTER])]
}

impl Engine<'_> {
    /// Every cluster of the region that has instances.
    ///
    /// # Errors
    /// If EC2 cannot be asked.
    pub async fn list(&self) -> std::result::Result<Vec<ClusterLine>, Failure> {
        let instances = self.services.ec2.describe_instances(&any_cluster()).await;
        let instances = instances.map_err(Failure::unchanged)?;
        let prices = self.prices(instances.iter().filter(|node| is_live(node))).await;
        Ok(lines(&instances, &prices, jiff::Timestamp::now()))
    }

    /// Everything of every cluster of the region, and what of it costs money for
    /// nobody; what could not be read is told, and then it is not clean.
    ///
    /// # Errors
    /// If nodes cannot be seen.
    pub async fn audit_region(&self) -> std::result::Result<Audit, Failure> {
        self.audited().await.map_err(Failure::unchanged)
    }

    async fn audited(&self) -> Result<Audit> {
        let Seen { names, instances, mut unread } = self.names_seen().await?;
        let mut clusters: Vec<ClusterAudit> = Vec::new();
        // One after the other: each is a round of a dozen reads.
        for name in names {
            let engine = Engine {
                cluster: name.clone(),
                pace: self.pace.clone(),
                region: self.region.clone(),
                ..*self
            };
            let rest = engine.found().await?;
            unread.extend(rest.unread);
            let found = rest.inventory;
            let of = |node: &&Instance| Tag::find(&node.tags, tag::CLUSTER) == Some(name.as_str());
            clusters.extend(audit(&Found {
                cluster: name.as_str(),
                instances: instances.iter().filter(of).collect(),
                resources: found.resources(Removal::ALL),
                foreign: found.foreign,
                now: jiff::Timestamp::now(),
            }));
        }
        Ok(Audit { region: self.region.clone(), clusters, unread: told(&unread) })
    }

    /// Clusters that anything is tagged with, and the one asked for: what has only
    /// a derived name is found by that. Of services that cannot be read the rest
    /// says what there is.
    ///
    /// # Errors
    /// If the instances cannot be read.
    pub(super) async fn names_seen(&self) -> Result<Seen> {
        let any = any_cluster();
        let ec2 = &self.services.ec2;
        let (
            instances,
            interfaces,
            volumes,
            groups,
            placement,
            reservations,
            addresses,
            requests,
            servers,
            schedules,
            roles,
        ) = tokio::try_join!(
            ec2.describe_instances(&any),
            by_itself(ec2.describe_network_interfaces(&any)),
            by_itself(ec2.describe_volumes(&any)),
            by_itself(ec2.describe_security_groups(&any)),
            by_itself(ec2.describe_placement_groups(&any)),
            by_itself(self.services.reservations.describe_reservations(&any)),
            by_itself(self.services.addresses.describe_addresses(&any)),
            by_itself(self.services.spot.describe_spot_requests(&any)),
            by_itself(self.tagged_servers()),
            by_itself(self.tagged_schedule_groups()),
            by_itself(self.services.iam.role_names()),
        )?;
        let mut answers = Answers::default();
        let mut requests = answers.of(requests);
        requests.retain(nixl_aws::ec2::SpotRequest::is_live);
        let tags = instances.iter().map(|it| it.tags.clone());
        let tags = tags
            .chain(answers.of(interfaces).into_iter().map(|it| it.tags))
            .chain(answers.of(volumes).into_iter().map(|it| it.tags))
            .chain(answers.of(groups).into_iter().map(|it| it.tags))
            .chain(answers.of(placement).into_iter().map(|it| it.tags))
            .chain(answers.of(reservations).into_iter().map(|it| it.tags))
            .chain(answers.of(addresses).into_iter().map(|it| it.tags))
            .chain(requests.into_iter().map(|it| it.tags))
            .chain(answers.of(servers))
            .chain(answers.of(schedules));
        let named = tags.filter_map(|tags| Tag::find(&tags, tag::CLUSTER)?.parse().ok());
        let mut names: BTreeSet<ClusterName> = named.collect();
        names.insert(self.cluster.clone());
        let roles = answers.of(roles);
        let by_roles = self.add_by_roles(&mut names, roles).await;
        answers.of(by_roles);
        Ok(Seen { names, instances, unread: answers.0 })
    }

    /// Adds clusters of which only roles may be left. IAM lists them without tags,
    /// so each that could be a cluster's by its name, and is of none that is
    /// known, is asked for its own.
    async fn add_by_roles(
        &self,
        names: &mut BTreeSet<ClusterName>,
        roles: Vec<String>,
    ) -> Result<()> {
        let region = &self.region;
        let ends = ["node", "mlflow", "scheduler"].map(|what| format!("-{what}-{region}"));
        for role in roles.iter().filter(|role| ends.iter().any(|end| role.ends_with(end))) {
            let of = |name: &ClusterName| {
                let own = [name.node_role(region), name.mlflow_role(region)];
                own.contains(role) || name.scheduler_role(region) == *role
            };
            if names.iter().any(of) {
                continue;
            }
            let tags = self.services.iam.role(role).await?.map(|it| it.tags).unwrap_or_default();
            names.extend(Tag::find(&tags, tag::CLUSTER).and_then(|name| name.parse().ok()));
        }
        Ok(())
    }

    /// Tags of all groups of schedules.
    async fn tagged_schedule_groups(&self) -> Result<Vec<Vec<Tag>>> {
        let scheduler = &self.services.scheduler;
        let names = scheduler.schedule_groups().await?;
        let groups = names.iter().filter(|name| *name != "default");
        let read = groups.map(|name| scheduler.schedule_group(name));
        let groups: Vec<_> = stream::iter(read).buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(groups.into_iter().flatten().map(|group| group.tags).collect())
    }

    /// Tags of all tracking servers and Apps.
    async fn tagged_servers(&self) -> Result<Vec<Vec<Tag>>> {
        let sagemaker = &self.services.sagemaker;
        let (mut arns, apps) =
            tokio::try_join!(sagemaker.list_tracking_servers(), sagemaker.list_apps())?;
        arns.extend(apps.into_iter().map(|app| app.arn));
        let tags = arns.iter().map(|arn| sagemaker.list_tags(arn));
        stream::iter(tags).buffer_unordered(AT_ONCE).try_collect().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Goal, Patience};
    use crate::failure::Problem;
    use crate::fake::{Fake, Fault, REGION};
    use crate::plan::{Spec, Wanted, WantedServer};
    use std::time::Duration;

    const SHORT: Duration = Duration::from_millis(500);

    async fn up(fake: &Fake) {
        let services = fake.services();
        let spec = Spec {
            mlflow: Wanted::Server(WantedServer::default()),
            ..Spec::new(Default::default(), REGION)
        };
        let patience = Patience { ready: SHORT, capacity: Duration::ZERO };
        fake.engine(&services).up(&spec, patience).await.unwrap();
    }

    #[tokio::test]
    async fn an_audit_sees_a_cluster_until_it_is_gone() {
        let fake = Fake::new();
        let services = fake.services();
        let engine = fake.engine(&services);
        assert!(engine.audit_region().await.unwrap().clusters.is_empty());
        up(&fake).await;
        let audit = engine.audit_region().await.unwrap();
        assert!(audit.is_clean(), "{audit:?}");
        assert_eq!((audit.clusters.len(), audit.clusters[0].nodes), (1, 2));
        assert_eq!(engine.list().await.unwrap().len(), 1);
        // Kept on purpose, and still it costs.
        let kept = Removal::KEEP_FREE;
        engine.down(kept).await.unwrap();
        let audit = engine.audit_region().await.unwrap();
        assert!(!audit.is_clean() && audit.clusters[0].orphaned, "{audit:?}");
        assert!(engine.list().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn another_clusters_server_alone_is_found_by_its_tag() {
        let fake = Fake::new();
        up(&fake).await;
        let services = fake.services();
        let engine = fake.engine(&services);
        engine.down(Removal::NODES).await.unwrap();
        let cluster = "other".parse().unwrap();
        let other = Engine { cluster, ..fake.engine(&services) };
        let audit = other.audit_region().await.unwrap();
        let billed = &audit.clusters[0].billed;
        assert_eq!((audit.clusters[0].cluster.as_str(), billed.len()), ("nixl", 2), "{audit:?}");
    }

    /// Whatever a cluster leaves, a stranger's audit finds it by.
    #[tokio::test]
    async fn the_last_thing_of_a_cluster_is_enough_to_find_it() {
        type Left = fn(&mut crate::fake::State);
        let left: [(&str, Left); 5] = [
            ("nothing", |state| state.roles.clear()),
            ("node role", |state| state.roles.retain(|name, _| name.contains("-node-"))),
            ("role of schedules", |state| {
                state.roles.retain(|name, _| name.contains("-scheduler-"))
            }),
            ("schedule group", |state| {
                state.roles.clear();
                let group = nixl_aws::scheduler::ScheduleGroup {
                    name: "nixl-scheduler".to_owned(),
                    tags: crate::plan::owner_tags(&Default::default()),
                    ..Default::default()
                };
                state.scheduler.groups.insert(group.name.clone(), group);
            }),
            ("Spot request", |state| {
                state.roles.clear();
                state.spot.push(nixl_aws::ec2::SpotRequest {
                    id: "sir-1".to_owned(),
                    state: "open".to_owned(),
                    tags: crate::plan::owner_tags(&Default::default()),
                });
            }),
        ];
        for (what, leave) in left {
            let fake = Fake::new();
            up(&fake).await;
            let roles = fake.state().roles.clone();
            assert_eq!(roles.len(), 3);
            let services = fake.services();
            let engine = fake.engine(&services);
            engine.down(Removal::ALL).await.unwrap();
            // An hour later EC2 shows them no more.
            fake.state().instances.clear();
            fake.state().roles = roles;
            leave(&mut fake.state());
            let other = Engine { cluster: "other".parse().unwrap(), ..fake.engine(&services) };
            let names: Vec<String> =
                other.names_seen().await.unwrap().names.iter().map(ToString::to_string).collect();
            let expected: &[&str] = if what == "nothing" { &["other"] } else { &["nixl", "other"] };
            assert_eq!(names, expected, "{what}");
        }
    }

    #[tokio::test]
    async fn an_audit_that_may_not_see_is_no_clean_one() {
        let denied = Fault::Refuse("AccessDeniedException", "no", 403);
        for operation in ["DescribeVolumes", "ListRoles", "ListScheduleGroups"] {
            let fake = Fake::new();
            up(&fake).await;
            fake.script(operation, &[denied.clone(), denied.clone()]);
            let services = fake.services();
            let audit = fake.engine(&services).audit_region().await.unwrap();
            assert_eq!((audit.clusters.len(), audit.unread.len()), (1, 1), "{audit:?}");
            assert!(!audit.is_clean() && audit.unread[0].contains(operation), "{audit:?}");
        }
        let fake = Fake::new();
        fake.script("DescribeInstances", &[Fault::Refuse("UnauthorizedOperation", "no", 403)]);
        let services = fake.services();
        assert!(fake.engine(&services).audit_region().await.is_err());
    }

    #[tokio::test]
    async fn a_price_that_is_not_told_is_unknown_and_no_failure() {
        let fake = Fake::new();
        up(&fake).await;
        let services = fake.services();
        let engine = fake.engine(&services);
        let cost = engine.status().await.unwrap().cost.unwrap();
        assert_eq!(cost.usd_per_hour, 9.0);
        assert_eq!(cost.source, "AWS Price List of 2026-07-20");
        assert_eq!(engine.list().await.unwrap()[0].cost.as_ref().unwrap().usd_per_hour, 9.0);
        let denied = Fault::Refuse("AccessDeniedException", "no", 400);
        // Of nodes and of the tracking server, then of nodes.
        fake.script("GetProducts", &[denied.clone(), denied.clone(), denied]);
        let status = engine.status().await.unwrap();
        assert_eq!((status.cost, status.tracking.unwrap().usd_per_hour), (None, None));
        assert_eq!(engine.list().await.unwrap()[0].cost, None);
    }

    #[tokio::test]
    async fn waits_end_with_the_goal_or_with_the_time() {
        let fake = Fake::new();
        let services = fake.services();
        let engine = fake.engine(&services);
        engine.wait_gone(SHORT).await.unwrap();
        let none = engine.wait(Goal::Ready, SHORT).await.unwrap_err();
        assert!(matches!(none.problem, Problem::NoCluster { .. }));
        up(&fake).await;
        for goal in [Goal::Ready, Goal::Ssm] {
            let report = engine.wait(goal, SHORT).await.unwrap();
            assert_eq!(report.state, "paired");
        }
        let late = engine.wait_gone(Duration::from_millis(5)).await.unwrap_err();
        assert_eq!(late.problem.code(), "timeout");
    }
}
