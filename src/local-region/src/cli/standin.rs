//! Holds the API half's place until both halves are merged: no resources, no
//! operations. Only `serve.rs` uses it.

use std::sync::Arc;

use axum::Router;

use crate::backend::{
    Builder, Directory, InstanceView, Machines, RootFs, SessionCredentials, TrackingServers,
};

pub(super) struct Region;

impl Region {
    pub(super) fn new(
        _machines: Arc<dyn Machines>,
        _builder: Arc<dyn Builder>,
        _tracking: Arc<dyn TrackingServers>,
        _base_image: RootFs,
    ) -> Arc<Self> {
        Arc::new(Self)
    }

    pub(super) fn router(&self) -> Router {
        Router::new()
    }

    pub(super) async fn shutdown(&self) {}
}

impl Directory for Region {
    fn instance(&self, _: &str) -> Option<InstanceView> {
        None
    }
    fn credentials(&self, _: &str) -> Option<SessionCredentials> {
        None
    }
    fn machine_ended(&self, _: &str, _: &str) {}
    fn spend_mlflow_token(&self, _: &str, _: &str) -> Option<(String, u64)> {
        None
    }
    fn mlflow_port(&self, _: &str) -> Option<u16> {
        None
    }
}
