//! Which MLflow a person asked for.

use nixl_cluster::name;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How much a tracking server can do (SageMaker's developer guide: 25, 50 or 100
/// users). A small one is plenty for one cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ServerSize {
    /// For 25 users
    #[default]
    Small,
    /// For 50 users
    Medium,
    /// For 100 users
    Large,
}

impl ServerSize {
    /// SageMaker's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Small => "Small",
            Self::Medium => "Medium",
            Self::Large => "Large",
        }
    }
}

/// A tracking server, made unless it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedServer {
    /// Name.
    pub name: String,
    /// Size.
    pub size: ServerSize,
    /// Version of MLflow; SageMaker's own choice if not given.
    pub mlflow_version: Option<String>,
}

impl Default for WantedServer {
    fn default() -> Self {
        Self {
            name: name::DEFAULT_TRACKING_SERVER.to_owned(),
            size: ServerSize::default(),
            mlflow_version: None,
        }
    }
}

/// Which MLflow is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wanted {
    /// None.
    None,
    /// This cluster's own: what it has made already, else an App, which has no price.
    #[default]
    Own,
    /// A tracking server: this cluster's, or somebody else's that has the name.
    Server(WantedServer),
    /// What is there under this ARN: used, never changed.
    Arn(String),
}

/// When a tracking server of this cluster stops by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdleStop {
    /// Somebody has to stop it.
    Never,
    /// So long after the last node's end.
    AfterSecs(u64),
}

impl IdleStop {
    /// For people.
    #[must_use]
    pub fn told(self) -> String {
        match self {
            Self::Never => "never stops by itself".to_owned(),
            Self::AfterSecs(secs) => {
                let secs = i64::try_from(secs).unwrap_or(i64::MAX);
                format!("stops after {:#} without nodes", jiff::SignedDuration::from_secs(secs))
            }
        }
    }
}

/// As the tag has it.
impl fmt::Display for IdleStop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::AfterSecs(secs) => write!(f, "{secs}"),
        }
    }
}

impl FromStr for IdleStop {
    type Err = std::num::ParseIntError;
    fn from_str(tag: &str) -> Result<Self, Self::Err> {
        if tag == "never" { Ok(Self::Never) } else { tag.parse().map(Self::AfterSecs) }
    }
}
