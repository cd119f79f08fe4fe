//! `/_region/notices`.

use super::Refused;
use crate::notices::Notice;
use crate::server::Inner;
use axum::Json;
use axum::extract::{Path, State as Shared};
use http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

/// Announces something to an instance, by id or Name tag.
pub(super) async fn add(
    Shared(region): Shared<Arc<Inner>>,
    Path(wanted): Path<String>,
    Json(notice): Json<Notice>,
) -> Result<Json<Value>, Refused> {
    let mut state = region.state();
    let there = state.ec2.instances.values().filter(|instance| instance.state.holds_resources());
    let named: Vec<String> = there
        .map(|instance| instance.id.clone())
        .filter(|id| *id == wanted || state.ec2.tags_of(id).get("Name") == Some(&wanted))
        .collect();
    let [id] = named.as_slice() else {
        let told = match named.as_slice() {
            [] => format!("no instance {wanted}"),
            several => format!("{wanted} is the name of {}: give the id", several.join(" and ")),
        };
        return Err((StatusCode::NOT_FOUND, told));
    };
    // Machines and their metadata go by the computer's clock.
    let now = jiff::Timestamp::now();
    if let Some(instance) = state.ec2.instances.get_mut(id) {
        instance.notices.add(&notice, now);
    }
    Ok(Json(json!({ "instance_id": id })))
}
