//! Request throttling by token buckets (EC2 developer guide, "Request
//! throttling for the Amazon EC2 API"): every call takes a token of its
//! operation's bucket, which refills by the region's clock; launches, starts,
//! stops and terminations also take one for each instance.

mod limits;

use crate::api::{ApiError, params::Params};
use crate::rules::{Rules, throttling as rules};
use http::StatusCode;
use jiff::Timestamp;
use limits::Draw;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Factor on what AWS's buckets hold and get; none: nothing is throttled.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scale(Option<f64>);

impl Scale {
    /// As AWS.
    pub const AWS: Self = Self(Some(1.0));
    /// No throttling.
    pub const OFF: Self = Self(None);
}

impl std::str::FromStr for Scale {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "on" => Ok(Self::AWS),
            "off" => Ok(Self::OFF),
            text => match text.parse() {
                Ok(factor) if factor > 0.0 && f64::is_finite(factor) => Ok(Self(Some(factor))),
                _ => Err("it is on, off, or a factor above 0"),
            },
        }
    }
}

impl std::fmt::Display for Scale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            None => f.write_str("off"),
            Some(factor) => write!(f, "{factor}"),
        }
    }
}

/// The buckets of a region.
#[derive(Debug)]
pub struct Throttle(Mutex<Buckets>);

#[derive(Debug)]
struct Buckets {
    scale: Scale,
    by_name: HashMap<String, Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled: Timestamp,
}

impl Default for Throttle {
    fn default() -> Self {
        Self(Mutex::new(Buckets { scale: Scale::AWS, by_name: HashMap::new() }))
    }
}

impl Throttle {
    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the factor, and fills all buckets.
    pub fn scale(&self, scale: Scale) {
        *self.buckets() = Buckets { scale, by_name: HashMap::new() };
    }

    /// The factor.
    #[must_use]
    pub fn scaled(&self) -> Scale {
        self.buckets().scale
    }

    /// Takes the tokens of a call.
    ///
    /// # Errors
    /// As the service names it, if a bucket has not enough.
    pub fn take(
        &self,
        in_force: &Rules,
        (service, operation, account): (&'static str, &str, &str),
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let mut buckets = self.buckets();
        let Some(scale) = buckets.scale.0 else { return Ok(()) };
        for draw in limits::draws(in_force, service, operation, &|| params(body)) {
            let rule = draw.rule;
            let kept = !in_force.on(rule) || buckets.take(in_force, &draw, scale, now);
            in_force.check(rule, kept, || refusal(service, operation, account, &draw))?;
        }
        Ok(())
    }

    /// Takes the token of a call of MLflow's API on a server of this size, or an app.
    ///
    /// # Errors
    /// 429, if the bucket is empty.
    pub fn take_of_mlflow(
        &self,
        in_force: &Rules,
        (arn, size): (&str, Option<&str>),
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let mut buckets = self.buckets();
        let Some(scale) = buckets.scale.0 else { return Ok(()) };
        let draw = limits::of_mlflow(arn, size);
        let kept = !in_force.on(draw.rule) || buckets.take(in_force, &draw, scale, now);
        in_force.check(draw.rule, kept, || {
            ApiError::new("ThrottlingException", "Rate exceeded")
                .status(StatusCode::TOO_MANY_REQUESTS)
        })
    }
}

impl Buckets {
    fn take(&mut self, in_force: &Rules, draw: &Draw, scale: f64, now: Timestamp) -> bool {
        let most = (draw.limit.burst * scale).max(1.0);
        let bucket =
            self.by_name.entry(draw.bucket.clone()).or_insert(Bucket { tokens: most, filled: now });
        if in_force.on(&rules::REFILL) {
            let secs = now.duration_since(bucket.filled).as_secs_f64().max(0.0);
            bucket.tokens = (bucket.tokens + secs * draw.limit.per_sec * scale).min(most);
        }
        bucket.filled = now;
        let enough = bucket.tokens >= draw.tokens;
        if enough {
            bucket.tokens -= draw.tokens;
        }
        enough
    }
}

fn params(body: &[u8]) -> Params {
    Params::parse(&String::from_utf8_lossy(body))
}

/// Each service has its own words for it. EC2: message as reported in
/// scylladb/scylla-cluster-tests issue 11763; IAM: status and message as in
/// legion-platform/legion issue 807; the others: the services' models.
fn refusal(service: &str, operation: &str, account: &str, draw: &Draw) -> ApiError {
    let rate = "Rate exceeded";
    match service {
        "ec2" => {
            let which = if draw.per_resource { "resource request rate" } else { "request rate" };
            ApiError::new(
                "RequestLimitExceeded",
                format!(
                    "Request limit exceeded. Account {account} has been throttled on ec2:{operation} because it exceeded its {which} limit."
                ),
            )
            .status(StatusCode::SERVICE_UNAVAILABLE)
        }
        "iam" | "sts" => ApiError::new("Throttling", rate),
        "imagebuilder" => ApiError::new("CallRateLimitExceededException", rate)
            .status(StatusCode::TOO_MANY_REQUESTS),
        "scheduler" => {
            ApiError::new("ThrottlingException", rate).status(StatusCode::TOO_MANY_REQUESTS)
        }
        "servicequotas" => ApiError::new("TooManyRequestsException", rate),
        _ => ApiError::new("ThrottlingException", rate),
    }
}

#[cfg(test)]
mod tests;
