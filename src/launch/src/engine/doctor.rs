//! `doctor`: reads what the judges need. Everything is read that can be; what
//! cannot is an error in its place.

use super::Engine;
use crate::doctor::{Diagnosis, Facts, Read, diagnose};
use crate::keys;
use crate::node_says::Part;
use crate::plan::ranked;
use crate::report::TrackingReport;
use nixl_aws::Tag;
use nixl_aws::ec2::{Filter, Instance};
use nixl_cluster::tag;
use std::collections::{BTreeMap, BTreeSet};

impl Engine<'_> {
    /// Everything that may be wrong with the account and the cluster.
    pub async fn doctor(&self) -> Diagnosis {
        let facts = self.symptoms().await;
        self.progress.done();
        diagnose(&facts)
    }

    async fn symptoms(&self) -> Facts {
        let (ec2, iam) = (&self.services.ec2, &self.services.iam);
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
        let baked = [Filter::new("tag-key", [tag::DIGEST])];
        let role_name = self.cluster.node_role(&self.region);
        let (account, images, vpcs, subnets, instances, groups, placement, role, profile, attached) = tokio::join!(
            self.services.account.account_id(),
            ec2.describe_images(&["self"], &baked),
            ec2.describe_vpcs(&[]),
            ec2.describe_subnets(&[]),
            ec2.describe_instances(&ours),
            ec2.describe_security_groups(&ours),
            ec2.describe_placement_groups(&ours),
            iam.role(&role_name),
            iam.instance_profile(&role_name),
            iam.attached_role_policies(&role_name),
        );
        let instances = instances.map(ranked).map(current);
        let nodes = instances.as_deref().unwrap_or_default();
        let running: Vec<Instance> =
            nodes.iter().filter(|node| node.state == "running").cloned().collect();
        let ids: Vec<String> = running.iter().map(|node| node.id.clone()).collect();
        let online = if ids.is_empty() { Ok(BTreeSet::new()) } else { self.online(&ids).await };
        let reached: Vec<Instance> = match &online {
            Ok(online) => running.iter().filter(|it| online.contains(&it.id)).cloned().collect(),
            Err(_) => Vec::new(),
        };
        let (says, tracking, scheduled) =
            tokio::join!(self.said(&reached), self.told_server(nodes), self.scheduled(&running));
        Facts {
            cluster: self.cluster.clone(),
            region: self.region.clone(),
            account,
            images,
            vpcs,
            subnets,
            groups,
            placement,
            role,
            profile,
            attached,
            online,
            says,
            tracking,
            scheduled,
            plugin: in_path("session-manager-plugin"),
            now: jiff::Timestamp::now(),
            instances,
        }
    }

    /// What each of these nodes says, by instance id.
    async fn said(
        &self,
        nodes: &[Instance],
    ) -> BTreeMap<String, Result<crate::node_says::NodeSays, String>> {
        if nodes.is_empty() {
            return BTreeMap::new();
        }
        self.progress.doing("nodes", "asked for their own checks through SSM");
        let id =
            |rank: u32| nodes.iter().find(|node| node.launch_index == rank).map(|it| it.id.clone());
        match self.ask(nodes, &[Part::Check, Part::Link, Part::Journal, Part::End]).await {
            Ok(told) => {
                told.into_iter().filter_map(|(rank, says)| Some((id(rank)?, says))).collect()
            }
            Err(error) => nodes.iter().map(|it| (it.id.clone(), Err(error.to_string()))).collect(),
        }
    }

    async fn told_server(&self, nodes: &[Instance]) -> Read<Option<TrackingReport>> {
        let told = nodes.iter().find_map(|node| Tag::find(&node.tags, keys::TRACKING_ARN));
        match told.and_then(|arn| arn.rsplit('/').next()) {
            Some(name) => self.tracking_report(name).await,
            None => Ok(None),
        }
    }

    /// Which of these nodes EventBridge Scheduler will end, and when.
    async fn scheduled(&self, nodes: &[Instance]) -> Read<BTreeMap<String, String>> {
        let group = self.cluster.scheduler();
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

    /// Checks of this account that fail.
    async fn failing(fake: &Fake) -> Vec<String> {
        let services = fake.services();
        let checks = fake.engine(&services).doctor().await.checks;
        let failed = checks.into_iter().filter(|check| check.verdict == Verdict::Fail);
        failed.map(|check| check.name).collect()
    }

    #[tokio::test]
    async fn it_works_without_a_cluster_and_names_what_broke_one() {
        let fake = Fake::new();
        assert!(failing(&fake).await.is_empty());
        let services = fake.services();
        let spec = Spec::new(Default::default(), REGION);
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
