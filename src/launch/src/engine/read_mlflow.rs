//! What is there of MLflow, as far as a plan needs it.

use super::Engine;
use crate::keys;
use crate::plan::{Facts, Known, Spec, TrackingFacts, Wanted, is_ours, told_of};
use nixl_aws::ec2::{Filter, Instance};
use nixl_aws::sagemaker::Mlflow;
use nixl_aws::{Result, Tag};
use nixl_cluster::tag;

/// What can be read while nothing else is known yet, and the caller's buckets of
/// the cluster's name, if they may be listed.
pub(super) type Early = (TrackingFacts, Option<Vec<String>>);

impl Engine<'_> {
    /// What is there of MLflow, for whoever launches nothing.
    pub(super) async fn facts_of_mlflow(&self, spec: &Spec) -> Result<Facts> {
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
        let (account, instances, early) = tokio::try_join!(
            self.services.account.account_id(),
            self.services.ec2.describe_instances(&ours),
            self.tracking_facts(spec),
        )?;
        let tracking = self.rest_of_tracking(spec, early, &account, &instances).await?;
        Ok(Facts { account, instances, tracking, ..Facts::default() })
    }

    /// The account's id, part of the bucket's name, is being read at the same time.
    pub(super) async fn tracking_facts(&self, spec: &Spec) -> Result<Early> {
        let sagemaker = &self.services.sagemaker;
        let server = async {
            match &spec.mlflow {
                Wanted::Server(server) => sagemaker.describe_tracking_server(&server.name).await,
                Wanted::Arn(arn) => sagemaker.describe(arn).await,
                Wanted::Own | Wanted::None => Ok(None),
            }
        };
        let apps = async {
            match &spec.mlflow {
                Wanted::Own => self.own_apps().await,
                _ => Ok(Vec::new()),
            }
        };
        if matches!(spec.mlflow, Wanted::None | Wanted::Arn(_)) {
            return Ok((TrackingFacts { found: server.await?, ..Default::default() }, None));
        }
        let price = async {
            match &spec.mlflow {
                Wanted::Server(server) => self.server_price(server.size.as_str()).await,
                _ => Known::default(),
            }
        };
        let role = self.cluster.mlflow_role(&self.region);
        let prefix = self.cluster.artifact_bucket_prefix();
        let (server, apps, price, role, buckets) = tokio::join!(
            server,
            apps,
            price,
            self.services.iam.role(&role),
            self.services.buckets.own(&prefix),
        );
        let facts =
            TrackingFacts { found: server?, apps: apps?, role: role?, price, ..Default::default() };
        Ok((facts, buckets.ok()))
    }

    /// What only the first round of reads makes known how to ask for.
    pub(super) async fn rest_of_tracking(
        &self,
        spec: &Spec,
        (facts, buckets): Early,
        account: &str,
        instances: &[Instance],
    ) -> Result<TrackingFacts> {
        if matches!(spec.mlflow, Wanted::None | Wanted::Arn(_)) {
            return Ok(facts);
        }
        let bucket = async {
            let name = self.cluster.artifact_bucket(account, &self.region);
            // Who may not list buckets may still use this one.
            match buckets.is_none_or(|names| names.contains(&name)) {
                true => self.services.buckets.tags(&name, account).await,
                false => Ok(None),
            }
        };
        let sagemaker = &self.services.sagemaker;
        let found = async {
            if spec.mlflow != Wanted::Own {
                return Ok(facts.found.clone());
            }
            let role = facts.role.as_ref().filter(|role| is_ours(&self.cluster, &role.tags));
            let server = role.and_then(|role| Tag::find(&role.tags, keys::TRACKING_SERVER));
            let own = |arn: &&str| facts.apps.iter().any(|app| app.arn == *arn);
            match (server, told_of(instances).filter(|arn| !own(arn))) {
                (Some(name), _) => sagemaker.describe_tracking_server(name).await,
                (None, Some(told)) => sagemaker.describe(told).await,
                (None, None) => Ok(None),
            }
        };
        let (bucket, found) = tokio::try_join!(bucket, found)?;
        Ok(TrackingFacts { bucket, found, ..facts })
    }

    /// Apps that this cluster has made, in any state but gone.
    pub(super) async fn own_apps(&self) -> Result<Vec<Mlflow>> {
        let sagemaker = &self.services.sagemaker;
        let name = self.cluster.mlflow_app();
        let named = sagemaker.list_apps().await?.into_iter().filter(|app| app.name == name);
        let of = async |app: Mlflow| {
            let ours = match sagemaker.list_tags(&app.arn).await {
                Ok(tags) => is_ours(&self.cluster, &tags),
                // It has gone meanwhile.
                Err(error) if error.is(&["ResourceNotFound"]) => false,
                Err(error) => return Err(error),
            };
            Ok(ours.then_some(app))
        };
        let read = futures_util::future::try_join_all(named.map(of)).await?;
        Ok(read.into_iter().flatten().collect())
    }
}
