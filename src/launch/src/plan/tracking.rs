//! The MLflow tracking server: made, used again or attached.

use super::{Facts, Spec, is_ours, partition};
use crate::check::Check;
use crate::keys;
use nixl_aws::Tag;
use nixl_aws::iam::Role;
use nixl_aws::sagemaker::TrackingServer;
use serde::{Deserialize, Serialize};

/// What happens about MLflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tracking {
    /// Nothing.
    None,
    /// A server somebody else made is used and never changed.
    Attach {
        /// Name.
        name: String,
        /// ARN.
        arn: String,
    },
    /// A server of this cluster, with a role and a bucket of its own.
    Own {
        /// Name.
        name: String,
        /// ARN, known before the server is there.
        arn: String,
        /// Bucket for artifacts.
        bucket: String,
    },
}

impl Tracking {
    /// ARN of the server.
    #[must_use]
    pub fn arn(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Attach { arn, .. } | Self::Own { arn, .. } => Some(arn),
        }
    }

    /// Takes a server that is there as it is, whoever made it.
    pub fn attach(&mut self) {
        if let Self::Own { name, arn, .. } = self {
            let (name, arn) = (std::mem::take(name), std::mem::take(arn));
            *self = Self::Attach { name, arn };
        }
    }

    /// Name of the server.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Attach { name, .. } | Self::Own { name, .. } => Some(name),
        }
    }
}

/// ARN of a tracking server: made of names only, so that nodes can be told of
/// it while it is still being created.
#[must_use]
pub fn tracking_arn(region: &str, account: &str, name: &str) -> String {
    let partition = partition(region);
    format!("arn:{partition}:sagemaker:{region}:{account}:mlflow-tracking-server/{name}")
}

/// Status of a server that will be gone, which takes minutes.
pub const DELETING: &str = "Deleting";
/// Name of the check of the tracking server.
const MLFLOW: &str = "mlflow";

pub(super) fn decide(spec: &Spec, facts: &Facts) -> Result<Tracking, Check> {
    let Some(name) = spec.tracking_server.clone() else { return Ok(Tracking::None) };
    let tracking = &facts.tracking;
    if let Some(server) = &tracking.server {
        let advice = match server.status.as_str() {
            "CreateFailed" | "DeleteFailed" => Some(
                "delete it with `aws sagemaker delete-mlflow-tracking-server` or choose another --tracking-server",
            ),
            // One that a `down` left on its way is waited for and made anew.
            DELETING if made_by_us(spec, server, tracking.role.as_ref(), &name) => None,
            DELETING => Some("wait until it is gone or choose another --tracking-server"),
            "Stopping" | "Stopped" | "StopFailed" => {
                Some("start it with `aws sagemaker start-mlflow-tracking-server`")
            }
            _ => None,
        };
        if let Some(advice) = advice {
            let found = format!("MLflow tracking server {name} is {}", server.status);
            return Err(Check::fail(MLFLOW, found, advice));
        }
        if !made_by_us(spec, server, tracking.role.as_ref(), &name) {
            return Ok(Tracking::Attach { name, arn: server.arn.clone() });
        }
    }
    let bucket = spec.cluster.artifact_bucket(&facts.account, &spec.region);
    match &tracking.role {
        Some(role) if !is_ours(&spec.cluster, &role.tags) => {
            return Err(super::foreign("IAM role", &role.name, &spec.cluster));
        }
        Some(role) => {
            let made = Tag::find(&role.tags, keys::TRACKING_SERVER);
            if let Some(made) = made.filter(|made| *made != name) {
                return Err(Check::fail(
                    MLFLOW,
                    format!("the cluster has made the MLflow tracking server {made}"),
                    format!(
                        "leave out --tracking-server {name} or name {made}, or run `nixl-launch down --mlflow` first"
                    ),
                ));
            }
        }
        // The role is the record of the bucket: without it, the bucket is not ours.
        None if tracking.bucket_exists => {
            return Err(super::foreign("S3 bucket", &bucket, &spec.cluster));
        }
        None => {}
    }
    let arn = tracking_arn(&spec.region, &facts.account, &name);
    Ok(Tracking::Own { name, arn, bucket })
}

/// The role's tags say which server it was made for, and only a server made with
/// that role is ours: so one read of each suffices, side by side.
fn made_by_us(spec: &Spec, server: &TrackingServer, role: Option<&Role>, name: &str) -> bool {
    role.is_some_and(|role| {
        is_ours(&spec.cluster, &role.tags)
            && Tag::find(&role.tags, keys::TRACKING_SERVER) == Some(name)
            && server.role_arn == role.arn
    })
}

/// What happens about MLflow, told.
pub(super) fn check(tracking: &Tracking, facts: &Facts) -> Check {
    match tracking {
        Tracking::None => Check::skip(MLFLOW, "not asked for"),
        Tracking::Attach { name, .. } => Check::pass(
            MLFLOW,
            format!("tracking server {name} is somebody else's: attached, never changed"),
        ),
        Tracking::Own { name, bucket, .. } => match &facts.tracking.server {
            Some(server) if server.status == DELETING => Check::warn(
                MLFLOW,
                format!(
                    "tracking server {name} is being deleted, and is made anew once it is gone"
                ),
                "choose another --tracking-server if you cannot wait for minutes",
            ),
            Some(_) => Check::pass(MLFLOW, format!("tracking server {name} is there already")),
            None => {
                Check::pass(MLFLOW, format!("tracking server {name} is made, with bucket {bucket}"))
            }
        },
    }
}
