//! Tracking servers: their state is the API's, and behind it answers a page that
//! says that no MLflow runs here.

use super::NO_MACHINES;
use crate::backend::{Artifacts, BackendError, TrackingServers};
use axum::Router;
use http::StatusCode;
use std::net::Ipv4Addr;
use tokio::sync::OnceCell;

/// One page for all servers.
#[derive(Default)]
pub struct PretendServers {
    port: OnceCell<u16>,
}

async fn page() -> (StatusCode, String) {
    (StatusCode::SERVICE_UNAVAILABLE, format!("no MLflow runs here: {NO_MACHINES}\n"))
}

async fn serve() -> std::io::Result<u16> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(page)).await });
    Ok(port)
}

#[async_trait::async_trait]
impl TrackingServers for PretendServers {
    async fn start(&self, name: &str, _: &str, _: Artifacts) -> Result<u16, BackendError> {
        let port = self.port.get_or_try_init(serve).await;
        port.copied().map_err(|error| BackendError {
            what: format!("serve a page for {name}"),
            why: error.to_string(),
        })
    }

    async fn stop(&self, _: &str) -> Result<(), BackendError> {
        Ok(())
    }

    async fn delete(&self, _: &str) -> Result<(), BackendError> {
        Ok(())
    }
}
