//! The instance metadata service, version 2 only: one method a datum.
//!
//! Endpoint and mode come from the standard variables
//! (`AWS_EC2_METADATA_SERVICE_ENDPOINT`, `…_ENDPOINT_MODE`); the session token,
//! its renewal on 401 and quick retries are the SDK client's. Categories: EC2
//! User Guide, "Instance metadata categories".

#[cfg(test)]
mod tests;

use crate::{AwsError, ErrorKind, Result};
use aws_config::imds::client::error::ImdsError;
use aws_config::provider_config::ProviderConfig;
use std::error::Error as _;
use std::net::Ipv4Addr;
use std::time::Duration;

const CATEGORIES: &str = "/latest/meta-data/";
/// IMDS answers within milliseconds; a caller that boots wants to know soon.
const TIMEOUT: Duration = Duration::from_secs(1);
/// One retry inside a call; the caller's loop owns the rest.
const MAX_ATTEMPTS: u32 = 2;

/// What a node asks about itself.
#[async_trait::async_trait]
pub trait Imds: Send + Sync {
    /// `i-…`
    async fn instance_id(&self) -> Result<String>;
    /// Type name.
    async fn instance_type(&self) -> Result<String>;
    /// `r-…` of the RunInstances that made it.
    async fn reservation_id(&self) -> Result<String>;
    /// Index in its RunInstances.
    async fn launch_index(&self) -> Result<u32>;
    /// Primary private address; `None` in an IPv6-only subnet.
    async fn local_ipv4(&self) -> Result<Option<Ipv4Addr>>;
    /// Zone name.
    async fn zone(&self) -> Result<String>;
    /// Region name.
    async fn region(&self) -> Result<String>;
}

/// The SDK's IMDSv2 client.
#[derive(Debug, Clone)]
pub struct Client {
    inner: aws_config::imds::Client,
}

impl Client {
    /// A client configured by the environment.
    #[must_use]
    pub fn from_env() -> Self {
        Self { inner: Self::builder().build() }
    }

    /// A client for this base URL.
    ///
    /// # Errors
    /// If `url` is no URI.
    pub fn with_endpoint(url: &str) -> Result<Self> {
        let builder = Self::builder().endpoint(url).map_err(|error| AwsError {
            service: "imds",
            operation: "configure",
            kind: ErrorKind::Invalid,
            message: format!("{url:?} is no URI: {error}"),
        })?;
        Ok(Self { inner: builder.build() })
    }

    fn builder() -> aws_config::imds::client::Builder {
        // Plain HTTP by definition: no TLS provider has to be loaded for it.
        let http = aws_smithy_http_client::Builder::new().build_http();
        aws_config::imds::Client::builder()
            .configure(&ProviderConfig::without_region().with_http_client(http))
            .max_attempts(MAX_ATTEMPTS)
            .connect_timeout(TIMEOUT)
            .read_timeout(TIMEOUT)
            .operation_attempt_timeout(TIMEOUT)
            .operation_timeout(TIMEOUT * 3)
    }

    async fn optional(&self, category: &'static str) -> Result<Option<String>> {
        match self.inner.get(format!("{CATEGORIES}{category}")).await {
            Ok(text) => Ok(Some(text.as_ref().trim().to_owned())),
            Err(ImdsError::ErrorResponse(answer)) if answer.response().status().as_u16() == 404 => {
                Ok(None)
            }
            Err(error) => Err(classify(category, &error)),
        }
    }

    async fn required(&self, category: &'static str) -> Result<String> {
        match self.optional(category).await? {
            Some(text) if !text.is_empty() => Ok(text),
            found => Err(AwsError {
                service: "imds",
                operation: category,
                kind: ErrorKind::Service { code: "NotFound".to_owned(), status: 404 },
                message: if found.is_some() {
                    "the answer is empty".to_owned()
                } else {
                    "the instance has no such metadata".to_owned()
                },
            }),
        }
    }
}

fn classify(category: &'static str, error: &ImdsError) -> AwsError {
    let (kind, message) = match error {
        ImdsError::ErrorResponse(answer) => {
            let status = answer.response().status().as_u16();
            let kind = ErrorKind::Service { code: format!("Http{status}"), status };
            (kind, format!("the metadata service answered with HTTP {status}"))
        }
        // Reads only, so whether a lost request was carried out is no matter.
        other => (ErrorKind::Unreachable, causes(other)),
    };
    AwsError { service: "imds", operation: category, kind, message }
}

fn causes(error: &ImdsError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[async_trait::async_trait]
impl Imds for Client {
    async fn instance_id(&self) -> Result<String> {
        self.required("instance-id").await
    }

    async fn instance_type(&self) -> Result<String> {
        self.required("instance-type").await
    }

    async fn reservation_id(&self) -> Result<String> {
        self.required("reservation-id").await
    }

    async fn launch_index(&self) -> Result<u32> {
        let text = self.required("ami-launch-index").await?;
        text.parse().map_err(|_| unusable("ami-launch-index", &text))
    }

    async fn local_ipv4(&self) -> Result<Option<Ipv4Addr>> {
        let Some(text) = self.optional("local-ipv4").await? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| unusable("local-ipv4", &text))
    }

    async fn zone(&self) -> Result<String> {
        self.required("placement/availability-zone").await
    }

    async fn region(&self) -> Result<String> {
        self.required("placement/region").await
    }
}

fn unusable(category: &'static str, text: &str) -> AwsError {
    AwsError {
        service: "imds",
        operation: category,
        kind: ErrorKind::Ambiguous,
        message: format!("{text:?} is not what {category} looks like"),
    }
}
