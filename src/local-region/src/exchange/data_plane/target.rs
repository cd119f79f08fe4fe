//! Which tracking server or MLflow App a call is for.

use crate::api::ApiError;
use crate::server::Inner;
use crate::state::sagemaker::Status;
use http::{HeaderMap, StatusCode};

/// The two kinds; each has a routing header and a signing name of its own
/// (sagemaker-mlflow 0.5.0).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `mlflow-tracking-server/NAME`
    Server,
    /// `mlflow-app/ID`
    App,
}

impl Kind {
    /// Header with the ARN.
    pub fn header(self) -> &'static str {
        match self {
            Self::Server => "x-mlflow-sm-tracking-server-arn",
            Self::App => "x-sm-mlflow-app-arn",
        }
    }

    /// Service in the credential scope.
    pub fn signing_name(self) -> &'static str {
        match self {
            Self::Server => "sagemaker-mlflow",
            Self::App => "sagemaker",
        }
    }

    fn says(self) -> &'static str {
        match self {
            Self::Server => "Tracking Server",
            Self::App => "MLflow App",
        }
    }
}

/// Kind and ARN that the routing header names.
pub fn routed(headers: &HeaderMap) -> Option<(Kind, String)> {
    [Kind::Server, Kind::App].into_iter().find_map(|kind| {
        let arn = headers.get(kind.header())?.to_str().ok()?;
        Some((kind, arn.to_owned()))
    })
}

/// What is known of a server or an app.
pub struct Target {
    pub kind: Kind,
    pub arn: String,
    /// Size of a tracking server.
    pub size: Option<String>,
    status: Status,
    /// Whether it can be used.
    pub active: bool,
    /// Port of the process behind, if it runs.
    pub port: Option<u16>,
}

impl Target {
    /// Looks it up.
    pub fn find(region: &Inner, kind: Kind, arn: &str) -> Result<Self, ApiError> {
        let state = region.state();
        let server = || state.sagemaker.servers.values().find(|server| server.served.arn == arn);
        let (served, size) = match kind {
            Kind::Server => {
                (server().map(|found| &found.served), server().map(|found| found.size.clone()))
            }
            Kind::App => (state.sagemaker.apps.get(arn).map(|app| &app.served), None),
        };
        let served = served.ok_or_else(|| {
            ApiError::new(
                "ResourceNotFound",
                format!("{} with ARN {arn} does not exist.", kind.says()),
            )
            .status(StatusCode::NOT_FOUND)
        })?;
        let (status, active, port) = (served.status, served.is_active(), served.port);
        Ok(Self { kind, arn: arn.to_owned(), size, status, active, port })
    }

    /// It cannot be used.
    pub fn inactive(&self) -> ApiError {
        let (what, arn) = (self.kind.says(), &self.arn);
        let status = self.status.told().to_uppercase();
        let message =
            format!("{what} with ARN {arn} is currently in status {status}, it can't be used.");
        ApiError::new("ServiceUnavailable", message).status(StatusCode::SERVICE_UNAVAILABLE)
    }
}
