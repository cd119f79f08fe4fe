//! `doctor`: reads what the judges need. Everything is read that can be; what
//! cannot is an error in its place.

use super::Engine;
use crate::doctor::{Bucket, Diagnosis, Facts, Launch, Read, diagnose, spec_of};
use crate::keys;
use crate::node_says::Part;
use crate::plan::{NODE_POLICY, Spec, plan, ranked};
use crate::report::TrackingReport;
use nixl_aws::ec2::{Filter, Instance};
use nixl_aws::{AwsError, Tag};
use nixl_cluster::tag;
use std::collections::BTreeMap;

impl Engine<'_> {
    /// Everything that may be wrong with the account and the cluster; where there
    /// is none, with a launch of `spec`.
    pub async fn doctor(&self, spec: &Spec) -> Diagnosis {
        let facts = self.symptoms(spec).await;
        self.progress.done();
        diagnose(&facts)
    }

    async fn symptoms(&self, spec: &Spec) -> Facts {
        let (ec2, iam) = (&self.services.ec2, &self.services.iam);
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
        let role_name = self.cluster.node_role(&self.region);
        let tracking_role = self.cluster.mlflow_role(&self.region);
        let (account, instances, groups, placement, role, profile, attached, policy, tracking_role) = tokio::join!(
            self.services.account.account_id(),
            ec2.describe_instances(&ours),
            ec2.describe_security_groups(&ours),
            ec2.describe_placement_groups(&ours),
            iam.role(&role_name),
            iam.instance_profile(&role_name),
            iam.attached_role_policies(&role_name),
            iam.role_policy(&role_name, NODE_POLICY),
            iam.role(&tracking_role),
        );
        let instances = instances.map(ranked).map(current);
        let nodes = instances.as_deref().unwrap_or_default();
        let none = account.is_ok() && instances.as_ref().is_ok_and(Vec::is_empty);
        let spec_there = spec_of(&self.cluster, &self.region, nodes);
        let running: Vec<Instance> =
            nodes.iter().filter(|node| node.state == "running").cloned().collect();
        let (launch, known, agents, tracking, tracking_bucket, scheduled) = tokio::join!(
            async { if none { Some(self.would_launch(spec).await) } else { None } },
            async {
                if nodes.is_empty() { Default::default() } else { self.known(&spec_there).await }
            },
            self.agents(&running),
            self.told_server(nodes),
            self.mlflow_bucket(nodes, account.as_deref()),
            self.scheduled(&running),
        );
        let online = |it: &&Instance| {
            agents
                .as_ref()
                .is_ok_and(|it_of| it_of.get(&it.id).is_some_and(|ping| ping == "Online"))
        };
        let reached: Vec<Instance> = running.iter().filter(online).cloned().collect();
        let before = jiff::Timestamp::now();
        let says =
            self.said(&reached, &[Part::Check, Part::Link, Part::Journal, Part::State]).await;
        let now = jiff::Timestamp::now();
        Facts {
            cluster: self.cluster.clone(),
            region: self.region.clone(),
            account,
            launch,
            known,
            groups,
            placement,
            role,
            profile,
            attached,
            policy,
            agents,
            asked: Some((before, now)),
            says,
            tracking,
            tracking_role,
            tracking_bucket,
            scheduled,
            plugin: in_path("session-manager-plugin"),
            now,
            instances,
        }
    }

    /// What a launch would be, and whether the caller may ask for it.
    async fn would_launch(&self, spec: &Spec) -> Launch {
        let facts = match self.facts(spec).await {
            Ok(facts) => facts,
            Err(error) => return Launch { plan: Err(error), allowed: None },
        };
        let plan = plan(spec, &facts);
        let first = plan.attempts.first().filter(|_| plan.image.is_some());
        let asked = first.map(|attempt| {
            let group = plan.security_group.as_ref().map_or("", |group| group.id.as_str());
            let mut request = plan.request(attempt, group, "");
            // What a launch makes before: a dry run would find it missing.
            if group.is_empty() {
                request.network_interfaces.iter_mut().for_each(|it| it.group_ids.clear());
            }
            if facts.node_profile.is_none() {
                request.instance_profile.clear();
            }
            let there = |name: &String| facts.placement_groups.iter().any(|it| it.name == *name);
            request.placement_group = request.placement_group.filter(there);
            request
        });
        let allowed = match asked {
            Some(request) => Some(self.services.ec2.may_run_instances(&request).await),
            None => None,
        };
        Launch { plan: Ok(plan), allowed }
    }

    /// How the agents of these nodes are, by instance id.
    async fn agents(&self, nodes: &[Instance]) -> Read<BTreeMap<String, String>> {
        if nodes.is_empty() {
            return Ok(BTreeMap::new());
        }
        let ids: Vec<String> = nodes.iter().map(|node| node.id.clone()).collect();
        let known = self.services.ssm.describe_instance_information(&ids).await?;
        Ok(known.into_iter().map(|node| (node.instance_id, node.ping_status)).collect())
    }

    /// What each of these nodes says, by instance id.
    pub(super) async fn said(
        &self,
        nodes: &[Instance],
        parts: &[Part],
    ) -> BTreeMap<String, Result<crate::node_says::NodeSays, String>> {
        if nodes.is_empty() {
            return BTreeMap::new();
        }
        self.progress.doing("nodes", "asked through SSM");
        let id =
            |rank: u32| nodes.iter().find(|node| node.launch_index == rank).map(|it| it.id.clone());
        match self.ask(nodes, parts).await {
            Ok(told) => {
                told.into_iter().filter_map(|(rank, says)| Some((id(rank)?, says))).collect()
            }
            Err(error) => nodes.iter().map(|it| (it.id.clone(), Err(error.to_string()))).collect(),
        }
    }

    async fn told_server(&self, nodes: &[Instance]) -> Read<Option<TrackingReport>> {
        let told = nodes.iter().find_map(|node| Tag::find(&node.tags, keys::TRACKING_ARN));
        match told {
            Some(arn) => self.tracking_report(arn).await,
            None => Ok(None),
        }
    }

    /// The cluster's own bucket, where nodes may log to it.
    async fn mlflow_bucket(
        &self,
        nodes: &[Instance],
        account: Result<&str, &AwsError>,
    ) -> Read<Option<Bucket>> {
        let told = nodes.iter().any(|node| Tag::find(&node.tags, keys::TRACKING_ARN).is_some());
        let Ok(account) = account else { return Ok(None) };
        if !told {
            return Ok(None);
        }
        let buckets = &self.services.buckets;
        let name = self.cluster.artifact_bucket(account, &self.region);
        let Some(tags) = buckets.tags(&name, account).await? else { return Ok(None) };
        let settings = buckets.settings(&name, account).await?;
        Ok(Some(Bucket { name, tags, settings }))
    }

    /// Which of these nodes that run EventBridge Scheduler will end, and when.
    pub(super) async fn scheduled(&self, nodes: &[Instance]) -> Read<BTreeMap<String, String>> {
        let group = self.cluster.scheduler();
        let nodes: Vec<_> = nodes.iter().filter(|node| node.state == "running").collect();
        let of = nodes.iter().map(|node| self.services.scheduler.schedule(&group, &node.id));
        let found = futures_util::future::try_join_all(of).await?;
        let with = nodes.iter().zip(found);
        Ok(with.filter_map(|(node, it)| Some((node.id.clone(), it?.at_utc))).collect())
    }
}

/// Without nodes of launches that are over.
fn current(mut nodes: Vec<Instance>) -> Vec<Instance> {
    let alive = nodes.iter().find(|node| crate::plan::is_live(node));
    let reservation = alive.map(|node| node.reservation_id.clone());
    nodes.retain(|node| {
        node.state != "terminated" || reservation.as_ref() == Some(&node.reservation_id)
    });
    nodes.sort_by_key(|node| node.launch_index);
    nodes
}

fn in_path(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use crate::engine::Patience;
    use crate::fake::{Fake, Fault, REGION};
    use crate::plan::Spec;
    use nixl_cluster::check::Verdict;
    use std::time::Duration;

    fn spec() -> Spec {
        Spec::new(Default::default(), REGION)
    }

    /// Checks of this account that fail.
    async fn failing(fake: &Fake) -> Vec<String> {
        let services = fake.services();
        let checks = fake.engine(&services).doctor(&spec()).await.checks;
        let failed = checks.into_iter().filter(|check| check.verdict == Verdict::Fail);
        failed.map(|check| check.name).collect()
    }

    #[tokio::test]
    async fn it_works_without_a_cluster_and_names_what_broke_one() {
        let fake = Fake::new();
        assert!(failing(&fake).await.is_empty());
        let services = fake.services();
        let spec = spec();
        let ready = Duration::from_millis(500);
        let patience = Patience { ready, capacity: Duration::ZERO };
        fake.engine(&services).up(&spec, patience).await.unwrap();
        let before = failing(&fake).await;
        fake.state().groups[0].self_egress = false;
        let mut expected = before.clone();
        expected.insert(0, "self-egress".to_owned());
        assert_eq!(failing(&fake).await, expected);
    }

    #[tokio::test]
    async fn it_changes_nothing() {
        let fake = Fake::new();
        failing(&fake).await;
        assert_eq!(fake.state().changes, 0);
    }

    #[tokio::test]
    async fn a_caller_who_may_nothing_is_told_once() {
        let fake = Fake::new();
        let denied = Fault::Refuse("InvalidClientTokenId", "no", 403);
        fake.script("GetCallerIdentity", &[denied]);
        assert_eq!(failing(&fake).await, ["credentials"]);
    }
}
