//! Control routes of a region without machines: the list and reboots; every
//! other command is refused.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};
use axum::{Json, Router};
use http::StatusCode;

use super::client::{MACHINES, MachineRow};
use super::link_routes::{LINKS, LinkRow};
use super::machine_routes::{Done, admit, rows};
use crate::backend::{Directory, Machines as _};
use crate::pretend::{NO_MACHINES, PretendMachines};

#[derive(Clone)]
struct Control {
    machines: Arc<PretendMachines>,
    directory: Arc<dyn Directory>,
}

/// The routes; who has not the token is kept out.
pub(super) fn router(
    token: &str,
    machines: Arc<PretendMachines>,
    directory: Arc<dyn Directory>,
) -> Router {
    Router::new()
        .route(MACHINES, get(list))
        .route(&format!("{MACHINES}/{{id}}/reboot"), post(reboot))
        .route(&format!("{MACHINES}/{{id}}/{{command}}"), any(refused))
        .route(LINKS, get(no_links))
        .route(&format!("{LINKS}/{{command}}"), any(refused))
        .layer(from_fn_with_state(Arc::from(token), admit))
        .with_state(Control { machines, directory })
}

async fn list(State(control): State<Control>) -> Json<Vec<MachineRow>> {
    Json(rows(control.machines.states(), control.directory.as_ref()))
}

async fn no_links() -> Json<Vec<LinkRow>> {
    Json(Vec::new())
}

async fn reboot(
    State(control): State<Control>,
    Path(id): Path<String>,
) -> Result<Json<Done>, (StatusCode, String)> {
    let told = |error: crate::backend::BackendError| (StatusCode::CONFLICT, error.to_string());
    control.machines.reboot(&id).await.map(|()| Json(Done {})).map_err(told)
}

async fn refused() -> (StatusCode, &'static str) {
    (StatusCode::CONFLICT, NO_MACHINES)
}
