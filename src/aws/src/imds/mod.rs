//! The instance metadata service, version 2 only: one method a datum.
//!
//! Endpoint and mode come from the standard variables
//! (`AWS_EC2_METADATA_SERVICE_ENDPOINT`, `…_ENDPOINT_MODE`); the session token,
//! its renewal on 401 and quick retries are the SDK client's. Categories: EC2
//! User Guide, "Instance metadata categories".

mod notices;
#[cfg(test)]
mod tests;
mod tokenless;

pub use notices::{RoleCredentials, ScheduledEvent, SpotAction};

use crate::{AwsError, ErrorKind, Result};
use aws_config::imds::client::error::ImdsError;
use aws_config::provider_config::ProviderConfig;
use notices::Rebalance;
use serde::de::DeserializeOwned;
use std::error::Error as _;
use std::net::Ipv4Addr;
use std::time::Duration;

const CATEGORIES: &str = "/latest/meta-data/";
const ROLES: &str = "iam/security-credentials/";
const SPOT_ACTION: &str = "spot/instance-action";
const REBALANCE: &str = "events/recommendations/rebalance";
const SCHEDULED_EVENTS: &str = "events/maintenance/scheduled";
/// IMDS answers within milliseconds; a caller that boots wants to know soon.
const TIMEOUT: Duration = Duration::from_secs(1);
/// One retry inside a call; the caller's loop owns the rest.
const MAX_ATTEMPTS: u32 = 2;

/// What a node asks about itself.
#[async_trait::async_trait]
pub trait Imds: Send + Sync {
    /// `i-…`
    async fn instance_id(&self) -> Result<String>;
    /// `ami-…` it was launched from.
    async fn image_id(&self) -> Result<String>;
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
    /// What is known of the credentials of its role; `None` if it has no role,
    /// or EC2 does not know of it yet.
    async fn role(&self) -> Result<Option<RoleCredentials>>;
    /// That EC2 takes this Spot instance back, if it does.
    async fn spot_action(&self) -> Result<Option<SpotAction>>;
    /// RFC 3339 time at which EC2 recommended to leave this Spot instance, if it
    /// did.
    async fn rebalance(&self) -> Result<Option<String>>;
    /// Scheduled events, those that are over among them.
    async fn scheduled_events(&self) -> Result<Vec<ScheduledEvent>>;
    /// Value of a tag; `None` also if tags are not in the metadata.
    async fn tag(&self, key: &str) -> Result<Option<String>>;
    /// Whether requests without a session token, version 1, are refused.
    async fn tokens_required(&self) -> Result<bool>;
}

/// The SDK's IMDSv2 client.
#[derive(Debug, Clone)]
pub struct Client {
    inner: aws_config::imds::Client,
    endpoint: String,
}

impl Client {
    /// A client configured by the environment.
    #[must_use]
    pub fn from_env() -> Self {
        Self { inner: Self::builder().build(), endpoint: tokenless::endpoint() }
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
        Ok(Self { inner: builder.build(), endpoint: url.to_owned() })
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
        self.below(category, "").await
    }

    /// An item of a category that has many.
    async fn below(&self, category: &'static str, item: &str) -> Result<Option<String>> {
        match self.inner.get(format!("{CATEGORIES}{category}{item}")).await {
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

fn json<T: DeserializeOwned>(category: &'static str, text: &str) -> Result<T> {
    // The text may hold credentials, so the error must not quote it.
    serde_json::from_str(text).map_err(|error| AwsError {
        service: "imds",
        operation: category,
        kind: ErrorKind::Ambiguous,
        message: format!(
            "not the document of {category}: {:?} error at line {}, column {}",
            error.classify(),
            error.line(),
            error.column()
        ),
    })
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

    async fn image_id(&self) -> Result<String> {
        self.required("ami-id").await
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

    async fn role(&self) -> Result<Option<RoleCredentials>> {
        let roles = self.optional(ROLES).await?.unwrap_or_default();
        let Some(role) = roles.lines().next().filter(|role| !role.is_empty()) else {
            return Ok(None);
        };
        let Some(text) = self.below(ROLES, role).await? else { return Ok(None) };
        let known: RoleCredentials = json(ROLES, &text)?;
        Ok(Some(RoleCredentials { role: role.to_owned(), ..known }))
    }

    async fn spot_action(&self) -> Result<Option<SpotAction>> {
        if let Some(text) = self.optional(SPOT_ACTION).await? {
            return json(SPOT_ACTION, &text).map(Some);
        }
        // Older than the other, and there for termination only; it may hold what
        // is no time when the instance is not marked any more.
        let time = self.optional("spot/termination-time").await?;
        let time = time.filter(|time| time.contains('T') && time.ends_with('Z'));
        Ok(time.map(|time| SpotAction { action: "terminate".to_owned(), time }))
    }

    async fn rebalance(&self) -> Result<Option<String>> {
        let Some(text) = self.optional(REBALANCE).await? else { return Ok(None) };
        json(REBALANCE, &text).map(|Rebalance { notice_time }| Some(notice_time))
    }

    async fn scheduled_events(&self) -> Result<Vec<ScheduledEvent>> {
        match self.optional(SCHEDULED_EVENTS).await? {
            Some(text) if !text.is_empty() => json(SCHEDULED_EVENTS, &text),
            _ => Ok(Vec::new()),
        }
    }

    async fn tag(&self, key: &str) -> Result<Option<String>> {
        self.below("tags/instance/", key).await
    }

    async fn tokens_required(&self) -> Result<bool> {
        let path = format!("{CATEGORIES}instance-id");
        let asked = tokenless::status(&self.endpoint, &path);
        let unanswered = |message: String| AwsError {
            service: "imds",
            operation: "request without a token",
            kind: ErrorKind::Unreachable,
            message,
        };
        let told = tokio::time::timeout(TIMEOUT, asked).await;
        match told.map_err(|_| unanswered("no answer in time".to_owned()))? {
            Ok(401) => Ok(true),
            Ok(200..=299) => Ok(false),
            Ok(status) => {
                Err(unanswered(format!("the metadata service answered with HTTP {status}")))
            }
            Err(error) => Err(unanswered(error.to_string())),
        }
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
