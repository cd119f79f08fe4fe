//! `mlflow status` and `mlflow open`: what is there of MLflow, without the nodes.

use super::Engine;
use crate::failure::{Failure, Problem};
use crate::keys;
use crate::mlflow::{MlflowStatus, Seen, status};
use crate::plan::{is_live, recorded_idle_stop};
use crate::report::TrackingReport;
use nixl_aws::ec2::{Filter, Instance};
use nixl_aws::sagemaker::Kind;
use nixl_aws::{AwsError, Tag};
use nixl_cluster::tag;
use std::collections::BTreeSet;

/// Life of a presigned URL: the longest that SageMaker allows.
const URL_SECS: u32 = 300;

impl Engine<'_> {
    /// What the cluster has made of MLflow, and what its nodes were told of.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub async fn mlflow_status(&self) -> Result<MlflowStatus, Failure> {
        self.mlflow_seen().await.map_err(Failure::unchanged)
    }

    async fn mlflow_seen(&self) -> Result<MlflowStatus, Problem> {
        let ours = [Filter::tag(tag::CLUSTER, self.cluster.as_str())];
        let (nodes, (made, _)) =
            tokio::try_join!(self.services.ec2.describe_instances(&ours), self.mlflow())?;
        let nodes: Vec<Instance> = nodes.into_iter().filter(is_live).collect();
        let told = nodes.iter().filter_map(|node| Tag::find(&node.tags, keys::TRACKING_ARN));
        let arns: BTreeSet<&str> = told.chain(made.arns()).collect();
        let reads = arns.into_iter().map(async |arn| {
            let found = self.tracking_report(arn).await?;
            Ok::<_, AwsError>(match found {
                Some(report) => Some(self.priced(report).await),
                None => None,
            })
        });
        let reads = futures_util::future::try_join_all(reads);
        let stops_at =
            async { if made.stop_group.is_some() { self.idle_stop_at().await } else { Ok(None) } };
        let (found, stops_at) = tokio::try_join!(reads, stops_at)?;
        let seen = Seen {
            cluster: &self.cluster,
            region: &self.region,
            nodes: &nodes,
            found: found.into_iter().flatten().collect(),
            recorded: made.role.as_ref().and_then(|role| Tag::find(&role.tags, keys::TOLD_APP)),
            role: made.role.as_ref().map(|role| role.name.clone()),
            idle_stop: made.role.as_ref().and_then(recorded_idle_stop),
            stops_at,
            bucket: made.bucket.as_ref().map(|(bucket, _)| bucket.clone()),
        };
        let (cluster, region) = (self.cluster.to_string(), self.region.clone());
        status(seen).ok_or(Problem::NoMlflow { cluster, region })
    }

    /// A URL that opens a session of the UI once; it is a credential.
    ///
    /// # Errors
    /// If there is no MLflow, or the caller may not open it.
    pub async fn mlflow_url(&self, session_secs: u32) -> Result<String, Failure> {
        self.minted(session_secs).await.map_err(Failure::unchanged)
    }

    async fn minted(&self, session_secs: u32) -> Result<String, Problem> {
        let status = self.mlflow_seen().await?;
        let (cluster, region) = (self.cluster.to_string(), self.region.clone());
        let server = status.in_use().ok_or(Problem::NoMlflow { cluster, region })?;
        let TrackingReport { arn, name, status, active, .. } = server;
        let sagemaker = &self.services.sagemaker;
        let url = match Kind::of(arn) {
            _ if !active => {
                let (what, status) = (server.label(), status.clone());
                return Err(Problem::Tracking { what, status });
            }
            Some((Kind::App, _)) => {
                sagemaker.create_presigned_app_url(arn, URL_SECS, session_secs).await?
            }
            _ => {
                sagemaker.create_presigned_tracking_server_url(name, URL_SECS, session_secs).await?
            }
        };
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Patience;
    use crate::fake::{Fake, REGION};
    use crate::plan::{Spec, Wanted, WantedServer};
    use nixl_aws::sagemaker::Mlflow;
    use std::time::Duration;

    const PATIENCE: Patience =
        Patience { ready: Duration::from_millis(500), capacity: Duration::ZERO };
    const APP: &str = "arn:aws:sagemaker:us-east-1:123456789012:mlflow-app/app-1";

    fn app() -> Mlflow {
        Mlflow {
            kind: Kind::App,
            arn: APP.to_owned(),
            name: "ours".to_owned(),
            status: "Created".to_owned(),
            is_active: true,
            ..Default::default()
        }
    }

    #[tokio::test]
    async fn an_app_of_others_is_attached_by_its_arn_and_never_changed() {
        let fake = Fake::new();
        fake.state().apps = vec![(app(), vec![Tag::new("owner", "somebody")])];
        let services = fake.services();
        let engine = fake.engine(&services);
        let spec =
            Spec { mlflow: Wanted::Arn(APP.to_owned()), ..Spec::new(Default::default(), REGION) };
        let report = engine.up(&spec, PATIENCE).await.unwrap();
        let tracking = report.tracking.unwrap();
        assert_eq!((tracking.kind, tracking.owned), ("app", false));
        let policy = fake.state().policies["nixl-node-us-east-1"]["nixl-node"].clone();
        assert!(policy.contains("CallMlflowAppApi") && policy.contains(APP), "{policy}");
        let status = engine.mlflow_status().await.unwrap();
        assert_eq!((status.tracking.len(), status.told_nodes), (1, 2));
        assert_eq!(engine.mlflow_url(1800).await.unwrap(), format!("https://{APP}/auth"));
        let all = crate::engine::Removal::ALL;
        let removed = engine.down(all).await.unwrap();
        assert_eq!(removed.foreign, [crate::failure::Resource::new("MLflow App", "ours")]);
        assert_eq!(fake.residue(), [APP]);
        let none = engine.mlflow_status().await.unwrap_err();
        assert!(matches!(none.problem, Problem::NoMlflow { .. }), "{none}");
    }

    #[tokio::test]
    async fn one_that_is_not_there_is_found_out_before_anything_is_made() {
        let fake = Fake::new();
        let services = fake.services();
        let engine = fake.engine(&services);
        let elsewhere = APP.replace("us-east-1", "eu-west-1");
        for arn in [APP, elsewhere.as_str()] {
            let spec = Spec {
                mlflow: Wanted::Arn(arn.to_owned()),
                ..Spec::new(Default::default(), REGION)
            };
            let refused = engine.up(&spec, PATIENCE).await.unwrap_err();
            assert!(matches!(refused.problem, Problem::Plan(_)), "{refused}");
        }
        assert_eq!(fake.state().changes, 0);
    }

    #[tokio::test]
    async fn a_stopped_one_is_not_opened() {
        let fake = Fake::new();
        let services = fake.services();
        let engine = fake.engine(&services);
        let spec = Spec {
            mlflow: Wanted::Server(WantedServer::default()),
            ..Spec::new(Default::default(), REGION)
        };
        engine.up(&spec, PATIENCE).await.unwrap();
        engine.mlflow_url(1800).await.unwrap();
        engine.power_tracking(crate::engine::Power::Off).await.unwrap();
        let refused = engine.mlflow_url(1800).await.unwrap_err();
        assert!(matches!(refused.problem, Problem::Tracking { .. }), "{refused}");
        assert_eq!(fake.count("CreatePresignedMlflowTrackingServerUrl"), 1);
    }
}
