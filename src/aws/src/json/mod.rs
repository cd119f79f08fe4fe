//! AwsJson 1.1 over SigV4, for services whose SDK crate costs more than the
//! handful of calls made.

use crate::{Aws, AwsError, ErrorKind, Result};
use serde::{Serialize, de::DeserializeOwned};

/// How a service is addressed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service {
    /// Name in errors, e.g. `sagemaker`.
    pub name: &'static str,
    /// Host prefix, e.g. `api.sagemaker`.
    pub endpoint_prefix: &'static str,
    /// SigV4 service name.
    pub signing_name: &'static str,
    /// `X-Amz-Target` prefix, e.g. `SageMaker`.
    pub target_prefix: &'static str,
    /// `AWS_ENDPOINT_URL_<this>` overrides `AWS_ENDPOINT_URL`.
    pub endpoint_variable: &'static str,
}

/// A client for one service.
#[derive(Debug, Clone)]
pub(crate) struct JsonClient {
    service: Service,
}

impl JsonClient {
    /// A client with the shared configuration.
    pub fn new(_aws: &Aws, service: Service) -> Self {
        Self { service }
    }

    /// One call: body in, answer out.
    pub async fn call<I: Serialize + Sync, O: DeserializeOwned>(
        &self,
        operation: &'static str,
        _body: &I,
    ) -> Result<O> {
        Err(AwsError {
            service: self.service.name,
            operation,
            kind: ErrorKind::Invalid,
            message: "not there yet".to_owned(),
        })
    }
}
