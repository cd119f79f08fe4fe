//! Reasons of the MLflow link.

use super::reasons;

reasons! {
    MLFLOW_DENIED "mlflow.denied" Warning FixSetting
        "The node may not create a presigned MLflow URL."
        "Allow the action in the evidence on the ARN in the node's role: sagemaker:CreatePresignedMlflowTrackingServerUrl for a tracking server, sagemaker:CreatePresignedMlflowAppUrl for an App."
    MLFLOW_ACCESS_DENIED "mlflow.access_denied" Warning FixSetting
        "MLflow refuses something that was asked of it with the node's role."
        "Allow the action in the evidence in the node's role: sagemaker-mlflow:ACTION on a tracking server's ARN, sagemaker:CallMlflowAppApi on an App's."
        => "When the call that was refused is permitted, at the latest five minutes after the last refusal."
    MLFLOW_SERVER_UNREACHABLE "mlflow.server_unreachable" Warning Watch
        "No connection to MLflow's endpoint can be made."
        "Look at the evidence, at name resolution, routes and the security group: the endpoint is on the internet unless a VPC endpoint serves it."
    MLFLOW_STOPPED "mlflow.stopped" Warning FixSetting
        "The tracking server does not run."
        "Start it: nixl-launch mlflow start; it takes up to 25 minutes, and an hour of it costs money again."
    MLFLOW_THROTTLED "mlflow.throttled" Warning Watch
        "MLflow takes fewer requests a second than this node sends."
        "Log in batches, or set requests_per_sec below [mlflow] in /etc/nixl/node.toml to the node's share; a Small tracking server takes 25 of all nodes together."
    MLFLOW_SERVER_ERROR "mlflow.server_error" Warning Watch
        "MLflow answers with an error, not at all, or ends connections."
        "Look at the evidence and at the state of the tracking server or App."
    MLFLOW_CLOCK_SKEW "mlflow.clock_skew" Warning FixSetting
        "The node's clock and MLflow's are too far apart for signatures."
        "Start time synchronisation: requests are signed with MLflow's time meanwhile."
    MLFLOW_CREDENTIALS "mlflow.credentials" Warning Watch
        "There are no credentials to sign with, or MLflow does not take them any more."
        "Look at the instance profile and its role, and whether the metadata service answers."
    MLFLOW_NO_ROOM "mlflow.no_room" Warning FixSetting
        "A large body could not be kept on disk on its way to MLflow."
        "Free space in /var/cache/nixl-mlflow, or raise body_disk_bytes below [mlflow] in /etc/nixl/node.toml."
    MLFLOW_ENDPOINT_DOWN "mlflow.endpoint_down" Warning Reboot
        "MLFLOW_TRACKING_URI of this node does not answer."
        "See systemctl status nixl-mlflow; after a change of settings: systemctl restart nixl-environment nixl-mlflow nixl-noded."
    MLFLOW_UNREACHABLE "mlflow.unreachable" Warning Watch
        "SageMaker does not answer or refuses to create a presigned MLflow URL."
        "See the evidence; a tracking server needs up to 25 minutes to be created or started."
    MLFLOW_RUNS_WAITING "mlflow.runs_waiting" Warning Watch
        "The MLflow server does not take the runs in which this node logs its links; they wait on disk."
        "See the evidence; nothing is lost before the runs need more than link_runs.spool_bytes."
        => "With the next run that the server takes."
    MLFLOW_RUNS_LOST "mlflow.runs_lost" Warning Watch
        "Runs in which this node logs its links are lost: too many waited, the server refused one for good, or the disk did."
        "See the evidence; raise link_runs.spool_bytes in /etc/nixl/node.toml if the server is away for long."
        => "An hour after the last loss."
    MLFLOW_SPOOL_FAILED "mlflow.spool_failed" Warning FixSetting
        "Runs in which this node logs its links cannot be kept on its disk."
        "Make room in /var/lib/nixl or repair what the evidence names; the last runs are kept in memory meanwhile."
}
