//! Control routes of machines: `GET /_region/machines`, and
//! `POST /_region/machines/<instance id>/<command>` with a JSON body.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::client::{MACHINES, MachineRow, TOKEN};
use super::link_routes;
use crate::backend::{BackendError, Directory, InstanceView, Machines};
use crate::machine::{DiskSpace, GpuState, NspawnMachines};

/// `power-cut`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PowerCut {
    /// Seconds without power; until `power-on` if there is no number.
    pub(super) off_secs: Option<f64>,
}

/// `fill-disk`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FillDisk {
    /// Bytes that stay free.
    pub(super) leave_bytes: u64,
}

/// `clock`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MoveClock {
    /// Seconds from where it stands, or `null`: put it right.
    pub(super) by_secs: Option<i64>,
}

/// Answer of `clock`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ClockMoved {
    /// Seconds the machine is ahead of this computer.
    pub(super) ahead_secs: i64,
}

/// `gpu`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetGpu {
    /// Its number, from 0.
    pub(super) index: u32,
    /// What it is from now on.
    pub(super) state: GpuState,
}

/// Answer of commands that have nothing to tell.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Done {}

#[derive(Clone)]
pub(super) struct Control {
    pub(super) machines: Arc<NspawnMachines>,
    directory: Arc<dyn Directory>,
}

/// The routes; who has not the token is kept out.
pub(super) fn router(
    token: &str,
    machines: Arc<NspawnMachines>,
    directory: Arc<dyn Directory>,
) -> Router {
    let control = Control { machines, directory };
    let command = |name: &str| format!("{MACHINES}/{{id}}/{name}");
    Router::new()
        .route(MACHINES, get(list))
        .route(&command("reboot"), post(reboot))
        .route(&command("power-cut"), post(power_cut))
        .route(&command("power-on"), post(power_on))
        .route(&command("fill-disk"), post(fill_disk))
        .route(&command("free-disk"), post(free_disk))
        .route(&command("clock"), post(clock))
        .route(&command("gpu"), post(gpu))
        .merge(link_routes::routes())
        .layer(from_fn_with_state(Arc::from(token), admit))
        .with_state(control)
}

/// Keeps out who has not the token.
pub(super) async fn admit(State(known): State<Arc<str>>, request: Request, next: Next) -> Response {
    let token = request.headers().get(TOKEN).map(|value| value.as_bytes());
    if token == Some(known.as_bytes()) {
        next.run(request).await
    } else {
        StatusCode::FORBIDDEN.into_response()
    }
}

/// A command that the machine half refused; the text is what went wrong.
struct Refused(BackendError);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (StatusCode::CONFLICT, self.0.to_string()).into_response()
    }
}

type Answer<T> = Result<Json<T>, Refused>;

fn done(result: Result<(), BackendError>) -> Answer<Done> {
    result.map(|()| Json(Done {})).map_err(Refused)
}

async fn reboot(State(control): State<Control>, Path(id): Path<String>) -> Answer<Done> {
    done(control.machines.reboot(&id).await)
}

async fn power_cut(
    State(control): State<Control>,
    Path(id): Path<String>,
    Json(cut): Json<PowerCut>,
) -> Result<Answer<Done>, (StatusCode, String)> {
    let off_for = cut.off_secs.map(Duration::try_from_secs_f64).transpose();
    let off_for = off_for.map_err(|e| (StatusCode::BAD_REQUEST, format!("off_secs: {e}")))?;
    Ok(done(control.machines.power_cut(&id, off_for).await))
}

async fn power_on(State(control): State<Control>, Path(id): Path<String>) -> Answer<Done> {
    done(control.machines.power_on(&id))
}

async fn fill_disk(
    State(control): State<Control>,
    Path(id): Path<String>,
    Json(fill): Json<FillDisk>,
) -> Answer<DiskSpace> {
    control.machines.fill_disk(&id, fill.leave_bytes).await.map(Json).map_err(Refused)
}

async fn free_disk(State(control): State<Control>, Path(id): Path<String>) -> Answer<DiskSpace> {
    control.machines.free_disk(&id).await.map(Json).map_err(Refused)
}

async fn clock(
    State(control): State<Control>,
    Path(id): Path<String>,
    Json(change): Json<MoveClock>,
) -> Answer<ClockMoved> {
    let moved = match change.by_secs {
        Some(by_secs) => control.machines.move_clock(&id, by_secs),
        None => control.machines.reset_clock(&id),
    };
    moved.map(|ahead_secs| Json(ClockMoved { ahead_secs })).map_err(Refused)
}

async fn gpu(
    State(control): State<Control>,
    Path(id): Path<String>,
    Json(gpu): Json<SetGpu>,
) -> Answer<Done> {
    done(control.machines.set_gpu(&id, gpu.index, gpu.state))
}

async fn list(State(control): State<Control>) -> Json<Vec<MachineRow>> {
    Json(rows(control.machines.states(), control.directory.as_ref()))
}

/// Machines as they are listed.
pub(super) fn rows(
    states: Vec<(String, &'static str)>,
    directory: &dyn Directory,
) -> Vec<MachineRow> {
    let row = |(instance_id, state): (String, &'static str)| {
        let view = directory.instance(&instance_id);
        let tag = |view: &InstanceView| {
            view.tags.iter().find(|(key, _)| key == "Name").map(|(_, value)| value.clone())
        };
        MachineRow {
            name: view.as_ref().and_then(tag),
            state: state.to_owned(),
            private_ip: view.as_ref().map(|view| view.private_ip),
            public_ip: view.as_ref().and_then(|view| view.public_ip),
            instance_type: view.map(|view| view.instance_type),
            instance_id,
        }
    };
    states.into_iter().map(row).collect()
}
