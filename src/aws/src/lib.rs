//! AWS as this project uses it: one narrow trait per service, each behind a
//! cargo feature, and its implementation over the SDK (or, where an SDK crate
//! costs minutes for a handful of calls, over hand-signed AwsJson 1.1).
//!
//! What tags mean, and what a program does with an error, is not known here.
//! Endpoint, region and credentials come from the standard AWS environment
//! variables and files; nothing here knows whether AWS or the local region
//! answers.

pub mod config;
pub mod error;

#[cfg(feature = "ec2")]
pub mod ec2;
#[cfg(feature = "iam")]
pub mod iam;
#[cfg(feature = "imagebuilder")]
pub mod imagebuilder;
#[cfg(feature = "imds")]
pub mod imds;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "logs")]
pub mod logs;
#[cfg(feature = "pricing")]
pub mod pricing;
#[cfg(feature = "quotas")]
pub mod quotas;
#[cfg(feature = "s3")]
pub mod s3;
#[cfg(feature = "sagemaker")]
pub mod sagemaker;
#[cfg(feature = "scheduler")]
pub mod scheduler;
#[cfg(feature = "ssm")]
pub mod ssm;
#[cfg(feature = "sts")]
pub mod sts;

pub use config::Aws;
pub use error::{AwsError, ErrorKind};

/// Result of a call.
pub type Result<T> = std::result::Result<T, AwsError>;

/// A tag to write or one that was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Tag {
    /// Key.
    pub key: String,
    /// Value.
    pub value: String,
}

impl Tag {
    /// A tag from anything text-like.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into() }
    }

    /// The value of `key` among `tags`.
    #[must_use]
    pub fn find<'a>(tags: &'a [Self], key: &str) -> Option<&'a str> {
        tags.iter().find(|tag| tag.key == key).map(|tag| tag.value.as_str())
    }
}
