//! `/metrics`: what is known, as numbers. Names, units and labels follow
//! OpenMetrics 1.0.0; Prometheus' older text is served to those who ask for
//! `text/plain`.
//!
//! Everything comes from memory but what the kernel counts of our processes,
//! and an answer is given out again until the next second or the next reading.

mod efa;
mod families;
mod gpu;
mod link;
mod node;
mod processes;
mod system;

use super::cache::Cache;
use super::{App, NO_STORE, Shared, error};
use crate::history::Told;
use crate::link::LinkFigures;
use crate::processes::Usage;
use crate::system::Facts;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use families::Families;
use nixl_cluster::health::HealthDocument;
use nixl_mlflow::KeeperStatus;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text, text};
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::Arc;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// What Prometheus asks for.
    OpenMetrics,
    /// Version 0.0.4 of Prometheus' own, which promtool and browsers read.
    Text,
}

impl Format {
    fn wanted(headers: &HeaderMap) -> Self {
        let accept = headers.get_all(ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
        let accept = accept.collect::<Vec<_>>().join(",");
        let older = accept.contains("text/plain") || accept.contains("text/html");
        match older && !accept.contains("application/openmetrics-text") {
            true => Self::Text,
            false => Self::OpenMetrics,
        }
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::OpenMetrics => OPEN_METRICS,
            Self::Text => prometheus_text::CONTENT_TYPE,
        })
    }
}

/// The text as sent, for a version of the board and a second.
pub(super) type Texts = Cache<(u64, u64, Format), Result<Bytes, fmt::Error>>;

/// Everything told, of one moment.
#[derive(Debug)]
struct Snapshot {
    pub document: HealthDocument,
    pub ready: bool,
    pub links: LinkFigures,
    pub mlflow: Option<KeeperStatus>,
    pub processes: Vec<Usage>,
    pub events: Vec<(Told, u64)>,
    pub gpu: gpu::Told,
    pub efa: Option<Arc<crate::efa::Snapshot>>,
    pub system: Facts,
}

impl Snapshot {
    fn of(shared: &Shared) -> Self {
        Self {
            document: shared.board.document(),
            ready: shared.board.ready(),
            links: shared.link.figures(),
            mlflow: shared.mlflow.get().and_then(Option::as_ref).map(|keeper| keeper.status()),
            processes: crate::processes::usage(),
            events: shared.history.counts(),
            gpu: gpu::Told::by(&shared.gpu),
            efa: shared.efa.snapshot(),
            system: shared.system.facts(),
        }
    }
}

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = Families::new(encoder);
        node::write(self, &mut families)?;
        link::write(&self.links, &mut families)?;
        gpu::write(&self.gpu, &mut families)?;
        efa::write(self.efa.as_deref(), &mut families)?;
        system::write(&self.system, &mut families)?;
        processes::write(&self.processes, &mut families)?;
        families.finish()
    }
}

pub(super) async fn metrics(State(app): State<App>, headers: HeaderMap) -> Response {
    let format = Format::wanted(&headers);
    let key = (app.shared.board.version(), app.begun.elapsed().as_secs(), format);
    match app.texts.get(key, || write(Snapshot::of(&app.shared), format)) {
        Ok(text) => ([(CONTENT_TYPE, format.content_type()), NO_STORE], text).into_response(),
        Err(fault) => error(StatusCode::INTERNAL_SERVER_ERROR, "internal", &fault.to_string()),
    }
}

fn write(snapshot: Snapshot, format: Format) -> Result<Bytes, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(snapshot));
    let mut told = String::new();
    match format {
        Format::OpenMetrics => text::encode(&mut told, &registry)?,
        Format::Text => prometheus_text::encode(&mut told, &registry)?,
    }
    Ok(told.into())
}
