//! AwsJson 1.1 over SigV4, for services whose SDK crate costs more than the
//! handful of calls made.
//!
//! Source: Smithy's AWS JSON 1.1 protocol; the retry policy is the SDKs'
//! standard mode. Endpoint, credentials, region and time-outs are the SDK's own.

mod answer;
mod endpoint;
mod retry;
mod sign;

use crate::{Aws, AwsError, ErrorKind, Result};
use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde::{Serialize, de::DeserializeOwned};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

/// Credentials are fetched again this long before they expire, as the SDK's
/// identity cache does in spirit.
const CREDENTIALS_MARGIN: Duration = Duration::from_secs(300);
/// Where the shared configuration sets no limit for one attempt.
const DEFAULT_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

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
    /// Of a service that is not in all regions: where it answers a client of one.
    pub nearest: Option<fn(&str) -> &'static str>,
}

/// `Client` of a service: a [`JsonClient`] with the service's own calls on it.
macro_rules! client {
    ($service:expr) => {
        /// The client.
        #[derive(Debug, Clone)]
        pub struct Client {
            json: $crate::json::JsonClient,
        }

        impl Client {
            /// A client with the shared configuration.
            #[must_use]
            pub fn new(aws: &$crate::Aws) -> Self {
                Self { json: $crate::json::JsonClient::new(aws, $service) }
            }
        }
    };
}
pub(crate) use client;

/// A client for one service. Clones share connections and credentials.
#[derive(Debug, Clone)]
pub(crate) struct JsonClient {
    service: Service,
    inner: Arc<Inner>,
}

struct Inner {
    connector: Connector,
    endpoint: std::result::Result<String, String>,
    region: Option<String>,
    provider: Option<SharedCredentialsProvider>,
    cached: Mutex<Option<Credentials>>,
    attempts: u32,
    attempt_timeout: Duration,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl JsonClient {
    /// A client with the shared configuration.
    pub fn new(aws: &Aws, service: Service) -> Self {
        match service.nearest {
            Some(nearest) => {
                let near = nearest(aws.region().unwrap_or_default());
                Self::from_sdk(aws.in_region(near).sdk(), service)
            }
            None => Self::from_sdk(aws.sdk(), service),
        }
    }

    /// URL that is called, if it is known.
    #[cfg(feature = "ssm")]
    pub fn endpoint(&self) -> Option<&str> {
        self.inner.endpoint.as_deref().ok()
    }

    fn from_sdk(sdk: &SdkConfig, service: Service) -> Self {
        let region = sdk.region().map(AsRef::as_ref);
        let timeouts = sdk.timeout_config();
        let mut settings = HttpConnectorSettings::builder();
        settings.set_connect_timeout(timeouts.and_then(|t| t.connect_timeout()));
        // A connector of its own: the SDK's client hands one out only to its
        // own runtime.
        let connector = Connector::builder()
            .connector_settings(settings.build())
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build();
        let from_env =
            std::env::var(format!("AWS_ENDPOINT_URL_{}", service.endpoint_variable)).ok();
        Self {
            service,
            inner: Arc::new(Inner {
                connector,
                endpoint: endpoint::resolve(
                    from_env.as_deref(),
                    sdk.endpoint_url(),
                    service.endpoint_prefix,
                    region,
                ),
                region: region.map(str::to_owned),
                provider: sdk.credentials_provider(),
                cached: Mutex::new(None),
                attempts: sdk.retry_config().map_or(3, |retry| retry.max_attempts()).max(1),
                attempt_timeout: timeouts
                    .and_then(|t| t.operation_attempt_timeout())
                    .unwrap_or(DEFAULT_ATTEMPT_TIMEOUT),
            }),
        }
    }

    /// One call: body in, answer out; retried as long as that may help. For
    /// calls that may be carried out twice.
    pub async fn call<I: Serialize + Sync, O: DeserializeOwned>(
        &self,
        operation: &'static str,
        body: &I,
    ) -> Result<O> {
        self.call_while(operation, body, retry::may_help).await
    }

    /// As [`Self::call`], but never sent again once it may have been carried out.
    #[cfg(any(feature = "ssm", feature = "sagemaker"))]
    pub async fn call_once<I: Serialize + Sync, O: DeserializeOwned>(
        &self,
        operation: &'static str,
        body: &I,
    ) -> Result<O> {
        self.call_while(operation, body, retry::surely_not_carried_out).await
    }

    async fn call_while<I: Serialize + Sync, O: DeserializeOwned>(
        &self,
        operation: &'static str,
        body: &I,
        again: fn(&AwsError) -> bool,
    ) -> Result<O> {
        let body = serde_json::to_vec(body)
            .map_err(|error| self.error(operation, ErrorKind::Invalid, error.to_string()))?;
        let mut attempt = 1;
        loop {
            let error = match self.attempt(operation, &body).await {
                Ok(bytes) => return self.decode(operation, &bytes),
                Err(error) => error,
            };
            if attempt >= self.inner.attempts || !again(&error) {
                return Err(error);
            }
            let delay = retry::backoff(attempt);
            tracing::debug!(
                service = self.service.name,
                operation,
                attempt,
                delay_ms = delay.as_millis() as u64,
                error = %error,
                "retry"
            );
            tokio::time::sleep(delay).await;
            attempt += 1;
        }
    }

    /// One signed request and its whole answer.
    async fn attempt(&self, operation: &'static str, body: &[u8]) -> Result<Vec<u8>> {
        let request = self.request(operation, body).await?;
        let exchange = async {
            let response = self
                .inner
                .connector
                .call(request)
                .await
                .map_err(|error| answer::transport(&error))?;
            let status = response.status().as_u16();
            let header = response.headers().get("x-amzn-errortype").map(str::to_owned);
            let bytes = ByteStream::new(response.into_body())
                .collect()
                .await
                .map_err(|error| (ErrorKind::Ambiguous, error.to_string()))?
                .to_vec();
            if (200..300).contains(&status) {
                Ok(bytes)
            } else {
                Err(answer::service(status, header.as_deref(), &bytes))
            }
        };
        match tokio::time::timeout(self.inner.attempt_timeout, exchange).await {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err((kind, message))) => Err(self.error(operation, kind, message)),
            Err(_) => Err(self.error(
                operation,
                ErrorKind::Ambiguous,
                format!("no answer within {} s", self.inner.attempt_timeout.as_secs()),
            )),
        }
    }

    async fn request(&self, operation: &'static str, body: &[u8]) -> Result<HttpRequest> {
        let invalid = |why: String| self.error(operation, ErrorKind::Invalid, why);
        let endpoint = self.inner.endpoint.as_ref().map_err(|why| invalid(why.clone()))?;
        let region =
            self.inner.region.as_deref().ok_or_else(|| invalid(endpoint::NO_REGION.into()))?;
        let credentials = self.credentials(operation).await?;
        let headers = [
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target", format!("{}.{operation}", self.service.target_prefix)),
        ];
        let signed = sign::headers(&sign::Subject {
            uri: endpoint,
            headers: &headers,
            body,
            region,
            service: self.service.signing_name,
            credentials,
            time: SystemTime::now(),
        })
        .map_err(&invalid)?;
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST").map_err(|error| invalid(error.to_string()))?;
        request.set_uri(endpoint.as_str()).map_err(|error| invalid(error.to_string()))?;
        for (name, value) in headers.into_iter().map(|(n, v)| (n.to_owned(), v)).chain(signed) {
            request.headers_mut().insert(name, value);
        }
        Ok(request)
    }

    async fn credentials(&self, operation: &'static str) -> Result<Credentials> {
        let missing = |why: String| self.error(operation, ErrorKind::NoCredentials, why);
        let mut cached = self.inner.cached.lock().await;
        let fresh_until = SystemTime::now() + CREDENTIALS_MARGIN;
        if let Some(credentials) = cached.as_ref()
            && credentials.expiry().is_none_or(|expiry| expiry > fresh_until)
        {
            return Ok(credentials.clone());
        }
        let provider =
            self.inner.provider.as_ref().ok_or_else(|| missing("no provider".to_owned()))?;
        let credentials = provider
            .provide_credentials()
            .await
            .map_err(|error| missing(answer::innermost(&error)))?;
        *cached = Some(credentials.clone());
        Ok(credentials)
    }

    fn decode<O: DeserializeOwned>(&self, operation: &'static str, bytes: &[u8]) -> Result<O> {
        // Some operations answer with no body at all.
        let bytes = if bytes.is_empty() { b"{}" } else { bytes };
        serde_json::from_slice(bytes).map_err(|error| {
            // Position only: serde's text may quote the answer, and an answer
            // may hold a presigned URL.
            let why = format!(
                "the answer does not have the expected shape ({:?} error at line {} column {})",
                error.classify(),
                error.line(),
                error.column()
            );
            self.error(operation, ErrorKind::Ambiguous, why)
        })
    }

    /// An answer that parses and still says too little.
    #[cfg(feature = "ssm")]
    pub fn unusable(&self, operation: &'static str) -> AwsError {
        let why = "the answer lacks what was asked for".to_owned();
        self.error(operation, ErrorKind::Ambiguous, why)
    }

    fn error(&self, operation: &'static str, kind: ErrorKind, message: String) -> AwsError {
        AwsError { service: self.service.name, operation, kind, message }
    }
}

#[cfg(test)]
mod tests;
