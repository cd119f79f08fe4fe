//! Real MLflow tracking servers and the front that lets a presigned URL's
//! holder in (SageMaker `CreatePresignedMlflowTrackingServerUrl`).

mod front;
mod servers;
mod sessions;

pub use front::{PREFIX, router};
pub use servers::{MlflowServers, Store};
