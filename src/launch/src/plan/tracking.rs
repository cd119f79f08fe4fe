//! MLflow: made, used again or attached.

use super::{Facts, ServerSize, Spec, Wanted, WantedServer, is_ours, partition};
use crate::check::Check;
use crate::keys;
use nixl_aws::Tag;
use nixl_aws::iam::Role;
use nixl_aws::sagemaker::{Kind, Mlflow};
use serde::{Deserialize, Serialize};

/// What happens about MLflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tracking {
    /// Nothing.
    None,
    /// What somebody else made is used and never changed.
    Attach {
        /// What it is and its name.
        label: String,
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
        /// Size.
        size: ServerSize,
        /// Version of MLflow that was asked for.
        mlflow_version: Option<String>,
    },
}

impl Tracking {
    /// ARN.
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
            let label = format!("MLflow {} {name}", Kind::Server);
            *self = Self::Attach { label, arn: std::mem::take(arn) };
        }
    }

    /// What it is and its name, for people.
    #[must_use]
    pub fn label(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Attach { label, .. } => Some(label.clone()),
            Self::Own { name, .. } => Some(format!("MLflow {} {name}", Kind::Server)),
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
    match &spec.mlflow {
        Wanted::None => Ok(Tracking::None),
        Wanted::Server(server) => self::server(spec, facts, server),
        Wanted::Arn(arn) => attached(spec, facts, arn),
    }
}

/// Something that is there, by its ARN.
fn attached(spec: &Spec, facts: &Facts, arn: &str) -> Result<Tracking, Check> {
    let fail = |found: String, fix: &str| Err(Check::fail(MLFLOW, found, fix));
    let part = |n: usize| arn.split(':').nth(n).unwrap_or_default();
    let (region, account) = (part(3), part(4));
    if region != spec.region {
        let found = format!("{arn} is in {region}, the nodes are in {}", spec.region);
        return fail(found, "name one of this region: there the nodes log, and artifacts stay");
    }
    let Some(found) = &facts.tracking.found else {
        let fix = match Kind::of(arn) {
            Some((Kind::Server, _)) if account != facts.account => {
                "a tracking server is used from its own account; an App can be shared through AWS RAM"
            }
            _ => {
                "`aws sagemaker list-mlflow-apps` and `list-mlflow-tracking-servers` show what is there"
            }
        };
        return fail(format!("{arn} is not there, or not shown to account {}", facts.account), fix);
    };
    match unusable(found) {
        Some(fix) => fail(format!("{arn} is {}", found.status), fix),
        None => Ok(Tracking::Attach { label: found.label(), arn: found.arn.clone() }),
    }
}

/// What to do about one that will not come into use by itself.
fn unusable(found: &Mlflow) -> Option<&'static str> {
    match found.status.as_str() {
        "CreateFailed" | "DeleteFailed" => {
            Some("delete it with `aws sagemaker` or choose another one")
        }
        DELETING => Some("wait until it is gone or choose another one"),
        "Stopping" | "Stopped" | "StopFailed" => {
            Some("start it with `aws sagemaker start-mlflow-tracking-server`")
        }
        _ => None,
    }
}

fn server(spec: &Spec, facts: &Facts, wanted: &WantedServer) -> Result<Tracking, Check> {
    let name = &wanted.name;
    let tracking = &facts.tracking;
    if let Some(server) = &tracking.found {
        let ours = made_by_us(spec, server, tracking.role.as_ref(), name);
        // One that a `down` left on its way is waited for and made anew.
        let awaited = ours && server.status == DELETING;
        if let Some(advice) = unusable(server).filter(|_| !awaited) {
            let found = format!("{} is {}", server.label(), server.status);
            return Err(Check::fail(MLFLOW, found, advice));
        }
        if !ours {
            return Ok(Tracking::Attach { label: server.label(), arn: server.arn.clone() });
        }
    }
    let bucket = spec.cluster.artifact_bucket(&facts.account, &spec.region);
    match &tracking.role {
        Some(role) if !is_ours(&spec.cluster, &role.tags) => {
            return Err(super::foreign("IAM role", &role.name, &spec.cluster));
        }
        Some(role) => {
            let made = Tag::find(&role.tags, keys::TRACKING_SERVER);
            if let Some(made) = made.filter(|made| made != name) {
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
    Ok(Tracking::Own {
        name: name.clone(),
        arn: tracking_arn(&spec.region, &facts.account, name),
        bucket,
        size: wanted.size,
        mlflow_version: wanted.mlflow_version.clone(),
    })
}

/// The role's tags say which server it was made for, and only a server made with
/// that role is ours: so one read of each suffices, side by side.
fn made_by_us(spec: &Spec, server: &Mlflow, role: Option<&Role>, name: &str) -> bool {
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
        Tracking::Attach { label, .. } => {
            Check::pass(MLFLOW, format!("{label} is somebody else's: attached, never changed"))
        }
        Tracking::Own { name, bucket, .. } => match &facts.tracking.found {
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
