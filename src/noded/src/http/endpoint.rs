//! The MLflow endpoint over HTTP, behind the checks of every answer of this node.

use super::{Ends, guard, headers};
use axum::body::Body;
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use axum::{Router, middleware};
use nixl_mlflow::endpoint::Endpoint;
use std::sync::Arc;

/// Every path goes to the endpoint; pages of browsers and foreign names do not get there.
pub fn passing(endpoint: Arc<Endpoint>) -> IntoMakeServiceWithConnectInfo<Router, Ends> {
    Router::new()
        .fallback(pass)
        .layer(middleware::from_fn(guard::no_page))
        .layer(middleware::from_fn(guard::local_host))
        .layer(middleware::from_fn(headers::secure))
        .with_state(endpoint)
        .into_make_service_with_connect_info()
}

async fn pass(
    State(endpoint): State<Arc<Endpoint>>,
    ConnectInfo(ends): ConnectInfo<Ends>,
    request: Request,
) -> Response {
    let uid = ends.uid().await;
    endpoint.answer(request, uid).await.map(Body::new)
}
