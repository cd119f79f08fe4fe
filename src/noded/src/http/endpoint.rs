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
    let silent = !request.headers().contains_key(AUTHORIZATION);
    let trusted = silent && uid.is_some_and(|uid| trusts(&administrators, uid));
    endpoint.answer(request, Peer { uid, trusted }).await.map(Body::new)
}

/// Who may use sudo can read the token anyway, and Session Manager's user is in no
/// group at its first login: the agent makes it then. Root is not trusted by this: the
/// agent forwards ports as root, for people who may have no shell here.
fn trusts(administrators: &Administrators, uid: u32) -> bool {
    uid != 0 && administrators.include(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_of_sudo_are_trusted_and_forwarded_ports_are_not() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("etc")).unwrap();
        let users = "root:x:0:0::/root:/bin/sh\nssm-user:x:54321:54321::/:/bin/sh\n";
        std::fs::write(root.path().join("etc/passwd"), users).unwrap();
        let administrators = Administrators::below(root.path());
        assert_eq!(
            [0, 54_321, 54_322].map(|uid| trusts(&administrators, uid)),
            [false, true, false]
        );
    }
}
