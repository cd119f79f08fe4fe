//! `/_region/settings`.

use super::Refused;
use crate::server::Inner;
use crate::settings::{self, Setting};
use axum::Json;
use axum::extract::State as Shared;
use http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

/// What can be set, as it is.
pub(super) async fn show(Shared(region): Shared<Arc<Inner>>) -> Json<settings::Settings> {
    Json(settings::Settings::of(&region))
}

/// Sets one thing.
pub(super) async fn change(
    Shared(region): Shared<Arc<Inner>>,
    Json(setting): Json<Setting>,
) -> Result<Json<Value>, Refused> {
    setting.apply(&region).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok(Json(json!({})))
}
