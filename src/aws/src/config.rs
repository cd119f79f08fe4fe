//! Endpoint, region, credentials and retries, in one place for every service.

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use std::time::Duration;

/// A connect that takes longer than this is not going to succeed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for one attempt; EC2's slowest calls answer well within it.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// Standard mode: 3 attempts, exponential backoff with jitter.
const MAX_ATTEMPTS: u32 = 3;

/// Shared configuration from which each service's client is made.
#[derive(Debug, Clone)]
pub struct Aws {
    sdk: SdkConfig,
}

impl Aws {
    /// Reads the standard AWS environment variables and files. `region`
    /// overrides what they say.
    pub async fn load(region: Option<&str>) -> Self {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                    .build(),
            );
        if let Some(region) = region {
            loader = loader.region(aws_config::Region::new(region.to_owned()));
        }
        Self { sdk: loader.load().await }
    }

    /// The same in another region; credentials are shared.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        let region = aws_config::Region::new(region.to_owned());
        Self { sdk: self.sdk.clone().into_builder().region(region).build() }
    }

    /// The SDK's configuration, for the service modules.
    #[must_use]
    pub fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// Region in use, if any source named one.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.sdk.region().map(AsRef::as_ref)
    }
}
