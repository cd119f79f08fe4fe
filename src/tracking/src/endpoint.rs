//! Where MLflow answers.

use http::Uri;
use std::fmt;
use std::str::FromStr;

/// Why a URL is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It does not parse.
    #[error("{url} is no URL: {why}")]
    Malformed {
        /// As given.
        url: String,
        /// What the parser says.
        why: String,
    },
    /// Another scheme, as in an ARN or `https://`.
    #[error(
        "{url} does not begin with http://; SageMaker is asked through a loopback endpoint, which signs"
    )]
    Scheme {
        /// As given.
        url: String,
    },
    /// It holds a secret, which is not told again.
    #[error(
        "a tracking URI has no {0} in it: a presigned URL is for a browser, a token for MLFLOW_TRACKING_TOKEN"
    )]
    Secret(&'static str),
}

/// Base URL of an MLflow server, as in `MLFLOW_TRACKING_URI`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    base: String,
}

impl Endpoint {
    /// Whole URL below the API's root.
    pub(crate) fn url(&self, path_and_query: &str) -> String {
        format!("{}/api/2.0/mlflow/{path_and_query}", self.base)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.base)
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(url: &str) -> Result<Self, EndpointError> {
        if url.contains('?') {
            return Err(EndpointError::Secret("query"));
        }
        if url.contains('@') {
            return Err(EndpointError::Secret("user"));
        }
        if !url.starts_with("http://") {
            return Err(EndpointError::Scheme { url: url.to_owned() });
        }
        let uri: Uri = url.parse().map_err(|error: http::uri::InvalidUri| {
            EndpointError::Malformed { url: url.to_owned(), why: error.to_string() }
        })?;
        if uri.host().unwrap_or_default().is_empty() {
            let why = "it has no host".to_owned();
            return Err(EndpointError::Malformed { url: url.to_owned(), why });
        }
        Ok(Self { base: url.trim_end_matches('/').to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_is_an_endpoint() {
        let base = |url: &str| url.parse::<Endpoint>().map(|endpoint| endpoint.to_string());
        assert_eq!(base("http://127.0.0.1:9101/").unwrap(), "http://127.0.0.1:9101");
        assert_eq!(base("http://mlflow.example/base").unwrap(), "http://mlflow.example/base");
        assert!(base("http://[::1]:5000").is_ok());
        for (url, told) in [
            ("https://127.0.0.1:9101", "does not begin with http://"),
            ("arn:aws:sagemaker:us-east-1:1:mlflow-app/a", "does not begin with http://"),
            ("http://me:secret@mlflow.example", "has no user in it"),
            ("https://x.example/auth?authToken=secret", "has no query in it"),
            ("http://", "is no URL"),
            ("http://:80", "is no URL"),
            ("http://a b", "is no URL"),
        ] {
            let error = base(url).unwrap_err().to_string();
            assert!(error.contains(told) && !error.contains("secret"), "{error}");
        }
    }
}
