//! `mlflow up` and `mlflow down`: MLflow without nodes.

use super::{Engine, Removed};
use crate::check::Checks;
use crate::failure::{BUCKET, Failure, Problem};
use crate::keys;
use crate::plan::{Facts, Spec, Tracking, decide_mlflow, is_live};
use crate::report::TrackingReport;
use nixl_aws::Tag;
use nixl_aws::ec2::Filter;
use nixl_cluster::tag;

impl Engine<'_> {
    /// MLflow of the cluster, in use.
    ///
    /// # Errors
    /// With what is left.
    pub async fn mlflow_up(&self, spec: &Spec) -> Result<Option<TrackingReport>, Failure> {
        let facts = self.facts_of_mlflow(spec).await.map_err(Failure::unchanged)?;
        let tracking = decide_mlflow(spec, &facts);
        let tracking =
            tracking.map_err(|check| Failure::unchanged(Problem::Plan(Checks(vec![check]))))?;
        let outcome = self.raise(spec, tracking, facts).await;
        self.progress.done();
        match outcome {
            Ok(report) => Ok(report),
            Err(problem) => Err(Failure { problem, left: self.left().await }),
        }
    }

    async fn raise(
        &self,
        spec: &Spec,
        tracking: Tracking,
        facts: Facts,
    ) -> Result<Option<TrackingReport>, Problem> {
        if !tracking.is_unknown() {
            self.record_app(&tracking, &facts.tracking).await?;
            self.tracking(&tracking, &facts).await?;
            return self.unless_stopped(self.wait_tracking(&tracking)).await;
        }
        let found = self.app(&tracking, &facts).await?;
        let facts = Facts { tracking: found, ..facts };
        let made =
            decide_mlflow(spec, &facts).map_err(|check| Problem::Plan(Checks(vec![check])))?;
        self.record_app(&made, &facts.tracking).await?;
        self.unless_stopped(self.wait_tracking(&made)).await
    }

    /// Removes MLflow; its bucket with all that is in it only if that is wanted.
    ///
    /// # Errors
    /// If nodes log to it, or with what is left.
    pub async fn mlflow_down(&self, with_bucket: bool) -> Result<Removed, Failure> {
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
        let read = tokio::try_join!(self.services.ec2.describe_instances(&ours), self.mlflow());
        let (nodes, (found, foreign)) = read.map_err(Failure::unchanged)?;
        let told = nodes.iter().filter(|node| is_live(node)).filter(|node| {
            let told = Tag::find(&node.tags, keys::TRACKING_ARN);
            found.arns().any(|arn| told == Some(arn))
        });
        let nodes: Vec<String> = told.map(|node| node.id.clone()).collect();
        if !nodes.is_empty() {
            return Err(Failure::unchanged(Problem::MlflowInUse { nodes }));
        }
        let outcome = self.remove_mlflow(&found, with_bucket).await;
        self.progress.done();
        if let Err(problem) = outcome {
            return Err(Failure { problem, left: self.left().await });
        }
        let is_kept = |kind: &str| kind == BUCKET && !with_bucket;
        let (after, _) = self.mlflow().await.map_err(Failure::unknown)?;
        if after.resources().iter().any(|it| !is_kept(it.kind)) {
            return Err(Failure { problem: Problem::Residue, left: self.left().await });
        }
        let (kept, removed) = found.resources().into_iter().partition(|it| is_kept(it.kind));
        Ok(Removed { removed, foreign, kept, stopped: None })
    }
}
