//! What a node may do with MLflow.
//!
//! Sources: service authorization reference of `sagemaker-mlflow` and of
//! `sagemaker`; which call of a client needs which action was recorded with
//! mlflow 3.17.2.

use super::partition;
use crate::plan::Artifacts;
use nixl_aws::sagemaker::Kind;
use serde_json::{Value, json};

/// What clients on a node call to track: nothing that deletes, restores or
/// renames, and nothing of the model registry.
const TRACKING: &[&str] = &[
    "CreateExperiment",
    "CreateRun",
    "EndTrace",
    "FinalizeLoggedModel",
    "GetExperiment",
    "GetExperimentByName",
    "GetLoggedModel",
    "GetMetricHistory",
    "GetRun",
    "GetTraceInfo",
    "ListArtifacts",
    "ListLoggedModelArtifacts",
    "LogBatch",
    "LogInputs",
    "LogLoggedModelParams",
    "LogMetric",
    "LogModel",
    "LogOutputs",
    "LogParam",
    "SearchExperiments",
    "SearchLoggedModels",
    "SearchRuns",
    "SearchTraces",
    "SetExperimentTag",
    "SetLoggedModelTags",
    "SetTag",
    "SetTraceTag",
    "StartTrace",
    "UpdateRun",
];

/// Statements for a node that tracks on this server or app.
pub(super) fn statements(arn: &str) -> Vec<Value> {
    // An app is opened by one action for its whole API.
    if matches!(Kind::of(arn), Some((Kind::App, _))) {
        let open = ["CallMlflowAppApi", "CreatePresignedMlflowAppUrl", "DescribeMlflowApp"];
        return vec![allow("OpenMlflow", actions("sagemaker", &open), arn)];
    }
    let open = ["CreatePresignedMlflowTrackingServerUrl", "DescribeMlflowTrackingServer"];
    vec![
        allow("OpenMlflow", actions("sagemaker", &open), arn),
        // Without it the URL opens onto a refusal; it has no resource type, and
        // which URLs can be made is limited above.
        allow("EnterMlflow", json!("sagemaker-mlflow:AccessUI"), "*"),
        allow("TrackWithMlflow", actions("sagemaker-mlflow", TRACKING), arn),
    ]
}

/// Statements for a node whose clients keep artifacts there.
pub(super) fn artifacts(region: &str, there: &Artifacts) -> Vec<Value> {
    let bucket = format!("arn:{}:s3:::{}", partition(region), there.bucket);
    let of = ["GetObject", "PutObject", "AbortMultipartUpload", "ListMultipartUploadParts"];
    let mut find = allow("FindArtifacts", actions("s3", &["ListBucket"]), &bucket);
    let below = match there.folder.as_str() {
        "" => "*".to_owned(),
        folder => format!("{folder}/*"),
    };
    if below != "*" {
        find["Condition"] = json!({ "StringLike": { "s3:prefix": below } });
    }
    let keep = allow("Artifacts", actions("s3", &of), &format!("{bucket}/{below}"));
    let mut statements = vec![find, keep];
    statements.extend(super::key(region, there.kms_key.as_deref()));
    statements
}

fn actions(service: &str, names: &[&str]) -> Value {
    names.iter().map(|name| format!("{service}:{name}")).collect()
}

fn allow(sid: &str, action: Value, resource: &str) -> Value {
    json!({ "Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "arn:aws:sagemaker:us-east-1:1:mlflow-tracking-server/x";
    const APP: &str = "arn:aws:sagemaker:us-east-1:1:mlflow-app/app-x";

    #[test]
    fn mlflow_is_open_on_one_arn_only() {
        for (arn, count) in [(SERVER, 3), (APP, 1)] {
            let statements = statements(arn);
            assert_eq!(statements.len(), count, "{arn}");
            let of = |sid: &str| statements.iter().find(|s| s["Sid"] == sid).cloned();
            for sid in ["OpenMlflow", "TrackWithMlflow"] {
                assert!(of(sid).is_none_or(|s| s["Resource"] == arn), "{sid}");
            }
        }
    }

    #[test]
    fn nodes_log_and_never_delete() {
        for word in ["Delete", "Restore", "Rename", "Transition", "Registered", "Version"] {
            assert!(TRACKING.iter().all(|action| !action.contains(word)), "{word}");
        }
        assert!(TRACKING.is_sorted());
    }
}
