//! `/mlflow`: hands out the presigned URL, which is good once.

use super::{NO_STORE, Shared, error};
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

pub(super) async fn redirect(State(shared): State<Shared>) -> Response {
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
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
