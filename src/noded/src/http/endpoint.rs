//! The MLflow endpoint over HTTP, behind the checks of every answer of this node.

use super::{Ends, guard, headers};
use crate::administrators::Administrators;
use axum::body::Body;
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::response::Response;
use axum::{Router, middleware};
use nixl_mlflow::endpoint::{Endpoint, Peer};
use std::sync::Arc;

/// Who answers, and whom it trusts.
#[derive(Clone)]
struct Passing {
    endpoint: Arc<Endpoint>,
    administrators: Administrators,
}

/// Every path goes to the endpoint; pages of browsers and foreign names do not get there.
pub fn passing(
    endpoint: Arc<Endpoint>,
    administrators: Administrators,
) -> IntoMakeServiceWithConnectInfo<Router, Ends> {
    Router::new()
        .fallback(pass)
        .layer(middleware::from_fn(guard::no_page))
        .layer(middleware::from_fn(guard::local_host))
        .layer(middleware::from_fn(headers::secure))
        .with_state(Passing { endpoint, administrators })
        .into_make_service_with_connect_info()
}

async fn pass(
    State(Passing { endpoint, administrators }): State<Passing>,
    ConnectInfo(ends): ConnectInfo<Ends>,
    request: Request,
) -> Response {
    let uid = ends.uid().await;
    // Who may use sudo can read the token anyway, and Session Manager's user is in no
    // group at its first login: the agent makes it then. Root is not trusted by this:
    // the agent forwards ports as root, for people who may have no shell here.
    let trusted = uid.is_some_and(|uid| {
        uid != 0 && !request.headers().contains_key(AUTHORIZATION) && administrators.include(uid)
    });
    endpoint.answer(request, Peer { uid, trusted }).await.map(Body::new)
}
