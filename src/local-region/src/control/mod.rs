//! The control API, for the commands of `nixl-region` and for tests. A token
//! keeps machines out of it.
//!
//! - `GET /_region/status`: what is there
//! - `GET /_region/calls`: the log of calls
//! - `GET`, `POST`, `DELETE /_region/faults`, `DELETE /_region/faults/{id}`, `POST /_region/faults[/{id}]/release`: faults
//! - `GET /_region/images/{image}`: where the files of an image are
//! - `POST /_region/notices/{instance}`: what EC2 announces to an instance
//! - `GET`, `POST /_region/settings`: windows, capacity, clock, rules, throttling

mod calls;
mod faults;
mod images;
mod notices;
mod settings;

pub use calls::Selection;

use crate::server::Inner;
use axum::extract::{Request, State as Shared};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;

/// Header that carries the token.
pub const TOKEN_HEADER: &str = "x-nixl-region-token";

/// A refusal and its reason.
type Refused = (StatusCode, String);

/// The routes.
pub fn router(region: &Arc<Inner>) -> Router<Arc<Inner>> {
    Router::new()
        .route("/_region/status", get(status))
        .route("/_region/calls", get(calls::list))
        .route("/_region/faults", get(faults::list).post(faults::add).delete(faults::clear))
        .route("/_region/faults/release", post(faults::release_all))
        .route("/_region/faults/{id}", delete(faults::remove))
        .route("/_region/faults/{id}/release", post(faults::release))
        .route("/_region/images/{image}", get(images::show))
        .route("/_region/notices/{instance}", post(notices::add))
        .route("/_region/settings", get(settings::show).post(settings::change))
        .route_layer(from_fn_with_state(region.clone(), guard))
}

async fn guard(
    Shared(region): Shared<Arc<Inner>>,
    request: Request,
    next: Next,
) -> Result<Response, StatusCode> {
    check(&region, request.headers())?;
    Ok(next.run(request).await)
}

fn check(region: &Inner, headers: &HeaderMap) -> Result<(), StatusCode> {
    let given = headers.get(TOKEN_HEADER).map(http::HeaderValue::as_bytes);
    let expected = region.config.control_token.as_bytes();
    let same = given.is_some_and(|given| {
        // Every byte is compared, however early the first difference is.
        given.len() == expected.len()
            && given.iter().zip(expected).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
    });
    if same && !expected.is_empty() { Ok(()) } else { Err(StatusCode::FORBIDDEN) }
}

/// What is there.
async fn status(Shared(region): Shared<Arc<Inner>>) -> Json<Value> {
    let state = region.state();
    let config = &region.config;
    let instances: Vec<Value> = state
        .ec2
        .instances
        .values()
        .map(|instance| {
            json!({
                "instance_id": instance.id,
                "name": state.ec2.tags_of(&instance.id).get("Name"),
                "state": instance.state.told().1,
                "reason": instance.reason.as_ref().map(|(code, text)| format!("{code}: {text}")),
                "private_ip": instance.interfaces.first().and_then(|first| first.private_ip),
                "image_id": instance.image_id,
                "instance_type": instance.instance_type,
                "zone": instance.zone,
                "launched": instance.launched,
            })
        })
        .collect();
    let images: Vec<Value> = state
        .ec2
        .images
        .values()
        .map(|image| {
            json!({"image_id": image.id, "name": image.name, "owner": image.owner, "created": image.created})
        })
        .collect();
    let builds: Vec<Value> = state
        .imagebuilder
        .images
        .iter()
        .map(|(arn, build)| {
            json!({"arn": arn, "status": build.status(), "steps_done": build.steps.len(), "steps": build.steps_total})
        })
        .collect();
    let servers: Vec<Value> = state
        .sagemaker
        .served()
        .map(|served| json!({"name": served.name, "status": served.status.told(), "arn": served.arn, "failure": served.failure}))
        .collect();
    Json(json!({
        "region": config.region,
        "account_id": config.account_id,
        "endpoint_url": config.endpoint_url,
        "counts": {
            "instances": instances.len(),
            "images": images.len(),
            "image_builds": builds.len(),
            "tracking_servers": servers.len(),
        },
        "instances": instances,
        "images": images,
        "image_builds": builds,
        "tracking_servers": servers,
    }))
}
