//! `/`: what there is.

const INDEX: &str = "nixl-noded

/health   what every part of this node says (application/health+json); /health/CHECK
/livez    200 while the daemon works; ?verbose
/readyz   200 while this node can be used; ?verbose says what is missing, ?exclude=CHECK
/metrics  numbers for Prometheus (OpenMetrics)
/events   what happened lately (JSON; ?since=SEQ&limit=N&wait=SECS)
/link     what was measured of every link (JSON); POST /link/run measures now
/ack      POST ?code=CODE[&id=ID] acknowledges a reason, DELETE takes that back
/mlflow   opens the MLflow UI by a single-use link
";

pub(super) async fn index() -> &'static str {
    INDEX
}
