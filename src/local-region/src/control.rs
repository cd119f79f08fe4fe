//! The control API: `GET /_region/status` and `GET /_region/calls`, for
//! `nixl-region status` and for tests. A token keeps machines out of it.

use crate::server::Inner;
use axum::Json;
use axum::extract::State as Shared;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;

/// Header that carries the token.
pub const TOKEN_HEADER: &str = "x-nixl-region-token";

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
pub async fn status(
    Shared(region): Shared<Arc<Inner>>,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    check(&region, &headers)?;
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
        .servers
        .values()
        .map(|server| json!({"name": server.name, "status": server.status, "arn": server.arn, "failure": server.failure}))
        .collect();
    Ok(Json(json!({
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
    })))
}

/// The log of calls.
pub async fn calls(
    Shared(region): Shared<Arc<Inner>>,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    check(&region, &headers)?;
    Ok(Json(json!({ "calls": region.state().calls.all() })))
}
