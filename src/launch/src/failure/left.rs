//! What is left of a cluster, and whether it may cost money.

use super::joined;

/// Kind of a tracking server.
pub const TRACKING_SERVER: &str = "MLflow tracking server";

/// Kind of a bucket.
pub const BUCKET: &str = "S3 bucket";
/// Kind of an MLflow App.
pub const MLFLOW_APP: &str = "MLflow App";

/// One resource that is still there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Resource {
    /// What it is, e.g. `instance`.
    pub kind: &'static str,
    /// Id or name.
    pub id: String,
}

impl Resource {
    /// A resource.
    pub fn new(kind: &'static str, id: impl Into<String>) -> Self {
        Self { kind, id: id.into() }
    }

    /// What it costs to keep, if it is kept for good.
    #[must_use]
    pub fn cost(&self) -> Option<&'static str> {
        (self.kind == TRACKING_SERVER).then_some(
            "the MLflow tracking server costs USD 0.64 an hour or more (USD 469 a month) until `nixl-launch down --mlflow` removes it",
        )
    }
}

impl std::fmt::Display for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}

/// What is left of the cluster after a failure.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "state", content = "resources", rename_all = "snake_case")]
pub enum Left {
    /// The command changed nothing.
    Unchanged,
    /// Nothing of the cluster is there.
    Clear,
    /// These are there; some may cost money.
    Remaining(Vec<Resource>),
    /// It could not be found out.
    Unknown,
}

impl Left {
    /// In words, with the command that removes it.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Self::Unchanged => "nothing was changed".to_owned(),
            Self::Clear => "nothing of the cluster is left".to_owned(),
            Self::Remaining(list) => {
                let costs = list.iter().any(|it| [TRACKING_SERVER, MLFLOW_APP, BUCKET].contains(&it.kind));
                let there = joined(list);
                let mut text =
                    format!("still there, money may be running: {there}; `nixl-launch down` removes it");
                if costs {
                    text.push_str(
                        ", all but MLflow and its bucket, which go with their runs by `nixl-launch down --mlflow`",
                    );
                }
                text
            }
            Self::Unknown => "it is not known what is there, money may be running; `nixl-launch down` finds and removes it, `nixl-launch down --mlflow` MLflow and its bucket as well".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_names_the_command_that_removes_it() {
        let volume = Resource::new("volume", "vol-1");
        let told = Left::Remaining(vec![volume.clone()]).told();
        assert!(told.contains("volume vol-1; `nixl-launch down`"));
        assert!(!told.contains("--mlflow"), "{told}");
        let server = Resource::new(TRACKING_SERVER, "m");
        for left in [Left::Remaining(vec![volume, server]), Left::Unknown] {
            let told = left.told();
            assert!(told.contains("`nixl-launch down --mlflow`"), "{told}");
        }
    }
}
