//! Where a node logs its links as runs of MLflow.

use crate::mlflow::{MlflowSettings, TOKEN_FILE};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Room for some hundred reports of a node with 32 rails.
const SPOOL_BYTES: u64 = 64 << 20;

/// `[link_runs]` in node.toml: each full report of a link becomes a run of the
/// experiment `nixl-efa-link`. A node that is told of a tracking server logs through
/// its own MLflow endpoint unless this says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkRuns {
    /// Where MLflow answers, `http://…`.
    pub tracking_uri: String,
    /// File with the bearer token in its only line, an absolute path; read anew
    /// for each call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// Most bytes of runs that wait on disk for the server, at least 1 MiB; beyond
    /// it the oldest give way.
    #[serde(default = "spool_bytes")]
    pub spool_bytes: u64,
}

fn spool_bytes() -> u64 {
    SPOOL_BYTES
}

impl LinkRuns {
    /// Through the node's own MLflow endpoint.
    #[must_use]
    pub fn through(endpoint: &MlflowSettings) -> Self {
        Self {
            tracking_uri: endpoint.uri(),
            token_file: Some(TOKEN_FILE.into()),
            spool_bytes: SPOOL_BYTES,
        }
    }
}
