//! `/mlflow`: hands out the presigned URL, which is good once, to who administers
//! the node. It opens the tracking server with the node's rights.

use super::ends::Ends;
use super::{NO_STORE, Shared, error};
use axum::extract::{ConnectInfo, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

pub(super) async fn redirect(
    State(shared): State<Shared>,
    ConnectInfo(ends): ConnectInfo<Ends>,
) -> Response {
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    if !ends.uid().await.is_some_and(|uid| shared.administrators.include(uid)) {
        let message = "presigned URLs are for root and for users who may use sudo: ask as one, e.g. sudo nixl-noded mlflow url";
        return error(StatusCode::FORBIDDEN, "mlflow.not_administrator", message);
    }
    let keeper = match shared.mlflow.get() {
        None => return error(unavailable, "node.initializing", "the settings are not read yet"),
        Some(None) => {
            let message =
                "this cluster has no MLflow: no mlflow_tracking_arn is set in /etc/nixl/node.toml";
            return error(StatusCode::NOT_FOUND, "mlflow.not_configured", message);
        }
        Some(Some(keeper)) => keeper,
    };
    match keeper.take().await {
        Ok(url) => match HeaderValue::from_str(&url.reveal()) {
            Ok(mut location) => {
                location.set_sensitive(true);
                (StatusCode::FOUND, [(LOCATION, location), NO_STORE]).into_response()
            }
            Err(_) => {
                error(unavailable, "mlflow.unreachable", "SageMaker answered with no usable URL")
            }
        },
        Err(fault) => {
            let code = if fault.denied { "mlflow.denied" } else { "mlflow.unreachable" };
            error(unavailable, code, &fault.message)
        }
    }
}
