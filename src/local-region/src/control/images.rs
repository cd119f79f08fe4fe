//! `/_region/images`.

use super::Refused;
use crate::server::Inner;
use axum::Json;
use axum::extract::{Path, State as Shared};
use http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

/// Where the files of an image are, by its id or name.
pub(super) async fn show(
    Shared(region): Shared<Arc<Inner>>,
    Path(wanted): Path<String>,
) -> Result<Json<Value>, Refused> {
    let state = region.state();
    let images = &state.ec2.images;
    let named = |wanted: &str| images.values().find(|image| image.name == wanted);
    let Some(image) = images.get(&wanted).or_else(|| named(&wanted)) else {
        let known: Vec<String> =
            images.values().map(|image| format!("{} ({})", image.id, image.name)).collect();
        let told = format!("no image {wanted} (there are: {})", known.join(", "));
        return Err((StatusCode::NOT_FOUND, told));
    };
    Ok(Json(json!({ "image_id": image.id, "root": image.root })))
}
