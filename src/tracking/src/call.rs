//! The calls of MLflow's REST API that a node makes.

use http::Method;
use std::fmt;

/// A call of the API, version 2.0, which servers from MLflow 2.13 to 3 answer alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// An experiment by its name.
    GetExperimentByName,
    /// A new experiment.
    CreateExperiment,
    /// A new run.
    CreateRun,
    /// Status and end of a run.
    UpdateRun,
    /// Params, metrics and tags of a run.
    LogBatch,
    /// A run with its last metrics.
    GetRun,
    /// Runs by a filter.
    SearchRuns,
}

impl Call {
    pub(crate) fn method(self) -> Method {
        match self {
            Self::GetExperimentByName | Self::GetRun => Method::GET,
            _ => Method::POST,
        }
    }

    /// Below `/api/2.0/mlflow/`.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::GetExperimentByName => "experiments/get-by-name",
            Self::CreateExperiment => "experiments/create",
            Self::CreateRun => "runs/create",
            Self::UpdateRun => "runs/update",
            Self::LogBatch => "runs/log-batch",
            Self::GetRun => "runs/get",
            Self::SearchRuns => "runs/search",
        }
    }

    /// Its action behind `sagemaker-mlflow:`, by which IAM allows it on a tracking
    /// server (service authorization reference of `sagemaker-mlflow`).
    #[must_use]
    pub fn action(self) -> &'static str {
        match self {
            Self::GetExperimentByName => "GetExperimentByName",
            Self::CreateExperiment => "CreateExperiment",
            Self::CreateRun => "CreateRun",
            Self::UpdateRun => "UpdateRun",
            Self::LogBatch => "LogBatch",
            Self::GetRun => "GetRun",
            Self::SearchRuns => "SearchRuns",
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.path())
    }
}
