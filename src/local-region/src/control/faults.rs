//! `/_region/faults`.

use super::Refused;
use crate::faults::{Active, Kind};
use crate::server::Inner;
use axum::Json;
use axum::extract::{Path, State as Shared};
use http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

/// All that are set.
pub(super) async fn list(Shared(region): Shared<Arc<Inner>>) -> Json<Vec<Active>> {
    Json(region.faults.all())
}

/// Sets all of a list, or none.
pub(super) async fn add(
    Shared(region): Shared<Arc<Inner>>,
    Json(kinds): Json<Vec<Kind>>,
) -> Result<Json<Vec<String>>, Refused> {
    for (place, kind) in kinds.iter().enumerate() {
        kind.check()
            .map_err(|why| (StatusCode::BAD_REQUEST, format!("fault {}: {why}", place + 1)))?;
    }
    Ok(Json(region.faults.add(kinds)))
}

/// Lets go what one holds.
pub(super) async fn release(
    Shared(region): Shared<Arc<Inner>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refused> {
    match region.faults.release(Some(&id)) {
        Some(released) => Ok(Json(json!({ "released": released }))),
        None => Err(unknown(&region, &id)),
    }
}

/// Lets go what all hold.
pub(super) async fn release_all(Shared(region): Shared<Arc<Inner>>) -> Json<Value> {
    Json(json!({ "released": region.faults.release(None).unwrap_or_default() }))
}

/// Removes one.
pub(super) async fn remove(
    Shared(region): Shared<Arc<Inner>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refused> {
    if region.faults.remove(&id) {
        return Ok(Json(json!({ "removed": 1 })));
    }
    Err(unknown(&region, &id))
}

fn unknown(region: &Inner, id: &str) -> Refused {
    let active: Vec<String> = region.faults.all().into_iter().map(|active| active.id).collect();
    let there = if active.is_empty() { "none".to_owned() } else { active.join(", ") };
    (StatusCode::NOT_FOUND, format!("no fault {id} (there are: {there})"))
}

/// Removes all.
pub(super) async fn clear(Shared(region): Shared<Arc<Inner>>) -> Json<Value> {
    Json(json!({ "removed": region.faults.clear() }))
}
