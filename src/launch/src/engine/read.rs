//! The one round of reads before a plan.

use super::Engine;
use crate::errors;
use crate::plan::{Facts, NODE_POLICY, Spec, TrackingFacts, TypeFacts};
use nixl_aws::Result;
use nixl_aws::ec2::{Filter, Image};
use nixl_cluster::tag;

impl Engine<'_> {
    /// Everything a plan needs, in parallel.
    pub(super) async fn facts(&self, spec: &Spec) -> Result<Facts> {
        let ec2 = &self.services.ec2;
        let iam = &self.services.iam;
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
        let group_name = [Filter::new("group-name", [self.cluster.security_group().as_str()])];
        let node_role = self.cluster.node_role();
        // First in the list, first to be told: who is calling.
        let (
            (account, tracking),
            images,
            types,
            vpcs,
            subnets,
            instances,
            security_groups,
            placement_groups,
            node_role,
            (node_policy, node_managed_policies),
            node_profile,
        ) = tokio::try_join!(
            self.account_and_tracking(spec),
            self.images(spec),
            self.types(spec),
            ec2.describe_vpcs(&[]),
            ec2.describe_subnets(&[]),
            ec2.describe_instances(&ours),
            ec2.describe_security_groups(&group_name),
            ec2.describe_placement_groups(&ours),
            iam.role(&node_role),
            self.policies(&node_role),
            iam.instance_profile(&node_role),
        )?;
        Ok(Facts {
            account,
            images,
            types,
            vpcs,
            subnets,
            instances,
            security_groups,
            placement_groups,
            node_role,
            node_policy,
            node_managed_policies,
            node_profile,
            tracking,
        })
    }

    async fn types(&self, spec: &Spec) -> Result<Vec<TypeFacts>> {
        let ec2 = &self.services.ec2;
        let facts = async |name: &String| {
            let (info, zones) =
                tokio::try_join!(ec2.describe_instance_type(name), ec2.zones_offering(name))?;
            Ok(TypeFacts { info, zones })
        };
        futures_util::future::try_join_all(spec.instance_types.iter().map(facts)).await
    }

    /// The inline policy of the nodes' role and the managed ones attached to it,
    /// asked for by its name before it is known to be there.
    async fn policies(&self, role: &str) -> Result<(Option<String>, Vec<String>)> {
        let iam = &self.services.iam;
        let attached = async {
            match iam.attached_role_policies(role).await {
                Err(error) if errors::is(&error, errors::GONE) => Ok(Vec::new()),
                other => other,
            }
        };
        tokio::try_join!(iam.role_policy(role, NODE_POLICY), attached)
    }

    async fn images(&self, spec: &Spec) -> Result<Vec<Image>> {
        let ec2 = &self.services.ec2;
        match &spec.ami {
            Some(ami) => ec2.describe_images(&[], &[Filter::new("image-id", [ami.as_str()])]).await,
            None => ec2.describe_images(&["self"], &[Filter::new("tag-key", [tag::DIGEST])]).await,
        }
    }

    async fn account_and_tracking(&self, spec: &Spec) -> Result<(String, TrackingFacts)> {
        let account = self.services.account.account_id().await?;
        let Some(name) = &spec.tracking_server else {
            return Ok((account, TrackingFacts::default()));
        };
        let sagemaker = &self.services.sagemaker;
        let server = async {
            match sagemaker.describe_tracking_server(name).await? {
                Some(server) => {
                    let tags = sagemaker.list_tags(&server.arn).await?;
                    Ok(Some((server, tags)))
                }
                None => Ok(None),
            }
        };
        let bucket = self.cluster.artifact_bucket(&account, &self.region);
        let role = self.cluster.mlflow_role();
        let (server, role, bucket_exists) = tokio::try_join!(
            server,
            self.services.iam.role(&role),
            self.services.buckets.exists(&bucket, &account),
        )?;
        Ok((account, TrackingFacts { server, role, bucket_exists }))
    }
}
