//! What a call of MLflow's REST API is called in a policy.
//!
//! Source: service authorization reference of `sagemaker-mlflow`; its actions
//! are named after MLflow's own calls (MLflow REST API).

use http::Method;

/// What a path asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// This action of `sagemaker-mlflow`.
    Action(&'static str),
    /// Something that needs no more than an authentic caller, by this name.
    Open(&'static str),
    /// Something that SageMaker has no action for.
    Unknown,
}

impl Asked {
    /// Name in the call log, and for faults.
    pub fn name(self) -> &'static str {
        match self {
            Self::Action(name) | Self::Open(name) => name,
            Self::Unknown => "Unknown",
        }
    }
}

/// Method, path below `/api/2.0/mlflow/` or `/api/3.0/mlflow/`, action; `*` is one part of a path.
const ACTIONS: &[(&str, &str, &str)] = &[
    ("GET", "artifacts/list", "ListArtifacts"),
    ("POST", "experiments/create", "CreateExperiment"),
    ("POST", "experiments/delete", "DeleteExperiment"),
    ("GET", "experiments/get", "GetExperiment"),
    ("GET", "experiments/get-by-name", "GetExperimentByName"),
    ("POST", "experiments/restore", "RestoreExperiment"),
    ("GET", "experiments/search", "SearchExperiments"),
    ("POST", "experiments/search", "SearchExperiments"),
    ("POST", "experiments/set-experiment-tag", "SetExperimentTag"),
    ("POST", "experiments/update", "UpdateExperiment"),
    ("POST", "logged-models", "LogModel"),
    ("DELETE", "logged-models/*", "DeleteLoggedModel"),
    ("GET", "logged-models/*", "GetLoggedModel"),
    ("PATCH", "logged-models/*", "FinalizeLoggedModel"),
    ("GET", "logged-models/*/artifacts/directories", "ListLoggedModelArtifacts"),
    ("POST", "logged-models/*/params", "LogLoggedModelParams"),
    ("PATCH", "logged-models/*/tags", "SetLoggedModelTags"),
    ("DELETE", "logged-models/*/tags/*", "DeleteLoggedModelTag"),
    ("POST", "logged-models/search", "SearchLoggedModels"),
    ("GET", "metrics/get-history", "GetMetricHistory"),
    ("GET", "metrics/get-history-bulk-interval", "GetMetricHistory"),
    ("POST", "model-versions/create", "CreateModelVersion"),
    ("DELETE", "model-versions/delete", "DeleteModelVersion"),
    ("DELETE", "model-versions/delete-tag", "DeleteModelVersionTag"),
    ("GET", "model-versions/get", "GetModelVersion"),
    ("GET", "model-versions/get-download-uri", "GetDownloadURIForModelVersionArtifacts"),
    ("GET", "model-versions/search", "SearchModelVersions"),
    ("POST", "model-versions/set-tag", "SetModelVersionTag"),
    ("POST", "model-versions/transition-stage", "TransitionModelVersionStage"),
    ("PATCH", "model-versions/update", "UpdateModelVersion"),
    ("DELETE", "registered-models/alias", "DeleteRegisteredModelAlias"),
    ("GET", "registered-models/alias", "GetModelVersionByAlias"),
    ("POST", "registered-models/alias", "SetRegisteredModelAlias"),
    ("POST", "registered-models/create", "CreateRegisteredModel"),
    ("DELETE", "registered-models/delete", "DeleteRegisteredModel"),
    ("DELETE", "registered-models/delete-tag", "DeleteRegisteredModelTag"),
    ("GET", "registered-models/get", "GetRegisteredModel"),
    ("GET", "registered-models/get-latest-versions", "GetLatestModelVersions"),
    ("POST", "registered-models/get-latest-versions", "GetLatestModelVersions"),
    ("POST", "registered-models/rename", "RenameRegisteredModel"),
    ("GET", "registered-models/search", "SearchRegisteredModels"),
    ("POST", "registered-models/set-tag", "SetRegisteredModelTag"),
    ("PATCH", "registered-models/update", "UpdateRegisteredModel"),
    ("POST", "runs/create", "CreateRun"),
    ("POST", "runs/delete", "DeleteRun"),
    ("POST", "runs/delete-tag", "DeleteTag"),
    ("GET", "runs/get", "GetRun"),
    ("POST", "runs/log-batch", "LogBatch"),
    ("POST", "runs/log-inputs", "LogInputs"),
    ("POST", "runs/log-metric", "LogMetric"),
    ("POST", "runs/log-model", "LogModel"),
    ("POST", "runs/log-parameter", "LogParam"),
    ("POST", "runs/outputs", "LogOutputs"),
    ("POST", "runs/restore", "RestoreRun"),
    ("POST", "runs/search", "SearchRuns"),
    ("POST", "runs/set-tag", "SetTag"),
    ("POST", "runs/update", "UpdateRun"),
    ("GET", "traces", "SearchTraces"),
    ("POST", "traces", "StartTrace"),
    ("GET", "traces/*", "GetTraceInfo"),
    ("PATCH", "traces/*", "EndTrace"),
    ("GET", "traces/*/info", "GetTraceInfo"),
    ("DELETE", "traces/*/tags", "DeleteTraceTag"),
    ("PATCH", "traces/*/tags", "SetTraceTag"),
    ("GET", "traces/batchGet", "GetTraceInfo"),
    ("POST", "traces/batchGetInfos", "GetTraceInfo"),
    ("POST", "traces/delete-traces", "DeleteTraces"),
    ("GET", "traces/get", "GetTraceInfo"),
    ("POST", "traces/search", "SearchTraces"),
];

/// What is asked for by a method and a path.
pub fn asked(method: &Method, path: &str) -> Asked {
    match path {
        "/health" => return Asked::Open("Health"),
        "/version" => return Asked::Open("Version"),
        // OpenTelemetry's way of what StartTrace does.
        "/v1/traces" if *method == Method::POST => return Asked::Action("StartTrace"),
        _ => {}
    }
    if path.starts_with("/api/2.0/mlflow-artifacts/") {
        return Asked::Open("Artifacts");
    }
    let below = ["/api/2.0/mlflow/", "/api/3.0/mlflow/"];
    let Some(rest) = below.into_iter().find_map(|prefix| path.strip_prefix(prefix)) else {
        return Asked::Unknown;
    };
    let rows = || ACTIONS.iter().filter(|(by, ..)| *by == method.as_str());
    let exact = rows().find(|(_, pattern, _)| *pattern == rest);
    let found = exact.or_else(|| rows().find(|(_, pattern, _)| fits(pattern, rest)));
    found.map_or(Asked::Unknown, |(_, _, action)| Asked::Action(action))
}

fn fits(pattern: &str, path: &str) -> bool {
    let (mut parts, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (parts.next(), given.next()) {
            (None, None) => return true,
            (Some("*"), Some(part)) if !part.is_empty() => {}
            (Some(part), Some(given)) if part == given => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_the_action_of_its_call() {
        for (method, path, name) in [
            (Method::POST, "/api/2.0/mlflow/runs/log-batch", "LogBatch"),
            (Method::POST, "/api/2.0/mlflow/logged-models/search", "SearchLoggedModels"),
            (Method::GET, "/api/2.0/mlflow/logged-models/m-1", "GetLoggedModel"),
            (Method::GET, "/api/3.0/mlflow/traces/tr-1", "GetTraceInfo"),
            (Method::GET, "/api/3.0/mlflow/traces/get", "GetTraceInfo"),
            (Method::DELETE, "/api/2.0/mlflow/logged-models/m/tags/k", "DeleteLoggedModelTag"),
            (Method::GET, "/version", "Version"),
        ] {
            assert_eq!(asked(&method, path).name(), name, "{method} {path}");
        }
        for path in ["/api/2.0/mlflow/runs/log-batch", "/graphql", "/api/3.0/mlflow/server-info"] {
            assert_eq!(asked(&Method::GET, path), Asked::Unknown, "{path}");
        }
    }
}
