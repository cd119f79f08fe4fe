//! MLflow: made, used again or attached.

use super::{DELETING, IdleStop, ServerSize, TrackingFacts, partition, told_of};
use nixl_aws::ec2::Instance;
use nixl_aws::sagemaker::Kind;
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
        /// Where its clients keep artifacts, if it tells.
        artifacts: Option<Artifacts>,
    },
    /// A tracking server of this cluster, with a role and a bucket of its own.
    Server {
        /// Name.
        name: String,
        /// ARN, known before the server is there.
        arn: String,
        /// Where artifacts are.
        store: Store,
        /// Size.
        size: ServerSize,
        /// Version of MLflow that was asked for.
        mlflow_version: Option<String>,
        /// When it stops by itself; if nobody ever said, nothing is made for that.
        idle_stop: Option<IdleStop>,
    },
    /// An App of this cluster, with the same.
    App {
        /// Name.
        name: String,
        /// ARN; until it is made one with [`UNKNOWN_APP`] at its end.
        arn: String,
        /// Where artifacts are.
        store: Store,
        /// Whether it is there.
        is_made: bool,
    },
}

/// The bucket of what the cluster has made or makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// Name.
    pub bucket: String,
    /// ARN of the KMS key that encrypts new objects; without one S3's own keys do.
    pub kms_key: Option<String>,
}

/// Folder of the artifacts in a bucket of a cluster.
const ARTIFACTS: &str = "artifacts";

impl Store {
    /// Where a server or an App keeps artifacts.
    #[must_use]
    pub fn artifact_uri(&self) -> String {
        format!("s3://{}/{ARTIFACTS}", self.bucket)
    }

    /// Where its clients do: SageMaker hands none out, they write to S3 themselves.
    #[must_use]
    pub fn artifacts(&self) -> Artifacts {
        let Self { bucket, kms_key } = self.clone();
        Artifacts { bucket, folder: ARTIFACTS.to_owned(), kms_key }
    }
}

/// A folder of a bucket for clients' artifacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifacts {
    /// Name of the bucket.
    pub bucket: String,
    /// Key prefix without `/` at its ends; empty for all of the bucket.
    pub folder: String,
    /// ARN of the KMS key, where it is known.
    pub kms_key: Option<String>,
}

impl Artifacts {
    /// Of what somebody else has made, by its `ArtifactStoreUri`, `s3://bucket/folder`.
    #[must_use]
    pub fn of_uri(uri: &str) -> Option<Self> {
        let rest = uri.strip_prefix("s3://")?;
        let (bucket, folder) = rest.split_once('/').unwrap_or((rest, ""));
        // In a policy these would stand for other buckets and folders.
        let plain = !bucket.is_empty() && !uri.contains(['*', '?', '$']);
        let folder = folder.trim_matches('/').to_owned();
        plain.then(|| Self { bucket: bucket.to_owned(), folder, kms_key: None })
    }
}

impl std::fmt::Display for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "bucket {}", self.bucket)?;
        match &self.kms_key {
            Some(key) => write!(f, " (encrypted with {key})"),
            None => Ok(()),
        }
    }
}

/// Stands for the id of an App that is still to be made: SageMaker gives it.
pub const UNKNOWN_APP: &str = "known-once-it-is-made";

impl Tracking {
    /// ARN.
    #[must_use]
    pub fn arn(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Attach { arn, .. } | Self::Server { arn, .. } | Self::App { arn, .. } => {
                Some(arn)
            }
        }
    }

    /// Takes what is there as it is, whoever made it.
    pub fn attach(&mut self) {
        let label = self.label().unwrap_or_default();
        if let Self::Server { arn, store, .. } | Self::App { arn, store, .. } = self {
            let artifacts = Some(store.artifacts());
            *self = Self::Attach { label, arn: std::mem::take(arn), artifacts };
        }
    }

    /// Whether its ARN is still to come.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::App { is_made: false, .. })
    }

    /// Name of what the cluster has made or makes.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::None | Self::Attach { .. } => None,
            Self::Server { name, .. } | Self::App { name, .. } => Some(name),
        }
    }

    /// ARN of the cluster's own App, once it is made.
    #[must_use]
    pub fn made_app(&self) -> Option<&str> {
        match self {
            Self::App { arn, is_made: true, .. } => Some(arn),
            _ => None,
        }
    }

    /// As it was before its App was made.
    #[must_use]
    pub fn before_it_was_made(&self, region: &str, account: &str) -> Self {
        match self {
            Self::App { name, store, .. } => Self::app(region, account, name, store),
            other => other.clone(),
        }
    }

    /// Of several Apps of the cluster the one that its nodes were told of: another run
    /// may have launched them. One that is being deleted does not come back.
    #[must_use]
    pub fn as_told(&self, nodes: &[Instance], facts: &TrackingFacts) -> Self {
        let mut there = facts.apps.iter().filter(|app| app.status != DELETING);
        let told = told_of(nodes).filter(|told| there.any(|app| app.arn == *told));
        match (self, told) {
            (Self::App { name, store, .. }, Some(told)) => Self::App {
                name: name.clone(),
                arn: told.to_owned(),
                store: store.clone(),
                is_made: true,
            },
            _ => self.clone(),
        }
    }

    /// An App that is still to be made.
    pub(super) fn app(region: &str, account: &str, name: &str, store: &Store) -> Self {
        let partition = partition(region);
        let arn = format!("arn:{partition}:sagemaker:{region}:{account}:mlflow-app/{UNKNOWN_APP}");
        Self::App { name: name.to_owned(), arn, store: store.clone(), is_made: false }
    }

    /// Where artifacts are of what the cluster has made or makes.
    #[must_use]
    pub fn store(&self) -> Option<&Store> {
        match self {
            Self::None | Self::Attach { .. } => None,
            Self::Server { store, .. } | Self::App { store, .. } => Some(store),
        }
    }

    /// Where clients keep artifacts, whoever has made it.
    #[must_use]
    pub fn artifacts(&self) -> Option<Artifacts> {
        match self {
            Self::Attach { artifacts, .. } => artifacts.clone(),
            own => own.store().map(Store::artifacts),
        }
    }

    /// What it is and its name, for people.
    #[must_use]
    pub fn label(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Attach { label, .. } => Some(label.clone()),
            Self::Server { name, .. } => Some(format!("MLflow {} {name}", Kind::Server)),
            Self::App { name, .. } => Some(format!("MLflow {} {name}", Kind::App)),
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
